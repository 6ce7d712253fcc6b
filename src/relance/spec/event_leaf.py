"""The `event` leaf: a number or an instant taken from the events that its keys choose."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from relance.domain.condition import (
    Aggregate,
    Comparison,
    Condition,
    EventIs,
    FieldTest,
    Measure,
    OfAccount,
    Op,
    Window,
)
from relance.spec.accounts import check_accounts
from relance.spec.names import EVENT
from relance.spec.notations import LENGTH, instant
from relance.spec.operators import AnyValue, Averaging, Comparing, Counting, Timing, Totalling
from relance.spec.record import Of, Record, optional, required
from relance.spec.shapes import (
    IDENTIFIER_PATTERN,
    Choice,
    Either,
    JsonSchema,
    MapOf,
    Shape,
    listed,
    made,
)
from relance.spec.spot import Spot, near

Entry = Literal["entry"]
_AT_LEAST_ONE = (Comparison(Op.AT_LEAST, 1),)


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
