"""config/segments.yaml: the named segments, and how RFM scores are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from relance.domain.condition import Condition, Measure
from relance.domain.duration import Duration, Unit
from relance.domain.workspace import RfmSpec
from relance.spec.conditions import CONDITION, EVENT
from relance.spec.notations import LENGTH
from relance.spec.record import Key, Of, Record, optional, required
from relance.spec.shapes import VERSION, Choice, JsonSchema, MapOf, Shape, Text
from relance.spec.spot import Spot

PATH = "config/segments.yaml"


@dataclass(frozen=True, slots=True)
class Named:
    """A segment as written: its condition and what it is called for."""

    condition: Condition
    description: str


DESCRIPTION: Key[str] = optional(Text(), "What it means, in a sentence.", default="")


class NamedShape(Shape[Named]):
    """A condition with an optional description beside it."""

    says = "a condition"

    def read(self, spot: Spot) -> Named:
        record = CONDITION.record(spot, {"description": DESCRIPTION})
        condition = record.build()
        return Named(condition, cast(str, record.value("description")))

    def schema(self) -> JsonSchema:
        return {"$ref": "#/definitions/segment"}


class RfmSpecYaml(Record[RfmSpec]):
    """How customers are scored: quintiles of those who have the event."""

    what = "a mapping such as {event: order}"
    event = optional(EVENT, "The event that is scored.", default="order", shown="order")
    within = optional(LENGTH, "Score only events of this last stretch of time.", shown="all events")
    monetary = optional(
        Choice("total", "average"), "What `monetary` scores: all amounts, or their average.",
        default="total", shown="total",
    )  # fmt: skip
    refit = optional(
        LENGTH, "How long the quintiles' cut-offs are kept before they are computed anew.",
        default=Duration(30, Unit.DAY), shown="30 days",
    )  # fmt: skip

    def build(self) -> RfmSpec:
        monetary = Measure.SUM if self.monetary == "total" else Measure.AVERAGE
        return RfmSpec(event=self.event, within=self.within, monetary=monetary, refit=self.refit)


@dataclass(frozen=True, slots=True)
class SegmentsFile:
    """What config/segments.yaml says."""

    rfm: RfmSpec
    segments: Mapping[str, Named]


class SegmentsYaml(Record[SegmentsFile]):
    """Named segments: conditions over a customer's profile."""

    what = "a mapping with version and segments"
    version = required(VERSION, "The version of this format.", example="version: 1")
    rfm = optional(Of(RfmSpecYaml), "How RFM scores are made.", default=RfmSpec())
    segments = required(
        MapOf(NamedShape(), "segments"),
        "The segments by name; each is a condition, with an optional `description`.",
    )

    def build(self) -> SegmentsFile:
        return SegmentsFile(self.rfm, self.segments)
