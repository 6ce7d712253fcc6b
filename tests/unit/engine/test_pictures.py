"""Pictures: who is in which segment, who moved, and what is kept of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import pyarrow as pa
import pytest

from engine_shop import (
    CUSTOMERS,
    MONDAY,
    ORDERS,
    TUESDAY,
    Shop,
    bought,
    customer,
    customers_of,
    members,
    moves,
    segments_of,
    trigger,
)
from relance.domain.condition import AllOf, NoneOf, Op, SegmentIs
from relance.domain.duration import Duration
from relance.domain.fits import Fits
from relance.domain.trigger import OnEnter, OnExit, OnMove, OnSchedule, OnStay
from relance.domain.workspace import Segment, SourceSpec
from relance.errors import SourceError

ACTIVE = {
    "active": bought(1, "7 days"),
    "loyal": bought(2),
    "silent": NoneOf((bought(1, "7 days"),)),
}


def test_members_are_those_whose_events_fall_inside_the_window(shop: Shop) -> None:
    engine = shop.engine(ACTIVE)

    with engine.picture(MONDAY, segments_of(ACTIVE), [], Fits()) as picture:
        assert members(picture, "active") == {"3"}
        assert members(picture, "loyal") == set()
        assert members(picture, "silent") == {"1", "2", "4"}
        assert picture.counts() == {"active": 1, "loyal": 0, "silent": 3}
        assert picture.fits == Fits()


def test_changes_tell_all_segments_at_once_who_entered_and_who_left(shop: Shop) -> None:
    engine = shop.engine(ACTIVE)
    with engine.picture(MONDAY, segments_of(ACTIVE), [], Fits()) as picture:
        picture.keep()

    with engine.picture(TUESDAY, segments_of(ACTIVE), [], Fits()) as picture:
        assert moves(picture.changes(MONDAY, ["active", "loyal", "silent"])) == {
            ("active", "1", True),
            ("loyal", "1", True),
            ("silent", "1", False),
        }
        assert moves(picture.changes(MONDAY, ["loyal"])) == {("loyal", "1", True)}


def test_a_customer_who_is_gone_from_the_source_has_left(shop: Shop) -> None:
    engine = shop.engine(ACTIVE)
    with engine.picture(MONDAY, segments_of(ACTIVE), [], Fits()) as picture:
        picture.keep()
    shop.write("customers", {name: values[:2] for name, values in CUSTOMERS.items()})

    with engine.picture(MONDAY.replace(hour=10), segments_of(ACTIVE), [], Fits()) as picture:
        assert moves(picture.changes(MONDAY, list(ACTIVE))) == {
            ("active", "3", False),
            ("silent", "4", False),
        }


def test_bits_that_stand_elsewhere_than_before_are_compared_all_the_same(shop: Shop) -> None:
    many = {f"s{number}": bought(number % 3, "7 days") for number in range(130)}
    backwards = dict(reversed(many.items()))
    engine = shop.engine(many)
    with engine.picture(MONDAY, segments_of(many), [], Fits()) as picture:
        picture.keep()

    with engine.picture(TUESDAY, segments_of(backwards), [], Fits()) as picture:
        found = moves(picture.changes(MONDAY, list(many)))

    assert found == {(f"s{number}", "1", True) for number in range(130) if number % 3 == 1}


def test_comparing_what_was_not_kept_alike_is_a_mistake_of_the_caller(shop: Shop) -> None:
    engine = shop.engine(ACTIVE)
    with engine.picture(MONDAY, segments_of(ACTIVE), [], Fits()) as picture:
        picture.keep()
    changed = [replace(each, version="v2") for each in segments_of(ACTIVE)]

    with engine.picture(TUESDAY, changed, [], Fits()) as picture:
        with pytest.raises(ValueError, match="active"):
            picture.changes(MONDAY, ["active"])
        with pytest.raises(ValueError, match="not kept"):
            picture.candidates(
                trigger("active", OnEnter()), datetime(2026, 1, 1, tzinfo=MONDAY.tzinfo)
            )


def test_candidates_follow_the_transition_of_the_trigger(shop: Shop) -> None:
    engine = shop.engine(ACTIVE)
    with engine.picture(MONDAY, segments_of(ACTIVE), [], Fits()) as picture:
        picture.keep()

    with engine.picture(TUESDAY, segments_of(ACTIVE), [], Fits()) as picture:

        def found(segment: str, on: object, earlier: datetime | None = MONDAY) -> set[str]:
            return customers_of(picture.candidates(trigger(segment, on), earlier))

        assert found("active", OnEnter()) == {"1"}
        assert found("active", OnExit()) == set()
        assert found("silent", OnExit()) == {"1"}
        assert found("active", OnMove("silent", "active")) == {"1"}
        assert found("active", OnMove("loyal", "active")) == set()
        assert found("active", OnSchedule()) == {"1", "3"}
        assert found("active", OnEnter(), None) == {"1", "3"}
        assert found("active", OnStay(Duration.parse("3 days")), None) == {"1", "3"}
        assert found("silent", OnExit(), None) == set()
        with pytest.raises(ValueError, match="spells"):
            found("active", OnStay(Duration.parse("3 days")))


def test_snapshots_outlive_the_process_until_they_are_forgotten(shop: Shop) -> None:
    source = SourceSpec(
        location=str(shop.folder / "data"),
        shown="data/",
        zone=MONDAY.tzinfo,
        workbench=shop.folder / "state" / "workbench.duckdb",
    )
    engine = shop.engine(ACTIVE, source=source)
    for at in (MONDAY, TUESDAY):
        with engine.picture(at, segments_of(ACTIVE), [], Fits()) as picture:
            picture.keep()
    engine.close()

    engine = shop.open(shop.workspace(ACTIVE, source=source))
    assert engine.knows(MONDAY, {"active": "v1", "loyal": "v1"})
    assert not engine.knows(MONDAY, {"active": "v2"})
    assert not engine.knows(MONDAY.replace(hour=8), {"active": "v1"})
    engine.forget([TUESDAY])
    assert not engine.knows(MONDAY, {"active": "v1"})
    assert engine.knows(TUESDAY, {"active": "v1"})


def test_an_instant_evaluated_in_parts_is_known_in_whole(shop: Shop) -> None:
    engine = shop.engine(ACTIVE)
    first, second = (
        segments_of({"active": ACTIVE["active"]}),
        segments_of({"silent": ACTIVE["silent"]}),
    )
    for part in (first, second):
        with engine.picture(MONDAY, part, [], Fits()) as picture:
            picture.keep()

    assert engine.knows(MONDAY, {"active": "v1", "silent": "v1"})
    with engine.picture(TUESDAY, segments_of(ACTIVE), [], Fits()) as picture:
        assert moves(picture.changes(MONDAY, ["active", "silent"])) == {
            ("active", "1", True),
            ("silent", "1", False),
        }
        assert customers_of(
            picture.candidates(trigger("active", OnMove("silent", "active")), MONDAY)
        ) == {"1"}


def test_keeping_an_instant_again_replaces_it(shop: Shop) -> None:
    engine = shop.engine(ACTIVE)
    for version in ("v1", "v2"):
        segments = [replace(each, version=version) for each in segments_of(ACTIVE)]
        with engine.picture(MONDAY, segments, [], Fits()) as picture:
            picture.keep()

    assert engine.knows(MONDAY, {"active": "v2"})
    assert not engine.knows(MONDAY, {"active": "v1"})


def test_a_picture_that_was_not_kept_leaves_nothing_behind(shop: Shop) -> None:
    engine = shop.engine(ACTIVE)
    with engine.picture(MONDAY, segments_of(ACTIVE), [], Fits()):
        pass

    assert not engine.knows(MONDAY, {"active": "v1"})


@pytest.mark.parametrize("names", [["1", "2"], ["1", "x2"], ["01", "2"]])
def test_a_snapshot_is_rebuilt_from_the_ledgers_spells(shop: Shop, names: list[str]) -> None:
    engine = shop.engine(ACTIVE)
    spells = pa.record_batch(
        {
            "segment": pa.array(["active", "silent", "active"]),
            "customer": pa.array([*names, names[0]])[:3],
        }
    )
    engine.restore(MONDAY, {"active": "v1", "silent": "v1", "loyal": "v1"}, [spells])

    assert engine.knows(MONDAY, {"active": "v1", "loyal": "v1"})
    with engine.picture(MONDAY, segments_of(ACTIVE), [], Fits()) as picture:
        left = {
            who for name, who, entered in moves(picture.changes(MONDAY, ["active"])) if not entered
        }
    assert left == {names[0]}


def test_what_is_restored_while_a_picture_is_open_is_compared_too(shop: Shop) -> None:
    engine = shop.engine(ACTIVE)
    with engine.picture(TUESDAY, segments_of(ACTIVE), [], Fits()) as picture:
        engine.restore(MONDAY, {"active": "v1"}, [])
        assert {name for name, _, _ in moves(picture.changes(MONDAY, ["active"]))} == {"active"}
        engine.restore(MONDAY, {"loyal": "v1"}, [])
        assert moves(picture.changes(MONDAY, ["loyal"])) == {("loyal", "1", True)}


def test_an_empty_ledger_is_a_snapshot_too(shop: Shop) -> None:
    engine = shop.engine(ACTIVE)
    engine.restore(MONDAY, {"active": "v1"}, [])

    with engine.picture(TUESDAY, segments_of(ACTIVE), [], Fits()) as picture:
        assert moves(picture.changes(MONDAY, ["active"])) == {
            ("active", "1", True),
            ("active", "3", True),
        }


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        (pa.array([1.0, 2.0, 3.0, 4.0]), {"1", "3"}),
        (
            pa.array([Decimal("1.00"), Decimal("2.00"), Decimal("3.00"), Decimal("4.00")]),
            {"1", "3"},
        ),
        (pa.array([1, 2, 3, 4], pa.uint16()), {"1", "3"}),
        (pa.array(["1", "2", "3", "4"]), {"1", "3"}),
    ],
    ids=["double", "decimal", "small", "text"],
)
def test_customers_are_text_without_a_fraction_whatever_the_key_is(
    shop: Shop, keys: pa.Array, shown: set[str]
) -> None:
    shop.tables["customers"] = {**CUSTOMERS, "customer_id": keys}
    engine = shop.engine(ACTIVE)

    with engine.picture(TUESDAY, segments_of(ACTIVE), [], Fits()) as picture:
        assert members(picture, "active") == shown
        rows = picture.rows(pa.array(["1", "nobody"]), ["order.count"])
    assert rows.select(["customer", "order.count"]).to_pylist() == [
        {"customer": "1", "order.count": 2}
    ]


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ([1, 2, 2, 2], "2 rows with the key of another row"),
        ([1, None, 3, 4], "1 row without a key"),
    ],
)
def test_a_picture_is_refused_where_keys_are_missing_or_repeated(
    shop: Shop, keys: list[int | None], complaint: str
) -> None:
    shop.tables["customers"] = {**CUSTOMERS, "customer_id": keys}
    engine = shop.engine(ACTIVE)

    with pytest.raises(SourceError, match=f"customers.customer_id: {complaint}"):
        engine.picture(MONDAY, segments_of(ACTIVE), [], Fits())


def test_a_named_segment_is_read_inside_another(shop: Shop) -> None:
    both = {**ACTIVE, "french": AllOf((SegmentIs("active"), customer("country", Op.IS, "fr")))}
    engine = shop.engine(both)

    with engine.picture(TUESDAY, segments_of(both), [], Fits()) as picture:
        assert members(picture, "french") == {"1"}


def test_a_comparison_that_does_not_fit_its_column_names_segment_leaf_and_column(
    shop: Shop,
) -> None:
    engine = shop.engine({})
    wrong = [Segment(name="tall", condition=customer("country", Op.AT_LEAST, 3), version="v1")]

    with pytest.raises(
        SourceError, match=r"segment tall: customer country: column customers.country holds text"
    ):
        engine.picture(MONDAY, wrong, [], Fits())


def test_uuid_keys_are_text(shop: Shop) -> None:
    import duckdb

    path = shop.folder / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE customers (customer_id UUID, country VARCHAR)")
        connection.execute("INSERT INTO customers VALUES (?, 'FR')", [str(UUID(int=7))])
        connection.execute("CREATE TABLE orders (customer_id VARCHAR, ordered_at TIMESTAMP)")
        connection.execute("INSERT INTO orders VALUES (?, '2026-03-08')", [str(UUID(int=7))])
    base = shop.workspace(ACTIVE)
    workspace = replace(
        base,
        source=replace(base.source, location=str(path)),
        customers=replace(
            base.customers,
            email=None,
            phone=None,
            locale=None,
            timezone=None,
            consent={},
            attributes={},
        ),
        events={"order": replace(base.events["order"], amount=None, fields={})},
    )

    with shop.open(workspace).picture(MONDAY, segments_of(ACTIVE), [], Fits()) as picture:
        assert members(picture, "active") == {str(UUID(int=7))}
        assert picture.rows(pa.array([str(UUID(int=7))]), [])["region"].to_pylist() == ["FR"]


def test_events_after_the_instant_do_not_exist(shop: Shop) -> None:
    shop.tables["orders"] = {**ORDERS, "ordered_at": [TUESDAY.replace(tzinfo=None)] * 4}
    engine = shop.engine(ACTIVE)

    with engine.picture(MONDAY, segments_of(ACTIVE), [], Fits()) as picture:
        assert picture.counts() == {"active": 0, "loyal": 0, "silent": 4}
    with engine.picture(TUESDAY, segments_of(ACTIVE), [], Fits()) as picture:
        assert picture.counts() == {"active": 3, "loyal": 1, "silent": 1}
