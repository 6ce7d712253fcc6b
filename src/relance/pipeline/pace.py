"""How many messages are claimed, marked, and on the wire at once."""

from __future__ import annotations

from dataclasses import dataclass

_SINGLES = 32  # requests in flight where each carries one message
_BATCHES = 4  # requests in flight where each carries many
_ABOARD = 1_000  # messages in flight in large batches: with their bodies some 60 MB of e-mails
# messages marked `sending` at once, which a crash may leave unknown: in batches no more than may be
# on the wire anyway, and by 400 the state takes a third less time of each than by 100
_GROUP = 100
_BATCHED = 500
_WAVE = 5_000  # messages claimed at once
_STOP = 4.0  # seconds of rate-limited sending that a stop may have to wait for
_LEAVES = 60.0  # seconds in which a wave leaves: inside its lease though many workers share a rate


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """`batch` messages per request, `calls` requests in flight, `group` marked, `wave` claimed."""

    batch: int
    calls: int
    group: int
    wave: int


def pace(batch_size: int, rate: float | None) -> Pace:
    """The sizes for a provider; `rate` is its limit in messages per second."""
    reach = _WAVE if rate is None else max(1, int(rate * _STOP))
    batch = min(batch_size, reach)
    most = _SINGLES if batch == 1 else min(_BATCHES, max(2, _ABOARD // batch))
    calls = max(1, min(most, reach // batch))
    marked = batch * max(1, min(calls, _BATCHED // batch))
    group = max(batch, min(max(_GROUP, marked), reach))
    wave = _WAVE if rate is None else max(group, min(_WAVE, int(rate * _LEAVES)))
    return Pace(batch=batch, calls=calls, group=group, wave=wave)
