"""`report` and `global_holdout`: what is measured by itself, and who is told of it."""

from __future__ import annotations

from dataclasses import dataclass

from relance.domain.workspace import ReportSpec, Rotation
from relance.spec.cron import SCHEDULE
from relance.spec.envelope import Address
from relance.spec.nodes import Items
from relance.spec.notations import GLOBAL_HOLDOUT, LENGTH
from relance.spec.record import Key, Of, Record, optional, required
from relance.spec.shapes import Choice, Either, Flag, ListOf, Shape, made
from relance.spec.spot import Spot

LANGUAGES = ("fr", "en")
_SPEC = ReportSpec()


def _once(spot: Spot, people: tuple[str, ...]) -> tuple[str, ...]:
    """Nobody is named twice; the address itself stays out of the message."""
    nodes = spot.node.items if isinstance(spot.node, Items) else ()
    folded = [each.casefold() for each in people]
    for index, node in enumerate(nodes):
        if folded[index] in folded[:index]:
            raise spot.at(str(index), node).broken("is named twice")
    return people


_PEOPLE = made(ListOf(Address(), "addresses", single=True), _once)


class ReportYaml(Record[ReportSpec]):
    """The report that `relance run` makes by itself: a page in `state/reports/`, and an e-mail to
    your own people. Without a schedule only the figures of `/metrics` are made, each day at six."""

    what = 'a mapping such as {schedule: "0 8 * * 1", email_to: [crm@shop.example]}'
    schedule = optional(
        SCHEDULE, "When it is made, in the workspace's time zone.", shown="not by itself"
    )
    email_to: Key[tuple[str, ...]] = optional(
        _PEOPLE,
        "The company's own people to whom it is sent, by the workspace's `email` channel.",
        default=(), shown="nobody",
    )  # fmt: skip
    language = optional(
        Choice(*LANGUAGES), "The language of the page and the e-mail.", shown="the workspace's"
    )
    lapsed_after = optional(
        LENGTH, "A customer without the goal's event for so long had lapsed; the next one counts "
        "as reactivated.",
        default=_SPEC.lapsed_after, shown=str(_SPEC.lapsed_after),
    )  # fmt: skip

    segments = optional(
        Flag(), "Whether the page tells how the segments stand and who is in them: it takes about"
        " as long as a tick.",
        default=False, shown="false",
    )  # fmt: skip

    def build(self) -> ReportSpec:
        if self.has("email_to") and not self.has("schedule"):
            self.below("email_to").note(
                "nothing is sent without a schedule", 'write schedule: "0 8 * * 1" beside it'
            )
        return ReportSpec(
            schedule=self.schedule, email_to=self.email_to, language=self.language,
            lapsed_after=self.lapsed_after, segments=self.segments,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class GlobalHoldout:
    """The share of customers who get nothing at all, and for how long the same ones."""

    share: float = 0.0
    rotation: Rotation = Rotation.QUARTER


_ROTATION = made(Choice(*Rotation), lambda _spot, word: Rotation(word))


class GlobalHoldoutYaml(Record[GlobalHoldout]):
    """Customers who get no message of any trigger, to tell what all of them together are worth
    (`relance programme`). They are drawn anew with each period."""

    what = "a mapping such as {share: 2%, rotate: quarter}"
    share = required(GLOBAL_HOLDOUT, "The share of customers.", example="share: 2%")
    rotate = optional(
        _ROTATION, "How long the same customers are held out: the calendar's month, quarter, "
        "half-year or year. Each period is measured by itself; a change is best made on a day on "
        "which both begin, since it draws anew at once.",
        default=Rotation.QUARTER, shown=str(Rotation.QUARTER),
    )  # fmt: skip

    def build(self) -> GlobalHoldout:
        return GlobalHoldout(self.share, self.rotate)


HELD_OUT_OF_ALL: Shape[GlobalHoldout] = Either(
    made(GLOBAL_HOLDOUT, lambda _spot, share: GlobalHoldout(share)), Of(GlobalHoldoutYaml)
)
