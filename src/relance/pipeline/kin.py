"""The ids of one customer, when a wave of messages is looked at again.

What was said under any id holds for the customer, the latest word before earlier ones; and of two
messages that two ids got for the same step, one is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from relance.domain.consent import Said
from relance.domain.ledger import Claimed, Sibling
from relance.domain.message import MessageState
from relance.pipeline.ports import Queue
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
        latest = {asked: _latest(said, some) for asked, some in self.ids.items()}
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

    def doubled(self, queue: Queue, messages: Sequence[Claimed]) -> set[str]:
        """The messages for which another id's of the same trigger and step stands."""
        triggers = sorted({message.trigger for message in messages})
        by_step: dict[tuple[str, str, int], list[Sibling]] = {}
        for other in queue.siblings(self._everybody(), triggers):
            by_step.setdefault((other.customer, other.trigger, other.step), []).append(other)
        return {
            message.id
            for message in messages
            if any(
                stands_for(other, message)
                for each in self.ids[message.customer]
                if each != message.customer
                for other in by_step.get((each, message.trigger, message.step), ())
            )
        }


def stands_for(other: Sibling, message: Claimed) -> bool:
    """Whether another id's message makes this one superfluous: it waits and its entry came first,
    or it left (or was held out) since this one's entry."""
    if other.state in _WAITING:
        return (other.entry_at, other.id) < (message.entry_at, message.id)
    return other.changed_at >= message.entry_at


def _latest(said: Iterable[Said], ids: Sequence[str]) -> dict[str, Said]:
    """By topic (empty: the channel); of two words at one instant the no counts."""
    found: dict[str, Said] = {}
    mine = frozenset(ids)
    for word in said:
        known = found.get(word.topic)
        if word.customer in mine and (
            known is None or (word.at, not word.granted) > (known.at, not known.granted)
        ):
            found[word.topic] = word
    return found
