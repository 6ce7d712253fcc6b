"""A report as single numbers for a monitoring system, kept as text beside the ledger.

While nothing may be shown of a trigger there is its verdict alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from relance.uplift.estimate import Estimate, Withheld
from relance.uplift.proportions import Interval
from relance.uplift.report import Report, TriggerReport
from relance.uplift.verdict import Cause, Reading, Verdict

_NOTE = "report_figures"
_BLIND = {Cause.SPLIT, Cause.SPLIT_PART, Cause.SHRUNK, Cause.IMPOSSIBLE}


@dataclass(frozen=True, slots=True)
class Sample:
    """One number: its name without a prefix, and whose it is."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What the last report said, as of `at`."""

    at: datetime
    samples: tuple[Sample, ...]

    @classmethod
    def of(cls, report: Report) -> Figures:
        """The numbers of a report, the programme's under its trigger `*`."""
        programme = [report.programme] if report.programme else []
        found = [
            sample
            for one in [*report.triggers, *programme]
            for sample in _trigger(one, report.currency)
        ]
        return cls(at=report.at, samples=tuple(s for s in found if math.isfinite(s.value)))

    @classmethod
    def of_text(cls, text: str) -> Figures | None:
        """The numbers as they were kept; None where the text is not of this form."""
        try:
            kept = json.loads(text)
            samples = tuple(Sample(str(n), float(v), dict(of)) for n, v, of in kept["samples"])
            return cls(at=datetime.fromisoformat(kept["at"]), samples=samples)
        except (ValueError, TypeError, KeyError):
            return None

    def text(self) -> str:
        """The numbers as they are kept."""
        samples = [[one.name, one.value, dict(one.labels)] for one in self.samples]
        return json.dumps({"at": self.at.isoformat(), "samples": samples}, sort_keys=True)


class Notes(Protocol):
    """Where figures are kept, by name."""

    def read(self, name: str) -> str | None: ...

    def exchange(self, name: str, before: str | None, after: str) -> bool: ...


def kept(notes: Notes) -> Figures | None:
    """The figures of the last report; None where none was made yet."""
    text = notes.read(_NOTE)
    return None if text is None else Figures.of_text(text)


def keep(notes: Notes, report: Report) -> None:
    """Keep a report's figures, unless those of a later one are there."""
    figures = Figures.of(report)
    while True:
        before = notes.read(_NOTE)
        known = None if before is None else Figures.of_text(before)
        if known is not None and known.at > figures.at:
            return
        if notes.exchange(_NOTE, before, figures.text()):
            return


def _trigger(report: TriggerReport, currency: str) -> Iterator[Sample]:
    reading = report.reading
    whose = {"trigger": report.trigger, "version": report.version}
    for verdict in Verdict:
        labels = {**whose, "verdict": verdict.value}
        yield Sample("verdict", float(verdict is reading.verdict), labels)
    if reading.cause in _BLIND or report.goal is None:
        return
    yield from _people(reading, whose)
    yield from _range("retention_difference", reading.diff, reading.diff_ci, whose)
    yield from _range("extra_customers", reading.extra, reading.extra_ci, whose)
    yield from _money(report, {**whose, "currency": currency})


def _people(reading: Reading, whose: Mapping[str, str]) -> Iterator[Sample]:
    for name, arm in (("treated", reading.treated), ("holdout", reading.holdout)):
        labels = {**whose, "arm": name}
        yield Sample("entered", arm.entered, labels)
        yield Sample("mature", arm.mature, labels)
        yield Sample("retained", arm.retained, labels)
    if reading.share > 0:
        yield Sample("split_p", reading.srm_p, whose)


def _range(
    name: str, value: float | None, interval: Interval | None, whose: Mapping[str, str]
) -> Iterator[Sample]:
    """A number with its interval: one without the other is not shown."""
    if value is None or interval is None:
        return
    yield Sample(name, value, whose)
    yield Sample(f"{name}_low", interval.low, whose)
    yield Sample(f"{name}_high", interval.high, whose)


def _money(report: TriggerReport, whose: Mapping[str, str]) -> Iterator[Sample]:
    worth = report.worth
    if worth is None:
        return
    yield from _estimate("extra_revenue", worth.revenue, whose)
    yield from _estimate("net_value", worth.net, whose)
    if not isinstance(worth.cost, Withheld):
        yield Sample("message_cost", worth.cost, whose)


def _estimate(name: str, found: Estimate | Withheld, whose: Mapping[str, str]) -> Iterator[Sample]:
    if isinstance(found, Estimate):
        yield from _range(name, found.value, found.interval, whose)
