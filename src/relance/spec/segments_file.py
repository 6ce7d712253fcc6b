"""config/segments.yaml: the named segments, lifecycle stages, and how RFM scores are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from relance.domain.condition import Condition
from relance.domain.lifecycle import LifecycleSpec
from relance.domain.score import ScoreSpec
from relance.domain.workspace import RfmSpec
from relance.spec.accounts import WHOSE, check_accounts, has_accounts
from relance.spec.conditions import CONDITION
from relance.spec.lifecycle import LifecycleYaml, stage_segments
from relance.spec.nodes import Fields, child
from relance.spec.record import Key, Of, Record, optional, required
from relance.spec.rfm import PREFIX, RfmSpecYaml, cell_segments
from relance.spec.scores import SCORES
from relance.spec.shapes import VERSION, JsonSchema, MapOf, Shape, Text
from relance.spec.spot import Spot

PATH = "config/segments.yaml"


@dataclass(frozen=True, slots=True)
class Named:
    """A segment as written: its condition and what it is called for."""

    condition: Condition
    description: str
    of_accounts: bool = False


DESCRIPTION: Key[str] = optional(Text(), "What it means, in a sentence.", default="")

MEMBERS: Key[str] = optional(
    WHOSE, "Who is in it: customers, or the accounts that they are contacts of.",
    default="customers", shown="customers",
)  # fmt: skip


class NamedShape(Shape[Named]):
    """A condition with an optional description beside it."""

    says = "a condition"

    def read(self, spot: Spot) -> Named:
        of_accounts = has_accounts(spot.node, "members")
        about = spot.about_accounts() if of_accounts else spot
        record = CONDITION.record(about, {"description": DESCRIPTION, "members": MEMBERS})
        condition = record.build()
        record.value("members")
        if of_accounts:
            check_accounts(record.below("members"))
        return Named(condition, cast(str, record.value("description")), of_accounts)

    def schema(self) -> JsonSchema:
        return {"$ref": "#/definitions/segment"}


@dataclass(frozen=True, slots=True)
class SegmentsFile:
    """What config/segments.yaml says."""

    rfm: RfmSpec
    segments: Mapping[str, Named]  # those of the stages and cells too
    lifecycle: LifecycleSpec | None = None
    scores: Mapping[str, ScoreSpec] = field(default_factory=dict)


class SegmentsYaml(Record[SegmentsFile]):
    """Named segments: conditions over a customer's profile."""

    what = "a mapping with version and segments"
    version = required(VERSION, "The version of this format.", example="version: 1")
    rfm = optional(Of(RfmSpecYaml), "How RFM scores are made.", default=RfmSpec())
    lifecycle = optional(
        Of(LifecycleYaml), "Seven lifecycle stages, each a segment.", shown="no stages"
    )
    scores: Key[Mapping[str, ScoreSpec]] = optional(
        SCORES, "How likely customers are to come back, by name: what the leaf `score` looks at.",
        default={}, shown="none",
    )  # fmt: skip
    segments = optional(
        MapOf(NamedShape(), "segments"),
        "The segments by name; each is a condition, with an optional `description`.",
        default=None,
    )

    def build(self) -> SegmentsFile:
        lifecycle, written = self.lifecycle, self.segments or {}
        stages = stage_segments(lifecycle) if lifecycle else {}
        made: dict[str, tuple[Condition, str]] = {**stages, **cell_segments(self.rfm)}
        if not self.has("segments") and not made:
            raise self.spot.broken("segments is missing", "write segments: and a name below it")
        self._refuse_taken(made)
        brought = {name: Named(condition, told) for name, (condition, told) in made.items()}
        return SegmentsFile(self.rfm, {**brought, **written}, lifecycle, self.scores)

    def _refuse_taken(self, made: Mapping[str, object]) -> None:
        """A name is a stage's or a cell's, or written out; not both."""
        node = child(self.spot.node, "segments")
        for key, _ in node.pairs if isinstance(node, Fields) else ():
            if key.text in made:
                what = "a cell" if key.text.startswith(PREFIX) else "a lifecycle stage"
                self.spot.at("segments", self.spot.node).at(key.text, key).note(
                    f"is {what} already", "choose another name for one of them"
                )
