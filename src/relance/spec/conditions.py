"""The condition language: `all`, `any`, `none` around the leaves `customer`, `event`, `segment`,
`rfm`, `stage`, `score` and `sql`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal, cast

from relance.domain.condition import (
    Aggregate,
    AllOf,
    AnyOf,
    CellIs,
    Comparison,
    Condition,
    CustomerIs,
    EventIs,
    FieldTest,
    Measure,
    NoneOf,
    OfAccount,
    Op,
    RfmIs,
    SegmentIs,
    SqlIs,
    StageIs,
    Window,
)
from relance.spec.accounts import AccountYaml, check_about, check_accounts
from relance.spec.nodes import Fields, Items, Scalar, kind
from relance.spec.notations import LENGTH, instant
from relance.spec.operators import AnyValue, Averaging, Comparing, Counting, Timing, Totalling
from relance.spec.record import Key, Of, Record, optional, record_schema, required
from relance.spec.score_leaf import ScoreYaml
from relance.spec.shapes import (
    IDENTIFIER_PATTERN,
    Choice,
    Either,
    JsonSchema,
    ListOf,
    MapOf,
    Shape,
    Text,
    Whole,
    listed,
    made,
)
from relance.spec.spot import Broken, Spot, close, near

REFERENCE: JsonSchema = {"$ref": "#/definitions/condition"}
Entry = Literal["entry"]


class Reference(Shape[str]):
    """The name of something that another key or file defines."""

    def __init__(self, noun: str, known: str) -> None:
        self._noun = noun
        self._known = known  # the Scope's field

    def read(self, spot: Spot) -> str:
        name = Text(self.says).read(spot)
        return spot.known(name, getattr(spot.scope, self._known), self._noun)

    def schema(self) -> JsonSchema:
        return {"type": "string"}

    @property
    def says(self) -> str:
        return f"the name of {'an' if self._noun[0] in 'aeiou' else 'a'} {self._noun}"


ATTRIBUTE = Reference("attribute", "attributes")
EVENT = Reference("event", "events")
SEGMENT = Reference("segment", "segments")


class ConditionShape(Shape[Condition]):
    """Any condition; which one, its keys say."""

    says = "a condition"

    def read(self, spot: Spot) -> Condition:
        return self.record(spot).build()

    def record(
        self, spot: Spot, extra: Mapping[str, Key[object]] | None = None
    ) -> Record[Condition]:
        """The record behind a condition; `extra` keys may stand beside it."""
        fields = self._fields(spot)
        heads = list(dict.fromkeys(key.text for key, _ in fields.pairs if key.text in FORMS))
        if len(heads) > 1:
            raise spot.broken(
                f"has {listed(heads, 'and')}, but a condition looks at one thing",
                "put a list of conditions under all:",
            )
        if not heads:
            raise self._headless(spot, fields)
        check_about(spot, heads[0])
        return FORMS[heads[0]](spot, extra)

    def _fields(self, spot: Spot) -> Fields:
        if isinstance(spot.node, Items):
            raise spot.broken("must be a condition, not a list", "put the list under all: or any:")
        if isinstance(spot.node, Scalar) and spot.node.value is not None:
            hint = f"write {{segment: {spot.node.shown}}}"
            known = spot.node.shown in (spot.scope.segments or ())
            raise spot.broken(
                f"must be a condition, not {kind(spot.node)}", hint if known else None
            )
        return spot.fields("a condition")

    def _headless(self, spot: Spot, fields: Fields) -> Broken:
        for key, _ in fields.pairs:
            if hint := close(key.text, FORMS):
                return spot.at(key.text, key).broken("unknown key", hint)
        return spot.broken(
            "does not say what it looks at", f"a condition has one of {listed(FORMS, 'or')}"
        )

    def schema(self) -> JsonSchema:
        return dict(REFERENCE)


CONDITION = ConditionShape()
_CONDITIONS = ListOf(CONDITION, "conditions")


class AllYaml(Record[Condition]):
    """Every one of the conditions holds."""

    what = "a condition"
    all = required(_CONDITIONS, "Conditions that must all hold.")

    def build(self) -> Condition:
        return AllOf(self.all)


class AnyYaml(Record[Condition]):
    """At least one of the conditions holds."""

    what = "a condition"
    any = required(_CONDITIONS, "Conditions of which at least one must hold.")

    def build(self) -> Condition:
        return AnyOf(self.any)


class NoneYaml(Record[Condition]):
    """None of the conditions holds."""

    what = "a condition"
    none = required(_CONDITIONS, "Conditions of which none may hold.")

    def build(self) -> Condition:
        return NoneOf(self.none)


class CustomerYaml(Comparing[Condition]):
    """An attribute of the customer, with operators."""

    what = "a condition"
    customer = required(
        ATTRIBUTE, "An attribute from `customers` in relance.yaml, also `email`, `phone`, …"
    )

    def build(self) -> Condition:
        return CustomerIs(self.customer, self.comparisons())


class FieldYaml(Comparing[tuple[Comparison, ...]]):
    """Operators for one field of an event."""

    what = "a value or operators such as {is: shoes}"

    def build(self) -> tuple[Comparison, ...]:
        return self.comparisons()


_FIELD_VALUE = made(AnyValue(), lambda _spot, value: (Comparison(Op.IS, value),))
_FIELDS = MapOf(
    Either(_FIELD_VALUE, Of(FieldYaml)), "fields of the event", pattern=IDENTIFIER_PATTERN
)


def _field_tests(_spot: Spot, tests: dict[str, tuple[Comparison, ...]]) -> tuple[FieldTest, ...]:
    return tuple(FieldTest(field, tests[field]) for field in sorted(tests))


WHERE = made(_FIELDS, _field_tests)


class Since(Shape["date | datetime | Entry"]):
    """Where a fixed window begins."""

    says = "a date, a date with a time, or `entry`"

    def read(self, spot: Spot) -> date | datetime | Entry:
        scalar = spot.scalar(self.says)
        if scalar.text == "entry":
            if not spot.in_step:
                raise spot.broken(
                    "there is no entry here", "only a step's if: and unless: have one"
                )
            return "entry"
        moment = instant(scalar.text, spot.scope.zone)
        if moment is None:
            raise spot.broken(f"{scalar} is not {self.says}", "a sliding window is within: 14 days")
        return moment

    def schema(self) -> JsonSchema:
        return {"type": "string", "pattern": r"^(entry|\d{4}-\d{2}-\d{2}.*)$"}


class EventYaml(Record[Condition]):
    """A number, or an instant, taken from the customer's events. Alone it means at least one."""

    what = "a condition"
    event = required(EVENT, "An event from `events` in relance.yaml.")
    of = optional(
        Choice("customer", "account"), "Whose events: the customer's own, or those of all "
        "contacts of the account.",
        shown="customer; account where accounts enter",
    )  # fmt: skip
    count = optional(Of(Counting), "How many there are; 0 if there is none.")
    sum = optional(Of(Totalling), "The total of a field; 0 if there is no event.")
    average = optional(Of(Averaging), "The average of a field; missing if there is no event.")
    first = optional(Of(Timing), "When the first one was; missing if there is none.")
    last = optional(Of(Timing), "When the last one was; missing if there is none.")
    within = optional(LENGTH, "Count only events of this last stretch of time.")
    since = optional(
        Since(),
        "Count only events from a day on, or since the `entry` (in a step's if and unless).",
    )
    where = optional(WHERE, "Count only events whose fields compare so.", default=())

    def build(self) -> Condition:
        for test in self.where:
            check_field(self.below("where", test.field), self.event, test.field)
        window = self._window()
        given = [measure for measure in Measure if self.has(measure.value)]
        if len(given) > 1:
            names = listed([measure.value for measure in given], "and")
            raise self.spot.broken(f"has {names}, but a leaf takes one", "put two under all:")
        measure = given[0] if given else Measure.COUNT
        field, comparisons = self._measured(measure)
        if field:
            check_field(self.below(measure.value, "of"), self.event, field)
        leaf = EventIs(Aggregate(self.event, measure, field, window, self.where), comparisons)
        return OfAccount(leaf) if self._asks_account() else leaf

    def _asks_account(self) -> bool:
        if self.of == "account" or (self.of is None and self.spot.of_accounts):
            check_accounts(self.below("of"))
            return True
        if self.spot.of_accounts and not self.spot.in_step:
            self.below("of").note("the members are accounts", "leave it out")
        if self.event in self.spot.scope.account_events:
            self.below("event").note(
                f"{self.event} names accounts and no customer", "add of: account"
            )
        return False

    def _measured(self, measure: Measure) -> tuple[str | None, tuple[Comparison, ...]]:
        if total := self.sum or self.average:
            return total
        taken = {Measure.COUNT: self.count, Measure.FIRST: self.first, Measure.LAST: self.last}
        return None, taken[measure] or _AT_LEAST_ONE

    def _window(self) -> Window:
        if self.has("within") and self.has("since"):
            self.below("since").note("within and since do not go together", "keep one of them")
        if self.since == "entry":
            return Window(since_entry=True)
        return Window(within=self.within, since=self.since)


_AT_LEAST_ONE = (Comparison(Op.AT_LEAST, 1),)


def check_field(spot: Spot, event: str, field: str) -> None:
    """Note a field that its event does not have."""
    fields = (spot.scope.events or {}).get(event)
    if fields is None or field in fields:
        return
    if field == "amount":
        hint = f"say which column it is: events.{event}.amount"
    else:
        hint = near(field, fields) or f"list it under events.{event}.fields in config/relance.yaml"
    spot.note(f"{event} has no field {field!r}", hint)


class SegmentYaml(Record[Condition]):
    """Membership of a named segment at the same instant."""

    what = "a condition"
    segment = required(SEGMENT, "A segment from config/segments.yaml.")

    def build(self) -> Condition:
        spot = self.spot
        if (
            spot.of_accounts
            and not spot.in_step
            and self.segment not in spot.scope.account_segments
        ):
            self.below("segment").note(
                f"{self.segment} is a segment of customers, and the members here are accounts",
                "add members: accounts to it, if it is about accounts",
            )
        return SegmentIs(self.segment)


def _ascending(_spot: Spot, scores: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(scores)))


SCORES_SHAPE: Shape[tuple[int, ...]] = made(
    ListOf(Whole(1, 5), "scores from 1 to 5", single=True), _ascending
)
_CELLS = ListOf(Reference("cell of the RFM grid", "cells"), "cells", single=True)


class ScoresYaml(Record[Condition]):
    """Scores from 1 to 5, 5 being the best fifth, or a cell of the grid that they make. A
    customer without the event has none."""

    what = "scores such as {recency: [4, 5]}"
    recency = optional(SCORES_SHAPE, "How recent the last event is.")
    frequency = optional(SCORES_SHAPE, "How many events there are.")
    monetary = optional(SCORES_SHAPE, "How much they are worth.")
    cell = optional(_CELLS, "A cell of the grid, or a list of cells: champions, loyal, …")

    def build(self) -> Condition:
        scores, cells = [self.recency, self.frequency, self.monetary], self.cell
        if not any(scores) and not cells:
            raise self.spot.broken("is empty", "give scores, such as recency: [4, 5], or a cell")
        event = self.spot.scope.rfm_event
        self.spot.known(event, self.spot.scope.events, "event (for `rfm` in segments.yaml)")
        if self.monetary:
            check_field(self.below("monetary"), event, "amount")
        scored = RfmIs(recency=self.recency, frequency=self.frequency, monetary=self.monetary)
        if not cells:
            return scored
        in_cell = CellIs(tuple(sorted(set(cells))))
        return AllOf((in_cell, scored)) if any(scores) else in_cell


class RfmYaml(Record[Condition]):
    """Recency, frequency and monetary scores: quintiles of the customers who have the event."""

    what = "a condition"
    rfm = required(Of(ScoresYaml), "Scores that the customer must have.")

    def build(self) -> Condition:
        return self.rfm


class StageShape(Shape[str]):
    """A lifecycle stage by what it is called."""

    says = "the name of a lifecycle stage"

    def read(self, spot: Spot) -> str:
        name, stages = Text(self.says).read(spot), spot.scope.stages
        if stages is not None and not stages:
            raise spot.broken("there are no stages", "config/segments.yaml wants a `lifecycle:`")
        spot.known(name, stages, "stage")
        return (stages or {}).get(name, name)

    def schema(self) -> JsonSchema:
        return {"type": "string"}


class StageYaml(Record[Condition]):
    """The lifecycle stage at the same instant: one, or one of several."""

    what = "a condition"
    stage = required(
        ListOf(StageShape(), "stages", single=True),
        "A stage of `lifecycle:` in config/segments.yaml, or a list of them.",
    )

    def build(self) -> Condition:
        return StageIs(tuple(sorted(set(self.stage))))


_QUERY = Text(
    "a query that begins with SELECT or WITH",
    r"(?is)\s*(select|with)\b.*",
    "in the source's dialect",
)


class SqlYaml(Record[Condition]):
    """The way out: a query of your own, in the source's dialect; `:at` stands for the instant."""

    what = "a condition"
    sql = required(
        _QUERY, "The query; its first column holds the keys of the customers who are meant."
    )

    def build(self) -> Condition:
        asked = SqlIs(self.sql)
        return OfAccount(asked) if self.spot.of_accounts and not self.spot.in_step else asked


FORMS: dict[str, type[Record[Condition]]] = {
    "all": AllYaml,
    "any": AnyYaml,
    "none": NoneYaml,
    "customer": CustomerYaml,
    "account": AccountYaml,
    "event": EventYaml,
    "segment": SegmentYaml,
    "rfm": RfmYaml,
    "stage": StageYaml,
    "score": ScoreYaml,
    "sql": SqlYaml,
}


def condition_schema(extra: JsonSchema | None = None) -> JsonSchema:
    """Every form a condition can take; `extra` properties may stand beside it."""
    forms: list[JsonSchema] = []
    for record in FORMS.values():
        form = record_schema(record.keys())
        form["description"] = (record.__doc__ or "").strip()
        form["properties"] = {**cast(JsonSchema, form["properties"]), **(extra or {})}
        forms.append(form)
    return {"anyOf": forms}
