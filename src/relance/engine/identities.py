"""Who is who as of one instant: ids that belong to customers, resolved to the end of each chain.

Every id has at most one link: the latest of those known at the instant, of equally late ones that
to the smallest id (letter by letter, as bytes); a link without an instant is older than any. A
circle belongs to its smallest id. Rounds double the way that is followed, set-based.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from relance.domain.identity import joined
from relance.domain.workspace import IdentitySpec, Workspace
from relance.engine.clock import Clock, Kind, kind_of
from relance.engine.columns import Reader, Reading, column_of, in_bytes, key, key_kind
from relance.engine.source import Source
from relance.engine.workbench import Workbench, compiled
from relance.errors import SourceError

_TRUE = ibis.literal(True)  # a filter ends a join: Ibis would add the next one to the same chain
ROUNDS = 5  # inside a server: chains of up to 32 links are followed to their end
_LINKS = 40  # rounds here, where there is no end but a trillion links


def known_by_ids(workspace: Workspace) -> Workspace:
    """A workspace whose customers are known by several ids, with one row each even so."""
    if not workspace.identities or workspace.customers.tables:
        return workspace
    one = workspace.customers
    return replace(workspace, customers=joined([one], region=one.region))


@dataclass(kw_only=True)
class Identities:
    """The links of a workspace as of the clock's instant. `close` drops what was computed."""

    workbench: Workbench
    source: Source
    specs: Sequence[IdentitySpec]
    clock: Clock
    _tables: list[str] = field(default_factory=list)

    def links(self) -> ir.Table:
        """Where the source is: one row per id that is somebody else's. Columns: id, to (text)."""
        real = self._every()
        order = [
            ibis.desc(real.known.notnull()), ibis.desc(real.known), self._bytes(real.to),
        ]  # fmt: skip
        place = ibis.row_number().over(ibis.window(group_by=real.id, order_by=order))
        ranked = real.mutate(place=place)
        return ranked.filter(ranked.place == 0).select("id", "to")

    def _every(self) -> ir.Table:
        """The rows of every table that link an id to another one."""
        every = functools.reduce(ir.Table.union, (self.written(spec) for spec in self.specs))
        return every.filter(every.id.notnull() & every.to.notnull() & (every.id != every.to))

    def written(self, spec: IdentitySpec) -> ir.Table:
        """The rows of one table that exist at the instant. Columns: id, to, known.

        Raises SourceError for a column that cannot be an id or an instant.
        """
        table = self.source.table(spec.table)
        known: ir.Value = ibis.null("timestamp('UTC')")
        if spec.at is not None:
            at = Reader(dialect=self.source.dialect).read(
                column_of(table, spec.table, spec.at), Reading.MOMENT
            )
            if not kind_of(at.type()).is_moment:
                raise SourceError(
                    f"{spec.table}.{spec.at} holds {kind_of(at.type())}, not dates",
                    hint="`at` is the instant at which a link became known",
                )
            table = table.filter(at.isnull() | ~self.clock.later(at, self.clock.at))
            known = at.cast("timestamp('UTC')")
        return table.select(
            id=_text(column_of(table, spec.table, spec.id), spec.table, spec.id),
            to=_text(column_of(table, spec.table, spec.customer), spec.table, spec.customer),
            known=known,
        )

    @functools.cached_property
    def _local(self) -> str:
        """The workbench's table of everybody who is somebody else: alias, customer."""
        with self.workbench.scope():
            if self.source.remote:
                found = self.source.fetch(self._in_source())
                table = self.workbench.load(found, "known", lasting=True)
            else:
                table = self.workbench.create(self._followed(), "known", lasting=True)
        self._tables.append(table)
        return table

    @functools.cached_property
    def some(self) -> bool:
        """Whether anybody is somebody else; asked of what lies in the workbench."""
        return bool(self.workbench.numbers(f"SELECT count(*) FROM {self._local}")[0])

    def refuse_changed(self) -> None:
        """Raises SourceError where a server has other links now than when they were fetched: its
        queries follow those of their own moment."""
        if not self.source.remote:
            return
        bench, tell = self.workbench, "SELECT alias, customer FROM"
        with bench.scope():
            now = bench.load(self.source.fetch(self._in_source()), "links")
            (moved,) = bench.numbers(
                f"SELECT count(*) FROM (({tell} {now} EXCEPT {tell} {self._local})"
                f" UNION ALL ({tell} {self._local} EXCEPT {tell} {now}))"
            )
        if moved:
            raise SourceError(
                "identities: links came or went while the customers were read",
                hint="nothing was stored, and the next try reads them again; where links come all"
                " the time, name the column `at` that says since when each holds",
            )

    @property
    def table(self) -> str:
        """The workbench's table of aliases: alias, customer."""
        return self._local

    def _followed(self) -> ir.Table:
        """Every chain to its end: as many rounds as the longest needs."""
        links = self.workbench.scratch(self.workbench.create(self.links(), "links"))
        steps, length = _first(links), 1
        before = None
        for _ in range(_LINKS):
            steps = self.workbench.scratch(self.workbench.create(self._doubled(steps), "steps"))
            length *= 2
            on_the_way = steps.semi_join(links, [("to", "id")])
            (left,) = self.workbench.numbers(compiled(on_the_way.count().as_table()))
            # who is still on the way after a round that led nobody home walks in a circle
            if not left or (left == before and length >= left):
                break
            before = left
        return self._ended(steps)

    def _in_source(self) -> ir.Table:
        """The same as one expression over the source, with a bounded number of rounds."""
        if self.source.dialect == "postgres":
            return self.source.answer(_POSTGRES.format(links=_written(self.links())))
        steps = _first(self.links())
        for _ in range(ROUNDS):
            steps = self._doubled(steps)
        return self._ended(steps)

    def _doubled(self, steps: ir.Table) -> ir.Table:
        """Twice the way: where it leads, and the smallest id of those passed."""
        on = steps.select(via="id", further="to", least_there="least")
        both = steps.left_join(on, [("to", "via")])
        smaller = self._bytes(both.least_there) < self._bytes(both.least)
        return both.select(
            id=both.id,
            to=ibis.coalesce(both.further, both.to),
            least=ibis.ifelse(smaller.fill_null(False), both.least_there, both.least),
        ).filter(_TRUE)

    def _ended(self, steps: ir.Table) -> ir.Table:
        """Alias and customer: the end of the chain, or the smallest of the circle."""
        there = steps.select(via="id", circle="least")
        both = steps.left_join(there, [("to", "via")])
        found = both.select(alias=both.id, customer=ibis.coalesce(both.circle, both.to)).filter(
            _TRUE
        )
        return found.filter(found["alias"] != found["customer"])

    def _bytes(self, text: ir.Value) -> ir.Value:
        return in_bytes(text, self.source.dialect)

    def resolved(self, table: ir.Table, column: str) -> ir.Table:
        """A table of the source with the ids in a text column replaced by the customers'."""
        if self.source.remote:
            known = self._in_source()
        elif self.some:
            known = self.workbench.scratch(self._local)
        else:
            return table
        known = known.select(identity_alias="alias", identity_customer="customer")
        both = table.left_join(known, [(column, "identity_alias")])
        owned = {
            name: ibis.coalesce(both.identity_customer, both[name])
            if name == column
            else both[name]
            for name in table.columns
        }
        return both.select(**owned).filter(_TRUE)

    def doubtful(self) -> int:
        """How many ids have links to several others at the instant."""
        every = self._every()
        several = every.group_by("id").aggregate(whose=every.to.nunique())
        return self._count(several.filter(several.whose > 1))

    def in_circles(self) -> int:
        """How many ids have no end to their way: those of a circle, and whoever leads there."""
        links = self.links().select(onward="id")
        circling = self.customers_of_all().semi_join(links, [("customer", "onward")])
        return self._count(circling) + self._count(circling.select("customer").distinct())

    def customers_of_all(self) -> ir.Table:
        """Where the source is: alias and customer of everybody who is somebody else."""
        return self._in_source() if self.source.remote else self.workbench.scratch(self.table)

    def _count(self, table: ir.Table) -> int:
        found = self.source.fetch(table.aggregate(rows=table.count())).read_all()
        return int(found["rows"][0].as_py())

    def customers(self, ids: pa.Array | pa.ChunkedArray) -> pa.Array:
        """Who each of these ids is, in their order."""
        if not len(ids) or not self.some:
            return ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
        bench = self.workbench
        with bench.scope():
            places = pa.array(range(len(ids)), pa.int64())
            given = bench.load(pa.table({"place": places, "id": ids}), "ids")
            found = bench.arrow(
                f"SELECT coalesce(k.customer, g.id) AS customer FROM {given} AS g"
                f" LEFT JOIN {self._local} AS k ON k.alias = g.id ORDER BY g.place"
            )
        return found["customer"].combine_chunks().cast(pa.string())

    def kin(self, ids: Sequence[str]) -> pa.Table:
        """Every id of the same customers. Columns: asked, customer, id."""
        bench = self.workbench
        with bench.scope():
            given = bench.load(pa.table({"id": pa.array(ids, pa.string())}), "ids")
            return bench.arrow(f"""
WITH asked AS (
  SELECT DISTINCT g.id AS asked, coalesce(k.customer, g.id) AS customer
  FROM {given} AS g LEFT JOIN {self._local} AS k ON k.alias = g.id
)
SELECT asked, customer, customer AS id FROM asked
UNION ALL
SELECT a.asked, a.customer, k.alias FROM asked AS a JOIN {self._local} AS k USING (customer)
ORDER BY ALL""")

    def close(self) -> None:
        """Forget what was computed. Safe to call twice."""
        while self._tables:
            self.workbench.drop(self._tables.pop())
        for name in ("_local", "some"):
            self.__dict__.pop(name, None)


# the same rounds, each written once: nested they would double the text with every round
_POSTGRES = (
    """
WITH relance_links AS ({links}),
s0 AS (SELECT id, "to", id COLLATE "C" AS least FROM relance_links)
"""
    + "".join(
        f""", s{n + 1} AS (
  SELECT a.id, coalesce(b."to", a."to") AS "to", least(a.least, b.least) AS least
  FROM s{n} AS a LEFT JOIN s{n} AS b ON b.id = a."to"
)"""
        for n in range(ROUNDS)
    )
    + f"""
SELECT alias, customer FROM (
  SELECT a.id AS alias, coalesce(b.least, a."to") AS customer
  FROM s{ROUNDS} AS a LEFT JOIN s{ROUNDS} AS b ON b.id = a."to"
) AS ended
WHERE alias <> customer"""
)


def _written(links: ir.Table) -> str:
    return str(ibis.to_sql(links, dialect="postgres", pretty=False))


def _first(links: ir.Table) -> ir.Table:
    return links.select(id=links.id, to=links.to, least=links.id)


def _text(column: ir.Value, table: str, name: str) -> ir.Value:
    """An id as text; a blank one is none."""
    kind = key_kind(column)
    if kind is None:
        raise SourceError(
            f"{table}.{name} holds {kind_of(column.type())}, which cannot be an id",
            hint="an id is a whole number, a text or a UUID",
        )
    text = key(column, kind).cast("string")
    return text.nullif("") if kind is Kind.TEXT else text
