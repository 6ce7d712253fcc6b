"""Kept memberships: one table of masks per kept picture, and a catalogue of what it holds."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa

from relance.engine.clock import microseconds
from relance.engine.layout import Bit, Layout
from relance.engine.workbench import Workbench, identifier, literal

_CATALOGUE = """
CREATE TABLE IF NOT EXISTS bench.main.relance_catalogue (
  instant BIGINT NOT NULL,   -- microseconds since 1970, UTC
  segment VARCHAR NOT NULL,
  version VARCHAR NOT NULL,
  store VARCHAR NOT NULL,    -- the table of masks
  "column" INTEGER NOT NULL,
  position INTEGER NOT NULL
)"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Masks:
    """A table with the columns `key`, `m0`, `m1`, … and what its bits mean."""

    table: str
    layout: Layout
    versions: Mapping[str, str]


class Snapshots:
    """The catalogue in the workbench. Only a finished transaction shows or hides anything."""

    def __init__(self, workbench: Workbench) -> None:
        self._workbench = workbench
        workbench.run(_CATALOGUE)

    def find(self, at: datetime) -> list[Masks]:
        """The kept masks of an instant; several where it was evaluated in parts."""
        rows = self._workbench.run(
            'SELECT store, segment, version, "column", position FROM bench.main.relance_catalogue'
            " WHERE instant = ? ORDER BY store, segment",
            [microseconds(at)],
        )
        stores: dict[str, dict[str, tuple[str, Bit]]] = {}
        for store, segment, version, column, position in rows:
            bit = Bit(int(str(column)), int(str(position)))
            stores.setdefault(str(store), {})[str(segment)] = (str(version), bit)
        return [
            Masks(
                table=_qualified(store),
                layout=Layout({name: bit for name, (_, bit) in held.items()}),
                versions={name: version for name, (version, _) in held.items()},
            )
            for store, held in stores.items()
        ]

    def knows(self, at: datetime, versions: Mapping[str, str]) -> bool:
        """Whether all these segments (name → version) are kept for an instant."""
        kept = {
            name: version for masks in self.find(at) for name, version in masks.versions.items()
        }
        return versions.items() <= kept.items()

    def keep(self, at: datetime, masks: Masks) -> None:
        """Copy masks and make them the instant's; what else was kept of it stays."""
        store = f"relance_snapshot_{uuid.uuid4().hex}"
        instant = microseconds(at)
        columns = ", ".join(f"m{number}" for number in range(masks.layout.columns))
        with self._transaction():
            self._workbench.run(
                f"CREATE TABLE {_qualified(store)} AS SELECT key, {columns} FROM {masks.table}"
            )
            for segment, bit in masks.layout.bits.items():
                self._workbench.run(
                    "DELETE FROM bench.main.relance_catalogue WHERE instant = ? AND segment = ?",
                    [instant, segment],
                )
                self._workbench.run(
                    "INSERT INTO bench.main.relance_catalogue VALUES (?, ?, ?, ?, ?, ?)",
                    [instant, segment, masks.versions[segment], store, bit.column, bit.position],
                )
            self._sweep()

    def restore(
        self, at: datetime, versions: Mapping[str, str], members: Iterable[pa.RecordBatch]
    ) -> None:
        """Keep memberships that are told row by row. Columns: segment, customer."""
        schema = pa.schema([("segment", pa.string()), ("customer", pa.string())])
        layout = Layout.of(list(versions))
        with self._workbench.scope():
            rows = self._workbench.load(
                pa.RecordBatchReader.from_batches(schema, _shaped(members, schema)), "spells"
            )
            table = self._workbench.create(self._pivot(rows, layout), "restored")
            self.keep(at, Masks(table=table, layout=layout, versions=versions))

    def forget(self, keep: Iterable[datetime]) -> None:
        """Drop what is kept of every instant but these."""
        kept = ", ".join(str(microseconds(at)) for at in keep) or "NULL"
        with self._transaction():
            self._workbench.run(
                "DELETE FROM bench.main.relance_catalogue"
                f" WHERE coalesce(instant NOT IN ({kept}), true)"
            )
            self._sweep()

    def _pivot(self, rows: str, layout: Layout) -> str:
        """One row per customer; keys that are all whole numbers are kept as such."""
        whole = self._workbench.numbers(
            "SELECT coalesce(bool_and(try_cast(customer AS BIGINT)::VARCHAR IS NOT DISTINCT FROM"
            f" customer), false)::INTEGER FROM {rows}"
        )[0]
        cases = [f"WHEN {literal(name)} THEN {bit.value}" for name, bit in layout.bits.items()]
        per_column = [
            " ".join(
                case
                for case, bit in zip(cases, layout.bits.values(), strict=True)
                if bit.column == number
            )
            for number in range(layout.columns)
        ]
        masks = ", ".join(
            f"bit_or(CASE segment {whens} ELSE 0 END::BIGINT) AS m{number}"
            if whens
            else f"0::BIGINT AS m{number}"
            for number, whens in enumerate(per_column)
        )
        return (
            f"SELECT customer::{'BIGINT' if whole else 'VARCHAR'} AS key, {masks}"
            f" FROM {rows} GROUP BY customer"
        )

    def _sweep(self) -> None:
        """Drop tables of masks that nothing refers to, also those a crash left behind."""
        rows = self._workbench.run(
            "SELECT table_name FROM information_schema.tables WHERE table_catalog = 'bench'"
            " AND table_name LIKE 'relance_snapshot_%' AND table_name NOT IN"
            " (SELECT store FROM bench.main.relance_catalogue)"
        )
        for (name,) in rows:
            self._workbench.run(f"DROP TABLE {_qualified(str(name))}")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._workbench.run("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            self._workbench.run("ROLLBACK")
            raise
        self._workbench.run("COMMIT")


def _qualified(store: str) -> str:
    return f"bench.main.{identifier(store)}"


def _shaped(members: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in members:
        yield batch.select(schema.names).cast(schema)


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """The customers who moved, one row each: `key`, `now0`… (masks now), `x0`… (bits changed).

    Bits stand where `layout` (that of the present) has them; `segments` are those compared.
    """

    table: str
    layout: Layout
    segments: frozenset[str]

    def moved(self, segment: str, *, entered: bool) -> str:
        """SQL: whether a row entered (or left) a segment."""
        bit = self.layout.bits[segment]
        changed = f"(x{bit.column} & {bit.value}) <> 0"
        return f"{changed} AND (now{bit.column} & {bit.value}) {'<>' if entered else '='} 0"

    def was(self, segment: str) -> str:
        """SQL: whether a row was in a segment at the earlier instant."""
        bit = self.layout.bits[segment]
        return f"(xor(now{bit.column}, x{bit.column}) & {bit.value}) <> 0"


def compare(
    workbench: Workbench, now: Masks, earlier: Sequence[Masks], aliases: str | None = None
) -> Difference:
    """Who moved between kept masks and those of now: one join, one xor per mask column.

    `aliases` (columns alias, customer) says who of the earlier ids is somebody else now. A merge
    moves nobody: who was in a segment under any id does not enter it, and leaves it only who was
    in it under the id that lives on.
    """
    earlier = [
        masks for masks in earlier if set(masks.versions.items()) & set(now.versions.items())
    ]
    merged: set[int] = set()
    if aliases is not None:
        earlier, merged = _merged(workbench, earlier, aliases)
    common = {
        name
        for masks in earlier
        for name, version in masks.versions.items()
        if now.versions.get(name) == version
    }
    columns = range(now.layout.columns)
    wanted = {
        number: sum(
            now.layout.bits[name].value for name in common if now.layout.bits[name].column == number
        )
        for number in columns
    }
    before = {number: _before(now.layout, earlier, common, number, merged) for number in columns}
    selected = ", ".join(
        f"coalesce(n.m{c}, 0) AS now{c},"
        f" xor(coalesce(n.m{c}, 0) & {wanted[c]}, {before[c]}) AS x{c}"
        for c in columns
    )
    source, key = _joined(workbench, now, earlier)
    moved = " OR ".join(f"x{c} <> 0" for c in columns)
    table = workbench.create(
        f"SELECT * FROM (SELECT {key} AS key, {selected} FROM {source}) WHERE {moved}", "diff"
    )
    workbench.drop(*(earlier[number].table for number in merged))
    return Difference(table=table, layout=now.layout, segments=frozenset(common))


def _joined(workbench: Workbench, now: Masks, earlier: Sequence[Masks]) -> tuple[str, str]:
    """The full join of all tables on the key; as text where the key's type has changed."""
    tables = [now.table, *(masks.table for masks in earlier)]
    kinds = {workbench.types(f"SELECT key FROM {table}")["key"] for table in tables}
    as_key = "{}.key" if len(kinds) == 1 else "CAST({}.key AS VARCHAR)"
    source, key = f"{now.table} AS n", as_key.format("n")
    for number, masks in enumerate(earlier):
        other = as_key.format(f"e{number}")
        source += f" FULL JOIN {masks.table} AS e{number} ON {other} = {key}"
        key = f"coalesce({key}, {other})"
    return source, key


def _merged(
    workbench: Workbench, earlier: Sequence[Masks], aliases: str
) -> tuple[list[Masks], set[int]]:
    """Earlier masks by the customers of now; and which of them have rows of several ids, with
    the bits of any id (m0, …) and those of the id that lives on (o0, …)."""
    found, merged = [], set()
    for number, masks in enumerate(earlier):
        joined = f"{masks.table} AS e LEFT JOIN {aliases} AS k ON k.alias = e.key::VARCHAR"
        if not workbench.numbers(f"SELECT count(k.alias) FROM {joined}")[0]:
            found.append(masks)
            continue
        bits = ", ".join(
            f"bit_or(e.m{c}) AS m{c},"
            f" bit_or(CASE WHEN k.alias IS NULL THEN e.m{c} ELSE 0 END) AS o{c}"
            for c in range(masks.layout.columns)
        )
        table = workbench.create(
            f"SELECT coalesce(k.customer, e.key::VARCHAR) AS key, {bits}"
            f" FROM {joined} GROUP BY ALL",
            "merged",
        )
        merged.add(number)
        found.append(replace(masks, table=table))
    return found, merged


def find_merged(
    workbench: Workbench, now: Masks, earlier: Sequence[Masks], aliases: str
) -> pa.Table:
    """The ids of earlier masks that are somebody else's now, one row per segment they were in.

    Columns: segment, id, customer (strings), and stays: whether the customer is in it now.
    """
    parts = [
        f"SELECT {literal(name)} AS segment, e.key::VARCHAR AS id, k.customer,"
        f" coalesce({now.layout.holds(name, 'n')}, false) AS stays"
        f" FROM {masks.table} AS e JOIN {aliases} AS k ON k.alias = e.key::VARCHAR"
        f" LEFT JOIN {now.table} AS n ON n.key::VARCHAR = k.customer"
        f" WHERE {masks.layout.holds(name, 'e')}"
        for masks in earlier
        for name in masks.layout.bits
        if now.versions.get(name) == masks.versions[name]
    ]
    if not parts:
        return _MERGED.empty_table()
    return workbench.arrow(" UNION ALL ".join(parts)).cast(_MERGED)


_MERGED = pa.schema(
    [
        ("segment", pa.string()),
        ("id", pa.string()),
        ("customer", pa.string()),
        ("stays", pa.bool_()),
    ]
)


def _before(
    layout: Layout, earlier: Sequence[Masks], common: set[str], column: int, merged: set[int]
) -> str:
    """What the bits of now are held against: for those in it now the bits of any of their ids,
    for the others those of the id that lives on."""
    before = _aligned(layout, earlier, common, column, lambda _: "m")
    if not merged:
        return before
    own = _aligned(layout, earlier, common, column, lambda n: "o" if n in merged else "m")
    now = f"coalesce(n.m{column}, 0)"
    return f"((({before}) & {now}) | (({own}) & ~{now}))"


def _aligned(
    layout: Layout,
    earlier: Sequence[Masks],
    common: set[str],
    column: int,
    letter: Callable[[int], str],
) -> str:
    """Earlier bits moved to where the present has them, taken in groups that move alike; `letter`
    begins the names of a table's columns."""
    groups: dict[tuple[int, int, int], int] = {}
    for number, masks in enumerate(earlier):
        for name, bit in masks.layout.bits.items():
            if name in common and layout.bits[name].column == column:
                shift = layout.bits[name].position - bit.position
                group = (number, bit.column, shift)
                groups[group] = groups.get(group, 0) | bit.value
    terms = [
        f"coalesce({_shifted(f'e{number}.{letter(number)}{origin} & {mask}', shift)}, 0)"
        for (number, origin, shift), mask in groups.items()
    ]
    return " + ".join(terms) or "0"


def _shifted(term: str, shift: int) -> str:
    if shift == 0:
        return f"({term})"
    return f"(({term}) {'<<' if shift > 0 else '>>'} {abs(shift)})"
