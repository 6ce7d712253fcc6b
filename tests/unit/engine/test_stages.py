"""Lifecycle stages and RFM cells over odd shops: the documented rule for each, and nobody lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.test_conditions_agree import often
from engine_shop import CUSTOMERS, MONDAY, PARIS, TUESDAY, Shop, members, segments_of
from relance.domain.condition import CellIs, Comparison, Condition, FieldTest, Op, StageIs
from relance.domain.duration import Duration, Unit
from relance.domain.fits import LIFECYCLE, RFM, Fits, Rhythm
from relance.domain.grid import TEN_CELLS
from relance.domain.lifecycle import FALLBACK, Lengths, LifecycleSpec, Stage
from relance.domain.workspace import EventSpec, RfmCutoffs, RfmSpec
from relance.engine import open_engine
from relance.engine.picture import Picture
from shops import workspace, write_parquet
from strategies import Case, cases

FIXED = Lengths.of_days(30, 90, 180, 365)
STAGES: Mapping[str, Condition] = {stage.value: StageIs((stage.value,)) for stage in Stage}
CELLS: Mapping[str, Condition] = {
    f"cell {cell.name}": CellIs((cell.name,)) for cell in TEN_CELLS.cells
}
MICROSECOND = timedelta(microseconds=1)


def ordered(shop: Shop, *orders: tuple[int, datetime], total: float = 10.0) -> None:
    """Customers 1 to 4 with these orders and no others; instants as the source writes them."""
    shop.tables["customers"] = CUSTOMERS
    shop.tables["orders"] = {
        "customer_id": pa.array([who for who, _ in orders], pa.int64()),
        "ordered_at": pa.array(
            [at.astimezone(PARIS).replace(tzinfo=None) for _, at in orders], pa.timestamp("us")
        ),
        "total": pa.array([total] * len(orders), pa.float64()),
        "category": pa.array(["shoes"] * len(orders), pa.string()),
    }


def ago(days: float) -> datetime:
    """So many days before MONDAY; on the wall for whole ones."""
    return (MONDAY.replace(tzinfo=None) - timedelta(days=days)).replace(tzinfo=PARIS)


def stages(picture: Picture) -> dict[str, str]:
    """Everybody's stage; fails where somebody has two."""
    told = [(who, stage.value) for stage in Stage for who in members(picture, stage.value)]
    assert len(told) == len(dict(told))
    return dict(told)


def stage_of(shop: Shop, times: Sequence[datetime], spec: LifecycleSpec | None = None) -> str:
    ordered(shop, *((1, at) for at in times))
    engine = shop.engine(STAGES, lifecycle=spec or LifecycleSpec(lengths=FIXED))
    with engine.picture(MONDAY, segments_of(STAGES), [], Fits()) as picture:
        found = stages(picture)
    assert found.keys() == {"1", "2", "3", "4"}
    assert {found[who] for who in "234"} == {"prospect"}
    return found["1"]


@pytest.mark.parametrize(
    ("days", "stage"),
    [
        ([], "prospect"),
        ([0], "new"),
        ([29, 3], "new"),
        ([30], "active"),
        ([45, 3], "active"),
        ([200, 100, 3], "active"),
        ([90], "at_risk"),
        ([300, 179], "at_risk"),
        ([180], "lapsed"),
        ([364], "lapsed"),
        ([365], "lost"),
        ([900], "lost"),
        ([183, 3], "reactivated"),
        ([900, 3], "reactivated"),
        ([900, 29, 3, 0], "reactivated"),
        ([900, 30, 3], "active"),
        ([182, 3], "active"),
    ],
)
def test_a_stage_follows_from_how_long_ago_somebody_bought(
    shop: Shop, days: list[float], stage: str
) -> None:
    assert stage_of(shop, [ago(each) for each in days]) == stage


def test_an_edge_is_met_to_the_microsecond(shop: Shop) -> None:
    assert stage_of(shop, [ago(90) + MICROSECOND]) == "active"
    assert stage_of(shop, [ago(90)]) == "at_risk"
    assert stage_of(shop, [ago(3) - timedelta(days=180), ago(3)]) == "reactivated"
    assert stage_of(shop, [ago(3) - timedelta(days=180) + MICROSECOND, ago(3)]) == "active"


def test_orders_of_the_future_do_not_exist_yet(shop: Shop) -> None:
    assert stage_of(shop, [MONDAY + MICROSECOND]) == "prospect"
    assert stage_of(shop, [ago(200), MONDAY + timedelta(days=365)]) == "lapsed"


def test_returns_are_purchases_unless_where_leaves_them_out(shop: Shop) -> None:
    ordered(shop, (1, ago(1)), total=-10.0)
    sold = (FieldTest("amount", (Comparison(Op.MORE_THAN, 0),)),)
    for where, stage in (((), "new"), (sold, "prospect")):
        engine = shop.engine(STAGES, lifecycle=LifecycleSpec(lengths=FIXED, where=where))
        with engine.picture(MONDAY, segments_of(STAGES), [], Fits()) as picture:
            assert stages(picture)["1"] == stage


def test_dates_without_a_time_have_stages_too(shop: Shop) -> None:
    shop.tables["orders"] = {
        "customer_id": [1, 2, 2, 3],
        "ordered_at": [ago(each).date() for each in (90, 183, 3, 10)],
        "total": [1.0] * 4,
        "category": ["x"] * 4,
    }
    engine = shop.engine(STAGES, lifecycle=LifecycleSpec(lengths=FIXED))
    with engine.picture(MONDAY, segments_of(STAGES), [], Fits()) as picture:
        assert stages(picture) == {"1": "at_risk", "2": "reactivated", "3": "new", "4": "prospect"}


# -- what is fitted


def fitted(shop: Shop) -> Rhythm:
    engine = shop.engine({**STAGES, **CELLS}, lifecycle=LifecycleSpec())
    everything = segments_of({**STAGES, **CELLS})
    with engine.picture(MONDAY, everything, [], Fits()) as picture:
        assert len(stages(picture)) == picture.customers
        in_cells = [who for name in CELLS for who in members(picture, name)]
        bought = picture.customers - len(members(picture, "prospect"))
        assert len(in_cells) == len(set(in_cells)) == bought
        found = picture.fits.find(LIFECYCLE, Rhythm)
    assert found is not None
    return found


def days(found: Rhythm) -> list[int]:
    return [found.recent, found.active, found.at_risk, found.lapsed]


@pytest.mark.parametrize("strangers", [[], [(99, ago(9)), (99, ago(3))]])
def test_without_any_order_the_fallback_holds_and_everybody_is_a_prospect(
    shop: Shop, strangers: list[tuple[int, datetime]]
) -> None:
    ordered(shop, *strangers)
    found = fitted(shop)
    assert days(found) == [length.count for length in (
        FALLBACK.recent, FALLBACK.active, FALLBACK.at_risk, FALLBACK.lapsed,
    )]  # fmt: skip
    assert (found.customers, found.gaps) == (0, ())


def test_where_nobody_bought_at_two_times_the_fallback_holds(shop: Shop) -> None:
    ordered(shop, (1, ago(5)), (1, ago(5)), (2, ago(9)))
    assert days(fitted(shop)) == [30, 90, 180, 365]


def test_one_customer_is_enough_to_learn_from(shop: Shop) -> None:
    ordered(shop, (1, ago(40)), (1, ago(20)), (1, ago(10)))
    found = fitted(shop)
    assert found.gaps == pytest.approx((15, 15, 15))
    assert days(found) == [15, 16, 17, 34]
    assert found.customers == 1


def test_identical_customers_still_have_stages_apart(shop: Shop) -> None:
    ordered(shop, *((who, ago(each)) for who in (1, 2, 3, 4) for each in (60, 30)))
    assert days(fitted(shop)) == [30, 31, 32, 64]


def test_everybody_counts_once_however_often_they_buy(shop: Shop) -> None:
    often_there = [(1, ago(each)) for each in range(100)]
    ordered(shop, *often_there, *((who, ago(each)) for who in (2, 3) for each in (200, 100)))
    assert fitted(shop).gaps == pytest.approx((100, 100, 100))


def test_orders_of_the_future_teach_nothing(shop: Shop) -> None:
    ordered(shop, (1, ago(20)), (1, ago(10)), (2, ago(5)), (2, MONDAY + timedelta(days=99)))
    found = fitted(shop)
    assert (found.customers, days(found)) == (1, [10, 11, 12, 24])


def test_lengths_are_kept_until_they_have_had_their_time(shop: Shop) -> None:
    ordered(shop, (1, ago(20)), (1, ago(10)), (2, ago(5)), (2, MONDAY + timedelta(days=20)))
    engine = shop.engine(STAGES, lifecycle=LifecycleSpec())
    with engine.picture(MONDAY, segments_of(STAGES), [], Fits()) as picture:
        first = picture.fits
    with engine.picture(TUESDAY, segments_of(STAGES), [], first) as picture:
        assert picture.fits == first
        assert picture.refitted() is None
    later = MONDAY + timedelta(days=30)
    with engine.picture(later, segments_of(STAGES), [], first) as picture:
        assert picture.fits == first
        before = stages(picture)
        again = picture.refitted()
        assert again is not None
        with again:
            found = again.fits.find(LIFECYCLE, Rhythm)
            assert found is not None
            assert found.fitted_at == later.astimezone(UTC)
            assert found.customers == 2
            assert stages(again) != before


def test_each_fit_is_renewed_after_its_own_time(shop: Shop) -> None:
    everything = {**STAGES, **CELLS}
    engine = shop.engine(
        everything,
        lifecycle=LifecycleSpec(refit=Duration(30, Unit.DAY)),
        rfm=RfmSpec(refit=Duration(7, Unit.DAY)),
    )
    with engine.picture(MONDAY, segments_of(everything), [], Fits()) as picture:
        first = picture.fits
    later = MONDAY + timedelta(days=7)
    with engine.picture(later, segments_of(everything), [], first) as picture:
        again = picture.refitted()
        assert again is not None
        with again:
            assert again.fits.unlike(first).named.keys() == {RFM}
            assert again.fits.named[LIFECYCLE] == first.named[LIFECYCLE]


def test_fixed_cut_offs_need_no_fit(shop: Shop) -> None:
    cutoffs = RfmCutoffs(recency=(1, 2, 3, 4), frequency=(1, 2, 3, 4), monetary=(10, 20, 30, 40))
    engine = shop.engine(CELLS, rfm=RfmSpec(thresholds=cutoffs))
    with engine.picture(TUESDAY, segments_of(CELLS), [], Fits()) as picture:
        assert picture.fits == Fits()
        assert members(picture, "cell potential_loyalist") == {"1"}, (
            "twice, the last time yesterday"
        )
        assert members(picture, "cell about_to_sleep") == {"3"}, "once, two to three days ago"
        assert members(picture, "cell hibernating") == {"2"}


def test_lengths_of_other_purchases_are_fitted_anew(shop: Shop) -> None:
    engine = shop.engine(STAGES, lifecycle=LifecycleSpec())
    with engine.picture(MONDAY, segments_of(STAGES), [], Fits()) as picture:
        first = picture.fits
    visit = EventSpec(name="visit", table="orders", customer="customer_id", at="ordered_at")
    changed = shop.workspace(
        STAGES, lifecycle=LifecycleSpec(event="visit"), events={"visit": visit}
    )
    other = shop.open(changed)
    with other.picture(TUESDAY, segments_of(STAGES), [], first) as picture:
        assert picture.fits.named[LIFECYCLE].fitted_at == TUESDAY.astimezone(UTC)
        assert picture.fits.named[LIFECYCLE].of == "visit"


# -- for whatever shop


@given(case=cases(segments=0), hours=st.integers(0, 24 * 400))
@often(8)
def test_everybody_is_in_one_stage_and_every_buyer_in_one_cell_at_any_instant(
    tmp_path_factory: pytest.TempPathFactory, case: Case, hours: int
) -> None:
    folder = tmp_path_factory.mktemp("shop")
    spec = replace(case.shop.rfm, within=None)
    case = replace(case, shop=replace(case.shop, rfm=spec))
    everything = segments_of({**STAGES, **CELLS})
    at = case.at - timedelta(hours=hours)
    with (
        open_engine(workspace(case, write_parquet(case, folder), folder)) as engine,
        engine.picture(at, everything, [], Fits()) as picture,
    ):
        assert stages(picture).keys() == {who.key for who in case.shop.customers}
        in_cells = [who for name in CELLS for who in members(picture, name)]
    assert len(in_cells) == len(set(in_cells))
    bought = {
        order.customer
        for order in case.shop.events["order"]
        if order.at <= at and (not spec.where or float(order.fields["amount"] or 0) > 0)
    }
    assert set(in_cells) == bought & {who.key for who in case.shop.customers}
