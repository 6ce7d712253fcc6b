"""What messages do to customers: a true effect that is known, and can be asked for.

A trigger's effect is the probability with which one of its messages brings one purchase that
would not have been, at an even time within the reach after it. A negative effect is the
probability with which each purchase that would have been in that time is given up instead.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from relance.demo.people import customer_index


class Sent(NamedTuple):
    """A message that a customer was sent."""

    customer: str
    trigger: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Influence:
    """One message and what it may do; `at` in microseconds since 1970, UTC."""

    customer: int
    trigger: str
    at: int
    effect: float
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Extra:
    """A purchase that would not have been without the message."""

    customer: int
    trigger: str
    at: int
    key: str


class Answers:
    """The messages so far and the purchases they brought or cost.

    Every draw depends on the seed and the message alone: neither the order in which messages
    are told nor the days on which they are told changes an answer.
    """

    def __init__(self, *, seed: int, effects: Mapping[str, float], reach: timedelta) -> None:
        for trigger, effect in effects.items():
            if not -1 <= effect <= 1:
                raise ValueError(f"the effect of {trigger} is {effect}, not between -1 and 1")
        self._seed = seed
        self._effects = dict(effects)
        self.reach = micros(reach)
        self._told: set[str] = set()
        self.influences: dict[int, list[Influence]] = defaultdict(list)
        self.extras: dict[int, list[Extra]] = defaultdict(list)

    def tell(self, messages: Iterable[Sent]) -> None:
        """Let customers read these messages; one told twice counts once."""
        for message in messages:
            self._tell(message)

    def _tell(self, message: Sent) -> None:
        at = instant(message.at)
        key = f"{message.customer}:{message.trigger}:{at}"
        if key in self._told:
            return
        self._told.add(key)
        who = customer_index(message.customer)
        effect = self._effects.get(message.trigger, 0.0)
        read = Influence(customer=who, trigger=message.trigger, at=at, effect=effect, key=key)
        self.influences[who].append(read)
        if self.draw(f"buys:{key}") < effect:
            later = 1 + int(self.draw(f"when:{key}") * (self.reach - 1))
            bought = Extra(customer=who, trigger=read.trigger, at=at + later, key=key)
            self.extras[who].append(bought)

    def draw(self, key: str) -> float:
        """A number from 0 (included) to 1 (excluded) that belongs to a key."""
        digest = hashlib.sha256(f"{self._seed}:{key}".encode()).digest()
        return int.from_bytes(digest[:6]) / 2**48

    def wrote(self, trigger: str, customer: int) -> bool:
        """Whether a customer was sent any message of a trigger."""
        return any(read.trigger == trigger for read in self.influences.get(customer, ()))

    def given_up(self, customer: int, order: str, at: int, *, but: str = "") -> bool:
        """Whether a message (of another trigger than `but`) made the customer give up an order."""
        return any(
            read.trigger != but and self.draw(f"drops:{read.key}:{order}") < -read.effect
            for read in self.influences.get(customer, ())
            if read.effect < 0 and read.at < at <= read.at + self.reach
        )


def micros(length: timedelta) -> int:
    """A length of time in microseconds."""
    return length // timedelta(microseconds=1)


def instant(at: datetime) -> int:
    """Microseconds since 1970, UTC. Raises ValueError for a datetime without a zone."""
    if at.tzinfo is None:
        raise ValueError("an aware datetime is needed")
    return micros(at - datetime(1970, 1, 1, tzinfo=UTC))
