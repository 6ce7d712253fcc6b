"""The state and the engine, as trajectories see them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

import pyarrow as pa

from relance.domain.trajectory import Activity, Counted, Span, Watched


class Trail(Protocol):
    """What the state remembers of a period."""

    def watched(self, segments: Sequence[str], until: datetime) -> Sequence[Watched]:
        """The definitions of segments that began before or at an instant, the latest first."""

    def spells(self, reigns: Mapping[int, int], span: Span) -> Iterator[pa.RecordBatch]:
        """The spells of reigns (reign → place) that touch a period. Columns: customer,
        entered_at, left_at (timestamp[us, UTC]), baseline (bool), place (int32)."""

    def refits(self, span: Span) -> Mapping[str, Sequence[datetime]]:
        """When what is fitted from data was fitted anew within a period, by the fit's name."""

    def activity(self, bounds: Sequence[datetime]) -> Sequence[Activity]:
        """What triggers did, week by week between bounds as `domain.week_bounds` has them."""


class Paths(Protocol):
    """The spells of one period, loaded once and counted for any choice of segments."""

    def masks(self) -> Sequence[int]:
        """Every set of segments (bit n is place n) that held some customer at once."""

    def count(self, places: Mapping[str, int], bounds: Sequence[datetime]) -> Counted:
        """What the spells say of segments by name in order, each with its place."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


OpenPaths = Callable[[Iterable[pa.RecordBatch], Span, int], Paths]
"""Loads spells of a period; places below the number may be asked for, others only say who was a
customer."""
