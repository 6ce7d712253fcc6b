"""What health and profiles of segments need: sums over the customers, and how segments moved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from relance.domain.fits import Fits
from relance.domain.life import Life
from relance.domain.study import Draw
from relance.domain.trigger import Goal
from relance.domain.workspace import Segment
from relance.uplift.portrait import Portrait
from relance.uplift.survey import Survey


class SegmentEngine(Protocol):
    """The customer data, asked about segments. Only sums leave it."""

    def survey(
        self,
        at: datetime,
        segments: Sequence[Segment],
        goal: Goal,
        events: Iterable[str],
        fits: Fits,
        joined: str | None = None,
    ) -> Survey:
        """Evaluate segments at an instant and one goal's window before it, and count what came in
        between: one look at each event table. `events` are those whose age is asked as well.

        What is scored is fitted is the same at both instants: the given ones, or those fitted at
        the later one. Who `joined` (an attribute) after the earlier instant was nobody then.
        Raises SourceError.
        """

    def portraits(self, at: datetime, segments: Sequence[Segment], fits: Fits) -> list[Portrait]:
        """Each segment beside all customers: features, and values of columns that have few.

        Columns that say who somebody is are left out, and groups of fewer than five are part of
        "others". Raises SourceError.
        """


class SegmentBook(Protocol):
    """The state, asked about segments."""

    def lives(
        self, since: datetime, until: datetime, instants: Sequence[datetime]
    ) -> Mapping[str, Life]:
        """How every segment moved under its present definition, of those that a tick evaluated
        by `until`. `recent` are entries later than `since`; `sizes` are at the instants."""

    def draws(self) -> Sequence[Draw]:
        """How the arms of each version were drawn, with the instant of its first entry."""
