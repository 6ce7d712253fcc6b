"""What studies count: whose window is closed, and who did what inside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from relance.domain.arm import Arm
from relance.domain.duration import Duration
from relance.domain.study import WINDOWS, Metric
from relance.uplift.outcomes import Cell, Entered, Outcomes
from relance.uplift.survival import Curve, Day, curve
from study_oracle import Entry, Order, Person, Shop, expected
from study_shops import SHOES, agrees, counted, study, write_parquet

PARIS = ZoneInfo("Europe/Paris")
ENTRY = datetime(2026, 3, 2, 9, tzinfo=PARIS)  # a Monday
LATER = datetime(2026, 6, 1, 9, tzinfo=PARIS)  # 91 days on

SHOP = Shop(
    zone=PARIS,
    source_zone=PARIS,
    kind="local",
    at=LATER,
    people=[Person(key=str(number)) for number in range(1, 5)],
    orders=[],
    entries=[],
    studies=[study("a v1")],
    whole_keys=True,
)
Count = Callable[[Shop], Outcomes]


@pytest.fixture
def count(tmp_path: Path) -> Count:
    """Writes a shop down and lets the engine count it."""
    return lambda shop: counted(shop, write_parquet(shop, tmp_path), tmp_path)


def entry(
    customer: str, at: datetime = ENTRY, arm: Arm = Arm.TREATED, trigger: str = "a", unit: str = ""
) -> Entry:
    return Entry(
        trigger=trigger, version="v1", arm=arm, customer=customer, at=at, unit=unit or None
    )


def order(customer: str, text: str, amount: float | None = 10.0) -> Order:
    return Order(customer=customer, at=datetime.fromisoformat(text), amount=amount)


def cell(outcomes: Outcomes, metric: Metric, days: int = 7, arm: Arm = Arm.TREATED) -> Cell:
    (found,) = (
        one for one in outcomes.cells if (one.metric, one.days, one.arm) == (metric, days, arm)
    )
    return found


def only(outcomes: Outcomes) -> Entered:
    (found,) = outcomes.entered
    return found


def test_each_arm_and_week_is_counted_on_its_own(count: Count) -> None:
    shop = replace(
        SHOP,
        entries=[
            entry("1"),
            entry("2"),
            entry("3", arm=Arm.HOLDOUT),
            entry("4", ENTRY + timedelta(days=7)),
        ],
        orders=[order("1", "2026-03-04 12:00"), order("3", "2026-03-20 12:00")],
    )

    found = count(shop)

    told = {(one.arm, one.week): (one.customers, one.retained) for one in found.entered}
    assert told == {
        (Arm.TREATED, date(2026, 3, 2)): (2, 1),
        (Arm.TREATED, date(2026, 3, 9)): (1, 0),
        (Arm.HOLDOUT, date(2026, 3, 2)): (1, 0),
    }
    agrees(found, expected(shop))


def test_only_the_first_entry_of_a_customer_counts(count: Count) -> None:
    again = entry("1", ENTRY + timedelta(days=30))
    shop = replace(SHOP, entries=[again, entry("1")], orders=[order("1", "2026-04-02 12:00")])

    found = count(shop)

    assert (only(found).customers, only(found).retained) == (1, 0)


def test_a_household_counts_once_with_whoever_of_it_entered_first(count: Count) -> None:
    shop = replace(
        SHOP,
        people=[Person(key=key, household="h1") for key in ("1", "2")],
        entries=[entry("2"), entry("1"), entry("2", ENTRY - timedelta(1), unit="household:h1")],
        orders=[order("2", "2026-03-02 12:00")],
    )

    found = count(shop)

    assert (only(found).customers, only(found).retained) == (1, 1)


def test_of_a_household_that_enters_at_one_instant_the_first_by_key_counts(count: Count) -> None:
    shop = replace(
        SHOP,
        people=[Person(key=key, household="h1") for key in ("1", "2")],
        entries=[entry("2"), entry("1")],
        orders=[order("1", "2026-03-02 12:00")],
    )

    assert only(count(shop)).retained == 1


@pytest.mark.parametrize(
    ("text", "counts", "before"),
    [
        ("2026-02-23 09:00:00", False, False),
        ("2026-02-23 09:00:00.000001", False, True),
        ("2026-03-02 09:00:00", False, True),  # at the entry
        ("2026-03-02 09:00:00.000001", True, False),
        ("2026-03-09 09:00:00", True, False),  # at the end
        ("2026-03-09 09:00:00.000001", False, False),
    ],
)
def test_a_window_is_later_than_the_entry_up_to_its_end_and_as_long_before(
    count: Count, text: str, counts: bool, before: bool
) -> None:
    found = count(replace(SHOP, entries=[entry("1")], orders=[order("1", text)]))

    retained = cell(found, Metric.RETAINED)
    assert (retained.hits, retained.hits_before) == (counts, before)
    assert cell(found, Metric.ORDERS).moments.mean == counts
    assert cell(found, Metric.REVENUE).moments.before == 10.0 * before


@pytest.mark.parametrize(("after", "closed"), [(0, 1), (-1, 0)])
def test_a_window_is_closed_from_its_end_on(count: Count, after: int, closed: int) -> None:
    at = ENTRY + timedelta(days=7, microseconds=after)

    found = count(replace(SHOP, at=at, entries=[entry("1")]))

    assert only(found).closed == closed
    assert len(found.cells) == 5 * closed  # retained, orders, revenue, reactivated, unsubscribed


def test_windows_of_days_are_counted_on_the_calendar(count: Count) -> None:
    at_nine = datetime(2026, 3, 30, 9, tzinfo=PARIS)
    shop = replace(
        SHOP,
        at=at_nine,
        studies=[study("a v1", "2 days")],
        entries=[entry("1", datetime(2026, 3, 28, 9, tzinfo=PARIS))],  # clocks change in between
        orders=[order("1", "2026-03-30 08:59:00")],
    )

    assert (only(count(shop)).closed, only(count(shop)).retained) == (1, 1)


def test_goals_may_look_at_fields(count: Count) -> None:
    goal = replace(study("shoes v1").goal, where=SHOES)
    hat = replace(order("1", "2026-03-03 12:00"), category="hats")
    shop = replace(
        SHOP,
        studies=[study("a v1"), study("shoes v1", goal=goal)],
        entries=[entry("1"), entry("1", trigger="shoes")],
        orders=[hat],
    )

    found = {one.trigger: one.retained for one in count(shop).entered}
    assert found == {"a": 1, "shoes": 0}


def test_events_with_only_a_day_count_from_the_day_after_entry(count: Count) -> None:
    days = {"1": date(2026, 3, 2), "2": date(2026, 3, 3), "3": date(2026, 3, 9)}
    shop = replace(
        SHOP,
        kind="day",
        entries=[entry(key) for key in days],
        orders=[Order(customer=key, at=day) for key, day in days.items()],
    )

    found = count(shop)

    retained = cell(found, Metric.RETAINED)
    assert (retained.hits, retained.hits_before) == (2, 1)
    assert [age.events for age in found.ages[:7]] == [1, 0, 0, 0, 0, 0, 1]


def test_the_studys_own_window_is_told_once(count: Count) -> None:
    def windows(within: str) -> list[int]:
        found = count(replace(SHOP, studies=[study("a v1", within)], entries=[entry("1")]))
        return sorted(one.days for one in found.cells if one.metric is Metric.RETAINED)

    assert windows("30 days") == [*WINDOWS]
    assert windows("2 weeks") == [7, 14, 30, 60, 90]
    assert windows("36 hours") == [0, 7, 30, 60, 90]
    assert windows("1 month") == [0, 7, 30, 60, 90]


def test_a_window_may_be_longer_than_all_others(count: Count) -> None:
    shop = replace(
        SHOP,
        at=LATER + timedelta(days=20),
        studies=[study("a v1", "100 days")],
        entries=[entry("1")],
        orders=[order("1", "2026-06-05 12:00")],
    )

    found = count(shop)

    assert only(found).retained == 1
    assert [age.day for age in found.ages if age.events] == [96]
    assert len(found.ages) == 100


def test_who_had_been_silent_is_reactivated_by_an_order(count: Count) -> None:
    shop = replace(
        SHOP,
        lapsed_after=Duration.parse("180 days"),
        entries=[entry(key) for key in "123"],
        orders=[
            order("1", "2025-09-03 09:00:00.000001"),  # within 180 days: not silent
            order("2", "2025-09-03 09:00:00"),
            *(order(key, "2026-03-03 12:00") for key in "123"),
        ],
    )

    found = cell(count(shop), Metric.REACTIVATED)
    assert (found.customers, found.hits) == (2, 2)


def test_an_opt_out_counts_where_it_came_inside_the_window(count: Count) -> None:
    hour = timedelta(hours=1)
    shop = replace(
        SHOP,
        entries=[entry(key) for key in "1234"],
        optouts=[
            ("1", ENTRY + hour),
            ("1", ENTRY - hour),
            ("2", ENTRY - hour),
            ("3", ENTRY + timedelta(days=8)),
            ("3", ENTRY - timedelta(days=7)),  # where the time before begins: not in it
            ("4", ENTRY + timedelta(days=7)),
            ("nobody", ENTRY + hour),
        ],
    )

    found = cell(count(shop), Metric.UNSUBSCRIBED)
    assert (found.customers, found.hits, found.hits_before) == (4, 2, 2)


def test_a_period_closes_all_windows_at_one_instant(count: Count) -> None:
    until = ENTRY + timedelta(days=20)
    shop = replace(
        SHOP,
        studies=[study("* q1", "30 days", until=until)],
        entries=[
            entry("1", trigger="*"),
            entry("2", until - timedelta(days=1), trigger="*"),
            entry("3", until, trigger="*"),
        ],
        orders=[order(key, "2026-03-22 08:00") for key in "123"],
    )
    shop = replace(shop, entries=[replace(one, version="q1") for one in shop.entries])

    found = count(shop)

    assert {(one.metric, one.days) for one in found.cells if one.days} == {(Metric.RETAINED, 7)}
    assert sum(one.closed for one in found.entered) == 2  # who came at its end came too late
    assert sum(one.retained for one in found.entered) == 2
    agrees(found, expected(shop))


def test_what_came_as_long_before_a_long_period_is_its_covariate(count: Count) -> None:
    begin = datetime(2025, 1, 1, 9, tzinfo=PARIS)
    shop = replace(
        SHOP,
        studies=[study("* y1", until=begin + timedelta(days=365))],
        entries=[replace(entry("1", begin, trigger="*"), version="y1")],
        orders=[order("1", "2024-01-03 12:00"), order("1", "2023-12-30 12:00")],
    )

    assert cell(count(shop), Metric.ORDERS, 0).moments.before == 1


@pytest.mark.parametrize(("customers", "orders"), [(int, str), (str, int)])
def test_keys_may_be_numbers_in_one_table_and_text_in_the_other(
    tmp_path: Path, customers: type, orders: type
) -> None:
    shop = replace(SHOP, entries=[entry("1"), entry("2")], orders=[order("1", "2026-03-03 12:00")])
    location = write_parquet(replace(shop, whole_keys=customers is int), tmp_path)
    (tmp_path / "other").mkdir()
    write_parquet(replace(shop, whole_keys=orders is int), tmp_path / "other")
    (tmp_path / "other/orders.parquet").replace(tmp_path / "orders.parquet")

    found = only(counted(shop, location, tmp_path))

    assert (found.customers, found.vanished, found.retained) == (2, 0, 1)


def test_the_curve_of_closed_windows_is_the_share_in_them(count: Count) -> None:
    keys = [str(number) for number in range(1, 41)]
    days = [(7 * int(key)) % 100 for key in keys]
    shop = replace(
        SHOP,
        people=[Person(key=key) for key in keys],
        entries=[entry(key) for key in keys],
        orders=[
            Order(customer=key, at=(ENTRY + timedelta(days=day, hours=1)).replace(tzinfo=None))
            for key, day in zip(keys, days, strict=True)
        ],
    )

    found = count(shop)

    drawn = curve([Day(at_risk=age.at_risk, events=age.events) for age in found.ages])
    assert isinstance(drawn, Curve)
    for window in WINDOWS:
        closed = cell(found, Metric.RETAINED, window)
        assert drawn.points[window - 1].retained == pytest.approx(closed.hits / closed.customers)


def test_an_age_that_is_not_over_has_nobody_at_risk(count: Count) -> None:
    at = ENTRY + timedelta(days=3, hours=1)
    shop = replace(SHOP, at=at, entries=[entry("1"), entry("2")],
                   orders=[order("1", "2026-03-05 09:30")])  # fmt: skip

    found = count(shop)

    assert [(age.at_risk, age.events) for age in found.ages[:5]] == [
        (2, 0), (2, 0), (2, 0), (0, 0), (0, 0),
    ]  # fmt: skip
    assert len(found.ages) == 90


@pytest.mark.parametrize(
    "orders",
    [
        pytest.param([], id="none retained"),
        pytest.param([order(key, "2026-03-03 12:00") for key in "12"], id="all retained"),
        pytest.param([order("1", "2026-03-03 12:00")] * 3, id="the same event thrice"),
        pytest.param([order("1", "2030-01-01 12:00")], id="an event in the future"),
        pytest.param([order("9", "2026-03-03 12:00")], id="the event of nobody who entered"),
    ],
)
def test_odd_shops_are_counted_as_by_hand(count: Count, orders: Sequence[Order]) -> None:
    shop = replace(SHOP, entries=[entry("1"), entry("2", arm=Arm.HOLDOUT)], orders=orders)

    agrees(count(shop), expected(shop))


def test_a_customer_who_vanished_is_counted_as_such(count: Count) -> None:
    shop = replace(SHOP, entries=[entry("1"), entry("77"), entry("no number")])

    found = only(count(shop))

    assert (found.customers, found.vanished, found.closed, found.retained) == (3, 2, 3, 0)


def test_entries_of_the_future_or_of_another_version_do_not_exist(count: Count) -> None:
    shop = replace(
        SHOP,
        entries=[
            entry("1", LATER + timedelta(microseconds=1)),
            replace(entry("2"), version="v0"),
        ],
    )

    assert count(shop) == Outcomes()
    assert count(replace(shop, entries=[])) == Outcomes()
    assert count(replace(shop, entries=[entry("1")], studies=[])) == Outcomes()
