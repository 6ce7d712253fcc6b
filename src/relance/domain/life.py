"""What the state knows of a segment: since when it is defined as it is, and how it moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Life:
    """A segment's present definition, from its baseline on, as ticks saw it.

    `at` is its last evaluation, `entered` and `left` what moved in it, `recent` who entered since
    the instant that was asked about, and `last_entered` the latest entry since the earliest instant
    that was looked at (the baseline is none). `sizes` are members at some instants, none before
    the baseline.
    """

    segment: str
    version: str
    since: datetime
    at: datetime
    members: int
    entered: int
    left: int
    recent: int
    last_entered: datetime | None
    sizes: Sequence[tuple[datetime, int]] = ()

    @property
    def stayed(self) -> int:
        """Who was in it before the last evaluation and after it."""
        return self.members - self.entered
