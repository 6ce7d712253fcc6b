"""One customer's history, for `relance why`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select, tuple_

from relance.domain.accounts import as_unit
from relance.domain.arm import Arm
from relance.domain.ledger import EntryRecord, Refusal, RefusalRecord
from relance.domain.message import MessageState
from relance.domain.receipt import RANK, ReceiptKind
from relance.store import bulk, spells
from relance.store.instants import OPEN
from relance.store.tables import (
    ATTEMPT,
    CONSENT_CHANGE,
    DRAW,
    ENTRY,
    MEMBERSHIP,
    MESSAGE,
    PAUSE,
    RECEIPT,
    REFUSAL,
    RUN,
    SUPPRESSED_ADDRESS,
    SUPPRESSION,
)
from relance.store.views import (
    Attempted,
    ConsentNote,
    History,
    MessageNote,
    PauseNote,
    Reported,
    Spell,
    Stay,
    SuppressionNote,
)


def history(connection: Connection, customer: str, stages: Collection[str] = ()) -> History:
    """Everything known about a customer; all lists are empty for one never seen.

    `stages` are the segments whose spells are told, also those that are over.
    """
    return History(
        customer=customer,
        segments=_segments(connection, customer),
        entries=_entries(connection, ENTRY.c.customer == customer),
        messages=_messages(connection, MESSAGE.c.customer == customer),
        refusals=_refusals(connection, customer),
        suppressions=_suppressions(connection, customer),
        consents=_consents(connection, customer),
        pause=_pause(connection, customer),
        stages=_spells(connection, customer, stages),
    )


def _spells(connection: Connection, customer: str, segments: Collection[str]) -> tuple[Spell, ...]:
    """The spells of a customer under the definitions that hold now."""
    reigns = spells.reigns(connection) if segments else {}
    current = {reigns[name].id: name for name in segments if name in reigns}
    query = (
        select(MEMBERSHIP)
        .where(MEMBERSHIP.c.reign.in_(current), MEMBERSHIP.c.customer == customer)
        .order_by(MEMBERSHIP.c.entered_at, MEMBERSHIP.c.left_at)
    )
    return tuple(
        Spell(
            segment=current[row.reign],
            entered_at=row.entered_at,
            left_at=None if row.left_at == OPEN else row.left_at,
            baseline=row.baseline,
        )
        for row in connection.execute(query)
    )


def account_history(connection: Connection, account: str) -> History:
    """What became of an account: its segments, its entries with their messages, its refusals."""
    unit = as_unit(account)
    entries = _entries(connection, ENTRY.c.unit == unit)
    return History(
        customer=account,
        segments=_segments(connection, account),
        entries=entries,
        messages=_messages(connection, MESSAGE.c.entry.in_([entry.id for entry in entries])),
        refusals=_refusals(connection, unit),
        suppressions=(),
        consents=(),
        of_account=True,
    )


def _segments(connection: Connection, customer: str) -> tuple[Stay, ...]:
    current = {reign.id: reign for reign in spells.reigns(connection).values()}
    query = select(MEMBERSHIP).where(
        MEMBERSHIP.c.reign.in_(current),
        MEMBERSHIP.c.left_at == OPEN,
        MEMBERSHIP.c.customer == customer,
    )
    stays = (
        Stay(
            segment=current[row.reign].segment,
            version=current[row.reign].version,
            entered_at=row.entered_at,
            baseline=row.baseline,
        )
        for row in connection.execute(query)
    )
    return tuple(sorted(stays, key=lambda stay: (stay.entered_at, stay.segment)))


def _entries(connection: Connection, whose: ColumnElement[bool]) -> tuple[EntryRecord, ...]:
    # by trigger: the key begins with it, so that no second index is needed
    triggers = select(RUN.c.trigger).distinct()
    own = (ENTRY.c.trigger == DRAW.c.trigger) & (ENTRY.c.version == DRAW.c.version)
    query = (
        select(ENTRY, DRAW.c.salt, DRAW.c.hash_version)
        .outerjoin(DRAW, own)
        .where(ENTRY.c.trigger.in_(triggers), whose)
        .order_by(ENTRY.c.at, ENTRY.c.trigger)
    )
    return tuple(
        EntryRecord(
            id=row.id,
            trigger=row.trigger,
            version=row.version,
            customer=row.customer,
            at=row.at,
            arm=Arm(row.arm),
            unit=row.unit or row.customer,
            salt=row.salt or "",
            hash_version=row.hash_version or 0,
        )
        for row in connection.execute(query)
    )


def _messages(connection: Connection, whose: ColumnElement[bool]) -> tuple[MessageNote, ...]:
    query = select(MESSAGE).where(whose).order_by(MESSAGE.c.due_at, MESSAGE.c.id)
    rows = connection.execute(query).all()
    ids = [row.id for row in rows]
    attempts, receipts = _attempts(connection, ids), _receipts(connection, ids)
    return tuple(_note(row, attempts[row.id], receipts[row.id]) for row in rows)


def _note(
    row: Row[Any], attempts: Sequence[Attempted], receipts: Sequence[Reported]
) -> MessageNote:
    return MessageNote(
        id=row.id,
        entry=row.entry,
        trigger=row.trigger,
        version=row.version,
        step=row.step,
        channel=row.channel,
        template=row.template,
        due_at=row.due_at,
        ghost=row.ghost,
        state=MessageState(row.state),
        changed_at=row.changed_at,
        reason=row.reason,
        attempts=tuple(_with_acceptance(row, attempts, receipts)),
        receipts=tuple(receipts),
    )


def _with_acceptance(
    row: Row[Any], attempts: Sequence[Attempted], receipts: Sequence[Reported]
) -> Sequence[Attempted]:
    """With the one that succeeded: the message itself holds it, unless it was written down apart,
    or a report told what nobody had answered (then the message left at that report's instant)."""
    left = row.changed_at
    written = any(one.state is MessageState.ACCEPTED and one.at == left for one in attempts)
    told = any(receipt.at == left for receipt in receipts)
    if MessageState(row.state) not in RANK or written or told:
        return attempts
    accepted = Attempted(
        at=left,
        provider=row.provider,
        state=MessageState.ACCEPTED,
        reason=row.reason,
        detail="",
        provider_id=row.provider_id,
    )
    return sorted([*attempts, accepted], key=lambda attempt: attempt.at)


def _attempts(connection: Connection, messages: Sequence[str]) -> dict[str, list[Attempted]]:
    found: defaultdict[str, list[Attempted]] = defaultdict(list)
    for ids in bulk.chunks(messages):
        query = select(ATTEMPT).where(ATTEMPT.c.message.in_(ids)).order_by(ATTEMPT.c.id)
        for row in connection.execute(query):
            found[row.message].append(
                Attempted(
                    at=row.at,
                    provider=row.provider,
                    state=MessageState(row.state),
                    reason=row.reason,
                    detail=row.detail,
                    provider_id=row.provider_id,
                )
            )
    return found


def _receipts(connection: Connection, messages: Sequence[str]) -> dict[str, list[Reported]]:
    found: defaultdict[str, list[Reported]] = defaultdict(list)
    receipt = RECEIPT.c
    for ids in bulk.chunks(messages):
        query = select(RECEIPT).where(receipt.message.in_(ids)).order_by(receipt.at, receipt.n)
        for row in connection.execute(query):
            found[row.message].append(
                Reported(
                    at=row.at,
                    provider=row.provider,
                    kind=ReceiptKind(row.kind),
                    reason=row.reason,
                    machine=row.machine,
                )
            )
    return found


def _refusals(connection: Connection, customer: str) -> tuple[RefusalRecord, ...]:
    # one look-up per run: runs are few, refusals are many and have no index by customer
    query = (
        select(RUN.c.trigger, RUN.c.at, REFUSAL.c.reason, REFUSAL.c.detail)
        .join(REFUSAL, (REFUSAL.c.run == RUN.c.id) & (REFUSAL.c.customer == customer))
        .order_by(RUN.c.at, RUN.c.trigger)
    )
    return tuple(
        RefusalRecord(
            trigger=row.trigger,
            at=row.at,
            customer=customer,
            reason=Refusal(row.reason),
            detail=row.detail,
        )
        for row in connection.execute(query)
    )


def _suppressions(connection: Connection, customer: str) -> tuple[SuppressionNote, ...]:
    own = select(SUPPRESSION).where(SUPPRESSION.c.customer == customer)
    # on their channels: the same number may be refused by SMS only
    places = select(MESSAGE.c.channel, MESSAGE.c.recipient).where(MESSAGE.c.customer == customer)
    key = tuple_(SUPPRESSED_ADDRESS.c.channel, SUPPRESSED_ADDRESS.c.recipient)
    theirs = select(SUPPRESSED_ADDRESS).where(key.in_(places))
    notes = [
        SuppressionNote(channel=row.channel, reason=row.reason, at=row.at, by_address=by_address)
        for query, by_address in ((own, False), (theirs, True))
        for row in connection.execute(query)
    ]
    return tuple(sorted(notes, key=lambda note: (note.at, note.channel)))


def _consents(connection: Connection, customer: str) -> tuple[ConsentNote, ...]:
    change = CONSENT_CHANGE.c
    query = select(CONSENT_CHANGE).where(change.customer == customer).order_by(change.at, change.id)
    return tuple(
        ConsentNote(
            channel=row.channel,
            granted=row.granted,
            at=row.at,
            source=row.source,
            topic=row.topic,
        )
        for row in connection.execute(query)
    )


def _pause(connection: Connection, customer: str) -> PauseNote | None:
    row = connection.execute(select(PAUSE).where(PAUSE.c.customer == customer)).one_or_none()
    return None if row is None else PauseNote(until=row.until, at=row.at, source=row.source)
