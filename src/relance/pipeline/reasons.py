"""Why a message must not be sent any more: one small question each, in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from relance.domain.accounts import as_unit
from relance.domain.channel import is_personal
from relance.domain.consent import may_write
from relance.domain.ledger import Claimed, Skip
from relance.pipeline.outcomes import too_late
from relance.pipeline.questions import Questions

Row = Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where a customer is written to now, and its digest."""

    text: str = field(repr=False)
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Bars:
    """What is written down here about the customers of a wave and their addresses."""

    suppressed: set[str] = field(default_factory=set)
    suppressed_addresses: set[str] = field(default_factory=set)
    consents: Mapping[str, bool] = field(default_factory=dict)
    topics: set[tuple[str, str]] = field(default_factory=set)
    paused: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wave:
    """What was found out about a wave: `rows`, `addresses` (the usable ones) and `missing`
    (names that the message does not hold) by message id, `bars` by customer."""

    at: datetime
    channel: str
    questions: Questions
    rows: Mapping[str, Row]
    addresses: Mapping[str, Address]
    bars: Bars
    missing: Mapping[str, frozenset[str]]
    topics: Mapping[str, str]  # by trigger
    accounts: Mapping[str, object] = field(default_factory=dict)  # that entered, by message
    quiet: dict[object, datetime | None] = field(default_factory=dict)  # by time zone


def stopped_by(message: Claimed, wave: Wave) -> Skip | None:
    """The first reason that applies; None lets the message pass."""
    reasons = _PERSONAL if is_personal(wave.channel) else _EVERY
    for reason, holds in reasons:
        if holds(message, wave):
            return reason
    return None


def _expired(message: Claimed, wave: Wave) -> bool:
    return too_late(message, wave.at)


def _gone(message: Claimed, wave: Wave) -> bool:
    return message.id not in wave.rows


def _left_account(message: Claimed, wave: Wave) -> bool:
    account = wave.accounts.get(message.id)
    return account is not None and wave.rows[message.id].get("account") != account


def _no_contact(message: Claimed, wave: Wave) -> bool:
    account = wave.accounts.get(message.id)
    return account is not None and message.customer == as_unit(str(account))


def _suppressed(message: Claimed, wave: Wave) -> bool:
    address = wave.addresses.get(message.id)
    barred = address is not None and address.digest in wave.bars.suppressed_addresses
    return barred or message.customer in wave.bars.suppressed


def _no_consent(message: Claimed, wave: Wave) -> bool:
    source = bool(wave.rows[message.id].get(f"consent_{wave.channel}"))
    return not may_write(source=source, recorded=wave.bars.consents.get(message.customer))


def _topic(message: Claimed, wave: Wave) -> bool:
    topic = wave.topics.get(message.trigger)
    return topic is not None and (message.customer, topic) in wave.bars.topics


def _paused(message: Claimed, wave: Wave) -> bool:
    until = wave.bars.paused.get(message.customer)
    return until is not None and until > wave.at


def _unreachable(message: Claimed, wave: Wave) -> bool:
    return message.id not in wave.addresses


def _goal_reached(message: Claimed, wave: Wave) -> bool:
    return wave.questions.goal_reached(message, wave.rows[message.id])


def _left_segment(message: Claimed, wave: Wave) -> bool:
    return not wave.questions.still_member(message, wave.rows[message.id])


def _condition(message: Claimed, wave: Wave) -> bool:
    return not wave.questions.step_holds(message, wave.rows[message.id])


Reason = tuple[Skip, Callable[[Claimed, Wave], bool]]

# The order in which reasons are given (docs/delivery.md); removed triggers were sorted out before
# anything is asked.
_PERSONAL: tuple[Reason, ...] = (
    (Skip.EXPIRED, _expired),
    (Skip.GONE, _gone),
    (Skip.LEFT_ACCOUNT, _left_account),
    (Skip.NO_CONTACT, _no_contact),
    (Skip.SUPPRESSED, _suppressed),
    (Skip.NO_CONSENT, _no_consent),
    (Skip.TOPIC, _topic),
    (Skip.PAUSED, _paused),
    (Skip.UNREACHABLE, _unreachable),
    (Skip.GOAL_REACHED, _goal_reached),
    (Skip.LEFT_SEGMENT, _left_segment),
    (Skip.CONDITION, _condition),
)
_OF_CUSTOMERS = {
    Skip.NO_CONTACT, Skip.SUPPRESSED, Skip.NO_CONSENT, Skip.TOPIC, Skip.PAUSED, Skip.UNREACHABLE,
}  # fmt: skip
_EVERY = tuple(reason for reason in _PERSONAL if reason[0] not in _OF_CUSTOMERS)
