"""The gates between a transition and an entry: each is one small function over columns.

A gate answers which rows it refuses; the first that refuses gives the reason. Their order is
fixed (docs/how-a-tick-works.md), the frequency cap is last because it weighs triggers against
each other, and the arm is drawn only for those who passed them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from relance.domain.arm import in_global_holdout
from relance.domain.channel import CHANNELS, is_personal
from relance.domain.ledger import Refusal
from relance.domain.period import holdout_period
from relance.domain.receipt import recipient_digest
from relance.domain.trigger import Reentry, Trigger
from relance.domain.workspace import Workspace
from relance.pipeline.addresses import emails_ok, to_e164_many
from relance.pipeline.ports import Ledger
from relance.pipeline.units import UNIT, entrants, units


def _nobody() -> pa.Array:
    return pa.array([], pa.string())


@dataclass(frozen=True, kw_only=True, slots=True)
class Barred:
    """Whom the ledger bars from one channel: customers, and `addresses` by their digests."""

    suppressed: pa.Array = field(default_factory=_nobody)
    withdrawn: pa.Array = field(default_factory=_nobody)  # consent withdrawn here
    paused: pa.Array = field(default_factory=_nobody)
    addresses: pa.Array = field(default_factory=_nobody)


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What the ledger knows that one trigger's gates ask about."""

    channel: str
    barred: Barred
    uninterested: pa.Array = field(default_factory=_nobody)  # in the trigger's topic
    entered_before: pa.Array  # customers (or accounts) whose last entry forbids another one
    holdout_period: str
    holdout_share: float


Gate = Callable[[pa.Table, Facts], pa.BooleanArray]


def unreachable(rows: pa.Table, facts: Facts) -> pa.BooleanArray:
    """No usable address for the channel of the trigger's first message."""
    return pc.invert(_flat(rows[f"reachable_{facts.channel}"]))


def no_consent(rows: pa.Table, facts: Facts) -> pa.BooleanArray:
    """The source says no (or nothing), or the consent was withdrawn here since."""
    granted = pc.fill_null(_flat(rows[f"consent_{facts.channel}"]), fill_value=False)
    return pc.or_(pc.invert(granted), _among(rows, facts.barred.withdrawn))


def topic(rows: pa.Table, facts: Facts) -> pa.BooleanArray:
    """The customer does not want to hear of the trigger's topic."""
    return _among(rows, facts.uninterested)


def paused(rows: pa.Table, facts: Facts) -> pa.BooleanArray:
    """The customer asked not to be written to until later than now."""
    return _among(rows, facts.barred.paused)


def suppressed(rows: pa.Table, facts: Facts) -> pa.BooleanArray:
    """On the suppression list of the channel: the customer, or the address."""
    customers = _among(rows, facts.barred.suppressed)
    if not len(facts.barred.addresses):
        return customers
    recipients = _flat(rows[f"recipient_{facts.channel}"])
    return pc.or_(customers, pc.is_in(recipients, value_set=facts.barred.addresses))


def entered_before(rows: pa.Table, facts: Facts) -> pa.BooleanArray:
    """The trigger's re-entry rule forbids another entry."""
    return pc.is_in(entrants(rows), value_set=facts.entered_before)


def global_holdout(rows: pa.Table, facts: Facts) -> pa.BooleanArray:
    """In the share of customers (or households) to whom no trigger writes in this period."""
    if facts.holdout_share == 0:
        return pa.array(np.zeros(rows.num_rows, dtype=bool))
    period, share = facts.holdout_period, facts.holdout_share
    held = [in_global_holdout(period, unit, share) for unit in units(rows)]
    return pa.array(held, pa.bool_())


# what the company's own people are told passes these alone
ALWAYS: tuple[tuple[Refusal, Gate], ...] = (
    (Refusal.REENTRY, entered_before),
    (Refusal.GLOBAL_HOLDOUT, global_holdout),
)
PERSONAL: tuple[tuple[Refusal, Gate], ...] = (
    (Refusal.UNREACHABLE, unreachable),
    (Refusal.NO_CONSENT, no_consent),
    (Refusal.TOPIC, topic),
    (Refusal.PAUSED, paused),
    (Refusal.SUPPRESSED, suppressed),
)
GATES: tuple[tuple[Refusal, Gate], ...] = (*PERSONAL, *ALWAYS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """Customers refused for one reason; `details` is empty or one text per customer.

    Those `aside` are contacts whose account is what was refused: told of each, counted once.
    """

    reason: Refusal
    customers: pa.Array
    details: Sequence[str] = ()
    aside: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Passed:
    """Those who passed some gates of a trigger, and those who did not."""

    trigger: Trigger
    rows: pa.Table
    refused: tuple[Refused, ...]


def with_reachable(rows: pa.Table, barred: Mapping[str, Barred]) -> pa.Table:
    """Rows with `reachable_<channel>` for each channel: looked at once, however many triggers
    want to write; and `recipient_<channel>`, the address's digest, where any is barred."""
    for channel, bars in sorted(barred.items()):
        if is_personal(channel):
            addresses = _addresses(rows, channel)
            reachable = pc.is_valid(addresses)
            rows = rows.append_column(f"reachable_{channel}", reachable)
            if len(bars.addresses):
                rows = rows.append_column(f"recipient_{channel}", _digests(addresses))
    return rows


def _addresses(rows: pa.Table, channel: str) -> pa.Array:
    """The usable addresses of a channel, null where there is none."""
    if CHANNELS[channel].address == "phone":
        return pa.array(to_e164_many(rows["phone"], rows["region"]), pa.string())
    emails = _flat(rows["email"])
    return pc.if_else(emails_ok(emails), emails, pa.scalar(None, pa.string()))


def _digests(addresses: pa.Array) -> pa.Array:
    digests = [None if a is None else recipient_digest(a) for a in addresses.to_pylist()]
    return pa.array(digests, pa.string())


def gather_barred(ledger: Ledger, channel: str, at: datetime) -> Barred:
    """Who must not be written to on a channel, in a few bulk queries."""
    if not is_personal(channel):
        return Barred()
    consents = ledger.consent_changes(channel)
    withdrawn = consents.filter(pc.invert(consents["granted"]))
    return Barred(
        suppressed=ledger.suppressed(channel),
        withdrawn=_flat(withdrawn["customer"]),
        paused=ledger.paused(at),
        addresses=ledger.suppressed_addresses(channel),
    )


def gather_facts(
    workspace: Workspace,
    ledger: Ledger,
    trigger: Trigger,
    at: datetime,
    barred: Mapping[str, Barred],
) -> Facts:
    """What one trigger's gates need beside the rows; `barred` is by channel."""
    channel = trigger.steps[0].channel
    return Facts(
        channel=channel,
        barred=barred[channel],
        uninterested=ledger.topic_refusals(trigger.topic) if trigger.topic else _nobody(),
        entered_before=_forbidden(ledger, trigger, workspace, at),
        holdout_period=holdout_period(at.astimezone(workspace.zone), workspace.rotation),
        holdout_share=workspace.global_holdout,
    )


def _forbidden(ledger: Ledger, trigger: Trigger, workspace: Workspace, at: datetime) -> pa.Array:
    rule: Reentry = trigger.reentry
    if rule.allowed and rule.after is None:
        return pa.array([], pa.string())
    entries = ledger.last_entries(trigger.name, by_unit=trigger.of_accounts)
    if rule.after is not None:
        cutoff = pa.scalar(rule.after.before(at, workspace.zone), entries["at"].type)
        entries = entries.filter(pc.greater(entries["at"], cutoff))
    return _flat(entries["customer"])


def counted(refused: Iterable[Refused]) -> dict[str, int]:
    """How many were refused for each reason."""
    found: dict[str, int] = {}
    for one in refused:
        if not one.aside:
            found[str(one.reason)] = found.get(str(one.reason), 0) + len(one.customers)
    return found


def refuse(
    reason: Refusal, rows: pa.Table, details: Sequence[str] = ()
) -> Iterator[Refused]:  # fmt: skip
    """The rows as refused; of accounts, also the contacts who would have been written to."""
    yield Refused(reason=reason, customers=entrants(rows), details=details)
    if UNIT in rows.column_names:
        rows = rows.filter(pc.not_equal(rows["customer"], rows[UNIT]))  # nobody was picked
        told = tuple(entrants(rows).to_pylist())
        yield Refused(reason=reason, customers=_flat(rows["customer"]), details=told, aside=True)


def pass_gates(trigger: Trigger, customers: pa.Array, rows: pa.Table, facts: Facts) -> Passed:
    """Send candidates through the gates; `rows` has a row for each who still exists."""
    refused: list[Refused] = []
    gone = customers.filter(pc.invert(pc.is_in(customers, value_set=_flat(rows["customer"]))))
    if len(gone):
        refused.append(Refused(reason=Refusal.GONE, customers=gone))
    return through(trigger, rows, facts, GATES if is_personal(facts.channel) else ALWAYS, refused)


def through(
    trigger: Trigger,
    rows: pa.Table,
    facts: Facts,
    gates: Sequence[tuple[Refusal, Gate]],
    refused: Sequence[Refused] = (),
) -> Passed:
    """Who passes some gates, in their order."""
    told = list(refused)
    for reason, gate in gates:
        stopped = gate(rows, facts)
        if pc.any(stopped, min_count=0).as_py():
            told += refuse(reason, rows.filter(stopped))
            rows = rows.filter(pc.invert(stopped))
    return Passed(trigger=trigger, rows=rows, refused=tuple(told))


def _among(rows: pa.Table, customers: pa.Array) -> pa.BooleanArray:
    return pc.is_in(_flat(rows["customer"]), value_set=customers)


def _flat(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()
