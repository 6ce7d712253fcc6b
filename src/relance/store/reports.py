"""What providers' reports do: the message moves, and people are not written to again.

Each event counts once, in whatever order events, messages and outcomes arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from relance.domain.channel import is_personal
from relance.domain.message import MessageState
from relance.domain.receipt import RANK, Receipt, ReceiptKind, state_after
from relance.domain.workspace import BouncePolicy
from relance.store import consents, suppressions
from relance.store.driver import Driver, Statement, instant, storable, storable_key
from relance.store.suppressions import UNSUBSCRIBED
from relance.store.views import Suppressed

SOFT_BOUNCES = "soft_bounces"
_UTC = ZoneInfo("UTC")
_RAW = 65_536  # characters kept of an event that relance does not know
# any number that no other program locks on
_LOCK = 0x72656C616E6366

_SHARED = Statement("SELECT pg_advisory_xact_lock_shared(?)")
_ALONE = Statement("SELECT pg_advisory_xact_lock(?)")


def let_others_finish(driver: Driver) -> None:
    """Reports and outcomes must see each other: an outcome that names a message waits for
    reports that are being written, and they for it. On SQLite every transaction does."""
    if not driver.is_sqlite:
        driver.rows(_SHARED, _LOCK)


class _Message(NamedTuple):
    """What of a message a report needs."""

    id: str
    state: str
    customer: str
    channel: str
    recipient: str | None
    provider: str
    provider_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Event:
    """A receipt, and the message that it is about where one is known."""

    receipt: Receipt
    at: datetime
    channel: str
    message: _Message | None

    @property
    def recipients(self) -> set[str]:
        """The address as we wrote it, and as the vendor names it."""
        ours = self.message.recipient if self.message is not None else None
        return {each for each in (ours, self.receipt.recipient) if each}


_SEEN = Statement("SELECT event_id FROM receipt WHERE provider = ? AND event_id {these}")
_MESSAGE = "SELECT id, state, customer, channel, recipient, provider, provider_id FROM message"
_BY_ID = Statement(_MESSAGE + " WHERE id {these} ORDER BY n {lock}")
_BY_PROVIDER_ID = Statement(_MESSAGE + " WHERE provider_id {these} ORDER BY n {lock}")
_INSERT = Statement(
    "INSERT INTO receipt (provider, event_id, channel, kind, message, provider_id, recipient, at,"
    " received_at, reason, machine, raw) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def take_in(
    driver: Driver,
    channel: str,
    receipts: Iterable[Receipt],
    at: datetime,
    bounces: BouncePolicy,
) -> int:
    """Write down the events that are new and do what they say; how many were."""
    if not driver.is_sqlite:
        driver.rows(_ALONE, _LOCK)
    new = _new(driver, [_clean(receipt) for receipt in receipts])
    find = _finder(driver, new)
    events = [_event(receipt, find(receipt), channel, at) for receipt in new]
    if events:
        driver.many(_INSERT, [_row(driver, event, at) for event in events])
        _apply(driver, events, bounces)
    return len(events)


def _clean(receipt: Receipt) -> Receipt:
    """A receipt whose texts every database takes."""

    def key(text: str | None) -> str | None:
        return None if not text else storable_key(text)

    return replace(
        receipt,
        event_id=storable_key(receipt.event_id),
        message_id=key(receipt.message_id),
        provider_id=key(receipt.provider_id),
        recipient=key(receipt.recipient),
        reason=storable(receipt.reason),
        raw=storable(receipt.raw[:_RAW]) if receipt.kind is ReceiptKind.UNKNOWN else "",
    )


def _new(driver: Driver, receipts: Sequence[Receipt]) -> list[Receipt]:
    events = driver.listed(receipt.event_id for receipt in receipts)
    seen = {
        (provider, event_id)
        for provider in {receipt.provider for receipt in receipts}
        for (event_id,) in driver.rows(_SEEN, provider, events)
    }
    first: dict[tuple[str, str], Receipt] = {}
    for receipt in receipts:
        first.setdefault((receipt.provider, receipt.event_id), receipt)
    return [receipt for key, receipt in first.items() if key not in seen]


def _finder(driver: Driver, receipts: Sequence[Receipt]) -> Callable[[Receipt], _Message | None]:
    """Which message a receipt is about: by our id of it, else by the provider's."""
    ids = {receipt.message_id for receipt in receipts if receipt.message_id}
    by_id = _messages(driver, _BY_ID, ids)
    known = {message.id: message for message in by_id}
    rest = {r.provider_id for r in receipts if r.provider_id and r.message_id not in known}
    by_provider_id = _messages(driver, _BY_PROVIDER_ID, rest)
    named = {(message.provider, message.provider_id): message for message in by_provider_id}

    def find(receipt: Receipt) -> _Message | None:
        ours = known.get(receipt.message_id) if receipt.message_id else None
        return ours or named.get((receipt.provider, receipt.provider_id))

    return find


def _messages(driver: Driver, query: Statement, values: Iterable[str]) -> list[_Message]:
    wanted = sorted(values)
    return list(map(_Message._make, driver.rows(query, driver.listed(wanted)))) if wanted else []


def _event(receipt: Receipt, message: _Message | None, channel: str, at: datetime) -> _Event:
    # a vendor's clock may be ahead of ours; nothing happened later than we heard of it
    when = at if receipt.at is None else min(receipt.at, at)
    where = channel if message is None else message.channel
    return _Event(receipt=receipt, at=when, channel=where, message=message)


def _row(driver: Driver, event: _Event, at: datetime) -> tuple[object, ...]:
    receipt, message = event.receipt, event.message
    recipient = (message.recipient if message is not None else None) or receipt.recipient
    return (
        receipt.provider,
        receipt.event_id,
        event.channel,
        receipt.kind.value,
        message.id if message is not None else None,
        receipt.provider_id,
        recipient,
        driver.instant(event.at),
        driver.instant(at),
        receipt.reason,
        receipt.machine,
        receipt.raw,
    )


_WAITING = Statement(
    "SELECT n, provider, event_id, channel, kind, provider_id, recipient, at, reason FROM receipt"
    " WHERE message IS NULL AND provider_id IS NOT NULL AND provider_id {these} ORDER BY n"
)
_MATCH = Statement("UPDATE receipt SET message = ?, recipient = coalesce(recipient, ?) WHERE n = ?")


def apply_waiting(driver: Driver, named: Mapping[tuple[str, str], str]) -> None:
    """Do what earlier reports say of messages whose (provider, provider's id) is known only now.

    A soft bounce among them counts from the next one of that address on.
    """
    found = driver.rows(_WAITING, driver.listed({provider_id for _, provider_id in named}))
    waiting = [(row, named[row[1], row[5]]) for row in found if (row[1], row[5]) in named]
    if not waiting:
        return
    ids = {message for _, message in waiting}
    messages = {message.id: message for message in _messages(driver, _BY_ID, ids)}
    matched = [(row, messages[id_]) for row, id_ in waiting if id_ in messages]
    driver.many(_MATCH, [(message.id, message.recipient, row[0]) for row, message in matched])
    events = [
        _event(_receipt(row), message, message.channel, instant(row[7])) for row, message in matched
    ]
    _apply(driver, events, None)


def _receipt(row: tuple[Any, ...]) -> Receipt:
    return Receipt(
        provider=row[1],
        event_id=row[2],
        kind=ReceiptKind(row[4]),
        provider_id=row[5],
        recipient=row[6],
        at=instant(row[7]),
        reason=row[8],
    )


def _apply(driver: Driver, events: Sequence[_Event], bounces: BouncePolicy | None) -> None:
    _move(driver, events)
    for event in events:
        if is_personal(event.channel):
            _suppress(driver, event, bounces)
    named = {
        (receipt.provider, receipt.provider_id): event.message.id
        for event in events
        if (receipt := event.receipt).provider_id is not None
        and event.message is not None
        and event.message.provider_id is None
    }
    if named:
        apply_waiting(driver, named)


_MOVE = Statement(
    "UPDATE message SET state = ?, changed_at = coalesce(?, changed_at),"
    " provider = coalesce(?, provider), context = '', look_up_at = NULL, worker = NULL,"
    " lease_until = NULL WHERE id = ?"
)
NAME = Statement(
    "UPDATE message SET provider_id = ? WHERE id = ? AND provider = ? AND provider_id IS NULL"
)
"""The provider's id of a message that was known by ours only."""


def _move(driver: Driver, events: Sequence[_Event]) -> None:
    """Bring each message to the furthest state that its events tell.

    `changed_at` is when it left: what is reported of it later does not change that.
    """
    moved: dict[str, tuple[object, ...]] = {}
    states: dict[str, MessageState] = {}
    names: list[tuple[object, ...]] = []
    for event in events:
        message, receipt = event.message, event.receipt
        if message is None:
            continue
        names.append((receipt.provider_id, message.id, receipt.provider))
        state = states.get(message.id, MessageState(message.state))
        new = state_after(receipt.kind, state)
        if new is not None:
            states[message.id] = new
            left = MessageState(message.state) in RANK
            when = None if left else driver.instant(event.at)
            by = None if left else receipt.provider
            moved[message.id] = (new.value, when, by, message.id)
    driver.many(_MOVE, list(moved.values()))
    driver.many(NAME, [row for row in names if row[0] is not None])


def _suppress(driver: Driver, event: _Event, bounces: BouncePolicy | None) -> None:
    kind = event.receipt.kind
    if kind is ReceiptKind.HARD_BOUNCED:
        # an address that does not work says nothing against its owner's next one
        _block(driver, event, kind.value, customer=not event.recipients)
    elif kind is ReceiptKind.COMPLAINED:
        _block(driver, event, kind.value, customer=True)
    elif kind is ReceiptKind.SOFT_BOUNCED and bounces is not None:
        _count(driver, event, bounces)
    elif kind is ReceiptKind.UNSUBSCRIBED:
        _unsubscribe(driver, event)
    elif kind is ReceiptKind.RESUBSCRIBED:
        _resubscribe(driver, event)


def _block(driver: Driver, event: _Event, reason: str, *, customer: bool) -> None:
    rows = [
        Suppressed(channel=event.channel, recipient=each, reason=reason, at=event.at)
        for each in event.recipients
    ]
    if customer and event.message is not None:
        name = event.message.customer
        rows.append(Suppressed(channel=event.channel, customer=name, reason=reason, at=event.at))
    suppressions.add(driver, rows)


# the whole condition of the partial index, or SQLite does not see that it fits
_OF_RECIPIENT = " FROM receipt WHERE recipient = ? AND kind IN ('soft_bounced', 'resubscribed')"
_SOFT = Statement(
    "SELECT coalesce(message, event_id), min(at)"
    + _OF_RECIPIENT
    + " AND kind = 'soft_bounced' AND channel = ? GROUP BY coalesce(message, event_id)"
)
_TOOK_BACK = Statement(
    "SELECT 1" + _OF_RECIPIENT + " AND kind = 'resubscribed' AND channel = ? AND at >= ? LIMIT 1"
)


def _count(driver: Driver, event: _Event, bounces: BouncePolicy) -> None:
    """Suppress an address with so many soft bounces (of different messages) in any window."""
    for recipient in event.recipients:
        rows = driver.rows(_SOFT, recipient, event.channel)
        times = sorted(instant(at) for _, at in rows)
        ends = zip(times, times[bounces.count - 1 :], strict=False)
        if any(first > bounces.per.before(last, _UTC) for first, last in ends):
            row = Suppressed(
                channel=event.channel, recipient=recipient, reason=SOFT_BOUNCES, at=event.at
            )
            suppressions.add(driver, [row])


_CUSTOMERS = Statement(
    "SELECT DISTINCT customer FROM message WHERE recipient {these} AND channel = ?"
)


def _customers(driver: Driver, event: _Event) -> list[str]:
    """Whose address it is: the message's customer, else all who were written to there."""
    if event.message is not None:
        return [event.message.customer]
    rows = driver.rows(_CUSTOMERS, driver.listed(event.recipients), event.channel)
    return sorted(customer for (customer,) in rows)


def _unsubscribe(driver: Driver, event: _Event) -> None:
    people = _customers(driver, event)
    source = event.receipt.provider
    consents.record(driver, event.channel, people, event.at, source, granted=False)
    if people:
        return
    # nobody known is at this address yet; the events of one may arrive in any order
    when = driver.instant(event.at)
    for recipient in event.recipients:
        if not driver.rows(_TOOK_BACK, recipient, event.channel, when):
            row = Suppressed(
                channel=event.channel, recipient=recipient, reason=UNSUBSCRIBED, at=event.at
            )
            suppressions.add(driver, [row])


def _resubscribe(driver: Driver, event: _Event) -> None:
    people = _customers(driver, event)
    source = event.receipt.provider
    consents.record(driver, event.channel, people, event.at, source, granted=True)
    suppressions.lift_own(driver, event.channel, people, event.recipients, event.at)
