"""Rows for the gates and for delivery, and conditions seen from each customer's entry."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from engine_shop import (
    CUSTOMERS,
    CUSTOMERS_SPEC,
    MONDAY,
    ORDER,
    ORDERS,
    TUESDAY,
    Shop,
    bought,
    segments_of,
)
from relance.domain.condition import (
    Aggregate,
    AllOf,
    Comparison,
    Condition,
    EventIs,
    FieldTest,
    Measure,
    Op,
    RfmIs,
    SegmentIs,
    Window,
)
from relance.domain.duration import Duration
from relance.domain.fits import RFM, Breakpoints, Fits
from relance.domain.workspace import EventSpec
from relance.engine import open_engine
from relance.errors import SourceError

EVERYBODY = {"everybody": AllOf(())}
NAMES = [
    "customer.first_name",
    "order.count",
    "order.sum",
    "order.average",
    "order.first",
    "order.last",
]


def since_entry(
    measure: Measure = Measure.COUNT, *tests: FieldTest, at_least: float = 1
) -> EventIs:
    field = "amount" if measure in (Measure.SUM, Measure.AVERAGE) else None
    aggregate = Aggregate("order", measure, field, Window(since_entry=True), tests)
    return EventIs(aggregate, (Comparison(Op.AT_LEAST, at_least),))


def cohort(*entries: tuple[str, str, datetime]) -> pa.Table:
    ids, customers, instants = zip(*entries, strict=True) if entries else ((), (), ())
    return pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "customer": pa.array(customers, pa.string()),
            "entry_at": pa.array(
                [at.astimezone(UTC) for at in instants], pa.timestamp("us", "UTC")
            ),
        }
    )


def test_rows_hold_what_the_gates_and_templates_need(shop: Shop) -> None:
    engine = shop.engine(EVERYBODY)
    with engine.picture(TUESDAY, segments_of(EVERYBODY), NAMES, Fits()) as picture:
        rows = picture.rows(pa.array(["1", "4", "77", "x"]), NAMES).sort_by("customer")

    assert rows.to_pylist() == [
        {
            "customer": "1", "email": "a@shop.example", "phone": "0612345678", "locale": "fr",
            "timezone": "Europe/Paris", "region": "FR", "household": None,
            "consent_email": True,
            "customer.first_name": "Ada", "order.count": 2, "order.sum": 30.5,
            "order.average": 15.25,
            "order.first": datetime(2026, 3, 1, 11, tzinfo=UTC),
            "order.last": datetime(2026, 3, 9, 19, tzinfo=UTC),
        },
        {
            "customer": "4", "email": "d@shop.example", "phone": None, "locale": "fr",
            "timezone": "Mars/Olympus", "region": "FR", "household": None,
            "consent_email": True,
            "customer.first_name": "Dan", "order.count": 0, "order.sum": 0.0,
            "order.average": None, "order.first": None, "order.last": None,
        },
    ]  # fmt: skip


def test_names_that_no_picture_was_told_of_are_computed_all_the_same(shop: Shop) -> None:
    engine = shop.engine(EVERYBODY)
    with engine.picture(TUESDAY, segments_of(EVERYBODY), [], Fits()) as unaware:
        late = unaware.rows(pa.array(["1", "4"]), NAMES).sort_by("customer")
    with engine.picture(TUESDAY, segments_of(EVERYBODY), NAMES, Fits()) as aware:
        assert aware.rows(pa.array(["1", "4"]), NAMES).sort_by("customer").equals(late)


def test_rows_of_nobody_still_have_their_columns(shop: Shop) -> None:
    engine = shop.engine(EVERYBODY)
    with engine.picture(TUESDAY, segments_of(EVERYBODY), [], Fits()) as picture:
        rows = picture.rows(pa.array([], pa.string()), ["order.sum"])

    assert len(rows) == 0
    assert rows.schema.field("consent_email").type == pa.bool_()
    assert rows.schema.names[-1] == "order.sum"


@pytest.mark.parametrize(
    ("answers", "meant"),
    [
        ([True, False, None, True], [True, False, False, True]),
        ([1, 0, None, 2], [True, False, False, False]),
        (["YES", " no ", None, "maybe"], [True, False, False, False]),
        (["1", "true", "", "0"], [True, True, False, False]),
        ([1.0, 0.0, None, 1.0], [True, False, False, True]),
    ],
    ids=["bool", "whole", "words", "text", "double"],
)
def test_only_a_clear_yes_is_consent(shop: Shop, answers: list[object], meant: list[bool]) -> None:
    shop.tables["customers"] = {**CUSTOMERS, "email_optin": answers}
    engine = shop.engine(EVERYBODY)
    with engine.picture(TUESDAY, segments_of(EVERYBODY), [], Fits()) as picture:
        rows = picture.rows(pa.array(["1", "2", "3", "4"]), []).sort_by("customer")

    assert rows["consent_email"].to_pylist() == meant


def test_consent_may_be_given_by_everybody_or_mapped_nowhere(shop: Shop) -> None:
    spec = replace(CUSTOMERS_SPEC, consent={"email": True}, country=None, region="be", phone=None)
    engine = shop.engine(EVERYBODY, customers=spec)
    with engine.picture(TUESDAY, segments_of(EVERYBODY), [], Fits()) as picture:
        (row,) = picture.rows(pa.array(["3"]), []).to_pylist()

    assert row["consent_email"] is True
    assert row["region"] == "BE"
    assert row["phone"] is None


@pytest.mark.parametrize("name", ["customer", "order.median", "brand.name", "order"])
def test_a_name_that_means_nothing_is_refused(shop: Shop, name: str) -> None:
    engine = shop.engine(EVERYBODY)

    with pytest.raises(SourceError, match="no name that a template can use"):
        engine.picture(TUESDAY, segments_of(EVERYBODY), [name], Fits())


QUESTIONS: dict[str, Condition] = {
    "came_back": since_entry(),
    "spent": since_entry(Measure.SUM, at_least=20.5),
    "hats": since_entry(Measure.COUNT, FieldTest("category", (Comparison(Op.IS, "hats"),))),
    "active": SegmentIs("active"),
}


def test_each_entry_is_asked_from_its_own_instant(shop: Shop) -> None:
    engine = shop.engine({"active": bought(1, "7 days")})
    last_order = datetime(2026, 3, 9, 19, tzinfo=UTC)
    entries = cohort(
        ("before", "1", MONDAY),
        ("at the very order", "1", last_order),
        ("long ago", "1", MONDAY.replace(month=1)),
        ("other", "2", MONDAY),
        ("gone", "77", MONDAY),
    )

    rows = {row["id"]: row for row in engine.ask(entries, QUESTIONS, NAMES, TUESDAY).to_pylist()}

    assert rows.keys() == {"before", "at the very order", "long ago", "other"}
    held = {key: {name for name in QUESTIONS if row[name]} for key, row in rows.items()}
    assert held == {
        "before": {"came_back", "spent", "hats", "active"},
        "at the very order": {"active"},
        "long ago": {"came_back", "spent", "hats", "active"},
        "other": set(),
    }
    assert rows["before"]["order.count"] == 2
    assert rows["other"]["email"] == "b@shop.example"


def test_events_later_than_the_instant_do_not_answer_a_question(shop: Shop) -> None:
    engine = shop.engine({"active": bought(1, "7 days")})

    (row,) = engine.ask(
        cohort(("a", "1", MONDAY)), QUESTIONS, [], MONDAY.replace(hour=19)
    ).to_pylist()

    assert not row["came_back"]


def test_asking_about_nobody_or_nothing_is_answered(shop: Shop) -> None:
    engine = shop.engine({"active": bought(1, "7 days")})

    assert len(engine.ask(cohort(), QUESTIONS, [], TUESDAY)) == 0
    assert engine.ask(cohort(("a", "1", MONDAY)), {}, [], TUESDAY)["id"].to_pylist() == ["a"]


def test_events_that_have_only_a_day_count_from_the_day_after_the_entry(shop: Shop) -> None:
    days = [date(2026, 3, 9), date(2026, 3, 10), date(2026, 3, 10), date(2026, 3, 8)]
    shop.tables["orders"] = {**ORDERS, "ordered_at": days}
    engine = shop.engine({"active": bought(1, "7 days")})
    entries = cohort(("a", "1", MONDAY), ("b", "2", TUESDAY), ("c", "3", MONDAY))

    rows = engine.ask(entries, {"came_back": since_entry()}, [], TUESDAY).sort_by("id")

    assert rows["came_back"].to_pylist() == [True, False, False]


def test_since_entry_outside_of_steps_is_refused(shop: Shop) -> None:
    engine = shop.engine(EVERYBODY)

    with pytest.raises(SourceError, match="steps of a trigger only"):
        engine.picture(MONDAY, segments_of({"mine": since_entry()}), [], Fits())


def test_questions_that_score_use_the_cut_offs_in_force(shop: Shop) -> None:
    scored = {"best": RfmIs(frequency=(5,))}
    entries = cohort(("a", "1", MONDAY), ("b", "2", MONDAY))
    engine = shop.engine(scored)
    fresh = engine.ask(entries, {"best": SegmentIs("best")}, [], TUESDAY).sort_by("id")
    with engine.picture(TUESDAY, segments_of(scored), [], Fits()) as picture:
        found = picture.fits.find(RFM, Breakpoints)
        assert found is not None
        high = Fits({RFM: replace(found, frequency=(0.0, 1.0, 2.0, 3.0))})
    with open_engine(shop.workspace(scored), lambda: high) as informed:
        kept = informed.ask(entries, {"best": SegmentIs("best")}, [], TUESDAY).sort_by("id")

    assert fresh["best"].to_pylist() == [True, False]
    assert kept["best"].to_pylist() == [False, False]


def test_customers_with_equal_values_get_equal_scores(shop: Shop) -> None:
    keys = list(range(1, 101))
    shop.tables["customers"] = {
        "customer_id": keys,
        **{name: pa.nulls(100, pa.string()) for name in CUSTOMERS if name != "customer_id"},
    }
    shop.tables["orders"] = {
        "customer_id": keys,
        "ordered_at": [datetime.fromisoformat("2026-03-01 12:00")] * 100,
        "total": [10.0] * 100,
        "category": ["x"] * 100,
    }
    scores = {f"f{n}": RfmIs(frequency=(n,)) for n in range(1, 6)}
    engine = shop.engine(scores)

    with engine.picture(TUESDAY, segments_of(scores), [], Fits()) as picture:
        assert picture.counts() == {"f1": 100, "f2": 0, "f3": 0, "f4": 0, "f5": 0}


def test_cut_offs_are_kept_until_they_are_fitted_again(shop: Shop) -> None:
    scored = {"recent": RfmIs(recency=(5,))}
    engine = shop.engine(scored)
    with engine.picture(MONDAY, segments_of(scored), [], Fits()) as picture:
        first = picture.fits
        assert picture.counts() == {"recent": 1}
    with engine.picture(TUESDAY, segments_of(scored), [], first) as picture:
        assert picture.fits == first
        assert picture.refitted() is None, "they have not had their time"
    with engine.picture(MONDAY + timedelta(days=30), segments_of(scored), [], first) as picture:
        assert picture.fits == first
        again = picture.refitted()
        assert again is not None
        with again:
            assert again.fits.named[RFM].fitted_at == MONDAY + timedelta(days=30)
            again.keep()
    assert engine.knows(MONDAY + timedelta(days=30), {"recent": "v1"})
    with engine.picture(MONDAY, segments_of(EVERYBODY), [], Fits()) as picture:
        assert picture.refitted() is None


def test_cut_offs_of_something_else_are_not_used(shop: Shop) -> None:
    scored = {"best": RfmIs(frequency=(5,))}
    engine = shop.engine(scored)
    with engine.picture(MONDAY, segments_of(scored), [], Fits()) as picture:
        first = picture.fits
    other = Fits({RFM: replace(first.named[RFM], of="visit sum ever")})
    with engine.picture(TUESDAY, segments_of(scored), [], other) as picture:
        assert picture.fits.named[RFM].fitted_at == TUESDAY
        assert picture.fits.named[RFM].of == first.named[RFM].of


def test_noise_in_sums_moves_nobody_across_a_threshold(shop: Shop) -> None:
    shop.tables["orders"] = {
        "customer_id": [1, 1, 1],
        "ordered_at": [datetime.fromisoformat("2026-03-01 12:00")] * 3,
        "total": [0.1, 0.2, 0.7],
        "category": ["x"] * 3,
    }
    spent = {
        "enough": EventIs(Aggregate("order", Measure.SUM, "amount"), (Comparison(Op.IS, 1.0),))
    }
    engine = shop.engine(spent)

    with engine.picture(MONDAY, segments_of(spent), [], Fits()) as picture:
        assert picture.counts() == {"enough": 1}


def test_several_events_are_measured_side_by_side(shop: Shop) -> None:
    visit = EventSpec(name="visit", table="visits", customer="who", at="seen")
    shop.write(
        "visits", {"who": ["1", "2"], "seen": ["2026-03-09T07:30:00Z", "2026-01-01T00:00:00Z"]}
    )
    both = {
        "seen": AllOf(
            (
                EventIs(
                    Aggregate("visit", Measure.LAST),
                    (Comparison(Op.AFTER, Duration.parse("1 hour")),),
                ),
                bought(1),
            )
        )
    }
    engine = shop.engine(both, events={"order": ORDER, "visit": visit})

    with engine.picture(MONDAY, segments_of(both), [], Fits()) as picture:
        assert picture.counts() == {"seen": 1}
