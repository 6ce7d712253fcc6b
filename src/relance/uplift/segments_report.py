"""What a report says of segments: how they stand, and who is in those that triggers watch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relance.uplift.checkup import Checkup
from relance.uplift.portrait import Portrait


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentsReport:
    """A check-up of every segment, and a portrait of each that a trigger watches."""

    checkup: Checkup
    portraits: Sequence[Portrait] = ()
