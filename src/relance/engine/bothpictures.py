"""Customers and accounts as of one instant: two pictures that answer as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

import pyarrow as pa

from relance.domain.fits import Fits
from relance.domain.trigger import Trigger, WriteTo
from relance.engine.picture import Picture


class BothPictures:
    """See `relance.pipeline.ports.Picture`. A segment is asked of the picture that it is of."""

    def __init__(self, customers: Picture, accounts: Picture) -> None:
        self._customers = customers
        self._accounts = accounts

    @property
    def at(self) -> datetime:
        return self._customers.at

    @property
    def fits(self) -> Fits:
        return self._customers.fits

    @property
    def customers(self) -> int:
        return self._customers.customers

    @property
    def events(self) -> Mapping[str, int]:
        return {**self._accounts.events, **self._customers.events}

    def counts(self) -> Mapping[str, int]:
        return {**self._customers.counts(), **self._accounts.counts()}

    def members(self, segment: str) -> Iterator[pa.RecordBatch]:
        yield from self._of(segment).members(segment)

    def changes(
        self, earlier: datetime, segments: Sequence[str]
    ) -> Mapping[str, tuple[pa.Array, pa.Array]]:
        """Raises ValueError for a segment that is not kept for both instants alike."""
        found: dict[str, tuple[pa.Array, pa.Array]] = {}
        for picture in (self._customers, self._accounts):
            own = [name for name in segments if self._of(name) is picture]
            if own:
                found.update(picture.changes(earlier, own))
        return found

    def candidates(self, trigger: Trigger, earlier: datetime | None) -> pa.Table:
        picture = self._accounts if trigger.of_accounts else self._customers
        return picture.candidates(trigger, earlier)

    def rows(self, customers: pa.Array, names: Sequence[str]) -> pa.Table:
        return self._customers.rows(customers, names)

    def merged(self, earlier: datetime, segment: str) -> pa.Table:
        return self._of(segment).merged(earlier, segment)

    def whose(self, ids: pa.Array) -> pa.Array:
        return self._customers.whose(ids)

    def contacts(self, accounts: pa.Array, rule: WriteTo) -> pa.Table:
        return self._customers.contacts(accounts, rule)

    def refitted(self) -> BothPictures | None:
        """Nothing about accounts is fitted."""
        customers = self._customers.refitted()
        return None if customers is None else BothPictures(customers, self._accounts)

    def keep(self) -> None:
        """Raises StateError where the workbench cannot be written."""
        self._customers.keep()
        self._accounts.keep()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._customers.__exit__(kind, error, trace)
        finally:
            self._accounts.__exit__(kind, error, trace)

    def _of(self, segment: str) -> Picture:
        return self._accounts if segment in self._accounts.counts() else self._customers
