"""Who entered: the first entry of each unit, and what the customers table still knows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
from ibis.expr.datatypes import DataType

from relance.domain.arm import HOUSEHOLD, Arm
from relance.domain.duration import Duration
from relance.domain.study import WINDOWS, Study
from relance.engine.clock import Kind, kind_of, microseconds
from relance.engine.needs import Column, Need
from relance.engine.offsets import DAY, Offsets
from relance.engine.profile import Profiles
from relance.engine.rows import CHUNK, gather
from relance.engine.windows import NEVER, beginning
from relance.engine.workbench import Workbench, literal

_MONDAY = datetime(1, 1, 1, tzinfo=UTC)
_BLANKS = r"E' \t\r\n'"
_PORTIONS = 4  # a server's whole customers table is cheaper than more questions about it
_SLACK = timedelta(days=3)
_STUDIES = pa.schema(
    [
        ("study", pa.int32()),
        ("trigger", pa.string()),
        ("version", pa.string()),
        ("until", pa.int64()),
        ("read_out", pa.int64()),
        ("horizon", pa.int64()),
    ]
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entrants:
    """Scratch tables about the first entries of some studies, which go by their place in a list.

    `first` has a row per study and unit: study, holdout, customer, key, unit, entry and local
    (microseconds; the latter on the wall of the workspace's zone) and vanished. `people` is SQL
    for the entrants' rows of the customers table: key, household, email, phone.
    """

    first: str
    people: str
    asked: str  # the keys of everybody who entered
    studies: str  # study, until, read_out, horizon (the last day of age that is looked at)
    count: int  # rows of `first`
    customers: int  # rows of `asked`
    whole: bool  # whether `key` is a number; it is the customer as text otherwise
    offsets: Offsets  # of the workspace's zone
    source_offsets: Offsets

    def keyed(self, kind: Kind) -> str:
        """SQL for the customer as a column of this kind has them."""
        if kind is not Kind.INTEGER:
            return "customer"
        return "key" if self.whole else "try_cast(customer AS BIGINT)"


def find_entrants(
    workbench: Workbench,
    profiles: Profiles,
    entries: pa.Table,
    studies: Sequence[Study],
    lapsed_after: Duration,
) -> Entrants:
    """The first entries up to the clock's instant, in scratch tables of the current scope."""
    clock, whole = profiles.clock, profiles.key_kind is Kind.INTEGER
    listed = workbench.load(_listed(studies), "studies")
    loaded = workbench.load(with_owners(profiles, entries.select(_COLUMNS)), "entries")
    known = workbench.create(_known(loaded, listed, clock.at, whole=whole), "known")
    asked = workbench.create(f"SELECT DISTINCT key FROM {known} WHERE key IS NOT NULL", "asked")
    people = _people(workbench, profiles, asked)
    earliest = workbench.instant(f"SELECT make_timestamptz(min(entry)) FROM {known}") or clock.at
    low, high = beginning(studies, lapsed_after, earliest), clock.at + _SLACK
    offsets = Offsets.of(clock.zone, low, high)
    first = workbench.create(_first(known, people, offsets), "first")
    return Entrants(
        first=first,
        people=people,
        asked=asked,
        studies=listed,
        count=workbench.numbers(f"SELECT count(*) FROM {first}")[0],
        customers=workbench.numbers(f"SELECT count(*) FROM {asked}")[0],
        whole=whole,
        offsets=offsets,
        source_offsets=Offsets.of(clock.source, low, high),
    )


def with_owners(profiles: Profiles, told: pa.Table) -> pa.Table:
    """A table whose customers are those that the ids written down belong to."""
    place = told.schema.get_field_index("customer")
    return told.set_column(place, "customer", profiles.whose(told["customer"]))


def week_of(local: str) -> str:
    """SQL for the number of the week that a wall clock is in."""
    return f"(({local} - {microseconds(_MONDAY)}) // {7 * DAY})"


def monday(week: int) -> date:
    """The day that such a week begins with."""
    return _MONDAY.date() + timedelta(weeks=week)


_COLUMNS = ["trigger", "version", "arm", "customer", "unit", "at"]


def _listed(studies: Sequence[Study]) -> pa.Table:
    rows = [
        {
            "study": place,
            "trigger": study.trigger,
            "version": study.version,
            "until": NEVER if study.until is None else microseconds(study.until),
            "read_out": study.read_out,
            "horizon": max(*WINDOWS, study.days),
        }
        for place, study in enumerate(studies)
    ]
    return pa.Table.from_pylist(rows, schema=_STUDIES)


def _known(entries: str, studies: str, at: datetime, *, whole: bool) -> str:
    """SQL for the entries of the studies that exist already, before the programme's period ends."""
    key = "try_cast(e.customer AS BIGINT)" if whole else "e.customer"
    return (
        f"SELECT s.study, e.arm = {literal(Arm.HOLDOUT)} AS holdout, e.customer, {key} AS key,"
        " nullif(e.unit, '') AS unit, epoch_us(e.\"at\") AS entry"
        f" FROM {entries} AS e JOIN {studies} AS s"
        " ON s.trigger = e.trigger AND s.version = e.version"
        f' WHERE epoch_us(e."at") <= {microseconds(at)} AND epoch_us(e."at") < s.until'
    )


def _first(known: str, people: str, offsets: Offsets) -> str:
    """SQL for the earliest entry of each unit; of one instant, the customer who sorts first."""
    return f"""
WITH units AS (
  SELECT k.study, k.holdout, k.customer, k.key, k.entry, p.key IS NULL AS vanished,
    coalesce(k.unit, {literal(HOUSEHOLD)} || nullif(p.household, ''), k.customer) AS unit
  FROM {known} AS k LEFT JOIN {people} AS p ON p.key = k.key
)
SELECT *, {offsets.local("entry")} AS local FROM (
  SELECT * FROM units
  QUALIFY row_number() OVER (PARTITION BY study, unit ORDER BY entry, customer) = 1
)"""


def _people(workbench: Workbench, profiles: Profiles, asked: str) -> str:
    """SQL for the entrants who still are customers: key, household, email, phone as texts."""
    spec = profiles.workspace.customers
    mapped = {"household": spec.household, "email": spec.email, "phone": spec.phone}
    columns = dict.fromkeys(Column(column) for column in mapped.values() if column is not None)
    needs: dict[Need, str] = {column: f"c{number}" for number, column in enumerate(columns)}
    found = _gathered(workbench, profiles, needs, asked)
    types = workbench.types(found)
    texts = ", ".join(f"{_text(needs, types, column)} AS {name}" for name, column in mapped.items())
    return f"(SELECT key, {texts} FROM {found})"


def _text(needs: Mapping[Need, str], types: Mapping[str, DataType], column: str | None) -> str:
    """SQL for a column as text; whole numbers that gaps have made doubles are whole still."""
    if column is None:
        return "NULL::VARCHAR"
    name = needs[Column(column)]
    if kind_of(types[name]) is not Kind.NUMBER:
        return f"nfc_normalize(trim(CAST({name} AS VARCHAR), {_BLANKS}))"
    whole = f"{name} = floor({name}) AND abs({name}) < {2**53}"
    return f"CASE WHEN {whole} THEN {name}::BIGINT::VARCHAR ELSE {name}::VARCHAR END"


def _gathered(
    workbench: Workbench, profiles: Profiles, needs: Mapping[Need, str], asked: str
) -> str:
    """Rows of the customers table; of a server's, the whole table where nearly all are asked."""
    (wanted,) = workbench.numbers(f"SELECT count(*) FROM {asked}")
    if not profiles.source.remote or wanted <= _PORTIONS * CHUNK:
        return gather(workbench, profiles, needs, asked)
    every = workbench.load(profiles.source.fetch(profiles.build(needs)), "every")
    return workbench.create(f"SELECT e.* FROM {every} AS e SEMI JOIN {asked} AS a USING (key)")
