"""A trigger over time: its curves, the difference by days since entry, and its weeks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from relance.domain.study import WINDOWS
from relance.domain.trigger import Goal
from relance.rendering.report import plots
from relance.rendering.report.cells import NOTHING, Cell, Footnotes, estimate_cell
from relance.rendering.report.charts import Scale
from relance.rendering.report.labels import LABELS
from relance.rendering.report.numbers import brackets, short_day, tick
from relance.rendering.report.words import days_words
from relance.uplift.estimate import Estimate, Withheld
from relance.uplift.figures import Cohort, Curves
from relance.uplift.proportions import Interval
from relance.uplift.survival import Curve, Point
from relance.uplift.verdict import ArmCounts
from relance.uplift.wording import Locale, count, percent, points

WEEKS = 26  # shown; half a year
KNOWN = 0.5  # of the customers that a curve is made of at its best
LABEL = 18.5  # per cent of a plot's height that a label of two lines takes
_ORIGIN = plots.Step(day=0, value=0.0, interval=Interval(0.0, 0.0))
_DAY_SECONDS = 86_400


@dataclass(frozen=True, kw_only=True, slots=True)
class LineView:
    """One line with its band. `top` is where its label stands, in per cent from the top."""

    kind: str
    line: str
    band: str
    edges: str
    name: str
    value: str
    top: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PlotView:
    """A plot: paths on a square, and labels by their place in per cent.

    `across` and `up` are the axes' labels, `goal` and `zero` lines across the plot.
    """

    spoken: str
    unit: str
    lines: Sequence[LineView]
    across: Sequence[tuple[float, str]]
    up: Sequence[tuple[float, str]]
    goal: float | None = None
    zero: float | None = None
    dots: str = ""
    whiskers: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A row of a table: its head, and its cells."""

    head: str
    cells: Sequence[Cell]


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvesView:
    """Both plots, and the same in numbers. `cut` where the curves go on undrawn."""

    retained: PlotView
    effect: PlotView | None
    rows: Sequence[Row]
    preliminary: bool
    cut: bool


def curves_view(curves: Curves | None, goal: Goal | None, locale: Locale) -> CurvesView | None:
    """The curves of a trigger; None where an arm has none to show."""
    if curves is None:
        return None
    treated, holdout = curves.treated, curves.holdout
    if isinstance(treated, Withheld) or isinstance(holdout, Withheld):
        return None
    if not treated.points or not holdout.points:
        return None
    last = min(_known_until(treated), _known_until(holdout))
    days = _Days(last=last, goal=_goal_day(goal), locale=locale)
    return CurvesView(
        retained=_retained(treated, holdout, days),
        effect=_effect(curves.effect[:last], days),
        rows=_milestones(treated, holdout, curves.effect, days),
        preliminary=curves.preliminary,
        cut=last < max(len(treated.points), len(holdout.points)),
    )


def _known_until(curve: Curve) -> int:
    """The last day before the curve knows less than `KNOWN` of what it knew at its best.

    A curve is not drawn where few have been watched for so long: one of them moves it by points
    (Pocock, Clayton & Altman 2002, Lancet 359:1686). What it knows is the number of customers
    with closed windows that would show as much: p(1 - p) over Greenwood's variance.
    """
    known = [
        (point.day, point.retained * (1 - point.retained) / point.variance)
        for point in curve.points
        if point.variance > 0
    ]
    enough = KNOWN * max((people for _, people in known), default=0.0)
    thin = [day for day, people in known if people < enough]
    return max(1, thin[0] - 1) if thin else len(curve.points)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Days:
    """The axis that both plots share."""

    last: int
    goal: int | None
    locale: Locale

    @property
    def marks(self) -> list[int]:
        return plots.day_marks(self.last, WINDOWS, self.goal)

    @property
    def across(self) -> list[tuple[float, str]]:
        return [(round(100 * day / self.last, 2), str(day)) for day in self.marks]

    @property
    def goal_place(self) -> float | None:
        seen = self.goal is not None and self.goal <= self.last
        return round(100 * self.goal / self.last, 2) if seen and self.goal else None


def _goal_day(goal: Goal | None) -> int | None:
    """The goal's window in whole days; None where it is none."""
    seconds = goal.within.rough_seconds if goal else 0.0
    days = round(seconds / _DAY_SECONDS)
    return days if days >= 1 and seconds % _DAY_SECONDS == 0 else None


def _retained(treated: Curve, holdout: Curve, days: _Days) -> PlotView:
    arms = {"treated": _steps(treated, days), "holdout": _steps(holdout, days)}
    scale = plots.share_scale([step for steps in arms.values() for step in steps])
    frame = plots.Frame(days=days.last, scale=scale)
    words, locale = LABELS[days.locale], days.locale
    ends = [frame.y(steps[-1].value) / 10 for steps in arms.values()]
    tops = plots.apart([max(end, LABEL / 2) for end in ends], LABEL, 100 - LABEL / 2)
    names = {"treated": words["with"], "holdout": words["without"]}
    return PlotView(
        spoken=" ".join(_spoken(names[kind], steps[-1], locale) for kind, steps in arms.items()),
        unit=words["axis_share"],
        lines=[
            _line(kind, steps, frame, name=names[kind],
                  value=percent(steps[-1].value, locale), top=top)
            for (kind, steps), top in zip(arms.items(), tops, strict=True)
        ],
        across=days.across,
        up=_up(frame, locale),
        goal=days.goal_place,
    )  # fmt: skip


def _steps(curve: Curve, days: _Days) -> list[plots.Step]:
    return [_ORIGIN] + [
        plots.Step(day=point.day, value=point.retained, interval=point.interval)
        for point in curve.points[: days.last]
    ]


def _spoken(arm: str, step: plots.Step, locale: Locale) -> str:
    low, high = (percent(end, locale) for end in step.interval)
    return LABELS[locale]["curve_desc"].format(
        arm=arm,
        value=percent(step.value, locale),
        days=days_words(step.day, locale),
        low=low,
        high=high,
    )


def _line(
    kind: str,
    steps: Sequence[plots.Step],
    frame: plots.Frame,
    *,
    name: str = "",
    value: str = "",
    top: float = 0.0,
) -> LineView:
    return LineView(
        kind=kind,
        line=plots.line(steps, frame),
        band=plots.band(steps, frame),
        edges=plots.edges(steps, frame) if kind == "holdout" else "",
        name=name,
        value=value,
        top=round(top, 1),
    )


def _up(frame: plots.Frame, locale: Locale) -> list[tuple[float, str]]:
    return [(place, tick(value, locale)) for value, place in plots.heights(frame)]


def _effect(effect: Sequence[Estimate | None], days: _Days) -> PlotView | None:
    """The difference on each day; a day that nobody was watched to breaks the line."""
    runs = _runs(effect)
    if not runs:
        return None
    steps = [step for run in runs for step in run]
    frame = plots.Frame(days=days.last, scale=plots.difference_scale(steps))
    marks = [(step.day, step.value) for step in steps if step.day in days.marks and step.day]
    words, end = LABELS[days.locale], steps[-1]
    lines = [_line("effect", run, frame) for run in runs]
    lines[-1] = _line(
        "effect", runs[-1], frame, name=words["difference"], value=points(end.value, days.locale),
        top=min(max(frame.y(end.value) / 10, LABEL / 2), 100 - LABEL / 2),
    )  # fmt: skip
    return PlotView(
        spoken=words["effect_desc"],
        unit=words["axis_points"],
        lines=lines,
        across=days.across,
        up=_up(frame, days.locale),
        goal=days.goal_place,
        zero=frame.y(0.0) / 10,
        dots=plots.dots(marks, frame),
    )


def _runs(effect: Sequence[Estimate | None]) -> list[list[plots.Step]]:
    """Days one after the other that have an effect; the first run begins at entry, with none."""
    numbered = groupby(enumerate(effect, 1), key=lambda item: item[1] is None)
    runs = [
        [plots.Step(day=d, value=e.value, interval=e.interval) for d, e in days if e is not None]
        for nobody, days in numbered
        if not nobody
    ]
    if runs and runs[0][0].day == 1:
        runs[0].insert(0, _ORIGIN)
    return runs


def _milestones(
    treated: Curve, holdout: Curve, effect: Sequence[Estimate | None], days: _Days
) -> list[Row]:
    last = max(len(treated.points), len(holdout.points))
    wanted = {day for day in (*WINDOWS, days.goal) if day is not None and day <= last}
    return [
        Row(
            head=f"{LABELS[days.locale]['after']} {days_words(day, days.locale)}",
            cells=(
                _point(treated.at(day), days.locale),
                _point(holdout.at(day), days.locale),
                _difference(effect[day - 1] if day <= len(effect) else None, days.locale),
            ),
        )
        for day in sorted(wanted or {last})
    ]


def _point(point: Point | None, locale: Locale) -> Cell:
    if point is None:
        return NOTHING
    low_high = brackets(point.interval, lambda end: percent(end, locale), locale)
    return Cell(main=percent(point.retained, locale), small=low_high)


def _difference(found: Estimate | None, locale: Locale) -> Cell:
    if found is None:
        return NOTHING
    return estimate_cell(found, lambda value: points(value, locale), locale)


@dataclass(frozen=True, kw_only=True, slots=True)
class CohortsView:
    """The weeks of entry: a plot of their differences, and the table."""

    plot: PlotView | None
    rows: Sequence[Row]
    notes: Sequence[tuple[str, str]]
    more: str


def cohorts_view(cohorts: Sequence[Cohort], locale: Locale) -> CohortsView | None:
    """The latest weeks of entry, in their order; None where nobody has entered."""
    shown, words, notes = list(cohorts)[-WEEKS:], LABELS[locale], Footnotes(locale)
    if not shown:
        return None
    more = words["more_weeks"].format(shown=WEEKS, all=count(len(cohorts), locale))
    rows = [
        Row(
            head=short_day(cohort.week, locale),
            cells=(
                _arm(cohort.treated, locale),
                _arm(cohort.holdout, locale),
                _compared(cohort, notes),
            ),
        )
        for cohort in shown
    ]
    return CohortsView(
        plot=_weeks(shown, locale),
        rows=rows,
        notes=notes.lines,
        more=more if len(cohorts) > WEEKS else "",
    )


def _compared(cohort: Cohort, notes: Footnotes) -> Cell:
    """The difference; where a window is merely open, the cells beside it have said so."""
    arms = (cohort.treated, cohort.holdout)
    if any(arm.entered and not arm.mature for arm in arms):
        return NOTHING
    return notes.cell(cohort.difference, lambda value: points(value, notes.locale))


def _arm(arm: ArmCounts, locale: Locale) -> Cell:
    words, parts = LABELS[locale], []
    if arm.mature:
        hits, customers = count(arm.retained, locale), count(arm.mature, locale)
        parts.append(words["of_customers"].format(hits=hits, customers=customers))
    if still_open := arm.entered - arm.mature:
        parts.append(words["still_open"].format(n=count(still_open, locale)))
    return Cell(main=percent(arm.rate, locale), small="\n".join(parts))


def _weeks(cohorts: Sequence[Cohort], locale: Locale) -> PlotView | None:
    """The differences of the weeks beside each other; None below two of them."""
    found = [
        (number + 0.5, cohort.difference)
        for number, cohort in enumerate(cohorts)
        if isinstance(cohort.difference, Estimate)
    ]
    if len(found) < 2:
        return None
    steps = [plots.Step(day=0, value=e.value, interval=e.interval) for _, e in found]
    frame = plots.Frame(days=len(cohorts), scale=_around_zero(plots.difference_scale(steps)))
    ends = {0: cohorts[0], len(cohorts) - 1: cohorts[-1]}
    return PlotView(
        spoken=LABELS[locale]["cohorts_desc"],
        unit=LABELS[locale]["axis_points"],
        lines=(),
        across=[
            (round(100 * (number + 0.5) / len(cohorts), 2), short_day(cohort.week, locale))
            for number, cohort in ends.items()
        ],
        up=_up(frame, locale),
        zero=frame.y(0.0) / 10,
        dots=plots.dots([(place, e.value) for place, e in found], frame),
        whiskers=plots.whiskers([(place, e.interval) for place, e in found], frame),
    )


def _around_zero(scale: Scale) -> Scale:
    """Weeks are small groups: without some room around zero all of them look like news."""
    return Scale(min(scale.low, -0.02), max(scale.high, 0.02))
