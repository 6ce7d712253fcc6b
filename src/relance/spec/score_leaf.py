"""The `score` leaf: a chance compared, the best share, or what it is worth against its cost."""

from __future__ import annotations

import re

from relance.domain.condition import Comparison, Condition, Op, Return, ScoreIs
from relance.domain.condition import Scalar as Value
from relance.spec.notations import read_share
from relance.spec.operators import Numeric, Operators, Pair
from relance.spec.record import Key, Of, optional, required
from relance.spec.shapes import Flag, JsonSchema, ListOf, Parsed, Shape, Text
from relance.spec.spot import Spot

REFUSED = {
    "p_alive": "whoever bought once is alive for certain, so that it puts one-time customers"
    " first; a score is the chance of an event: {score: potential, at_least: 0.3}",
}


class ScoreName(Shape[str]):
    """The name of a declared score."""

    says = "the name of a score"

    def read(self, spot: Spot) -> str:
        name = Text(self.says).read(spot)
        if name in REFUSED and name not in (spot.scope.scores or ()):
            raise spot.broken(f"{name} is never offered as a score", REFUSED[name])
        declared = spot.scope.scores
        if declared is not None and not declared:
            hint = f"declare it: scores: {{{name}: {{within: 90 days}}}}"
            raise spot.broken(f"there is no score {name!r}", hint)
        return spot.known(name, declared, "score")

    def schema(self) -> JsonSchema:
        return {"type": "string"}


SCORE = ScoreName()


class Chance(Shape[Value]):
    """A probability: a number from 0 to 1, or per cent."""

    says = "a chance such as `0.3` or `30%`"

    def read(self, spot: Spot) -> Value:
        scalar = spot.scalar(self.says)
        value = scalar.value
        if match := re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)\s*%", scalar.text):
            value = float(match[1]) / 100
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise spot.broken(f"{scalar} is not {self.says}", "it lies between 0 and 1")
        return value

    def schema(self) -> JsonSchema:
        number: JsonSchema = {"type": "number", "minimum": 0, "maximum": 1}
        return {"anyOf": [number, {"type": "string", "pattern": r"^\d{1,3}(\.\d{1,6})?\s*%$"}]}


_CHANCE = Chance()


def _top(text: str) -> float:
    value = read_share(text, "100")
    if not value:
        raise ValueError("it must be more than nothing")
    return value


TOP = Parsed("a share such as `10%`", _top, r"\d{1,3}(\.\d{1,6})?(\s*%)?")


class ValueYaml(Numeric[tuple[Comparison, ...]]):
    """The operators for an amount of money."""

    what = "operators such as {at_least: 2.50}"
    example = "at_least: 2.50"

    def build(self) -> tuple[Comparison, ...]:
        return self.comparisons()


class ReturnYaml(Numeric[Return]):
    """The operators for a return on what a message costs."""

    what = "a channel and operators, such as {channel: sms, at_least: 20}"
    example = "at_least: 20"
    channel = required(
        Text("the name of a channel"), "The channel whose `cost` a message is held against."
    )

    def build(self) -> Return:
        channels = self.spot.scope.costs
        here = self.below("channel")
        name = here.known(self.channel, channels, "channel")
        if channels is not None and not channels[name]:
            here.note(
                f"channels.{name} does not say what a message costs",
                f"add cost: 0.08 to channels.{name} in config/relance.yaml",
            )
        return Return(name, self.comparisons())


class ScoreYaml(Operators[Condition]):
    """A chance from `scores`; what is given must all hold. A customer who never had the event has
    none."""

    what = "a condition"
    example = "at_least: 0.3, top: 10%, or expected_return: {channel: sms, at_least: 20}"

    score = required(SCORE, "A score from `scores` in config/segments.yaml.")
    is_ = optional(_CHANCE, "Equal to this chance.")
    is_not = optional(_CHANCE, "Not equal to it, or there is none.")
    in_ = optional(ListOf(_CHANCE, "chances"), "Equal to one of these.")
    not_in = optional(ListOf(_CHANCE, "chances"), "Equal to none of them, or there is none.")
    at_least = optional(_CHANCE, "This or more.")
    at_most = optional(_CHANCE, "This or less.")
    more_than = optional(_CHANCE, "More than this.")
    less_than = optional(_CHANCE, "Less than this.")
    between = optional(Pair(_CHANCE), "From the first to the second, both included.")
    exists = optional(Flag(), "true: there is a score. false: there is none.")
    top = optional(
        TOP, "Among the highest scores: this share of the customers who have one. Equal scores go"
        " together, and the cut-off is kept for `refit`.",
    )  # fmt: skip
    expected_value = optional(
        Of(ValueYaml), "The chance times the score's `value`: what the customer is expected to"
        " bring.",
    )  # fmt: skip
    expected_return: Key[Return | None] = optional(
        Of(ReturnYaml), "The expected value for each unit of money that a channel's message costs.",
    )  # fmt: skip

    def build(self) -> Condition:
        others = ("top", "expected_value", "expected_return")
        compared = any(self.has(op.value) for op in Op if op.value in self.keys())
        comparisons: tuple[Comparison, ...] = ()
        if compared or not any(self.has(name) for name in others):
            comparisons = self.comparisons()
        for name in others[1:]:
            if self.has(name):
                self._check_worth(self.below(name))
        return ScoreIs(
            self.score, comparisons, self.top, self.expected_value or (), self.expected_return
        )

    def _check_worth(self, spot: Spot) -> None:
        declared = spot.scope.scores
        if declared is None or self.score not in declared:
            return
        if "value" not in declared[self.score]:
            spot.note(
                f"nobody says what a customer is worth: scores.{self.score} has no value",
                f"add value: 24.00 to scores.{self.score}, or value: average",
            )
