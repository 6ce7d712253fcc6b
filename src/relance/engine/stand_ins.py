"""Stand-ins: an account that nobody is picked from, asked as a contact would be.

What tells the company's own people about an account may be of one without any contact. A stand-in
is a contact of the account of whom nothing else is known: no address, no consent, no events.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from relance.domain.accounts import ACCOUNT
from relance.domain.workspace import EventSpec
from relance.engine.aggregates import Field
from relance.engine.clock import Kind
from relance.engine.narrowing import Only
from relance.engine.profile import Profiles


@dataclass(frozen=True, kw_only=True)
class StandIns(Profiles):
    """The accounts of a workspace as contacts of themselves; `real` are its customers."""

    real: Profiles

    @classmethod
    def of(cls, real: Profiles) -> StandIns:
        """Raises SourceError where there are no accounts."""
        return cls(
            source=real.source,
            workspace=real.workspace,
            clock=real.clock,
            text_times=real.text_times,
            real=real,
        )

    @functools.cached_property
    def accounts(self) -> Profiles:
        return self.real.accounts

    @functools.cached_property
    def key_kind(self) -> Kind:
        return self.accounts.key_kind

    def events(
        self, spec: EventSpec, fields: Iterable[Field], more: Mapping[str, ir.Value] | None = None
    ) -> ir.Table:
        """None; those of the account are asked of `accounts`."""
        return self.real.events(spec, fields, more).filter(ibis.literal(False))

    def _people(self, only: Only | None) -> ir.Table:  # noqa: ARG002
        """The customers' columns, of which the key and the account are known."""
        spec, accounts = self.workspace.customers, self.accounts
        own = {spec.key, spec.account}
        columns: dict[str, ir.Value] = {}
        for name, kind in self.real.customers.schema().items():
            known = accounts.key() if name in own else None
            blank = ibis.null("string" if kind.is_unknown() else kind)
            columns[name] = blank if known is None else known
        return accounts.customers.select(**columns)

    def _answer(self, query: str, name: str) -> ir.Table:
        return super()._answer(query, name).filter(ibis.literal(False))

    def _has_times(self, table: ir.Table, shown: str, name: str) -> bool:
        """As the real column has them: a stand-in's tells nothing."""
        real = self.real.customers if shown == self.workspace.customers.table else table
        return self.real._has_times(real, shown, name)  # noqa: SLF001


def standing_in(profiles: Profiles, told: pa.Table, known: pa.Table, by: str) -> pa.Table:
    """The rows of `told` whose customers are accounts that nobody stands for, by their keys alone.

    `known` are the rows that customers were found for; `by` is the column that both have.
    """
    if profiles.workspace.accounts is None:
        return told.slice(0, 0)
    left = told.filter(pc.starts_with(told["customer"], ACCOUNT))
    if not len(left):
        return left
    left = left.filter(pc.invert(pc.is_in(left[by], value_set=known[by].combine_chunks())))
    place = left.schema.get_field_index("customer")
    keys = pc.utf8_slice_codeunits(left["customer"], len(ACCOUNT))
    return left.set_column(place, "customer", keys)


def together(known: pa.Table, stand_ins: pa.Table) -> pa.Table:
    """Rows of customers, and those of stand-ins under the names that they go by."""
    place = stand_ins.schema.get_field_index("customer")
    names = pc.binary_join_element_wise(ACCOUNT, stand_ins["customer"], "")
    named = stand_ins.set_column(place, "customer", names)
    return pa.concat_tables([known, named], promote_options="permissive")
