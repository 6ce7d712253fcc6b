"""Frequency caps: how many places of a rolling window a trigger's own messages take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from relance.domain.channel import is_personal
from relance.domain.duration import Duration
from relance.domain.trigger import Trigger
from relance.domain.workspace import FrequencyCap


def due_at(waits: Sequence[Duration], at: datetime, zone: ZoneInfo) -> datetime:
    """When a step falls due: all its waits after the entry, on the workspace's calendar."""
    for wait in waits:
        at = wait.after(at, zone)
    return at


def places(trigger: Trigger, cap: FrequencyCap, at: datetime, zone: ZoneInfo) -> int:
    """The most messages that one entry at `at` sends its customer in any window of the cap.

    What tells the company's own people takes no place.
    """
    dues = [due_at(step.waits, at, zone) for step in trigger.steps if is_personal(step.channel)]
    windows = [(due, cap.per.after(due, zone)) for due in dues]
    return max((sum(start <= due < end for due in dues) for start, end in windows), default=0)
