"""Where entrants meet: addresses in both arms, customers in two triggers; and who is planned."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from relance.domain.arm import Arm
from relance.uplift.outcomes import Outcomes, Pair
from relance.uplift.verdict import ArmCounts
from study_oracle import Entry, Order, Person, Shop
from study_shops import counted, study, write_parquet

PARIS = ZoneInfo("Europe/Paris")
ENTRY = datetime(2026, 3, 2, 9, tzinfo=PARIS)


def entry(customer: str, arm: Arm = Arm.TREATED, trigger: str = "a", version: str = "v1") -> Entry:
    return Entry(trigger=trigger, version=version, arm=arm, customer=customer, at=ENTRY)


def shop(*people: Person, entries: list[Entry], **changes: object) -> Shop:
    plain = Shop(
        zone=PARIS,
        source_zone=PARIS,
        kind="instant",
        at=ENTRY + timedelta(days=10),
        people=people,
        orders=[],
        entries=entries,
        studies=[study("a v1")],
    )
    return replace(plain, **changes)


def count(one: Shop, folder: Path) -> Outcomes:
    return counted(one, write_parquet(one, folder), folder)


def test_entrants_who_share_an_address_with_the_other_arm_are_counted(tmp_path: Path) -> None:
    people = [
        Person(key="1", email="Us@shop.example"),
        Person(key="2", email="us@shop.example "),
        Person(key="3", phone="06 12 34"),
        Person(key="4", phone="061234"),
        Person(key="5", email="same@shop.example"),  # the same arm: no harm
        Person(key="6", email="same@shop.example"),
        Person(key="7", email="", phone="none"),  # no address at all
        Person(key="8", email="", phone="none"),
    ]
    arms = dict.fromkeys("2478", Arm.HOLDOUT)
    entries = [entry(person.key, arms.get(person.key, Arm.TREATED)) for person in people]

    assert count(shop(*people, entries=entries), tmp_path).shared == {("a", "v1"): 4}


def test_only_an_address_that_the_messages_go_to_is_shared(tmp_path: Path) -> None:
    people = [Person(key=key, email=f"{key}@shop.example", phone="0612") for key in "12"]
    entries = [entry("1"), entry("2", Arm.HOLDOUT)]
    for addresses, sharing in ({"email"}, 0), ({"phone"}, 2), (set(), 0):
        one = study("a v1", addresses=frozenset(addresses))
        folder = tmp_path / "-".join(("shop", *addresses))
        folder.mkdir()
        found = count(shop(*people, entries=entries, studies=[one]), folder)
        assert found.shared == {("a", "v1"): sharing}


def test_an_address_in_the_other_arm_of_another_study_is_no_matter(tmp_path: Path) -> None:
    people = [Person(key=key, email="us@shop.example") for key in "12"]
    entries = [entry("1"), entry("2", Arm.HOLDOUT, trigger="b")]
    both = [study("a v1"), study("b v1")]

    found = count(shop(*people, entries=entries, studies=both), tmp_path)
    assert found.shared == {("a", "v1"): 0, ("b", "v1"): 0}


def test_a_pair_of_triggers_tells_whom_they_have_in_common(tmp_path: Path) -> None:
    entries = [
        *(entry(key) for key in "1234"),
        *(entry(key, trigger="b") for key in "345"),
        entry("9", trigger="c"),
        entry("5", version="v0"),
    ]
    studies = [study("a v1"), study("b v1"), study("c v1"), study("a v0")]

    assert count(shop(entries=entries, studies=studies), tmp_path).pairs == [
        Pair(one="a", other="b", entered_one=4, entered_other=3, both=2)
    ]


def test_more_triggers_than_a_whole_number_has_bits_are_compared_too(tmp_path: Path) -> None:
    names = [f"t{number}" for number in range(130)]
    entries = [entry("1", trigger=name) for name in names]
    studies = [study(f"{name} v1") for name in names]

    found = count(shop(entries=entries, studies=studies), tmp_path).pairs

    assert len(found) == 130 * 129 // 2
    assert {pair.both for pair in found} == {1}


def test_the_planned_are_the_first_and_at_one_instant_not_by_their_key(tmp_path: Path) -> None:
    keys = [f"c{number}" for number in range(20)]
    late = [replace(entry(f"late{n}"), at=ENTRY + timedelta(days=1)) for n in range(5)]
    early = replace(entry("early", Arm.HOLDOUT), at=ENTRY - timedelta(days=1))
    order = Order(customer="early", at=ENTRY)
    chosen = sorted(keys, key=lambda key: hashlib.sha256(key.encode()).hexdigest())[:9]
    held_out = {*chosen[:4]}
    entries = [entry(key, Arm.HOLDOUT if key in held_out else Arm.TREATED) for key in keys]

    found = count(
        shop(
            entries=[*late, *entries, early],
            orders=[order],
            studies=[study("a v1", read_out=10)],
        ),
        tmp_path,
    )

    assert found.planned == {
        ("a", "v1", Arm.HOLDOUT): ArmCounts(entered=5, mature=5, retained=1),
        ("a", "v1", Arm.TREATED): ArmCounts(entered=5, mature=5, retained=0),
    }


def test_before_the_planned_number_has_entered_all_are_planned(tmp_path: Path) -> None:
    studies = [study("a v1", read_out=1000), study("b v1")]
    entries = [entry("1"), entry("2"), entry("1", trigger="b")]

    found = count(shop(entries=entries, studies=studies), tmp_path)

    assert found.planned == {("a", "v1", Arm.TREATED): ArmCounts(entered=2, mature=2, retained=0)}
