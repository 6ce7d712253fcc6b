"""A shop in plain values, for the oracle: customers, their accounts, and what they did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from relance.domain.condition import Scalar
from relance.domain.lifecycle import LifecycleSpec
from relance.domain.score import ScoreModel, ScoreSpec
from relance.domain.workspace import RfmSpec

Value = Scalar | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Customer:
    """One row of the customers table; None is a missing value."""

    key: str
    attributes: Mapping[str, Value] = field(default_factory=dict)
    account: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One row of an event table. `at` is aware; `fields` are the logical names."""

    customer: str
    at: datetime
    fields: Mapping[str, Value] = field(default_factory=dict)
    account: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shop:
    """Everything the conditions can see.

    `zone` is the workspace's: calendar days begin at its midnights. `source_zone` says when a
    bare date of the source begins (the same zone where None). `answers` holds the customers
    that each `sql` query returns. `accounts` are rows of the accounts table; the events of
    `naming_accounts` name the account themselves, the others are those of its contacts.
    """

    zone: ZoneInfo
    customers: Sequence[Customer]
    events: Mapping[str, Sequence[Event]] = field(default_factory=dict)
    rfm: RfmSpec = field(default_factory=RfmSpec)
    lifecycle: LifecycleSpec = field(default_factory=LifecycleSpec)
    source_zone: ZoneInfo | None = None
    answers: Mapping[str, AbstractSet[str]] = field(default_factory=dict)
    accounts: Sequence[Customer] = ()
    naming_accounts: AbstractSet[str] = frozenset()
    scores: Mapping[str, ScoreSpec] = field(default_factory=dict)
    models: Mapping[str, ScoreModel] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)  # of a channel's message


def accounts_of(shop: Shop) -> Shop:
    """The shop whose customers are the accounts."""
    where = {who.key: who.account for who in shop.customers}
    events = {
        name: [
            replace(event, customer=owner)
            for event in each
            if (
                owner := event.account
                if name in shop.naming_accounts
                else where.get(event.customer)
            )
        ]
        for name, each in shop.events.items()
    }
    return replace(shop, customers=shop.accounts, events=events, accounts=())


def history_of(shop: Shop, at: datetime) -> Mapping[tuple[str, str], list[Event]]:
    """Every customer's events by kind; events after the instant do not exist."""
    history: defaultdict[tuple[str, str], list[Event]] = defaultdict(list)
    for name, events in shop.events.items():
        for event in events:
            if event.at <= at:
                history[name, event.customer].append(event)
    return history
