"""What entrants did, as counts by arm and entry week: no customer's row leaves the engine.

The columns are those of `Looker.take`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from relance.domain.arm import Arm
from relance.domain.study import WINDOWS, Metric, Study
from relance.engine.entrants import Entrants, monday
from relance.engine.workbench import Row, Workbench
from relance.uplift.moments import Moments
from relance.uplift.outcomes import AgeDay, Cell, Entered
from relance.uplift.verdict import ArmCounts

ARMS = {False: Arm.TREATED, True: Arm.HOLDOUT}


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A metric of which a customer has one or none: who is counted, who has it, who had before."""

    name: str
    among: str
    hit: str
    before: str

    @property
    def columns(self) -> str:
        """SQL for the customers, hits, hits before entry, and both."""
        tests = {
            "n": self.among,
            "hits": f"{self.among} AND {self.hit}",
            "before": f"{self.among} AND {self.before}",
            "both": f"{self.among} AND {self.hit} AND {self.before}",
        }
        return ", ".join(
            f"count(*) FILTER ({test}) AS {self.name}_{one}" for one, test in tests.items()
        )

    def cell(self, row: Row, study: Study, metric: Metric, days: int) -> Cell:
        n, hits, before, both = (row[f"{self.name}_{one}"] for one in _FOUR)
        moments = _of_sums(n, hits, before, hits, before, both)
        return _cell(row, study, metric, days, n, hits, before, moments)


_FOUR = ("n", "hits", "before", "both")
_OWN = Share(name="own", among="closed", hit="orders > 0", before="orders_before > 0")
_LAPSED = Share(name="lapsed", among="closed AND lapsed", hit=_OWN.hit, before=_OWN.before)
_OPTED = Share(name="opted", among="closed", hit="opted", before="opted_before")
_FIXED = {
    days: Share(
        name=f"d{days}", among=f"days >= {days}", hit=f"back <= {days}", before=f"last <= {days}"
    )
    for days in WINDOWS
}
# whole numbers: the sums of their squares lose no digit
_ORDERS = ", ".join(
    f"coalesce(sum({term}) FILTER (closed), 0)::BIGINT AS {name}"
    for name, term in {
        "y": "orders",
        "x": "orders_before",
        "yy": "orders * orders",
        "xx": "orders_before * orders_before",
        "xy": "orders * orders_before",
    }.items()
)


def count_weeks(
    workbench: Workbench, facts: str, studies: Sequence[Study]
) -> tuple[list[Entered], list[Cell]]:
    """Who entered in each week, and every metric but revenue."""
    shares = ", ".join(share.columns for share in (_OWN, _LAPSED, _OPTED, *_FIXED.values()))
    rows = workbench.rows(
        "SELECT study, holdout, week, count(*) AS entered, count(*) FILTER (vanished) AS vanished,"
        f" {shares}, {_ORDERS} FROM {facts} GROUP BY ALL ORDER BY ALL"
    )
    entered = [_entered(row, studies[row["study"]]) for row in rows]
    cells = [cell for row in rows for cell in _cells(row, studies[row["study"]])]
    return entered, [cell for cell in cells if cell.customers]


def _entered(row: Row, study: Study) -> Entered:
    return Entered(
        trigger=study.trigger,
        version=study.version,
        arm=ARMS[row["holdout"]],
        week=monday(row["week"]),
        customers=row["entered"],
        closed=row["own_n"],
        retained=row["own_hits"],
        vanished=row["vanished"],
    )


def _cells(row: Row, study: Study) -> Iterator[Cell]:
    for days, share in _FIXED.items():
        yield share.cell(row, study, Metric.RETAINED, days)
    if study.days not in WINDOWS:
        yield _OWN.cell(row, study, Metric.RETAINED, study.days)
    yield _LAPSED.cell(row, study, Metric.REACTIVATED, study.days)
    yield _OPTED.cell(row, study, Metric.UNSUBSCRIBED, study.days)
    n = row["own_n"]
    moments = _of_sums(n, row["y"], row["x"], row["yy"], row["xx"], row["xy"])
    hits, before = row["own_hits"], row["own_before"]
    yield _cell(row, study, Metric.ORDERS, study.days, n, hits, before, moments)


def _cell(
    row: Row,
    study: Study,
    metric: Metric,
    days: int,
    customers: int,
    hits: int,
    before: int,
    moments: Moments,
) -> Cell:
    return Cell(
        trigger=study.trigger,
        version=study.version,
        arm=ARMS[row["holdout"]],
        week=monday(row["week"]),
        metric=metric,
        days=days,
        customers=customers,
        hits=hits,
        hits_before=before,
        moments=moments,
    )


def _of_sums(n: int, y: int, x: int, yy: int, xx: int, xy: int) -> Moments:
    """Moments of whole numbers from their sums, exact but for the last division."""
    if n == 0:
        return Moments()
    return Moments(
        n=n,
        mean=y / n,
        m2=(n * yy - y * y) / n,
        before=x / n,
        before_m2=(n * xx - x * x) / n,
        cross=(n * xy - x * y) / n,
    )


def count_ages(workbench: Workbench, facts: str, studies: Sequence[Study]) -> list[AgeDay]:
    """Each day of age of each arm: who was watched to its end, and who returned on it."""
    rows = workbench.rows(
        "SELECT study, holdout, coalesce(back <= days, false) AS returned,"
        " CASE WHEN back <= days THEN back ELSE days END AS day, count(*) AS customers"
        f" FROM {facts} GROUP BY ALL"
    )
    arms: dict[tuple[int, bool], dict[bool, dict[int, int]]] = {}
    for row in rows:
        counts = arms.setdefault((row["study"], row["holdout"]), {False: {}, True: {}})
        counts[row["returned"]][row["day"]] = row["customers"]
    return [
        age
        for (place, holdout), counts in sorted(arms.items())
        for age in _ages(studies[place], ARMS[holdout], counts[True], counts[False])
    ]


def _ages(
    study: Study, arm: Arm, returned: Mapping[int, int], watched: Mapping[int, int]
) -> Iterator[AgeDay]:
    """From how many returned on each day, and how many who did not were watched so long."""
    at_risk = sum(returned.values()) + sum(watched.values()) - watched.get(0, 0)
    for day in range(1, max(*WINDOWS, study.days) + 1):
        events = returned.get(day, 0)
        yield AgeDay(
            trigger=study.trigger,
            version=study.version,
            arm=arm,
            day=day,
            at_risk=at_risk,
            events=events,
        )
        at_risk -= events + watched.get(day, 0)


def count_planned(
    workbench: Workbench, facts: str, entrants: Entrants, studies: Sequence[Study]
) -> dict[tuple[str, str, Arm], ArmCounts]:
    """Each arm among the first `read_out` entrants; of one instant, by the hash of the unit."""
    if all(study.read_out is None for study in studies):
        return {}
    sql = _PLANNED.format(first=entrants.first, studies=entrants.studies, facts=facts)
    return {
        (*studies[row["study"]].key, ARMS[row["holdout"]]): ArmCounts(
            entered=row["entered"], mature=row["mature"], retained=row["retained"]
        )
        for row in workbench.rows(sql)
    }


# only who entered at the instant of the last planned entrant is sorted
_PLANNED = """
WITH moments AS (
  SELECT study, entry, count(*) AS n FROM {first} GROUP BY study, entry
), running AS (
  SELECT study, entry, n, sum(n) OVER (PARTITION BY study ORDER BY entry) AS total FROM moments
), last AS (
  SELECT s.study, s.read_out, min(r.entry) AS entry, min(r.total - r.n) AS earlier
  FROM {studies} AS s LEFT JOIN running AS r ON r.study = s.study AND r.total >= s.read_out
  WHERE s.read_out IS NOT NULL GROUP BY s.study, s.read_out
), tied AS (
  SELECT f.rowid AS id FROM {first} AS f JOIN last AS l ON l.study = f.study AND l.entry = f.entry
  QUALIFY row_number() OVER (PARTITION BY f.study ORDER BY sha256(f.unit))
    <= any_value(l.read_out - l.earlier) OVER (PARTITION BY f.study)
), planned AS (
  SELECT f.rowid AS id FROM {first} AS f JOIN last AS l ON l.study = f.study
  WHERE l.entry IS NULL OR f.entry < l.entry
  UNION ALL SELECT id FROM tied
)
SELECT study, holdout, count(*) AS entered, count(*) FILTER (closed) AS mature,
  count(*) FILTER (closed AND orders > 0) AS retained
FROM {facts} SEMI JOIN planned USING (id) GROUP BY ALL ORDER BY ALL
"""
