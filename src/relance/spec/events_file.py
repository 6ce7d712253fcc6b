"""config/events.yaml: what happened outside relance, by its date. The file may be missing."""

from __future__ import annotations

from datetime import date, datetime

from relance.domain.happening import Happening
from relance.spec.notations import instant
from relance.spec.record import Of, Record, optional, required
from relance.spec.shapes import VERSION, JsonSchema, ListOf, Shape, Text
from relance.spec.spot import Spot

PATH = "config/events.yaml"


class Day(Shape[date]):
    """A calendar day, without a time."""

    says = "a day such as `2026-03-01`"

    def read(self, spot: Spot) -> date:
        scalar = spot.scalar(self.says)
        moment = instant(scalar.text, spot.scope.zone)
        if isinstance(moment, datetime):
            raise spot.broken(f"{scalar} is not a day", "leave out the time")
        if moment is None:
            raise spot.broken(f"{scalar} is not {self.says}", "write it as year-month-day")
        return moment

    def schema(self) -> JsonSchema:
        return {"type": "string", "pattern": r"^(\d{4}-\d{2}-\d{2})$"}


class HappeningYaml(Record[Happening]):
    """One thing that happened outside: a price change, a new shop, a holiday."""

    what = "a mapping such as {date: 2026-03-01, name: New prices}"
    date = required(Day(), "The day on which it began.", example="date: 2026-03-01")
    name = required(Text(), "What it is called where trajectories are shown.")
    until = optional(Day(), "Its last day, if it lasted.", shown="the same day")
    description = optional(Text(), "What it was, in a sentence.", default="")

    def build(self) -> Happening:
        first, last = self.date, self.until or self.date
        if last < first:
            raise self.below("until").broken(
                f"{last.isoformat()} is before the date {first.isoformat()}", "swap the two"
            )
        return Happening(name=self.name, first=first, last=last, description=self.description)


class EventsFileYaml(Record[tuple[Happening, ...]]):
    """What happened outside relance, by date: shown where it falls in a trajectory."""

    what = "a mapping with version and events"
    version = required(VERSION, "The version of this format.", example="version: 1")
    events = required(
        ListOf(Of(HappeningYaml), "what happened"),
        "What happened, each with its `date` and its `name`, in any order.",
    )

    def build(self) -> tuple[Happening, ...]:
        return tuple(sorted(self.events, key=lambda each: (each.first, each.last, each.name)))
