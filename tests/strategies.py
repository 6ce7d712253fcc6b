"""Small shops and well-typed conditions for hypothesis, drawn so that edges meet.

Instants, days, amounts and texts come from the same few pools in the data and in the
conditions: a random order would hardly ever fall exactly on the edge of a random window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.vendor.pretty import RepresentationPrinter

from comparing import comparisons
from pools import (
    ACCOUNT_ATTRIBUTES,
    ACCOUNT_SQL_LEAVES,
    ATTRIBUTES,
    INSTANTS,
    ORDER_FIELDS,
    PAST,
    SQL_LEAVES,
    STEADY_ZONES,
    ZONES,
    Pools,
)
from relance.domain.condition import (
    Aggregate,
    AllOf,
    AnyOf,
    CellIs,
    Comparison,
    Condition,
    CustomerIs,
    EventIs,
    FieldTest,
    Measure,
    NoneOf,
    OfAccount,
    Op,
    Return,
    RfmIs,
    Scalar,
    ScoreIs,
    SegmentIs,
    SqlIs,
    StageIs,
    Window,
)
from relance.domain.duration import Duration
from relance.domain.grid import TEN_CELLS
from relance.domain.lifecycle import FALLBACK, Lengths, LifecycleSpec, Stage
from relance.domain.score import BgNbd, Feature, Logistic, Rule, ScoreModel, ScoreSpec, Term
from relance.domain.workspace import RfmCutoffs, RfmSpec, Segment, day_start
from relance.engine.reference_shop import Customer, Event, Shop


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Case:
    """A shop, how its source writes it down, and the segments to be asked of it."""

    shop: Shop
    at: datetime
    earlier: datetime
    segments: Mapping[str, Segment]
    whole_keys: bool  # the customer key is a number in the source
    naive: bool  # its timestamps carry no zone: they are in `shop.source_zone`

    def _repr_pretty_(self, printer: RepresentationPrinter, _: bool) -> None:
        printer.text(repr(self))  # hypothesis would print every row and every condition

    def __repr__(self) -> str:
        """Short: what a failure is about, the test notes itself."""
        shop = self.shop
        return (
            f"<shop in {shop.zone} (source {shop.source_zone}, naive {self.naive},"
            f" whole keys {self.whole_keys}) at {self.at}, earlier {self.earlier}, {shop.rfm}>"
        )


@st.composite
def cases(draw: st.DrawFn, *, segments: int = 25) -> Case:
    """A shop with many segments, so that one trip to a database settles many questions."""
    naive = draw(st.booleans())
    pools = Pools.of(draw(st.sampled_from(INSTANTS)), draw(st.sampled_from(ZONES)))
    source_zone = ZoneInfo(draw(st.sampled_from(STEADY_ZONES))) if naive else pools.zone
    whole_keys = draw(st.booleans())
    shop = draw(shops(pools, source_zone, whole_keys=whole_keys))
    return Case(
        shop=shop,
        at=pools.at,
        earlier=pools.at - draw(st.sampled_from((timedelta(hours=1), timedelta(days=8)))),
        segments=draw_segments(draw, pools, segments),
        whole_keys=whole_keys,
        naive=naive,
    )


# -- shops

CROWDS = st.sampled_from((8, 5, 12, 3, 10, 6, 9, 0))  # plain integers would mostly be small


@st.composite
def shops(draw: st.DrawFn, pools: Pools, source_zone: ZoneInfo, *, whole_keys: bool) -> Shop:
    """A handful of customers; an `order` has an instant, a `visit` only a day.

    Some belong to accounts, of which some are unknown; a visit names its account itself.
    """
    names = [str(n * 7) if whole_keys else f"c{n}é" for n in range(draw(CROWDS))]
    owners = st.sampled_from([*names, "4711" if whole_keys else "stranger"])
    companies = [str(n * 11) if whole_keys else f"a{n}" for n in range(draw(st.integers(0, 4)))]
    belongs = st.none() | st.sampled_from([*companies, "815" if whole_keys else "unknown"])
    orders = [
        Event(customer=draw(owners), at=draw(pools.instants), fields=draw(pools.order_row))
        for _ in range(3 * draw(CROWDS))
    ]
    visits = [
        Event(
            customer=draw(owners),
            at=day_start(draw(pools.days), source_zone).astimezone(UTC),
            account=draw(belongs),
        )
        for _ in range(draw(CROWDS))
    ]
    return Shop(
        zone=pools.zone,
        source_zone=source_zone,
        customers=[
            Customer(key=name, attributes=draw(pools.customer_row), account=draw(belongs))
            for name in names
        ],
        accounts=[Customer(key=name, attributes=draw(pools.account_row)) for name in companies],
        naming_accounts=frozenset({"visit"}),
        events={"order": orders, "visit": visits},
        rfm=draw(RFM_SPECS),
        lifecycle=draw(LIFECYCLES),
        scores=SCORE_SPECS,
        models=MODELS,
        costs=COSTS,
    )


BOUGHT = (FieldTest("amount", (Comparison(Op.MORE_THAN, 0),)),)
CUTOFFS = RfmCutoffs(
    recency=(1.0, 7.0, 30.5, 90.0), frequency=(1, 2, 3, 4), monetary=(0.0, 1.0, 10.0, 1e6)
)


QUARTER = Duration.parse("90 days")
COSTS = {"sms": 0.08, "email": 0.0}
SCORE_SPECS = {
    "potential": ScoreSpec(name="potential", within=QUARTER, value_fitted=True),
    "rhythm": ScoreSpec(name="rhythm", within=QUARTER, rule=Rule.BGNBD, value=24.0),
    "churn": ScoreSpec(name="churn", within=QUARTER, complement_of="potential"),
    "gone": ScoreSpec(name="gone", within=QUARTER, rule=Rule.BGNBD, complement_of="rhythm"),
}
MODELS = {
    name: ScoreModel(
        score=name, event="order", within=QUARTER, trained_at=INSTANTS[0], formula=formula,
        usual_gap=gap, value=12.5,
    )
    for name, gap, formula in (
        (
            "potential", 45.0,
            Logistic(
                tuple(
                    Term(feature, 1.0 + n / 7, 0.5 + n / 11, (-1) ** n * (0.9 - n / 10))
                    for n, feature in enumerate(Feature)
                ),
                -0.4,
            ),
        ),
        ("rhythm", None, BgNbd(0.243, 4.414, 0.793, 2.426)),
    )
}  # fmt: skip
RFM_SPECS = st.builds(
    RfmSpec,
    event=st.just("order"),
    within=st.none() | st.sampled_from(PAST[2:]),
    monetary=st.sampled_from((Measure.SUM, Measure.AVERAGE)),
    where=st.sampled_from(((), BOUGHT)),
    thresholds=st.none() | st.just(CUTOFFS),
)
# what the pools' instants meet: among them a gap of exactly 90 days
LIFECYCLES = st.builds(
    LifecycleSpec,
    where=st.sampled_from(((), BOUGHT)),
    lengths=st.sampled_from((None, Lengths.of_days(7, 14, 90, 365), FALLBACK)),
)


# -- conditions


BASIC = ("s0", "s1", "s2", "s3")


def draw_segments(draw: st.DrawFn, pools: Pools, count: int) -> Mapping[str, Segment]:
    """Segments by name; all but the basic ones may refer to the basic ones."""
    basic, others = conditions(pools), conditions(pools, named=BASIC)
    names = [f"s{number}" for number in range(count)]
    return {
        name: Segment(
            name=name, condition=draw(basic if name in BASIC else others), version=f"v-{name}"
        )
        for name in names
    }


@cache
def conditions(pools: Pools, *, named: Sequence[str] = ()) -> st.SearchStrategy[Condition]:
    """Trees over every leaf; `named` are segments that they may refer to."""
    choices: list[st.SearchStrategy[Condition]] = [
        *customer_leaves(pools),
        *event_leaves(pools, since_entry=False),
        RFM_LEAVES,
        CELL_LEAVES | STAGE_LEAVES,
        SCORE_LEAVES,
        st.builds(SqlIs, st.sampled_from(tuple(SQL_LEAVES))),
        account_leaves(pools, since_entry=False),
    ]
    if named:
        choices.append(st.builds(SegmentIs, st.sampled_from(named)))
    return nested(st.one_of(choices))


@cache
def questions(pools: Pools) -> st.SearchStrategy[Condition]:
    """What a step may ask: windows since the entry too."""
    return nested(
        st.one_of(
            *customer_leaves(pools),
            *event_leaves(pools, since_entry=True),
            account_leaves(pools, since_entry=True),
        )
    )


def nested(leaves: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    """Leaves, groups of them, and groups of groups."""
    return leaves | groups(leaves) | groups(leaves | groups(leaves))


def groups(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(inner, max_size=3).map(tuple)
    return st.builds(AllOf, several) | st.builds(AnyOf, several) | st.builds(NoneOf, several)


def customer_leaves(pools: Pools) -> list[st.SearchStrategy[Condition]]:
    return [
        st.builds(CustomerIs, st.just(name), comparisons(pools, kind))
        for name, kind in ATTRIBUTES.items()
    ]


def account_leaves(pools: Pools, *, since_entry: bool) -> st.SearchStrategy[Condition]:
    """What the account is and does."""
    attributes = [
        st.builds(CustomerIs, st.just(name), comparisons(pools, kind))
        for name, kind in ACCOUNT_ATTRIBUTES.items()
    ]
    asked = st.builds(SqlIs, st.sampled_from(tuple(ACCOUNT_SQL_LEAVES)))
    leaf = st.one_of(*attributes, *event_leaves(pools, since_entry=since_entry), asked)
    return st.builds(OfAccount, leaf)


def event_leaves(pools: Pools, *, since_entry: bool) -> list[st.SearchStrategy[Condition]]:
    frames = windows(pools, since_entry=since_entry)
    return [
        st.builds(EventIs, aggregates(pools, frames, measure, of), comparisons(pools, kind))
        for measure, of, kind in (
            (Measure.COUNT, (None,), "integer"),
            (Measure.SUM, (None, "amount", "pieces"), "number"),
            (Measure.AVERAGE, (None, "amount", "pieces"), "number"),
            (Measure.FIRST, (None,), "instant"),
            (Measure.LAST, (None,), "instant"),
        )
    ]


def aggregates(
    pools: Pools,
    frames: st.SearchStrategy[Window],
    measure: Measure,
    of: Sequence[str | None],
) -> st.SearchStrategy[Aggregate]:
    field, where = st.sampled_from(of), st.just(()) | field_tests(pools)
    orders = st.builds(Aggregate, st.just("order"), st.just(measure), field, frames, where)
    if measure in (Measure.SUM, Measure.AVERAGE):
        return orders
    return orders | st.builds(Aggregate, st.just("visit"), st.just(measure), window=frames)


@cache
def field_tests(pools: Pools) -> st.SearchStrategy[tuple[FieldTest, ...]]:
    one = st.one_of(
        [
            st.builds(FieldTest, st.just(name), comparisons(pools, kind))
            for name, kind in ORDER_FIELDS.items()
        ]
    )
    return st.lists(one, max_size=2).map(tuple)


def windows(pools: Pools, *, since_entry: bool) -> st.SearchStrategy[Window]:
    if since_entry:
        return st.just(Window(since_entry=True)) | windows(pools, since_entry=False)
    sliding = st.builds(Window, within=st.sampled_from(PAST))
    return st.just(Window()) | sliding | st.builds(Window, since=pools.days | pools.instants)


def some_of(names: Sequence[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.sets(st.sampled_from(names), min_size=1, max_size=3).map(sorted).map(tuple)


SCORES = st.none() | st.sets(st.integers(1, 5), min_size=1).map(lambda some: tuple(sorted(some)))
RFM_LEAVES = st.builds(RfmIs, SCORES, SCORES, SCORES)
CELL_LEAVES = some_of([cell.name for cell in TEN_CELLS.cells]).map(CellIs)
STAGE_LEAVES = some_of([stage.value for stage in Stage]).map(StageIs)

CHANCES = st.sampled_from((0.0, 0.05, 0.2, 0.4, 0.6, 0.9, 1.0))
AMOUNTS = st.sampled_from((0, 0.5, 2.5, 5, 20))


def numeric(values: st.SearchStrategy[Scalar], *more: Op) -> st.SearchStrategy[Comparison]:
    ordered = st.builds(
        Comparison, st.sampled_from((Op.AT_LEAST, Op.LESS_THAN, Op.IS_NOT, *more)), values
    )
    return ordered | st.builds(Comparison, st.just(Op.EXISTS), st.booleans())


def scores_asked() -> st.SearchStrategy[ScoreIs]:
    """A score compared, at the top, or worth its message."""
    none = st.just(())
    return st.builds(
        ScoreIs,
        st.sampled_from(sorted(SCORE_SPECS)),
        none | st.tuples(numeric(CHANCES, Op.AT_MOST)),
        st.none() | st.sampled_from((0.1, 0.5, 1.0)),
        none | none | st.tuples(numeric(AMOUNTS)),
        st.none()
        | st.none()
        | st.builds(Return, st.sampled_from(sorted(COSTS)), st.tuples(numeric(AMOUNTS))),
    )


SCORE_LEAVES = scores_asked()
