"""The gates: who is refused, for which reason, and who wins the last place under a cap."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from relance.domain.condition import AllOf
from relance.domain.duration import Duration
from relance.domain.ledger import Refusal
from relance.domain.receipt import recipient_digest
from relance.domain.trigger import OnEnter, Schedule, Step, Trigger
from relance.domain.workspace import (
    CustomersSpec,
    FrequencyCap,
    RfmSpec,
    Segment,
    SourceSpec,
    Workspace,
)
from relance.pipeline.gates import (
    Barred,
    Facts,
    Passed,
    pass_gates,
    with_reachable,
)
from relance.pipeline.places import share_places

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
NOBODY = pa.array([], pa.string())
WORKSPACE = Workspace(
    root=Path(),
    name="shop",
    zone=PARIS,
    locale="fr",
    currency="EUR",
    state="sqlite://",
    source=SourceSpec(location="data", shown="data", zone=PARIS),
    customers=CustomersSpec(table="customers", key="id"),
    events={},
    rfm=RfmSpec(),
    segments={"everybody": Segment(name="everybody", condition=AllOf(()), version="1")},
    triggers={},
    channels={},
)


def trigger(name: str = "welcome", *, priority: int = 50, channel: str = "email", waits=((),)):
    steps = tuple(
        Step(index=i, channel=channel, template="t", waits=tuple(map(Duration.parse, wait)))
        for i, wait in enumerate(waits)
    )
    return Trigger(
        name=name,
        segment="everybody",
        on=OnEnter(),
        schedule=Schedule(cron="0 9 * * *"),
        steps=steps,
        version="v1",
        segment_version="s1",
        priority=priority,
    )


def customers_table(*customers: dict[str, object], barred: pa.Array = NOBODY) -> pa.Table:
    usual = {
        "email": "someone@example.com",
        "phone": "+33612345678",
        "region": "FR",
        "consent_email": True,
        "consent_sms": True,
    }
    schema = pa.schema(
        {
            "customer": pa.string(),
            "email": pa.string(),
            "phone": pa.string(),
            "region": pa.string(),
            "household": pa.string(),
            "consent_email": pa.bool_(),
            "consent_sms": pa.bool_(),
        }
    )
    rows = pa.Table.from_pylist([{**usual, **customer} for customer in customers], schema)
    return with_reachable(
        rows, {"email": Barred(addresses=barred), "sms": Barred(), "slack": Barred()}
    )


def facts(
    *,
    channel: str = "email",
    suppressed: pa.Array = NOBODY,
    withdrawn: pa.Array = NOBODY,
    paused: pa.Array = NOBODY,
    addresses: pa.Array = NOBODY,
    uninterested: pa.Array = NOBODY,
    entered_before: pa.Array = NOBODY,
    holdout_period: str = "2026Q1",
    holdout_share: float = 0.0,
) -> Facts:
    return Facts(
        channel=channel,
        barred=Barred(
            suppressed=suppressed, withdrawn=withdrawn, paused=paused, addresses=addresses
        ),
        uninterested=uninterested,
        entered_before=entered_before,
        holdout_period=holdout_period,
        holdout_share=holdout_share,
    )


def reasons(passed: Passed) -> dict[str, list[str]]:
    return {str(r.reason): r.customers.to_pylist() for r in passed.refused}


def go(rows: pa.Table, known: Facts, one: Trigger | None = None) -> Passed:
    everybody = rows["customer"].combine_chunks()
    return pass_gates(one or trigger(), everybody, rows, known)


def test_a_customer_with_address_and_consent_passes() -> None:
    passed = go(customers_table({"customer": "a"}), facts())
    assert passed.rows["customer"].to_pylist() == ["a"]
    assert passed.refused == ()


@pytest.mark.parametrize(
    "address",
    [None, "", "no-at-sign", "two@@example.com", "a@example.com\nBcc: b@example.com", "a b@x.fr"],
)
def test_an_unusable_email_address_is_unreachable(address: str | None) -> None:
    passed = go(customers_table({"customer": "a", "email": address}), facts())
    assert reasons(passed) == {"unreachable": ["a"]}


def test_a_national_number_is_reachable_by_sms_in_its_region_only() -> None:
    rows = customers_table(
        {"customer": "french", "phone": "06 12 34 56 78"},
        {"customer": "nowhere", "phone": "06 12 34 56 78", "region": None},
        {"customer": "none", "phone": None},
    )
    passed = go(rows, facts(channel="sms"), trigger(channel="sms"))
    assert passed.rows["customer"].to_pylist() == ["french"]
    assert reasons(passed) == {"unreachable": ["nowhere", "none"]}


def test_consent_needs_a_yes_from_the_source_and_no_withdrawal_here() -> None:
    rows = customers_table(
        {"customer": "yes"},
        {"customer": "no", "consent_email": False},
        {"customer": "silent", "consent_email": None},
        {"customer": "withdrawn"},
    )
    passed = go(rows, facts(withdrawn=pa.array(["withdrawn"])))
    assert passed.rows["customer"].to_pylist() == ["yes"]
    assert reasons(passed) == {"no_consent": ["no", "silent", "withdrawn"]}


def test_the_first_gate_that_refuses_gives_the_reason() -> None:
    rows = customers_table({"customer": "a", "email": None, "consent_email": False})
    known = facts(suppressed=pa.array(["a"]), entered_before=pa.array(["a"]))
    assert reasons(go(rows, known)) == {"unreachable": ["a"]}


def test_suppressed_and_entered_before_are_told_apart() -> None:
    rows = customers_table({"customer": "s"}, {"customer": "e"}, {"customer": "ok"})
    known = facts(suppressed=pa.array(["s"]), entered_before=pa.array(["e", "s"]))
    assert reasons(go(rows, known)) == {"suppressed": ["s"], "reentry": ["e"]}


def test_topic_pause_and_suppression_stand_in_this_order() -> None:
    rows = customers_table(*({"customer": name} for name in ("t", "p", "s")))
    known = facts(
        uninterested=pa.array(["t"]),
        paused=pa.array(["p", "t"]),
        suppressed=pa.array(["s", "p", "t"]),
    )
    assert reasons(go(rows, known)) == {"topic": ["t"], "paused": ["p"], "suppressed": ["s"]}


def test_a_suppressed_address_refuses_whoever_has_it() -> None:
    barred = pa.array([recipient_digest("gone@example.com")])
    rows = customers_table(
        {"customer": "a", "email": "Gone@Example.com"}, {"customer": "b"}, barred=barred
    )
    assert reasons(go(rows, facts(addresses=barred))) == {"suppressed": ["a"]}


def test_to_tell_its_own_people_the_company_needs_neither_address_nor_consent() -> None:
    rows = customers_table(
        {"customer": "a", "email": None, "phone": None, "consent_email": False},
        {"customer": "again"},
    )
    known = facts(
        channel="slack",
        suppressed=pa.array(["a"]),
        paused=pa.array(["a"]),
        entered_before=pa.array(["again"]),
    )
    passed = go(rows, known, trigger(channel="slack"))
    assert reasons(passed) == {"reentry": ["again"]}
    assert passed.rows["customer"].to_pylist() == ["a"]


def test_what_the_company_tells_itself_takes_no_place_under_a_cap() -> None:
    told = trigger("told", priority=90, channel="slack")
    result = compete("1 per 7 days", {"b": 9}, told, trigger("written"))
    assert result["told"].rows["customer"].to_pylist() == ["a", "b"]
    assert result["written"].rows["customer"].to_pylist() == ["a"]


def test_a_customer_who_is_no_longer_in_the_table_is_gone() -> None:
    rows = customers_table({"customer": "here"})
    passed = pass_gates(trigger(), pa.array(["here", "deleted"]), rows, facts())
    assert reasons(passed) == {"gone": ["deleted"]}


def test_the_global_holdout_takes_about_its_share_and_changes_with_the_quarter() -> None:
    rows = customers_table(*({"customer": str(i)} for i in range(5000)))
    first = set(reasons(go(rows, facts(holdout_share=0.1)))["global_holdout"])
    again = set(reasons(go(rows, facts(holdout_share=0.1)))["global_holdout"])
    later = set(
        reasons(go(rows, facts(holdout_share=0.1, holdout_period="2026Q2")))["global_holdout"]
    )
    assert first == again
    assert 400 < len(first) < 600
    assert first != later


def test_a_household_is_in_the_global_holdout_together_or_not_at_all() -> None:
    people = [{"customer": str(i), "household": str(i // 2)} for i in range(4000)]
    loners = [{"customer": f"alone {i}", "household": None} for i in range(4000)]
    rows = customers_table(*people, *loners)
    held = set(reasons(go(rows, facts(holdout_share=0.1)))["global_holdout"])
    assert 300 < len({one for one in held if one.isdigit()}) < 500
    assert 300 < len({one for one in held if not one.isdigit()}) < 500
    assert all((str(i) in held) == (str(i + 1) in held) for i in range(0, 4000, 2))


def compete(caps: str, recent: dict[str, int], *triggers: Trigger) -> dict[str, Passed]:
    count, per = caps.split(" per ")
    cap = FrequencyCap(count=int(count), per=Duration.parse(per))
    rows = customers_table({"customer": "a"}, {"customer": "b"})
    passed = [go(rows, facts(), one) for one in triggers]
    history = pa.table(
        {
            "customer": pa.array(list(recent), pa.string()),
            "messages": pa.array(list(recent.values()), pa.int64()),
        }
    )
    return {p.trigger.name: p for p in share_places(passed, [cap], {cap: history}, AT, WORKSPACE)}


def test_earlier_messages_fill_a_cap() -> None:
    result = compete("1 per 7 days", {"a": 1, "stranger": 9}, trigger())
    assert reasons(result["welcome"]) == {"frequency_cap": ["a"]}
    assert result["welcome"].rows["customer"].to_pylist() == ["b"]


def test_the_trigger_with_the_higher_priority_takes_the_last_place_and_is_named() -> None:
    low, high = trigger("low", priority=10), trigger("high", priority=90)
    result = compete("1 per 7 days", {}, low, high)
    assert result["high"].rows.num_rows == 2
    displaced = result["low"].refused[0]
    assert displaced.reason is Refusal.DISPLACED
    assert displaced.customers.to_pylist() == ["a", "b"]
    assert displaced.details == ("high", "high")


def test_equal_priorities_go_by_name_whatever_the_order_of_files() -> None:
    result = compete("1 per 7 days", {}, trigger("b"), trigger("a"))
    assert result["a"].rows.num_rows == 2
    assert result["b"].rows.num_rows == 0


def test_a_full_cap_is_not_blamed_on_another_trigger() -> None:
    result = compete("1 per 7 days", {"a": 1}, trigger("low", priority=1), trigger("high"))
    assert reasons(result["high"]) == {"frequency_cap": ["a"]}
    assert reasons(result["low"]) == {"frequency_cap": ["a"], "displaced": ["b"]}


def test_an_entry_takes_a_place_for_each_message_within_the_window() -> None:
    two_steps = trigger("series", priority=90, waits=((), ("3 days",), ("30 days",)))
    result = compete("3 per 7 days", {}, two_steps, trigger("x"), trigger("y"))
    assert result["series"].rows.num_rows == 2
    assert result["x"].rows.num_rows == 2
    assert reasons(result["y"]) == {"displaced": ["a", "b"]}
    assert result["y"].refused[0].details == ("series, x", "series, x")
