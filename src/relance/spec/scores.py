"""The `scores` of config/segments.yaml: how likely a customer is to come back, and how long that
is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from relance.domain.duration import Duration, Unit
from relance.domain.score import Rule, ScoreSpec
from relance.spec.event_leaf import check_field
from relance.spec.names import EVENT
from relance.spec.nodes import child
from relance.spec.notations import LENGTH, positive
from relance.spec.record import Of, Record, optional
from relance.spec.score_leaf import REFUSED
from relance.spec.shapes import Choice, JsonSchema, MapOf, Parsed, Shape, Text, Whole
from relance.spec.spot import Broken, Spot

AVERAGE = "average"
_DEFAULT = Duration(30, Unit.DAY)


def _days(text: str) -> Duration:
    length = positive(text)
    if length.unit in {Unit.MINUTE, Unit.HOUR}:
        raise ValueError("count it in days, weeks, months or years")
    return length


_HORIZON = Parsed(
    "a length of time in days or more, such as `90 days`", _days,
    r"\s*\d{1,6}\s*(day|week|month|year)s?\s*",
)  # fmt: skip


class Worth(Shape[float | None]):
    """An amount of money above 0; None for `average`."""

    says = f"an amount of money, or `{AVERAGE}`"

    def read(self, spot: Spot) -> float | None:
        scalar = spot.scalar(self.says)
        if scalar.text == AVERAGE:
            return None
        value = scalar.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
            raise spot.broken(f"{scalar} is not {self.says}")
        return float(value)

    def schema(self) -> JsonSchema:
        return {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"enum": [AVERAGE]}]}


class ScoreSpecYaml(Record[ScoreSpec]):
    """The chance that a customer has an event within a stretch of time."""

    what = "a mapping such as {event: order, within: 90 days}"
    event = optional(EVENT, "The event whose chance it is.", default="order", shown="order")
    within = optional(
        _HORIZON, "The stretch of time that it is about; it must be said, but for a complement."
    )
    model = optional(
        Choice(*(rule.value for rule in Rule)), "`logistic` learns from what customers did (needs"
        " scikit-learn to fit), `bgnbd` is a formula with four numbers, fitted to buying rhythms.",
        default=Rule.LOGISTIC.value, shown="logistic",
    )  # fmt: skip
    snapshots = optional(
        Whole(1, 24), "From how many stretches of the past a logistic model learns; the newest"
        " alone is calibrated best.",
        default=1, shown="1",
    )  # fmt: skip
    refit = optional(
        LENGTH, "How long the cut-offs of `top:` are kept before they are computed anew.",
        default=_DEFAULT, shown="30 days",
    )  # fmt: skip
    value_ = optional(
        Worth(), "What a customer who has the event is worth, for `expected_value` and"
        f" `expected_return`; `{AVERAGE}`: what such customers spent, as of the last fit.",
    )  # fmt: skip
    complement_of = optional(
        Text("the name of a score"), "Makes this score 1 less that one, for customers whose"
        " silence is longer than their usual gap.",
    )  # fmt: skip

    def build(self) -> ScoreSpec:
        name = self.spot.where.rpartition(".")[2]
        if self.complement_of is not None:
            self._alone()
            return ScoreSpec(name=name, complement_of=self.complement_of, refit=self.refit)
        if self.within is None:
            raise self.spot.broken(
                "does not say of which stretch of time it is the chance", "add within: 90 days"
            )
        if self.event in self.spot.scope.account_events:
            self.below("event").note(
                f"{self.event} names no customer, whose chance it could be",
                "choose an event that customers have",
            )
        fitted = self.has("value") and self.value_ is None
        if fitted:
            check_field(self.below("value"), self.event, "amount")
        return ScoreSpec(
            name=name, event=self.event, within=self.within, rule=Rule(self.model),
            snapshots=self.snapshots, refit=self.refit, value=self.value_, value_fitted=fitted,
        )  # fmt: skip

    def _alone(self) -> None:
        for key in ("event", "within", "model", "snapshots", "value"):
            if self.has(key):
                self.below(key).note(
                    f"is {self.complement_of}'s to say, whose complement this is", "delete it"
                )


class Scores(MapOf[ScoreSpec]):
    """Scores by name."""

    def __init__(self) -> None:
        super().__init__(Of(ScoreSpecYaml), "scores", reserved=tuple(REFUSED))

    def read(self, spot: Spot) -> dict[str, ScoreSpec]:
        found = super().read(spot)
        for name in found:
            if name in REFUSED:
                raise Broken
        return resolved(spot, found)


SCORES = Scores()


def resolved(spot: Spot, specs: Mapping[str, ScoreSpec]) -> dict[str, ScoreSpec]:
    """Complements with the event, the length and the model of the score that they complete."""
    found: dict[str, ScoreSpec] = {}
    broken = False
    for name, spec in specs.items():
        found[name] = spec
        if spec.complement_of is None:
            continue
        base = specs.get(spec.complement_of)
        if base is None or base.complement_of is not None or base is spec:
            broken = True
            _no_base(spot, name, spec.complement_of, specs)
        else:
            found[name] = replace(spec, event=base.event, within=base.within, rule=base.rule)
    if broken:
        raise Broken
    return found


def _no_base(spot: Spot, name: str, base: str, specs: Mapping[str, ScoreSpec]) -> None:
    node = child(spot.node, name, "complement_of")
    here = spot if node is None else spot.at(name, node).at("complement_of", node)
    others = [each.name for each in specs.values() if each.complement_of is None]
    if base in specs:
        here.note(f"{base} is a complement itself", "name a score that has a model of its own")
    elif others:
        here.note(f"there is no score {base!r}", f"there is {', '.join(others)}")
    else:
        here.note(f"there is no score {base!r}", f"declare it: {base}: {{within: 90 days}}")
