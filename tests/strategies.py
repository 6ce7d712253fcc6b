"""Small shops and well-typed conditions for hypothesis, drawn so that edges meet.

Instants, days, amounts and texts come from the same few pools in the data and in the
conditions: a random order would hardly ever fall exactly on the edge of a random window.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import cast
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.vendor.pretty import RepresentationPrinter

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
    Operand,
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
from relance.engine.reference_shop import Customer, Event, Shop, Value

# -- what the shops consist of: logical name -> kind of value

ATTRIBUTES = {
    "country": "text",
    "first_name": "text",
    "shoe_size": "integer",
    "points": "number",
    "vip": "truth",
    "birth_date": "day",
    "trial_ends": "instant",
}
ORDER_FIELDS = {
    "amount": "number",
    "pieces": "integer",
    "category": "text",
    "gift": "truth",
    "deliver_on": "day",
}

ACCOUNT_ATTRIBUTES = {"tier": "text", "staff": "integer", "since": "day"}

PARIS = ZoneInfo("Europe/Paris")
INSTANTS = (
    datetime(2026, 3, 10, 9, 0, tzinfo=PARIS),
    datetime(2026, 3, 30, 8, 15, tzinfo=PARIS),  # the clocks went forward the day before
    datetime(2025, 10, 26, 1, 30, tzinfo=UTC),  # 02:30 in Paris for the second time
    datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(1971, 1, 1, tzinfo=PARIS),
)
ZONES = ("Europe/Paris", "UTC", "America/New_York", "Asia/Kolkata")
STEADY_ZONES = ("UTC", "Asia/Tokyo")  # every local time there happens once

PAST = tuple(
    map(
        Duration.parse,
        ("30 minutes", "2 hours", "1 day", "7 days", "2 weeks", "1 month", "90 days", "1 year"),
    )
)
FUTURE = (Duration.parse("-3 days"), Duration.parse("-1 month"))
NUDGES = (timedelta(0), timedelta(microseconds=1), timedelta(microseconds=-1))

WORDS = (
    "FR",
    "fr",
    "BE",
    "",
    " ",
    "é",
    "e\u0301",
    "Zoë",
    "100%",
    "a_b",
    "axb",
    "O'Neil",
    "\\",
    "🦊",
)
NUMBERS = (-10.0, -2.5, 0.0, 0.25, 1.0, 2.0, 10.0, 1e6)  # halves and quarters add up exactly
INTEGERS = (-3, 0, 1, 2, 3, 38, 40)

SQL_LEAVES: Mapping[str, Callable[[Shop, datetime], set[str]]] = {
    "SELECT customer_id FROM customers WHERE shoe_size > 2": lambda shop, _: {
        who.key for who in shop.customers if cast(int, who.attributes["shoe_size"] or 0) > 2
    },
    "SELECT o.customer_id, 1 AS more FROM orders AS o WHERE o.total >= 1 AND o.ordered_at <= :at": (
        lambda shop, at: {
            order.customer
            for order in shop.events["order"]
            if order.at <= at and cast(float, order.fields["amount"] or 0) >= 1
        }
    ),
}
ACCOUNT_SQL_LEAVES: Mapping[str, Callable[[Shop, datetime], set[str]]] = {
    "SELECT account_id FROM accounts WHERE staff > 1": lambda shop, _: {
        who.key for who in shop.accounts if cast(int, who.attributes["staff"] or 0) > 1
    },
}


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


class Pools:
    """The strategies whose values depend on the instant and on the zone of a shop.

    There is one per instant and zone: hypothesis takes far longer to build a strategy than to
    draw from it, so everything that hangs on a pool is kept.
    """

    @staticmethod
    @cache
    def of(at: datetime, zone: str) -> Pools:
        return Pools(at, ZoneInfo(zone))

    def __init__(self, at: datetime, zone: ZoneInfo) -> None:
        edges = [at, *(length.before(at, zone) for length in (*PAST, *FUTURE))]
        days = [edge.astimezone(zone).date() for edge in edges]
        midnights = [day_start(day, zone) for day in days[:5]]
        nudged = [edge + nudge for edge in (*edges, *midnights) for nudge in NUDGES]
        odd = [datetime(1954, 7, 20, 12, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)]
        self.at = at
        self.zone = zone
        self.instants = st.sampled_from([instant.astimezone(UTC) for instant in (*nudged, *odd)])
        self.days = st.sampled_from([*days, date(1954, 7, 20), date(1968, 2, 29)])
        self.values: Mapping[str, st.SearchStrategy[Scalar]] = {
            "text": st.sampled_from(WORDS) | odd_text(),
            "integer": st.sampled_from(INTEGERS),
            "number": st.sampled_from(NUMBERS),
            "truth": st.booleans(),
            "day": self.days,
            "instant": self.instants,
        }
        self.customer_row = self.row(ATTRIBUTES)
        self.order_row = self.row(ORDER_FIELDS)
        self.account_row = self.row(ACCOUNT_ATTRIBUTES)

    def row(self, kinds: Mapping[str, str]) -> st.SearchStrategy[dict[str, Value]]:
        """A value or a gap for each name."""
        gap = st.none()
        return st.fixed_dictionaries(
            {name: gap | self.values[kind] | self.values[kind] for name, kind in kinds.items()}
        )


def odd_text() -> st.SearchStrategy[str]:
    """Any text that a PostgreSQL column can hold."""
    return st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)


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


# -- comparisons

EQUAL = (Op.IS, Op.IS_NOT)
LISTED = (Op.IN, Op.NOT_IN)
ORDERED = (Op.AT_LEAST, Op.AT_MOST, Op.MORE_THAN, Op.LESS_THAN)
FITTING: Mapping[str, tuple[Op, ...]] = {
    "text": (*EQUAL, *LISTED, Op.CONTAINS, Op.STARTS_WITH, Op.EXISTS),
    "integer": (*EQUAL, *LISTED, *ORDERED, Op.BETWEEN, Op.EXISTS),
    "number": (*EQUAL, *LISTED, *ORDERED, Op.BETWEEN, Op.EXISTS),
    "truth": (*EQUAL, Op.EXISTS),
    "day": (*EQUAL, *LISTED, *ORDERED, Op.BETWEEN, Op.BEFORE, Op.AFTER, Op.ON_DAY, Op.EXISTS),
    "instant": (*EQUAL, *LISTED, *ORDERED, Op.BETWEEN, Op.BEFORE, Op.AFTER, Op.ON_DAY, Op.EXISTS),
}


@cache
def comparisons(pools: Pools, kind: str) -> st.SearchStrategy[tuple[Comparison, ...]]:
    """One or two comparisons that make sense for a kind of value."""
    one = st.one_of(
        [st.builds(Comparison, st.just(op), operands(pools, kind, op)) for op in FITTING[kind]]
    )
    return one.map(lambda only: (only,)) | st.tuples(one, one)


def operands(pools: Pools, kind: str, op: Op) -> st.SearchStrategy[Operand]:
    """What an operator may be written with in YAML, for a kind of value."""
    values = pools.values[kind]
    if kind == "number":
        values = values | pools.values["integer"]
    if kind == "instant":
        values = pools.days | pools.instants
    if op is Op.EXISTS:
        return st.booleans()
    if op in (Op.BEFORE, Op.AFTER):
        return pools.days | pools.instants | st.sampled_from((*PAST, *FUTURE))
    if op is Op.ON_DAY:
        return pools.days | st.sampled_from((*PAST[2:], *FUTURE))
    if op in LISTED:
        return st.lists(values, min_size=1, max_size=3).map(tuple)
    if op is Op.BETWEEN:
        if kind == "instant":
            return pairs(pools.days) | pairs(pools.instants)
        return pairs(values)
    return values


def pairs(values: st.SearchStrategy[Scalar]) -> st.SearchStrategy[tuple[Scalar, ...]]:
    """The ends of a `between`, the lower one first."""
    return st.tuples(values, values).map(lambda pair: tuple(sorted(pair)))
