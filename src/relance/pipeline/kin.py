"""The ids of one customer, when a wave of messages is looked at again.

What was said under any id holds for the customer, the latest word before earlier ones; and of two
messages that two ids got for the same step, one is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from relance.domain.consent import Said
from relance.domain.ledger import Claimed, Sibling
from relance.domain.message import MessageState
from relance.domain.trigger import Step
from relance.pipeline.ports import Queue
from relance.pipeline.questions import Steps
from relance.pipeline.reasons import Address, Bars

_WAITING = (MessageState.QUEUED, MessageState.CLAIMED, MessageState.SENDING)


@dataclass(frozen=True)
class Kin:
    """`ids` are all of a customer's, by each id that was asked for."""

    ids: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, table: pa.Table) -> Kin:
        """From `Engine.kin`."""
        ids: dict[str, list[str]] = {}
        for row in table.to_pylist():
            ids.setdefault(row["asked"], []).append(row["id"])
        return cls(ids)

    @property
    def several(self) -> bool:
        """Whether anybody has more than one id."""
        return any(len(some) > 1 for some in self.ids.values())

    def bars(
        self,
        queue: Queue,
        channel: str,
        addresses: Mapping[str, Address],
        at: datetime,
    ) -> Bars:
        """What is written down about the customers under any of their ids."""
        everybody = self._everybody()
        recipients = sorted({address.digest for address in addresses.values()})
        said = queue.said(channel, everybody)
        blocked, paused = queue.blocked(channel, everybody), queue.paused(everybody, at)
        words: dict[str, list[Said]] = {}
        for word in said:
            words.setdefault(word.customer, []).append(word)
        latest = {
            asked: _latest(word for each in some for word in words.get(each, ()))
            for asked, some in self.ids.items()
        }
        return Bars(
            suppressed={a for a, some in self.ids.items() if not blocked.isdisjoint(some)},
            suppressed_addresses=queue.blocked_addresses(channel, recipients),
            consents={a: words[""].granted for a, words in latest.items() if "" in words},
            topics={
                (asked, topic)
                for asked, words in latest.items()
                for topic, word in words.items()
                if topic and not word.granted
            },
            paused={
                asked: max(paused[each] for each in some if each in paused)
                for asked, some in self.ids.items()
                if any(each in paused for each in some)
            },
        )

    def _everybody(self) -> list[str]:
        return sorted({each for some in self.ids.values() for each in some})

    def doubled(
        self,
        queue: Queue,
        messages: Sequence[Claimed],
        steps: Steps,
        allows: Allows,
        ended: Container[str] = (),
    ) -> set[str]:
        """The messages for which another id's of the same trigger and step stands.

        `ended` are messages of the same wave that stand for nothing any more.
        """
        triggers = sorted({message.trigger for message in messages})
        ids = {id_ for message in messages for id_ in self._others(message.customer)}
        by_step: dict[tuple[str, str, int | None], list[Sibling]] = {}
        for other in queue.siblings(sorted(ids), triggers):
            if other.id not in ended:
                key = (other.customer, other.trigger, _place(steps.of(other)))
                by_step.setdefault(key, []).append(other)
        return {
            message.id
            for message in messages
            if any(
                stands_for(other, message, allows)
                for each in self._others(message.customer)
                for other in by_step.get((each, message.trigger, _place(steps.of(message))), ())
            )
        }

    def _others(self, customer: str) -> list[str]:
        return [each for each in self.ids[customer] if each != customer]


Allows = Callable[[str, datetime, datetime], bool | None]
"""Whether a trigger lets one customer enter at both instants; None where it always does, so that
only a change of segment would have told the two entries apart."""


def stands_for(other: Sibling, message: Claimed, allows: Allows) -> bool:
    """Whether another id's message makes this one superfluous: one customer would not have had
    both entries, and the other one left, or may have, or its entry came first.

    Where re-entry is always allowed, one that left before this one's entry stands for nothing.
    """
    one, two = sorted((other.entry_at, message.entry_at))
    allowed = one != two and allows(message.trigger, one, two)
    if allowed:
        return False
    if other.state not in _WAITING:
        return allowed is False or other.changed_at >= message.entry_at
    return _rank(other, other.state) < _rank(message, MessageState.CLAIMED)


def _rank(message: Sibling | Claimed, state: MessageState) -> tuple[bool, datetime, str]:
    """First what may have left already, then by entry."""
    maybe = state is MessageState.SENDING or message.doubtful_at is not None
    return not maybe, message.entry_at, message.id


def _place(step: Step | None) -> int | None:
    return None if step is None else step.index


def _latest(said: Iterable[Said]) -> dict[str, Said]:
    """By topic (empty: the channel); of two words at one instant the no counts."""
    found: dict[str, Said] = {}
    for word in said:
        known = found.get(word.topic)
        if known is None or (word.at, not word.granted) > (known.at, not known.granted):
            found[word.topic] = word
    return found
