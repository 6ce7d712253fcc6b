"""Any other engine that Ibis connects to by an URL, without code of its own."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.common.exceptions import TableNotFound

from relance.domain.workspace import SourceSpec
from relance.engine.failures import source_errors
from relance.engine.selecting import NamedQueries
from relance.engine.source import no_such_table
from relance.errors import SourceError


class IbisSource:
    """An Ibis backend. Whether the session is read-only is for the database's rights to say."""

    remote = True

    def __init__(self, spec: SourceSpec) -> None:
        self._spec = spec
        with source_errors(spec.shown):
            try:
                self._backend = ibis.connect(spec.location)
            except (ImportError, ValueError, AttributeError) as error:
                raise SourceError(
                    f"{spec.shown}: no engine for this URL ({type(error).__name__})",
                    hint="install the Ibis extra for it, such as ibis-framework[trino]",
                ) from None
        self.dialect = str(self._backend.dialect.__name__).lower()
        self._named = NamedQueries(spec.tables, self.dialect)

    def refresh(self) -> None:
        """Expressions are bound anew each time; there is nothing to look at."""

    def release(self) -> None:
        """Nothing is held between statements."""

    def close(self) -> None:
        self._backend.disconnect()

    def table(self, name: str) -> ir.Table:
        if name in self._named:
            return self._backend.sql(self._named.query(name))
        schema, _, plain = name.rpartition(".")
        try:
            return self._backend.table(plain, database=schema or None)
        except TableNotFound:
            known = [*self._backend.list_tables(), *self._named]
            raise no_such_table(self._spec.shown, name, known) from None

    def answer(self, query: str) -> ir.Table:
        return self._backend.sql(self._named.around(query))

    def fetch(self, expression: ir.Table) -> pa.RecordBatchReader:
        return self._backend.to_pyarrow_batches(expression)
