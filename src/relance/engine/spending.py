"""Revenue: what entrants spent, as sums by arm and entry week, and the few buyers' amounts.

Amounts are taken as their distance from the arm's mean: near a large mean, squares and cubes of
the amounts themselves have no digits left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter

from relance.domain.study import Metric, Study
from relance.engine.counting import ARMS
from relance.engine.entrants import monday
from relance.engine.workbench import Row, Workbench
from relance.uplift.moments import Moments, merge
from relance.uplift.outcomes import Cell, SpendSums
from relance.uplift.revenue import PERCENTILE

MOST_BUYERS = 500  # of the smaller arm, up to which the buyers' amounts leave the engine
_ARM = itemgetter("study", "holdout")


def count_spending(
    workbench: Workbench, facts: str, studies: Sequence[Study], places: Sequence[int]
) -> tuple[list[Cell], list[SpendSums]]:
    """Revenue in closed windows of the studies at these places."""
    if not places:
        return [], []
    listed = ", ".join(map(str, places))
    rows = workbench.rows(_WEEKS.format(facts=facts, studies=listed, share=PERCENTILE / 100))
    arms = {arm: list(weeks) for arm, weeks in groupby(rows, _ARM)}
    amounts = _amounts(workbench, facts, _small(arms))
    cells = [_cell(row, studies[row["study"]]) for row in rows]
    return cells, [_sums(weeks, studies[place], amounts.get((place, holdout)))
                   for (place, holdout), weeks in arms.items()]  # fmt: skip


# y and x are spent and spent_before, c is y with everybody at most at the cap
_WEEKS = """
WITH closed AS (
  SELECT * FROM {facts} WHERE closed AND study IN ({studies})
), means AS (
  SELECT study, holdout, avg(spent) AS mean, avg(spent_before) AS mean_before
  FROM closed GROUP BY study, holdout
), caps AS (
  SELECT study, quantile_cont(spent, {share}) AS cap FROM closed WHERE spent <> 0 GROUP BY study
), spans AS (
  SELECT f.*, m.mean, m.mean_before, coalesce(p.cap, 0) AS cap,
    f.spent - m.mean AS y, f.spent_before - m.mean_before AS x, least(f.spent, p.cap) - m.mean AS c
  FROM closed AS f JOIN means AS m ON m.study = f.study AND m.holdout = f.holdout
  LEFT JOIN caps AS p ON p.study = f.study
)
SELECT study, holdout, week, mean, mean_before, cap, count(*) AS n,
  avg(y) AS y, var_samp(y) AS yy, avg(x) AS x, var_samp(x) AS xx, covar_samp(y, x) AS xy,
  avg(c) AS c, var_samp(c) AS cc, sum(y * y * y) AS yyy,
  count(*) FILTER (spent > 0) AS hits, count(*) FILTER (spent_before > 0) AS hits_before,
  count(*) FILTER (spent <> 0) AS buyers,
  sum(negative)::BIGINT AS negative, sum(broken)::BIGINT AS broken
FROM spans GROUP BY study, holdout, week, mean, mean_before, cap ORDER BY study, holdout, week
"""


def _spent(row: Row) -> Moments:
    """Moments of one arm and week, about the arm's mean."""
    n, y, yy, x, xx, xy = (row[name] for name in ("n", "y", "yy", "x", "xx", "xy"))
    return Moments.of_engine(n, y, yy, x, xx, xy)


def _capped(row: Row) -> Moments:
    return Moments.of_engine(row["n"], row["c"], row["cc"])


def _moved(moments: Moments, arm: Row) -> Moments:
    """The same moments about zero."""
    before = arm["mean_before"] + moments.before
    return replace(moments, mean=arm["mean"] + moments.mean, before=before)


def _cell(row: Row, study: Study) -> Cell:
    return Cell(
        trigger=study.trigger,
        version=study.version,
        arm=ARMS[row["holdout"]],
        week=monday(row["week"]),
        metric=Metric.REVENUE,
        days=study.days,
        customers=row["n"],
        hits=row["hits"],
        hits_before=row["hits_before"],
        moments=_moved(_spent(row), row),
    )


def _sums(weeks: Sequence[Row], study: Study, amounts: Sequence[float] | None) -> SpendSums:
    """All weeks of one arm together."""
    arm, spent, capped = weeks[0], merge(map(_spent, weeks)), merge(map(_capped, weeks))
    # cubes about the mean of the weeks' sums, which is off by a rounding error
    third = sum(row["yyy"] for row in weeks) - spent.mean * (3 * spent.m2 + spent.n * spent.mean**2)
    return SpendSums(
        trigger=study.trigger,
        version=study.version,
        arm=ARMS[arm["holdout"]],
        customers=spent.n,
        buyers=sum(row["buyers"] for row in weeks),
        moments=replace(_moved(spent, arm), before=0.0, before_m2=0.0, cross=0.0),
        third=third,
        cap=arm["cap"],
        capped=replace(capped, mean=arm["mean"] + capped.mean),
        amounts=amounts,
        negative=sum(row["negative"] for row in weeks),
        not_finite=sum(row["broken"] for row in weeks),
    )


def _small(arms: Mapping[tuple[int, bool], Sequence[Row]]) -> list[int]:
    """The studies with two arms, of which the smaller one has few buyers."""
    totals = {
        arm: (sum(row["n"] for row in weeks), sum(row["buyers"] for row in weeks))
        for arm, weeks in arms.items()
    }
    found = []
    for place in {place for place, _ in totals}:
        both = [totals[arm] for arm in ((place, False), (place, True)) if arm in totals]
        if len(both) == 2 and min(both)[1] <= MOST_BUYERS:
            found.append(place)
    return found


def _amounts(
    workbench: Workbench, facts: str, places: Sequence[int]
) -> dict[tuple[int, bool], list[float]]:
    """The buyers' amounts, ascending: the same data give the same draws of the permutation."""
    found: dict[tuple[int, bool], list[float]] = {
        (place, holdout): [] for place in places for holdout in (False, True)
    }
    if places:
        listed = ", ".join(map(str, places))
        for row in workbench.rows(
            f"SELECT study, holdout, spent FROM {facts}"
            f" WHERE closed AND spent <> 0 AND study IN ({listed}) ORDER BY ALL"
        ):
            found[_ARM(row)].append(row["spent"])
    return found
