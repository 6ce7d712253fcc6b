"""What a tick hands over to be stored, in this room's own words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from relance.domain.fits import Fits
from relance.domain.ledger import (
    Entries,
    Messages,
    Refusals,
    RunRecord,
)
from relance.domain.study import Draw


class Spells(Protocol):
    """Spells to open and close in one segment; `fresh` replaces its whole membership."""

    @property
    def segment(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def fresh(self) -> bool: ...
    @property
    def opened(self) -> Iterable[pa.Array]: ...
    @property
    def closed(self) -> Iterable[pa.Array]: ...
    @property
    def carried(self) -> pa.Table | None: ...


class Tick(Protocol):
    """Everything that one tick changes; each iterable is consumed once."""

    @property
    def id(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def runs(self) -> Sequence[RunRecord]: ...
    @property
    def spells(self) -> Iterable[Spells]: ...
    @property
    def entries(self) -> Iterable[Entries]: ...
    @property
    def messages(self) -> Iterable[Messages]: ...
    @property
    def refusals(self) -> Iterable[Refusals]: ...
    @property
    def fits(self) -> Fits: ...
    @property
    def draws(self) -> Sequence[Draw]: ...
    @property
    def events_seen(self) -> Mapping[str, int]: ...
    @property
    def seen(self) -> Mapping[str, datetime | None]: ...
