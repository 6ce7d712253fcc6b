"""The condition language in plain Python: the oracle that the compiled conditions are held against.

It reads like docs/conditions.md, one small function per leaf and per operator. Nothing here is
meant to be fast, and nothing here knows SQL: what an `sql` leaf answers is told in the shop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import cast

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
    Leaf,
    Measure,
    NoneOf,
    OfAccount,
    Op,
    RfmIs,
    ScoreIs,
    SegmentIs,
    SqlIs,
    StageIs,
    Window,
)
from relance.domain.duration import Duration
from relance.domain.fits import (
    LIFECYCLE,
    RFM,
    Breakpoints,
    Fit,
    Fits,
    Rhythm,
    ScoreFit,
    TopFit,
    score_fit,
)
from relance.domain.lifecycle import FALLBACK, Lengths, Stage, span
from relance.domain.score import ScoreModel, fingerprint
from relance.domain.workspace import Segment, day_start
from relance.engine.reference_operators import OPERATORS, Calendar
from relance.engine.reference_scores import Scores
from relance.engine.reference_shop import Customer, Event, Shop, Value, accounts_of, history_of

QUINTILES = (0.2, 0.4, 0.6, 0.8)


def evaluate(
    condition: Condition,
    shop: Shop,
    at: datetime,
    *,
    segments: Mapping[str, Segment] | None = None,
    fits: Fits | None = None,
    entry_at: Mapping[str, datetime] | None = None,
) -> set[str]:
    """The customers for whom a condition holds as of `at`.

    `segments` are the named ones that it may refer to, `fits` the standing fits
    (fitted as of `at` where None) and `entry_at` the instant of each customer's entry, for
    windows since the entry.
    """
    view = _View(shop, at, segments or {}, fits or fit(shop, at), entry_at or {})
    return {who.key for who in shop.customers if view.holds(condition, who)}


def fit(shop: Shop, at: datetime) -> Fits:
    """Everything that conditions need fitted, as of `at`."""
    found: dict[str, Fit | None] = {RFM: fit_rfm(shop, at), LIFECYCLE: fit_lifecycle(shop, at)}
    for name, model in shop.models.items():
        found[score_fit(name)] = ScoreFit(fitted_at=at, model=model)
    return Fits({name: each for name, each in found.items() if each is not None})


def fit_rfm(shop: Shop, at: datetime) -> Breakpoints | None:
    """The RFM cut-offs: quintiles over the customers who have the event.

    None where nobody has it.
    """
    view = _View(shop, at, {}, Fits(), {})
    bases = [base for who in shop.customers if (base := view.rfm_base(who)) is not None]
    if not bases:
        return None
    recency, frequency, monetary = zip(*bases, strict=True)
    return Breakpoints(
        fitted_at=at,
        recency=_quintiles(recency),
        frequency=_quintiles(frequency),
        monetary=_quintiles(monetary),
    )


def fit_lifecycle(shop: Shop, at: datetime) -> Rhythm:
    """The lengths between stages, from each customer's usual gap between purchases."""
    view = _View(shop, at, {}, Fits(), {})
    gaps = []
    for who in shop.customers:
        times = sorted(event.at.astimezone(UTC) for event in view.purchases(who))
        if times and times[0] < times[-1]:
            gaps.append((times[-1] - times[0]) / timedelta(days=1) / (len(times) - 1))
    found = [_quantile(sorted(gaps), share) for share in (0.5, 0.8, 0.95)] if gaps else []
    lengths = Lengths.of_gaps(*found) if found else FALLBACK
    return Rhythm(
        fitted_at=at,
        recent=lengths.recent.count,
        active=lengths.active.count,
        at_risk=lengths.at_risk.count,
        lapsed=lengths.lapsed.count,
        customers=len(gaps),
        gaps=tuple(found),
    )


def fit_top(shop: Shop, at: datetime, name: str, share: float, model: ScoreModel) -> TopFit | None:
    """From which score on a customer is among the best share; None where nobody has a score."""
    scores = Scores(_View(shop, at, {}, Fits(), {}), shop.scores, {}, Fits())
    everybody = (scores.value(name, model, who) for who in shop.customers)
    found = sorted(value for value in everybody if value is not None)
    if not found:
        return None
    return TopFit(fitted_at=at, of=fingerprint(model), cutoff=_quantile(found, 1 - share))


def _quintiles(values: Sequence[float | None]) -> tuple[float, ...]:
    present = sorted(value for value in values if value is not None)
    return tuple(_quantile(present, share) for share in QUINTILES) if present else ()


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The value at a share of the way through, straight lines between neighbours."""
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (ordered[above] - ordered[below]) * (position - below))


def _below(value: float, cutoffs: Sequence[float]) -> int:
    """How many cut-offs lie strictly below: equal values get equal scores."""
    return sum(cutoff < value for cutoff in cutoffs)


class _View:
    """A shop as of one instant."""

    def __init__(
        self,
        shop: Shop,
        at: datetime,
        segments: Mapping[str, Segment],
        fits: Fits,
        entry_at: Mapping[str, datetime],
    ) -> None:
        self.shop = shop
        # in UTC: Python subtracts two instants of one zone by its clock, not by the time between
        self.at = at.astimezone(UTC)
        self.segments = segments
        self.fitted = fits
        self.entry_at = entry_at
        self.calendar = Calendar(at, shop.zone, shop.source_zone or shop.zone)
        self.history = history_of(shop, at)
        self.scoring = Scores(self, shop.scores, shop.costs, fits)

    # -- the tree

    def holds(self, condition: Condition, who: Customer) -> bool:
        match condition:
            case AllOf(inner):
                return all(self.holds(each, who) for each in inner)
            case AnyOf(inner):
                return any(self.holds(each, who) for each in inner)
            case NoneOf(inner):
                return not any(self.holds(each, who) for each in inner)
            case _:
                return self.leaf_holds(condition, who)

    def leaf_holds(self, leaf: Leaf, who: Customer) -> bool:
        match leaf:
            case CustomerIs(attribute, comparisons):
                return self.passes(who.attributes.get(attribute), comparisons)
            case EventIs(aggregate, comparisons):
                return self.passes(self.measure(aggregate, who), comparisons)
            case SegmentIs(name):
                return self.holds(self.segments[name].condition, who)
            case RfmIs():
                return self.scores_fit(leaf, who)
            case CellIs(cells):
                return self.cell(who) in cells
            case StageIs(stages):
                return self.stage(who) in stages
            case ScoreIs():
                return self.scoring.holds(leaf, who)
            case SqlIs(query):
                return who.key in self.shop.answers[query]
            case OfAccount(inner):
                return self.of_account(inner, who)

    def of_account(self, leaf: CustomerIs | EventIs | SqlIs, who: Customer) -> bool:
        """The leaf in a shop whose customers are the accounts; an unknown one has nothing."""
        known = {account.key: account for account in self.shop.accounts}
        shop = accounts_of(self.shop)
        entry = {who.account or "": self.entry_at[who.key]} if who.key in self.entry_at else {}
        view = _View(shop, self.at, {}, Fits(), entry)
        return view.holds(leaf, known.get(who.account or "", Customer(key="")))

    # -- comparisons

    def passes(self, value: Value, comparisons: Sequence[Comparison]) -> bool:
        return all(self.compare(value, each) for each in comparisons)

    def compare(self, value: Value, comparison: Comparison) -> bool:
        if comparison.op is Op.EXISTS:
            return (value is not None) is comparison.value
        if value is None:
            return comparison.op in (Op.IS_NOT, Op.NOT_IN)
        return OPERATORS[comparison.op](self.calendar, value, comparison.value)

    # -- events

    def measure(self, aggregate: Aggregate, who: Customer) -> Value:
        events = self.events(aggregate, who)
        match aggregate.measure:
            case Measure.COUNT:
                return len(events)
            case Measure.SUM:
                return _rounded(sum(_numbers(events, aggregate.field)))
            case Measure.AVERAGE:
                numbers = _numbers(events, aggregate.field)
                return _rounded(sum(numbers) / len(numbers)) if numbers else None
            case Measure.FIRST:
                return min((event.at for event in events), default=None)
            case Measure.LAST:
                return max((event.at for event in events), default=None)

    def events(self, aggregate: Aggregate, who: Customer) -> list[Event]:
        return [
            event
            for event in self.history[aggregate.event, who.key]
            if self.inside(event, aggregate.window, who) and self.fits(event, aggregate.where)
        ]

    def inside(self, event: Event, window: Window, who: Customer) -> bool:
        """Later than the start; that it is not later than the instant, history has seen to."""
        if window.within is not None:
            return event.at > window.within.before(self.at, self.shop.zone)
        if window.since_entry:
            return event.at > self.entry_at[who.key]
        if isinstance(window.since, datetime):
            return event.at > window.since
        if window.since is not None:
            return event.at >= day_start(window.since, self.shop.zone)
        return True

    def fits(self, event: Event, where: Sequence[FieldTest]) -> bool:
        return all(self.passes(event.fields.get(test.field), test.comparisons) for test in where)

    # -- RFM

    def rfm_base(self, who: Customer) -> tuple[float, float, float | None] | None:
        """Days since the last event, how many there were, and their money."""
        rfm = self.shop.rfm
        window = Window(within=rfm.within)
        counted = Aggregate(rfm.event, Measure.COUNT, window=window, where=rfm.where)
        events = self.events(counted, who)
        if not events:
            return None
        silence = self.at - max(event.at.astimezone(UTC) for event in events)
        money = self.measure(Aggregate(rfm.event, rfm.monetary, "amount", window, rfm.where), who)
        return silence / timedelta(days=1), len(events), cast("float | None", money)

    def scores_fit(self, leaf: RfmIs, who: Customer) -> bool:
        scores = self.scores(who)
        if scores is None:
            return False
        wanted = (leaf.recency, leaf.frequency, leaf.monetary)
        return all(_among(*each) for each in zip(scores, wanted, strict=True))

    def scores(self, who: Customer) -> tuple[int, int, int | None] | None:
        """Recency, frequency and monetary scores, from 1 to 5."""
        base = self.rfm_base(who)
        cutoffs = self.shop.rfm.thresholds or self.fitted.find(RFM, Breakpoints)
        if base is None or cutoffs is None:
            return None
        recency, frequency, monetary = base
        return (
            5 - _below(recency, cutoffs.recency),
            1 + _below(frequency, cutoffs.frequency),
            None if monetary is None else 1 + _below(monetary, cutoffs.monetary),
        )

    def cell(self, who: Customer) -> str | None:
        """The name of the customer's cell; None without scores that the grid looks at."""
        scores, grid = self.scores(who), self.shop.rfm.grid
        place = (scores or ())[: 3 if grid.monetary else 2]
        if not place or None in place:
            return None
        return grid.at([score for score in place if score is not None]).name

    # -- lifecycle

    def stage(self, who: Customer) -> str:
        """The customer's one stage, by the purchases up to the instant."""
        lengths = self.lengths()
        times = sorted(event.at.astimezone(UTC) for event in self.purchases(who))
        if not times:
            return Stage.PROSPECT
        before = [time for time in times if time <= self.ago(lengths.recent)]
        back = [time for time in times if time > self.ago(lengths.recent)]
        if not before:
            return Stage.NEW
        gap = span(lengths.at_risk, self.at, self.ago(lengths.at_risk))
        if back and back[0] - before[-1] >= gap:
            return Stage.REACTIVATED
        for length, stage in ((lengths.active, Stage.ACTIVE), (lengths.at_risk, Stage.AT_RISK),
                              (lengths.lapsed, Stage.LAPSED)):  # fmt: skip
            if times[-1] > self.ago(length):
                return stage
        return Stage.LOST

    def ago(self, length: Duration) -> datetime:
        return length.before(self.at, self.shop.zone)

    def purchases(self, who: Customer) -> list[Event]:
        spec = self.shop.lifecycle
        return self.events(Aggregate(spec.event, Measure.COUNT, where=spec.where), who)

    def lengths(self) -> Lengths:
        """Between stages: fixed, fitted, or the fallback."""
        fitted = self.fitted.find(LIFECYCLE, Rhythm)
        if self.shop.lifecycle.lengths is not None or fitted is None:
            return self.shop.lifecycle.lengths or FALLBACK
        return Lengths.of_days(fitted.recent, fitted.active, fitted.at_risk, fitted.lapsed)


def _numbers(events: Sequence[Event], name: str | None) -> list[float]:
    """The values of a field where it is not missing."""
    values = (event.fields.get(name or "amount") for event in events)
    return [cast(float, value) for value in values if value is not None]


def _rounded(amount: float) -> float:
    """To six decimals, halves away from zero.

    The order in which doubles are added up changes their last digits; that must move nobody
    across a threshold.
    """
    return float(Decimal(amount).quantize(Decimal("0.000001"), ROUND_HALF_UP))


def _among(score: int | None, wanted: tuple[int, ...] | None) -> bool:
    return wanted is None or score in wanted
