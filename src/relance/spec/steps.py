"""`steps` of a trigger: the waits and sends, folded into messages with the trigger's defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from relance.domain.channel import CHANNELS
from relance.domain.condition import Condition
from relance.domain.duration import Duration
from relance.domain.trigger import Step
from relance.spec.conditions import CONDITION
from relance.spec.nodes import child
from relance.spec.notations import LENGTH, positive
from relance.spec.record import Of, Record, optional, required
from relance.spec.shapes import Choice, Flag, JsonSchema, ListOf, Parsed, Shape, Text
from relance.spec.spot import Spot, close

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Expiry:
    """How long after it fell due a message is of use; None for ever."""

    length: Duration | None = None


def _expiry(text: str) -> Expiry:
    return Expiry(None if text == "never" else positive(text))


EXPIRY = Parsed("a length of time such as `3 days`, or `never`", _expiry)


@dataclass(frozen=True, kw_only=True, slots=True)
class Send:
    """What a step sends. None: as the trigger says."""

    spot: Spot
    channel: str
    template: str
    while_member: bool | None
    expires: Expiry | None


class SendYaml(Record[Send]):
    """One message."""

    what = "a mapping such as {channel: email, template: welcome}"
    channel = required(Choice(*CHANNELS), "Which channel; it must be set up in relance.yaml.")
    template = required(Text("the name of a template"), "The folder under templates/.")
    while_member = optional(
        Flag(), "Send only to who is still in the segment when it falls due.",
        shown="the trigger's",
    )  # fmt: skip
    expires = optional(
        EXPIRY, "How long after it fell due it is still of use; later it is not sent.",
        shown="the trigger's",
    )  # fmt: skip

    def build(self) -> Send:
        spot, channel = self.below("channel"), self.channel
        channels = self.spot.scope.channels
        if channels is not None and channel not in channels:
            spot.note(
                f"the channel {channel} is not set up",
                f"add channels.{channel} to config/relance.yaml",
            )
        self._check_text(channel, self.template)
        return Send(
            spot=self.spot, channel=channel, template=self.template,
            while_member=self.while_member, expires=self.expires,
        )  # fmt: skip

    def _check_text(self, channel: str, template: str) -> None:
        texts, spot = self.spot.scope.texts, self.below("template")
        if (template, channel) in texts:
            return
        file = CHANNELS[channel].file
        if any(template == name for name, _ in texts):
            spot.note(f"the template {template} has no text for {channel}", f"write {file}")
            return
        meant = close(template, [name for name, each in texts if each == channel])
        spot.note(
            f"there is no template {spot.node}", meant or f"write templates/{template}/{file}"
        )


class InStep(Shape[Condition]):
    """A condition that is asked when the step falls due."""

    says = "a condition"

    def read(self, spot: Spot) -> Condition:
        return CONDITION.read(spot.inside_step())

    def schema(self) -> JsonSchema:
        return CONDITION.schema()


_IN_STEP = InStep()


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of `steps`: a wait, or a send."""

    spot: Spot
    wait: Duration | None
    send: Send | None
    only_if: Condition | None
    unless: Condition | None


class StepYaml(Record[Line]):
    """Either a `wait`, or a `send` with its conditions."""

    what = "a mapping with wait, or with send"
    wait = optional(LENGTH, "Wait this long before the next message.")
    send = optional(Of(SendYaml), "Send this message.")
    if_ = optional(_IN_STEP, "Send only if this holds when the message falls due.")
    unless = optional(_IN_STEP, "Do not send if this holds when the message falls due.")

    def build(self) -> Line:
        if self.has("wait") and self.has("send"):
            raise self.spot.broken("waits and sends at once", "make two steps of it, wait first")
        if not self.has("send"):
            self._check_wait()
        return Line(
            spot=self.spot, wait=self.wait, send=self.send, only_if=self.if_, unless=self.unless
        )

    def _check_wait(self) -> None:
        if not self.has("wait"):
            raise self.spot.broken("neither waits nor sends", "write wait: … or send: …")
        for name in ("if", "unless"):
            if self.has(name):
                raise self.below(name).broken("stands beside a wait", "put it beside a send")


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A send with all the waits before it, still without the trigger's defaults."""

    send: Send
    waits: tuple[Duration, ...]
    only_if: Condition | None
    unless: Condition | None


class Steps(Shape[tuple[Planned, ...]]):
    """The list of steps, its waits folded into the sends that they delay."""

    _lines = ListOf(Of(StepYaml), "steps")

    def read(self, spot: Spot) -> tuple[Planned, ...]:
        found: list[Planned] = []
        waits: list[Duration] = []
        last: Line | None = None
        for last in self._lines.read(spot):
            if last.wait:
                waits.append(last.wait)
            if last.send:
                found.append(_planned(last, last.send, waits))
        if last and last.wait:
            raise last.spot.broken("waits for nothing", "a wait stands before a send")
        return tuple(found)

    def schema(self) -> JsonSchema:
        return self._lines.schema()

    @property
    def says(self) -> str:
        return self._lines.says


def _planned(line: Line, send: Send, waits: Sequence[Duration]) -> Planned:
    return Planned(send=send, waits=tuple(waits), only_if=line.only_if, unless=line.unless)


def resolve(planned: Sequence[Planned], *, while_member: bool, expires: Expiry) -> tuple[Step, ...]:
    """The steps, each with its own `while_member` and `expires`, or else the trigger's."""
    steps = tuple(
        Step(
            index=index, channel=each.send.channel, template=each.send.template, waits=each.waits,
            only_if=each.only_if, unless=each.unless,
            while_member=_or(each.send.while_member, while_member),
            expires=_or(each.send.expires, expires).length,
        )
        for index, each in enumerate(planned)
    )  # fmt: skip
    for each, (step, following) in zip(planned, pairwise(steps), strict=False):
        _check_order(each.send, step, following)
    return steps


def _or(own: T | None, default: T) -> T:
    return default if own is None else own


def _check_order(send: Send, step: Step, following: Step) -> None:
    """A message that lives longer than the wait after it may arrive after its successor."""
    wait = _seconds(following.waits) - _seconds(step.waits)
    if step.expires is None or not 0 < wait < step.expires.rough_seconds:
        return
    node = child(send.spot.node, "expires")
    spot = send.spot.at("expires", node) if node else send.spot
    spot.warn(
        f"lives for {step.expires}, longer than the wait before the next message: it may arrive "
        "after that one",
        "let it expire sooner, or wait longer",
    )


def _seconds(waits: Sequence[Duration]) -> int:
    return sum(each.rough_seconds for each in waits)
