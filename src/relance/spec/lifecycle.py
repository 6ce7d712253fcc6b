"""`lifecycle:` in config/segments.yaml: the stages of a customer's life, each a named segment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from relance.domain.condition import StageIs
from relance.domain.duration import Duration, Unit
from relance.domain.lifecycle import Lengths, LifecycleSpec, Stage
from relance.spec.event_leaf import WHERE, check_field
from relance.spec.names import EVENT
from relance.spec.nodes import Fields, Node, Scalar, child
from relance.spec.notations import LENGTH
from relance.spec.record import Of, Record, optional, required
from relance.spec.shapes import NAME, MapOf, Shape, Text, listed, made
from relance.spec.spot import Spot

_STAGES = [stage.value for stage in Stage]
_MEANINGS = {
    Stage.PROSPECT: "Has not bought yet",
    Stage.NEW: "Bought for the first time, not long ago",
    Stage.ACTIVE: "Buys as customers usually do",
    Stage.AT_RISK: "Silent for longer than most customers are between two purchases",
    Stage.LAPSED: "Silent for longer than nearly all customers are between two purchases",
    Stage.REACTIVATED: "Came back not long ago, after having lapsed",
    Stage.LOST: "Silent for so long that hardly anybody comes back",
}


class LengthsYaml(Record[Lengths]):
    """Fixed lengths of silence between the stages, each longer than the one before."""

    what = "lengths such as {recent: 30 days, active: 90 days, at_risk: 180 days, lapsed: 1 year}"
    recent = required(LENGTH, "How long somebody is new, or reactivated.")
    active = required(LENGTH, "Up to which silence somebody is active.")
    at_risk = required(LENGTH, "Up to which silence somebody is at risk; then they have lapsed.")
    lapsed = required(LENGTH, "Up to which silence somebody has lapsed; then they are lost.")

    def build(self) -> Lengths:
        found = Lengths(
            recent=self.recent, active=self.active, at_risk=self.at_risk, lapsed=self.lapsed
        )
        names = ("recent", "active", "at_risk", "lapsed")
        lengths = [cast(Duration, getattr(found, name)) for name in names]
        for place in range(1, len(names)):
            if lengths[place].rough_seconds <= lengths[place - 1].rough_seconds:
                before = f"{names[place - 1]} ({lengths[place - 1]})"
                self.below(names[place]).note(f"must be longer than {before}")
        return found


def _by_stage(inner: Shape[str]) -> Shape[dict[Stage, str]]:
    shape = MapOf(
        inner,
        "stages",
        pattern="|".join(_STAGES),
        hint=f"the stages are {listed(_STAGES, 'and')}",
    )
    return made(shape, _as_stages)


def _as_stages(_spot: Spot, found: dict[str, str]) -> dict[Stage, str]:
    known = {stage.value: stage for stage in Stage}
    return {known[name]: value for name, value in found.items() if name in known}


class LifecycleYaml(Record[LifecycleSpec]):
    """Seven stages of which everybody is in exactly one; each is a named segment too."""

    what = "a mapping such as {event: order}"
    event = optional(EVENT, "The event that is a purchase.", default="order", shown="order")
    where = optional(WHERE, "Only events whose fields compare so are purchases.", default=())
    thresholds = optional(
        Of(LengthsYaml), "Fixed lengths of silence between the stages.",
        shown="fitted to the gaps between the customers' own purchases",
    )  # fmt: skip
    refit = optional(
        LENGTH, "How long the fitted lengths are kept before they are computed anew.",
        default=Duration(30, Unit.DAY), shown="30 days",
    )  # fmt: skip
    names = optional(
        _by_stage(NAME), "What stages are called instead: {at_risk: slipping_away}.", default=None
    )
    titles = optional(
        _by_stage(Text("a title")), "What stages are called where they are shown.", default=None
    )

    def build(self) -> LifecycleSpec:
        if not self.has("event"):
            self.spot.known(self.event, self.spot.scope.events, "event (give `event:`)")
        for test in self.where:
            check_field(self.below("where", test.field), self.event, test.field)
        spec = LifecycleSpec(
            event=self.event, where=self.where, lengths=self.thresholds, refit=self.refit,
            names=self.names or {}, titles=self.titles or {},
        )  # fmt: skip
        names: dict[str, Stage] = {}
        for stage in Stage:
            if (other := names.setdefault(spec.name(stage), stage)) is not stage:
                self.below("names").note(f"{other} and {stage} are both called {spec.name(stage)}")
        return spec


def stage_segments(spec: LifecycleSpec) -> Mapping[str, tuple[StageIs, str]]:
    """The named segments that a lifecycle brings: condition and description by name."""
    return {
        spec.name(stage): (StageIs((stage.value,)), spec.titles.get(stage, _MEANINGS[stage]))
        for stage in Stage
    }


def stage_names(named: Node | None) -> dict[str, str]:
    """What the stages are called, and which they are, in a file that may have mistakes."""
    if not isinstance(child(named, "lifecycle"), Fields):
        return {}
    found = {}
    for stage in _STAGES:
        name = child(named, "lifecycle", "names", stage)
        found[name.text if isinstance(name, Scalar) else stage] = stage
    return found
