"""The customers as of one instant, and the engine that sees them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

import pyarrow as pa

from relance.domain.condition import Condition
from relance.domain.duration import Duration
from relance.domain.fits import Fits
from relance.domain.study import Study
from relance.domain.trigger import Trigger, WriteTo
from relance.domain.workspace import Segment
from relance.errors import Problem
from relance.uplift.outcomes import Outcomes

Changes = Mapping[str, tuple[pa.Array, pa.Array]]
"""By segment: the customers (strings) who entered it, and those who left it."""


class Picture(Protocol):
    """All customers as of one instant: one profile, one bit per segment.

    Nothing here writes where anybody else can see it until `keep`.
    """

    @property
    def at(self) -> datetime: ...

    @property
    def fits(self) -> Fits:
        """The fits used, newly fitted ones where none that fits was given; no others."""

    @property
    def customers(self) -> int:
        """How many rows the customers table has."""

    @property
    def events(self) -> Mapping[str, int]:
        """How many rows up to `at` the table has of each event that a segment asks for, or a
        trigger's goal."""

    def counts(self) -> Mapping[str, int]:
        """Members per segment."""

    def members(self, segment: str) -> Iterator[pa.RecordBatch]:
        """The members of one segment. Columns: customer (string)."""

    def changes(self, earlier: datetime, segments: Sequence[str]) -> Changes:
        """Who entered and who left since an earlier snapshot, all segments at once."""

    def merged(self, earlier: datetime, segment: str) -> pa.Table:
        """The ids that were in a segment then and are somebody else's now.

        Columns: id, customer (strings), and stays: whether the customer is in it now.
        """

    def whose(self, ids: pa.Array) -> pa.Array:
        """The customer whom each of these ids belongs to, in their order."""

    def candidates(self, trigger: Trigger, earlier: datetime | None) -> pa.Table:
        """Who passes the trigger's transition, not yet any gate. Columns: customer (string).

        `earlier` is the snapshot of the trigger's previous run; None means that only the
        present is asked for (a schedule, a back-fill: the members). OnStay is not answered
        here: spells are the ledger's.
        """

    def rows(self, customers: pa.Array, names: Sequence[str]) -> pa.Table:
        """Profile rows of some customers who are in the customers table, in no order.

        Columns: customer, email, phone, locale, timezone, region, household (strings, null where
        missing or not mapped), account where there are accounts, consent_<channel> (bool, never
        null) for each channel, and one column per name: `customer.<attribute>` or
        `<event>.<count|sum|average|first|last>`; of the account, `account.<attribute>` or
        `account.<event>_<count|sum|…>`. `account:<key>` asks for an account that nobody is picked
        from: a row under that name, of whose customer nothing is known.
        """

    def contacts(self, accounts: pa.Array, rule: WriteTo) -> pa.Table:
        """Everybody who belongs to some accounts and whom a rule may pick.

        Columns: customer, account (strings) and place (int64): the rule's order within an
        account, from 1.
        """

    def refitted(self) -> Picture | None:
        """The same instant with the fits renewed that have had their time; None where none has."""

    def keep(self) -> None:
        """Keep this picture's memberships as the snapshot of its instant."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Engine(Protocol):
    """The customer data and the workbench."""

    def inspect(self) -> list[Problem]:
        """What is wrong with the data: tables, columns, types, keys, dates. Reads only."""

    def picture(
        self,
        at: datetime,
        segments: Sequence[Segment],
        names: Sequence[str],
        fits: Fits,
    ) -> Picture:
        """Build the profile once and evaluate every segment over it.

        `names` are the template names that `rows` will be asked for, `fits` the standing ones.
        Raises SourceError.
        """

    def knows(self, at: datetime, versions: Mapping[str, str]) -> bool:
        """Whether the snapshot of an instant is at hand with these segments (name → version)."""

    def restore(
        self, at: datetime, versions: Mapping[str, str], members: Iterable[pa.RecordBatch]
    ) -> None:
        """Rebuild a snapshot from the ledger's spells. Columns: segment, customer."""

    def forget(self, keep: Iterable[datetime]) -> None:
        """Drop every snapshot but these."""

    def ask(
        self,
        cohort: pa.Table,
        questions: Mapping[str, Condition],
        names: Sequence[str],
        at: datetime,
    ) -> pa.Table:
        """Answer conditions about some customers, `since: entry` included.

        cohort columns: id (string, unique), customer (string), entry_at (timestamp[us, UTC]).
        Returns one row per id whose customer still exists: id, the columns of
        `Picture.rows`, and one bool column per question.
        """

    def kin(self, customers: Sequence[str], at: datetime) -> pa.Table:
        """Every id that is the same customer's as one of these, themselves among them.

        Columns (strings): asked, customer (whose it is), id.
        """

    def whose(self, ids: pa.Array, at: datetime) -> pa.Array:
        """The customer whom each of these ids belongs to at an instant, in their order."""

    def study(
        self,
        entries: pa.Table,
        studies: Sequence[Study],
        optouts: pa.Table,
        lapsed_after: Duration,
        at: datetime,
    ) -> Outcomes:
        """Count everything that the studies ask, with one look at each event table.

        entries columns: trigger, version, arm, customer, unit (strings), at (timestamp[us, UTC]);
        the first entry per trigger, version and unit counts, and entries later than `at` do not
        exist. optouts columns: customer, at. Sums only; the buyers' amounts leave the engine
        where they are few.
        """

    def rows(self, events: Mapping[str, datetime]) -> Mapping[str, int]:
        """How many rows each event's table has up to an instant."""
