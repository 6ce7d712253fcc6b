"""The oracle itself, on tables of cases worked out by hand at the edges of windows and days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from reference_words import AT, MIDNIGHT, PARIS, days, five_customers, order
from relance.domain.condition import (
    Aggregate,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    CustomerIs,
    EventIs,
    FieldTest,
    Measure,
    NoneOf,
    Op,
    Operand,
    SegmentIs,
    SqlIs,
    Window,
)
from relance.domain.workspace import Segment
from relance.engine.reference import evaluate, fit
from relance.engine.reference_shop import Customer, Event, Shop, Value

TICK = timedelta(microseconds=1)
ALWAYS = Window()


def holds_for(value: Value, op: Op, operand: Operand) -> bool:
    shop = Shop(zone=PARIS, customers=[Customer(key="ada", attributes={"it": value})])
    condition = CustomerIs("it", (Comparison(op, operand),))
    return evaluate(condition, shop, AT) == {"ada"}


def aggregate(measure: Measure, *where: FieldTest, window: Window = ALWAYS) -> Aggregate:
    return Aggregate("order", measure, None, window, where)


def event_is(what: Aggregate, op: Op, operand: Operand) -> Condition:
    return EventIs(what, (Comparison(op, operand),))


def members(condition: Condition, *orders: Event, at: datetime = AT) -> set[str]:
    shop = Shop(zone=PARIS, customers=[Customer(key="ada")], events={"order": orders})
    return evaluate(condition, shop, at)


def bought(at_least: int, window: Window = ALWAYS, *where: FieldTest) -> Condition:
    return event_is(aggregate(Measure.COUNT, *where, window=window), Op.AT_LEAST, at_least)


@pytest.mark.parametrize(
    ("value", "op", "operand", "expected"),
    [
        ("FR", Op.IS, "FR", True),
        ("fr", Op.IS, "FR", False),
        ("FR", Op.IS_NOT, "BE", True),
        ("FR", Op.IN, ("BE", "FR"), True),
        ("FR", Op.NOT_IN, ("BE", "FR"), False),
        ("Zoë", Op.CONTAINS, "oë", True),
        ("Zoë", Op.CONTAINS, "OË", False),
        ("100% coton", Op.CONTAINS, "0% c", True),
        ("100 coton", Op.CONTAINS, "0% c", False),
        ("a_b", Op.STARTS_WITH, "a_", True),
        ("axb", Op.STARTS_WITH, "a_", False),
        (38, Op.AT_LEAST, 38, True),
        (38, Op.AT_MOST, 38.0, True),
        (38, Op.MORE_THAN, 38, False),
        (38, Op.LESS_THAN, 38, False),
        (38, Op.BETWEEN, (38, 40), True),
        (40, Op.BETWEEN, (38, 40), True),
        (40.5, Op.BETWEEN, (38, 40), False),
        (-3, Op.LESS_THAN, -2.5, True),
        (True, Op.IS, True, True),
        (False, Op.IS, True, False),
        (False, Op.EXISTS, True, True),
        ("", Op.EXISTS, True, True),
    ],
)
def test_a_value_is_compared_as_written(
    value: Value, op: Op, operand: Operand, expected: bool
) -> None:
    assert holds_for(value, op, operand) is expected


@pytest.mark.parametrize(
    ("op", "operand", "expected"),
    [
        (Op.IS, "FR", False),
        (Op.IS_NOT, "FR", True),
        (Op.IN, ("FR", "BE"), False),
        (Op.NOT_IN, ("FR", "BE"), True),
        (Op.EXISTS, True, False),
        (Op.EXISTS, False, True),
        (Op.AT_LEAST, 0, False),
        (Op.AT_MOST, 0, False),
        (Op.MORE_THAN, 0, False),
        (Op.LESS_THAN, 0, False),
        (Op.BETWEEN, (-1, 1), False),
        (Op.CONTAINS, "", False),
        (Op.STARTS_WITH, "", False),
        (Op.BEFORE, days(1), False),
        (Op.AFTER, days(1), False),
        (Op.ON_DAY, date(2026, 3, 10), False),
    ],
)
def test_a_missing_value_passes_only_the_negations(
    op: Op, operand: Operand, expected: bool
) -> None:
    assert holds_for(None, op, operand) is expected


NEXT_MIDNIGHT = datetime(2026, 3, 2, tzinfo=PARIS)


@pytest.mark.parametrize(
    ("instant", "before", "on_day", "after"),
    [
        (MIDNIGHT - TICK, True, False, False),
        (MIDNIGHT, False, True, False),
        (NEXT_MIDNIGHT - TICK, False, True, False),
        (NEXT_MIDNIGHT, False, False, True),
        (MIDNIGHT.astimezone(UTC), False, True, False),  # 23:00 of the day before, in UTC
    ],
)
def test_before_on_and_after_a_day_share_every_instant_among_them(
    instant: datetime, before: bool, on_day: bool, after: bool
) -> None:
    day = date(2026, 3, 1)

    assert holds_for(instant, Op.BEFORE, day) is before
    assert holds_for(instant, Op.ON_DAY, day) is on_day
    assert holds_for(instant, Op.AFTER, day) is after


@pytest.mark.parametrize("cutoff", [days(90), days(90).before(AT, PARIS)])
def test_before_takes_the_cut_off_itself_and_after_begins_behind_it(cutoff: Operand) -> None:
    edge = days(90).before(AT, PARIS)

    assert holds_for(edge, Op.BEFORE, cutoff)
    assert not holds_for(edge, Op.AFTER, cutoff)
    assert not holds_for(edge + TICK, Op.BEFORE, cutoff)
    assert holds_for(edge + TICK, Op.AFTER, cutoff)


def test_a_duration_in_days_keeps_the_time_of_day_over_a_change_to_summer_time() -> None:
    at = datetime(2026, 3, 30, 9, 0, tzinfo=PARIS)  # clocks went forward on the 29th
    window = Window(within=days(2))

    assert not members(bought(1, window), order(datetime(2026, 3, 28, 9, tzinfo=PARIS)), at=at)
    assert members(bought(1, window), order(datetime(2026, 3, 28, 9, tzinfo=PARIS) + TICK), at=at)


def test_on_day_of_a_duration_is_that_whole_day() -> None:
    week_ago = datetime(2026, 3, 3, tzinfo=PARIS)

    assert holds_for(week_ago, Op.ON_DAY, days(7))
    assert holds_for(week_ago + timedelta(hours=23, minutes=59), Op.ON_DAY, days(7))
    assert not holds_for(week_ago - TICK, Op.ON_DAY, days(7))
    assert not holds_for(week_ago + timedelta(days=1), Op.ON_DAY, days(7))
    assert holds_for(date(2026, 3, 3), Op.ON_DAY, days(7))


def test_a_day_is_compared_with_a_day_as_a_day_and_with_an_instant_as_its_midnight() -> None:
    assert holds_for(date(1969, 7, 20), Op.IS, date(1969, 7, 20))
    assert holds_for(date(1969, 7, 20), Op.BEFORE, date(1969, 7, 21))
    assert holds_for(date(2026, 3, 3), Op.BEFORE, datetime(2026, 3, 3, tzinfo=PARIS))
    assert holds_for(date(2026, 3, 3), Op.BEFORE, days(7))
    assert holds_for(date(2026, 3, 4), Op.AFTER, days(7))


@pytest.mark.parametrize(
    ("op", "operand", "expected"),
    [
        (Op.AT_LEAST, date(2026, 3, 1), True),
        (Op.MORE_THAN, date(2026, 3, 1), False),
        (Op.AT_MOST, date(2026, 3, 1), True),
        (Op.LESS_THAN, date(2026, 3, 1), False),
        (Op.BETWEEN, (date(2026, 2, 1), date(2026, 3, 1)), True),
        (Op.IS, date(2026, 3, 1), True),
        (Op.IN, (date(2026, 3, 1),), True),
    ],
)
def test_the_last_moment_of_a_day_belongs_to_that_day(
    op: Op, operand: Operand, expected: bool
) -> None:
    assert holds_for(NEXT_MIDNIGHT - TICK, op, operand) is expected


@pytest.mark.parametrize(
    ("ordered_at", "expected"),
    [
        (days(14).before(AT, PARIS), False),
        (days(14).before(AT, PARIS) + TICK, True),
        (AT, True),
        (AT + TICK, False),
    ],
)
def test_a_window_is_later_than_its_start_up_to_and_including_the_instant(
    ordered_at: datetime, expected: bool
) -> None:
    assert bool(members(bought(1, Window(within=days(14))), order(ordered_at))) is expected


@pytest.mark.parametrize(
    ("since", "ordered_at", "expected"),
    [
        (date(2026, 3, 1), MIDNIGHT, True),
        (date(2026, 3, 1), MIDNIGHT - TICK, False),
        (MIDNIGHT, MIDNIGHT, False),
        (MIDNIGHT, MIDNIGHT + TICK, True),
    ],
)
def test_since_a_day_includes_its_midnight_and_since_an_instant_does_not(
    since: date | datetime, ordered_at: datetime, expected: bool
) -> None:
    assert bool(members(bought(1, Window(since=since)), order(ordered_at))) is expected


def test_since_entry_counts_what_is_later_than_each_customers_own_entry() -> None:
    shop = Shop(
        zone=PARIS,
        customers=[Customer(key="ada"), Customer(key="bob")],
        events={"order": [order(MIDNIGHT, "ada"), order(MIDNIGHT, "bob")]},
    )
    entries = {"ada": MIDNIGHT - TICK, "bob": MIDNIGHT}

    after_entry = evaluate(bought(1, Window(since_entry=True)), shop, AT, entry_at=entries)

    assert after_entry == {"ada"}


@pytest.mark.parametrize("measure", list(Measure))
def test_an_event_after_the_instant_does_not_exist_for_any_measure(measure: Measure) -> None:
    past, future = order(AT - TICK, amount=5), order(AT + TICK, amount=500)
    expected: dict[Measure, tuple[Op, Operand]] = {
        Measure.COUNT: (Op.IS, 1),
        Measure.SUM: (Op.IS, 5),
        Measure.AVERAGE: (Op.IS, 5),
        Measure.FIRST: (Op.BEFORE, AT - TICK),
        Measure.LAST: (Op.BEFORE, AT - TICK),
    }

    assert members(event_is(aggregate(measure), *expected[measure]), past, future)


@pytest.mark.parametrize("orders", [[], [order(MIDNIGHT, amount=None)]])
def test_a_sum_over_nothing_is_zero_and_an_average_is_missing(orders: list[Event]) -> None:
    assert members(event_is(aggregate(Measure.SUM), Op.IS, 0), *orders)
    assert members(event_is(aggregate(Measure.SUM), Op.EXISTS, True), *orders)
    assert members(event_is(aggregate(Measure.AVERAGE), Op.EXISTS, False), *orders)
    assert not members(event_is(aggregate(Measure.AVERAGE), Op.AT_LEAST, -1e9), *orders)


def test_a_count_over_nothing_is_zero_and_first_and_last_are_missing() -> None:
    assert members(event_is(aggregate(Measure.COUNT), Op.AT_MOST, 0))
    for measure in (Measure.FIRST, Measure.LAST):
        assert members(event_is(aggregate(measure), Op.EXISTS, False))
        assert not members(event_is(aggregate(measure), Op.BEFORE, days(1)))
        assert not members(event_is(aggregate(measure), Op.AFTER, days(1)))


def test_missing_amounts_count_as_events_but_weigh_nothing_in_an_average() -> None:
    orders = [order(MIDNIGHT, amount=4), order(MIDNIGHT, amount=None), order(AT, amount=-1)]

    assert members(event_is(aggregate(Measure.COUNT), Op.IS, 3), *orders)
    assert members(event_is(aggregate(Measure.SUM), Op.IS, 3), *orders)
    assert members(event_is(aggregate(Measure.AVERAGE), Op.IS, 1.5), *orders)


def test_noise_in_the_last_digits_of_a_sum_moves_nobody_across_a_threshold() -> None:
    orders = [order(MIDNIGHT, amount=0.1) for _ in range(10)]  # 0.9999999999999999 in doubles

    assert members(event_is(aggregate(Measure.SUM), Op.AT_LEAST, 1), *orders)
    assert members(event_is(aggregate(Measure.AVERAGE), Op.IS, 0.1), *orders)


def test_where_keeps_the_events_whose_fields_pass() -> None:
    orders = [order(AT, category="shoes"), order(AT, category="hats"), order(AT, category=None)]
    shoes = FieldTest("category", (Comparison(Op.IS, "shoes"),))
    no_shoes = FieldTest("category", (Comparison(Op.IS_NOT, "shoes"),))

    assert members(event_is(aggregate(Measure.COUNT, shoes), Op.IS, 1), *orders)
    assert members(event_is(aggregate(Measure.COUNT, no_shoes), Op.IS, 2), *orders)
    assert members(event_is(aggregate(Measure.COUNT, shoes, no_shoes), Op.IS, 0), *orders)


def test_all_any_and_none_read_as_they_say_and_hold_their_own_when_empty() -> None:
    yes, no = bought(0), bought(1)

    for group in (AllOf((yes, yes)), AnyOf((no, yes)), NoneOf((no, no)), AllOf(()), NoneOf(())):
        assert members(group), group
    for group in (AllOf((yes, no)), AnyOf((no, no)), NoneOf((no, yes)), AnyOf(())):
        assert not members(group), group


def test_a_segment_leaf_is_that_segments_condition() -> None:
    buyers = {"buyers": Segment(name="buyers", condition=bought(1), version="1")}
    shop = Shop(
        zone=PARIS,
        customers=[Customer(key="ada"), Customer(key="bob")],
        events={"order": [order(AT)]},
    )

    assert evaluate(NoneOf((SegmentIs("buyers"),)), shop, AT, segments=buyers) == {"bob"}


def test_an_sql_leaf_holds_for_customers_that_the_query_returns() -> None:
    query = "SELECT customer_id FROM vip"
    shop = Shop(zone=PARIS, customers=[Customer(key="ada")], answers={query: {"ada", "stranger"}})

    assert evaluate(SqlIs(query), shop, AT) == {"ada"}


def test_events_of_unknown_customers_make_no_member_and_move_no_cut_off() -> None:
    shop = five_customers()
    stranger = [order(AT, "stranger", amount=10_000) for _ in range(50)]
    crowded = Shop(
        zone=PARIS,
        customers=shop.customers,
        events={"order": [*shop.events["order"], *stranger]},
    )

    assert evaluate(bought(1), crowded, AT) == set("abcde")
    assert fit(crowded, AT) == fit(shop, AT)
