"""Accounts at the gates: the contact who is written to is picked of those who may be.

The rule of the trigger orders an account's contacts; the first who passes the gates of the person
(address, consent, topic, pause, suppression) stands for the account at the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from relance.domain.accounts import ACCOUNT
from relance.domain.channel import is_personal
from relance.domain.ledger import Refusal
from relance.domain.trigger import Trigger, WriteTo
from relance.domain.workspace import FrequencyCap
from relance.pipeline.gates import ALWAYS, PERSONAL, Facts, Passed, Refused, pass_gates, through
from relance.pipeline.ports import Picture
from relance.pipeline.units import UNIT

_TOLD = 10  # contacts whom the refusal of an account names


@dataclass(frozen=True, kw_only=True, slots=True)
class Crowd:
    """Whom the gates look at for one trigger: `people` are the candidates, or the contacts of the
    `accounts` that are. `contacts` has the columns customer, account and place."""

    people: pa.Array
    accounts: pa.Array | None = None
    contacts: pa.Table | None = None


def crowds(
    picture: Picture, triggers: Iterable[Trigger], candidates: Mapping[str, pa.Array]
) -> dict[str, Crowd]:
    """The people of every trigger; one question to the engine for each that accounts enter."""
    found = {}
    for trigger in triggers:
        entering = candidates[trigger.name]
        if not trigger.of_accounts:
            found[trigger.name] = Crowd(people=entering)
            continue
        contacts = picture.contacts(entering, trigger.write_to)
        if not is_personal(trigger.steps[0].channel):
            contacts = _with_stand_ins(entering, contacts)
        people = contacts["customer"].combine_chunks()
        found[trigger.name] = Crowd(people=people, accounts=entering, contacts=contacts)
    return found


def _with_stand_ins(accounts: pa.Array, contacts: pa.Table) -> pa.Table:
    """The contacts, and each account without any by itself: the company's own people are told
    of it all the same."""
    picked = contacts["account"].combine_chunks()
    lonely = accounts.filter(pc.invert(pc.is_in(accounts, value_set=picked)))
    names = pc.binary_join_element_wise(ACCOUNT, lonely, "")
    places = pa.array([1] * len(lonely), pa.int64())
    own = pa.table({"customer": names, "account": lonely, "place": places})
    return pa.concat_tables([contacts, own.cast(contacts.schema)])


def pass_crowd(trigger: Trigger, crowd: Crowd, rows: pa.Table, facts: Facts) -> Passed:
    """Send a crowd through the gates; `rows` has a row for each who still exists."""
    if crowd.accounts is None or crowd.contacts is None:
        return pass_gates(trigger, crowd.people, rows, facts)
    return pass_accounts(trigger, crowd.accounts, crowd.contacts, rows, facts)


def pass_accounts(
    trigger: Trigger, accounts: pa.Array, contacts: pa.Table, rows: pa.Table, facts: Facts
) -> Passed:
    """Send accounts through the gates; `rows` are those of their contacts who still exist."""
    placed = rows.append_column("place", _places(rows, contacts)).sort_by("place")
    units = pc.binary_join_element_wise(ACCOUNT, placed["account"], "")
    placed = placed.append_column(UNIT, units)
    personal = PERSONAL if is_personal(facts.channel) else ()
    free = through(trigger, placed, facts, personal)
    chosen = free.rows.take(_firsts(free.rows[UNIT].combine_chunks()))
    aside = _people_refused(free.refused)
    refused = [*_nobody_left(accounts, chosen, aside), *_of(aside, chosen)]
    return through(trigger, chosen.drop_columns("place"), facts, ALWAYS, refused)


def _places(rows: pa.Table, contacts: pa.Table) -> pa.Array:
    found = pc.index_in(rows["customer"], value_set=contacts["customer"].combine_chunks())
    return contacts["place"].take(found).combine_chunks()


def _firsts(units: pa.Array) -> pa.Array:
    """The first row of each unit."""
    encoded = units.dictionary_encode().indices
    table = pa.table({"unit": encoded, "row": pa.array(range(len(units)), pa.int64())})
    return table.group_by("unit").aggregate([("row", "min")])["row_min"].combine_chunks().sort()


@dataclass(frozen=True, slots=True)
class _Person:
    """A contact whom a gate of the person refused."""

    customer: str
    unit: str
    reason: Refusal


def _people_refused(refused: Sequence[Refused]) -> list[_Person]:
    return [
        _Person(customer, unit, one.reason)
        for one in refused
        if one.aside
        for customer, unit in zip(one.customers.to_pylist(), one.details, strict=True)
    ]


def _nobody_left(accounts: pa.Array, chosen: pa.Table, people: Sequence[_Person]) -> list[Refused]:
    """The accounts without a contact to write to, by what stopped the one who came furthest."""
    served = set(chosen[UNIT].to_pylist())
    stopped: dict[str, list[_Person]] = {}
    for one in people:
        stopped.setdefault(one.unit, []).append(one)
    reasons: dict[Refusal, list[tuple[str, str]]] = {}
    order = list(Refusal)
    for account in accounts.to_pylist():
        unit = f"{ACCOUNT}{account}"
        if unit in served:
            continue
        theirs = stopped.get(unit, [])
        reason = max((one.reason for one in theirs), key=order.index, default=Refusal.NO_CONTACT)
        told = ", ".join(f"{one.customer} {one.reason}" for one in theirs[:_TOLD])
        reasons.setdefault(reason, []).append((unit, told))
    return [
        Refused(
            reason=reason,
            customers=pa.array([unit for unit, _ in some], pa.string()),
            details=tuple(told for _, told in some),
        )
        for reason, some in reasons.items()
    ]


def _of(people: Sequence[_Person], chosen: pa.Table) -> list[Refused]:
    """Of accounts that nobody stands for, each contact with what stopped them."""
    served = set(chosen[UNIT].to_pylist())
    reasons: dict[Refusal, list[_Person]] = {}
    for one in people:
        if one.unit not in served:
            reasons.setdefault(one.reason, []).append(one)
    return [
        Refused(
            reason=reason,
            customers=pa.array([one.customer for one in some], pa.string()),
            details=tuple(one.unit for one in some),
            aside=True,
        )
        for reason, some in reasons.items()
    ]


def messages_by_account(
    picture: Picture, passed: Sequence[Passed], recent: Mapping[FrequencyCap, pa.Table]
) -> dict[FrequencyCap, pa.Table]:
    """Earlier messages to all contacts of the accounts concerned, added up by account.

    As contacts belong to accounts now: who has moved takes the messages along.
    """
    concerned = [p.rows["account"].combine_chunks() for p in passed]
    accounts = pc.unique(pa.concat_arrays(concerned)).drop_null()
    contacts = picture.contacts(accounts, WriteTo()).select(["customer", "account"])
    return {
        cap: messages.join(contacts, "customer", join_type="inner")
        .group_by("account")
        .aggregate([("messages", "sum")])
        .rename_columns(["customer", "messages"])
        for cap, messages in recent.items()
    }
