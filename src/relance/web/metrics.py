"""`/metrics`: how the service is, and what the last report said, for Prometheus. This machine only:
what a trigger is worth is nobody else's business."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import HTTPException, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from relance.uplift.gauges import Figures, Sample
from relance.web.health import from_here

STATUSES = ("ok", "degraded", "stopping")


@dataclass(frozen=True, kw_only=True, slots=True)
class Measures:
    """What can be told now. None is what nobody knows, or no report has said yet.

    `last_tick` is the newest instant that any worker has evaluated. `live` are the figures of this
    process's inbox of live events, by name.
    """

    version: str
    status: str
    pending: int | None = None
    last_tick: datetime | None = None
    figures: Figures | None = None
    live: Mapping[str, int] | None = None


Measure = Callable[[], Awaitable[Measures]]

# of the samples of `Figures`: what each means, under `relance_trigger_…`; an interval's ends follow
# their number as `…_low` and `…_high`
_MEANINGS: Mapping[str, str] = {
    "verdict": "1 for the verdict of the last report, 0 for the others",
    "entered": "First entries, by arm",
    "mature": "First entries whose goal window is closed, by arm",
    "retained": "Of the mature, those with the goal event inside the window, by arm",
    "split_p": "The p-value of the split that was found, against the holdout that was asked for",
    "retention_difference": "Retained share of the treated minus that of the held out, a fraction",
    "extra_customers": "Customers retained thanks to the messages so far",
    "extra_revenue": "Revenue thanks to the messages so far",
    "message_cost": "What the messages cost so far",
    "net_value": "Revenue thanks to the messages, less what they cost",
}
_ENDS = {
    "": "",
    "_low": "; the lower end of its 95 % interval",
    "_high": "; the upper end of its 95 % interval",
}


_LIVE: Mapping[str, str] = {
    "waiting": "Live events that wait to be stored",
    "stored": "Live events stored since this process began",
    "duplicates": "Live events that had been stored before, since this process began",
    "rejected": "Live events that could not be taken, since this process began",
    "turned_away": "Requests told to come back because too much waited, since this process began",
}


class Metrics:
    """Answers Prometheus; a bare 404 to whoever asks from elsewhere."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure

    async def answer(self, request: Request) -> Response:
        """Every gauge in Prometheus' text format."""
        if not from_here(request):
            raise HTTPException(404)
        page = exposition(await self._measure())
        return Response(page, media_type=CONTENT_TYPE_LATEST)


def exposition(measures: Measures) -> bytes:
    """The gauges as text."""
    registry = CollectorRegistry()
    registry.register(_Collected([*_service(measures), *_report(measures.figures)]))
    return generate_latest(registry)


class _Collected:
    """Gauges that are there already."""

    def __init__(self, gauges: Sequence[GaugeMetricFamily]) -> None:
        self._gauges = gauges

    def collect(self) -> Sequence[GaugeMetricFamily]:
        return self._gauges


def _service(measures: Measures) -> Iterator[GaugeMetricFamily]:
    built = GaugeMetricFamily("relance_build_info", "1; the version is a label", labels=["version"])
    built.add_metric([measures.version], 1)
    yield built
    status = GaugeMetricFamily("relance_status", "1 for how the worker is", labels=["status"])
    for each in STATUSES:
        status.add_metric([each], float(each == measures.status))
    yield status
    if measures.pending is not None:
        meaning = "Messages that are not yet sent: queued, claimed or on the wire"
        yield GaugeMetricFamily("relance_messages_pending", meaning, value=measures.pending)
    if measures.last_tick is not None:
        meaning = "The newest instant that was evaluated, in seconds since 1970"
        seconds = measures.last_tick.timestamp()
        yield GaugeMetricFamily("relance_last_tick_timestamp_seconds", meaning, value=seconds)
    for name, count in (measures.live or {}).items():
        yield GaugeMetricFamily(f"relance_live_{name}", _LIVE[name], value=count)


def _report(figures: Figures | None) -> Iterator[GaugeMetricFamily]:
    if figures is None:
        return
    yield GaugeMetricFamily(
        "relance_report_timestamp_seconds",
        "As of when the figures of the triggers are, in seconds since 1970",
        value=figures.at.timestamp(),
    )
    for name, meaning in _MEANINGS.items():
        for end, more in _ENDS.items():
            found = [one for one in figures.samples if one.name == name + end]
            if found:
                yield _gauge(f"relance_trigger_{name}{end}", meaning + more, found)


def _gauge(name: str, meaning: str, samples: Sequence[Sample]) -> GaugeMetricFamily:
    labels = list(samples[0].labels)
    gauge = GaugeMetricFamily(name, meaning, labels=labels)
    for one in samples:
        gauge.add_metric([one.labels.get(label, "") for label in labels], one.value)
    return gauge
