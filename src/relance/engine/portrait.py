"""A segment beside all customers, counted: features, and the values of columns that have few."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import ibis.expr.types as ir

from relance.domain.condition import Aggregate, Measure, leaves
from relance.domain.fits import RFM, Breakpoints, Fits
from relance.domain.personal import is_personal
from relance.domain.workspace import EventSpec, Segment
from relance.engine.aggregates import field_name
from relance.engine.clock import Kind, kind_of, microseconds
from relance.engine.columns import Reading
from relance.engine.compiler import Compiler
from relance.engine.fitting import Fitter
from relance.engine.needs import Attribute, Column, Need, RfmNeeds, inlined, needs_of
from relance.engine.profile import Profiles
from relance.engine.rfm import fit
from relance.engine.scored import where_it_stays, with_scores
from relance.engine.workbench import Row, Workbench, compiled, literal
from relance.uplift.moments import Moments
from relance.uplift.portrait import (
    LEAST_SHOWN,
    Feature,
    Portrait,
    Shares,
    Side,
    Spread,
    Value,
    hushed,
    merged,
)

FEW_VALUES = 50  # of an attribute
MANY_VALUES = 1_000  # of an event's field: a catalogue
_LISTED = (Kind.TEXT, Kind.TRUTH, Kind.INTEGER)
_DAY = 86_400_000_000  # microseconds


@dataclass(frozen=True, kw_only=True)
class Portraying:
    """Draws one segment after another over one profile."""

    workbench: Workbench
    profiles: Profiles
    fits: Fits

    def draw(self, segments: Sequence[Segment]) -> list[Portrait]:
        """See `relance.pipeline.ports.SegmentEngine.portraits`."""
        with self.workbench.scope():
            sitting = self._sitting(segments)
            return [self._portrait(sitting, place, one) for place, one in enumerate(segments)]

    # -- one row per customer

    def _sitting(self, segments: Sequence[Segment]) -> _Sitting:
        workspace, profiles = self.profiles.workspace, self.profiles
        fits = Fitter(self.workbench, profiles, [s.condition for s in segments]).standing(self.fits)
        features = self._features()
        attributes = dict(self._attributes())
        found: dict[Need, None] = dict.fromkeys([*features.values(), *attributes.values()])
        for segment in segments:
            for leaf in leaves(inlined(segment.condition, workspace.segments)):
                found.update(dict.fromkeys(needs_of(leaf, workspace, fits)))
        names: dict[Need, str] = {need: f"c{number}" for number, need in enumerate(found)}
        table = profiles.build(names)
        there = profiles.source.remote and workspace.source.at_source
        if profiles.source.remote and not there:
            loaded = self.workbench.load(profiles.source.fetch(table), "sitters")
            table = self.workbench.scratch(loaded)
        conditions = [segment.condition for segment in segments]
        table = with_scores(profiles, table, names, fits, conditions, where_it_stays(profiles))
        compiler = Compiler(
            workspace=workspace, clock=profiles.clock, table=table, names=names, fits=fits
        )
        held = {f"in{n}": compiler.holds(one.condition) for n, one in enumerate(segments)}
        own = {feature.value: table[names[need]] for feature, need in features.items()}
        values = {f"a{n}": table[names[need]] for n, need in enumerate(attributes.values())}
        rows = table.select("key", **held, **own, **values)
        stored = (
            self.workbench.load(profiles.source.fetch(rows), "sitters")
            if there
            else self.workbench.create(compiled(rows), "sitters")
        )
        return _Sitting(
            table=stored,
            features=list(features),
            attributes=list(attributes),
            who=rows.select("key", *held) if there else self.workbench.scratch(stored),
            cutoffs=self._cutoffs() if features else None,
        )

    def _cutoffs(self) -> Breakpoints | None:
        """Those in force, or fresh ones where no segment is scored."""
        return self.fits.find(RFM, Breakpoints) or fit(self.workbench, self.profiles)

    def _features(self) -> dict[Feature, Aggregate]:
        """What is measured, where the event that RFM scores is mapped."""
        workspace = self.profiles.workspace
        spec = workspace.events.get(workspace.rfm.event)
        if spec is None or spec.of_accounts:
            return {}
        needs = RfmNeeds.of(workspace.rfm)
        found = {
            Feature.RECENCY: needs.last,
            Feature.FREQUENCY: needs.count,
            Feature.TENURE: Aggregate(spec.name, Measure.FIRST),
        }
        if spec.amount is not None:
            found[Feature.MONETARY] = needs.money
        return found

    def _of_accounts(self) -> str | None:
        spec = self.profiles.workspace.events.get(self.profiles.workspace.rfm.event)
        return spec.name if spec is not None and spec.of_accounts else None

    def _attributes(self) -> Iterator[tuple[str, Attribute | Column]]:
        """Attributes whose values may be listed: neither names nor dates nor measures."""
        spec = self.profiles.workspace.customers
        mapped: dict[str, Attribute | Column] = {
            name: Attribute(name, Reading.PLAIN)
            for name, column in spec.attributes.items()
            if not is_personal(name, column)
        }
        for name in ("country", "locale"):
            column = getattr(spec, name)
            if column is not None and name not in mapped:
                mapped[name] = Column(column)
        for name, need in mapped.items():
            if kind_of(self.profiles.attribute(need).type()) in _LISTED:
                yield name, need

    # -- sums

    def _portrait(self, sitting: _Sitting, place: int, segment: Segment) -> Portrait:
        member, features = f"in{place}", sitting.features
        customers = self.workbench.numbers(
            f"SELECT count(*), count(*) FILTER ({member}) FROM {sitting.table}"
        )
        bare = Portrait(
            segment=segment.name,
            description=segment.description,
            at=self.profiles.clock.at,
            event=self.profiles.workspace.rfm.event if features else None,
            of_accounts=self._of_accounts(),
            everybody=customers[0],
            members=customers[1],
        )
        if bare.secret:
            return hushed(bare)
        active = (0, 0)
        money: tuple[float, float] | None = None
        spreads: list[Spread] = []
        if features:
            row = self._measured(sitting, member)
            active = (row["everybody"], row["members"])
            if Feature.MONETARY in features:
                money = (row["money"] or 0.0, row["money_members"] or 0.0)
            spreads = [_spread(feature, row) for feature in features]
        return Portrait(
            segment=bare.segment,
            description=bare.description,
            at=bare.at,
            event=bare.event,
            of_accounts=bare.of_accounts,
            everybody=bare.everybody,
            members=bare.members,
            active=active,
            money=money,
            spreads=spreads,
            shares=[*self._of_attributes(sitting, member), *self._of_fields(sitting, member)],
        )

    def _measured(self, sitting: _Sitting, member: str) -> Row:
        """Every feature of all who have the event, and of the members among them."""
        columns = [
            "count(*) AS everybody",
            f"count(*) FILTER ({member}) AS members",
        ]
        if Feature.MONETARY in sitting.features:
            columns.append("sum(monetary) AS money")
            columns.append(f"sum(monetary) FILTER ({member}) AS money_members")
        for feature in sitting.features:
            for suffix, only in (("", ""), ("_members", f" FILTER ({member})")):
                columns += _sums(feature.value, f"v_{feature.value}", suffix, only)
                score = self._score(feature, sitting.cutoffs)
                if score is not None:
                    columns.append(f"avg({score}){only} AS {feature.value}{suffix}_score")
        values = ", ".join(
            f"{self._value(sitting, feature)} AS v_{feature.value}" for feature in sitting.features
        )
        sql = f"SELECT *, {values} FROM {sitting.table} WHERE frequency > 0"
        return self.workbench.rows(f"SELECT {', '.join(columns)} FROM ({sql})")[0]

    def _value(self, sitting: _Sitting, feature: Feature) -> str:
        """A feature as a number; instants as days until now."""
        name = feature.value
        if feature in (Feature.FREQUENCY, Feature.MONETARY):
            return f"{name}::DOUBLE"
        kind = kind_of(self.workbench.types(f"SELECT {name} FROM {sitting.table}")[name])
        zone = literal(str(self.profiles.clock.source))
        instant = name if kind is Kind.INSTANT else f"timezone({zone}, {name}::TIMESTAMP)"
        return f"({microseconds(self.profiles.clock.at)} - epoch_us({instant})) / {_DAY}.0"

    def _score(self, feature: Feature, cutoffs: Breakpoints | None) -> str | None:
        """1 to 5, as the rfm leaf scores; None of what has no cut-offs."""
        if cutoffs is None or feature is Feature.TENURE:
            return None
        cuts = getattr(cutoffs, feature.value)
        above = " + ".join(f"(v_{feature.value} > {cut!r})::INTEGER" for cut in cuts) or "0"
        return f"5 - ({above})" if feature is Feature.RECENCY else f"1 + ({above})"

    def _of_attributes(self, sitting: _Sitting, member: str) -> Iterator[Shares]:
        for number, name in enumerate(sitting.attributes):
            rows = self.workbench.rows(
                f"SELECT a{number}::VARCHAR AS value, count(*) AS everybody,"
                f" count(*) FILTER ({member}) AS members FROM {sitting.table}"
                f" GROUP BY value ORDER BY everybody DESC, value LIMIT {FEW_VALUES + 2}"
            )
            known = [row for row in rows if row["value"] is not None]
            if 1 < len(known) <= FEW_VALUES and not _unique(known):
                yield merged(name, None, [_listed(row) for row in rows])

    def _of_fields(self, sitting: _Sitting, member: str) -> Iterator[Shares]:
        """Who had an event with each value, ever, up to now."""
        for spec in self.profiles.workspace.events.values():
            if spec.of_accounts:
                continue
            for name, column in spec.fields.items():
                if is_personal(name, column):
                    continue
                rows = self._field(sitting, member, spec, name)
                if 1 < len(rows) <= MANY_VALUES and not _unique(rows):
                    yield merged(name, spec.name, [_listed(row) for row in rows])

    def _field(self, sitting: _Sitting, member: str, spec: EventSpec, name: str) -> Sequence[Row]:
        profiles, wanted = self.profiles, (name, Reading.PLAIN)
        if kind_of(profiles.field(spec, wanted).type()) not in _LISTED:
            return ()
        events = profiles.events(spec, [wanted])
        past = events.filter(~profiles.clock.later(events["at"], profiles.clock.at))
        pairs = past.select(owner="owner", value=past[field_name(wanted)].cast("string")).distinct()
        there = profiles.workspace.source.at_source and profiles.source.remote
        if profiles.source.remote and not there:
            pairs = self.workbench.scratch(self.workbench.load(profiles.source.fetch(pairs)))
        who = sitting.who
        alike = kind_of(pairs.owner.type()) is kind_of(who["key"].type())
        left, right = (pairs.owner, who["key"]) if alike else (
            pairs.owner.cast("string"), who["key"].cast("string"))  # fmt: skip
        joined = pairs.inner_join(who, left == right)
        joined = joined.filter(joined["value"].notnull())
        found = (
            joined.group_by("value")
            .aggregate(everybody=joined.count(), members=joined.count(where=joined[member]))
            .limit(MANY_VALUES + 1)
        )
        rows = profiles.source.fetch(found) if there else self.workbench.arrow(found).to_reader()
        listed: Sequence[Row] = rows.read_all().to_pylist()
        return listed


@dataclass(frozen=True, kw_only=True)
class _Sitting:
    """The customers as they are drawn: a table with a column per segment, feature and attribute;
    `who` is its keys and segments where they can be joined."""

    table: str
    features: Sequence[Feature]
    attributes: Sequence[str]
    who: ir.Table
    cutoffs: Breakpoints | None


def _sums(name: str, value: str, suffix: str, only: str) -> list[str]:
    logs = f"ln(1 + greatest({value}, 0))"
    return [
        f"count({value}){only} AS {name}{suffix}_n",
        f"avg({logs}){only} AS {name}{suffix}_log",
        f"var_samp({logs}){only} AS {name}{suffix}_spread",
        f"avg({value}){only} AS {name}{suffix}_mean",
        f"quantile_cont({value}, 0.5){only} AS {name}{suffix}_median",
    ]


def _spread(feature: Feature, row: Row) -> Spread:
    return Spread(
        feature=feature, members=_side(feature, row, "_members"), everybody=_side(feature, row, "")
    )


def _side(feature: Feature, row: Row, suffix: str) -> Side:
    def number(name: str) -> float | None:
        value = row.get(f"{feature.value}{suffix}_{name}")
        return None if value is None else float(value)

    return Side(
        logs=Moments.of_engine(
            int(row[f"{feature.value}{suffix}_n"]), number("log"), number("spread")
        ),
        median=number("median"),
        mean=number("mean"),
        score=number("score"),
    )


def _listed(row: Mapping[str, object]) -> Value:
    return Value(
        text=None if row["value"] is None else str(row["value"]),
        everybody=int(str(row["everybody"])),
        members=int(str(row["members"] or 0)),
    )


def _unique(rows: Sequence[Row]) -> bool:
    """Whether most customers have a value that hardly anybody else has."""
    people = [int(row["everybody"]) for row in rows]
    return 2 * sum(each for each in people if each < LEAST_SHOWN) > sum(people)
