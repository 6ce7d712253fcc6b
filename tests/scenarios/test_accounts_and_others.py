"""Accounts beside what else relance knows: events that trigger, merges, holdouts, opt-outs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from meeting import MeetingSupplier
from relance.store import Suppressed
from supplier import B2B, Supplier

GOLD = "{account: tier, is: gold}"


@pytest.fixture
def supplier(tmp_path: Path) -> MeetingSupplier:
    return MeetingSupplier(tmp_path)


def entries(supplier: Supplier, account: str) -> Sequence[str]:
    with supplier.open() as relance:
        return [entry.customer for entry in relance.history(account, account=True).entries]


def two_companies(supplier: Supplier) -> None:
    supplier.company("acme", "bolt")
    supplier.contact("ann", "acme")
    supplier.contact("abe", "acme", job="owner")
    supplier.contact("bob", "bolt")


def test_an_event_of_any_contact_lets_the_account_in_once_and_any_answer_stops_it(
    supplier: MeetingSupplier,
) -> None:
    supplier.write(
        "config/relance.yaml",
        B2B.replace("events:\n", "events:\n  ask: {table: asks, customer: who, at: at}\n"),
    )
    asks = ["who,at", f"abe,{supplier.now.replace(month=1).isoformat()}"]
    supplier.write("data/asks.csv", "\n".join([*asks, ""]))
    supplier.account_trigger(
        on="{event: ask, unless: order, within: 4 hours}",
        segment="{account: tier, is: silver}",
        write_to="{role: buyer}",
        reentry="always",
    )
    two_companies(supplier)
    supplier.tick()
    supplier.wait(hours=1)
    now = supplier.now.isoformat()
    asks += [f"abe,{now}", f"ann,{now}", f"bob,{now}"]
    supplier.write("data/asks.csv", "\n".join([*asks, ""]))
    supplier.contact("ben", "bolt")
    supplier.wait(hours=1)
    supplier.order("ben")  # answers what bob asked
    supplier.wait(hours=2)
    assert supplier.entered() == {"hello": 0}  # four hours are not over
    supplier.wait(hours=2)
    run = supplier.tick()["hello"]
    assert (run.treated, run.refused) == (1, {})
    assert supplier.sends() == ["ann"]  # the buyer, whoever asked
    supplier.wait(hours=6)
    assert supplier.entered() == {"hello": 0}


def test_merged_contacts_are_one_of_the_account_which_enters_once(
    supplier: MeetingSupplier,
) -> None:
    supplier.account_trigger(reentry="always")
    two_companies(supplier)
    supplier.contact("anna", "acme")
    supplier.tick()
    supplier.wait(days=1)
    supplier.order("ann", "anna")  # one each: the account has two
    run = supplier.tick()["hello"]
    assert (run.members, run.entered, run.treated) == (1, 1, 1)
    supplier.wait(days=1)
    supplier.merge("anna", "ann")
    run = supplier.tick()["hello"]
    assert (run.members, run.entered, run.left, run.treated) == (1, 0, 0, 0)
    assert len(entries(supplier, "acme")) == 1


def test_events_of_a_merged_contact_are_those_of_the_account(supplier: MeetingSupplier) -> None:
    supplier.account_trigger()
    two_companies(supplier)
    supplier.tick()
    supplier.wait(days=1)
    supplier.order("bob")
    supplier.order("visitor", "visitor")  # nobody's contact yet
    assert supplier.entered() == {"hello": 0}
    supplier.wait(days=1)
    supplier.merge("visitor", "abe")
    run = supplier.tick()["hello"]
    assert (run.members, run.entered, run.treated) == (1, 1, 1)
    assert entries(supplier, "acme") == ["abe"]


def test_who_is_merged_into_a_contact_elsewhere_takes_the_orders_there(
    supplier: MeetingSupplier,
) -> None:
    supplier.account_trigger()
    two_companies(supplier)
    supplier.contact("bea", "bolt")
    supplier.tick()
    supplier.wait(days=1)
    supplier.order("bea", "bea")
    supplier.tick()
    assert len(entries(supplier, "bolt")) == 1
    supplier.wait(days=1)
    supplier.merge("bea", "ann")
    run = supplier.tick()["hello"]
    assert (run.members, run.entered, run.left) == (1, 1, 1)
    assert entries(supplier, "acme") == ["ann"]


def test_a_letter_to_an_id_that_became_a_colleague_is_sent_once(supplier: MeetingSupplier) -> None:
    one = "{send: {channel: email, template: hello}}"
    supplier.account_trigger(steps=f"[{one}, {{wait: 2 days}}, {one}]", write_to="{role: buyer}")
    two_companies(supplier)
    supplier.tick()
    supplier.wait(days=1)
    supplier.order("ann", "ann")
    supplier.tick()
    assert supplier.sends() == ["ann"]
    supplier.merge("ann", "abe")
    supplier.wait(days=2)
    assert supplier.sends() == ["abe", "ann"]  # the person, where they are now


def test_the_global_holdout_of_accounts_is_drawn_by_account_and_stays(
    supplier: MeetingSupplier,
) -> None:
    supplier.settings("global_holdout: 20%\n")
    supplier.account_trigger(segment=GOLD, reentry="always")
    supplier.account_trigger("other", segment=GOLD)
    names = [f"c{number}" for number in range(30)]
    supplier.company(*names)
    for name in names:
        supplier.contact(f"{name}_one", name)
        supplier.contact(f"{name}_two", name)
    supplier.tick()
    supplier.wait(days=1)
    supplier.company(*names, tier="gold")
    run = supplier.tick()["hello"]
    found = refusals(supplier, names)
    held = {name for name in names if found[name]}
    assert 0 < len(held) < 30
    assert (run.refused, run.treated) == ({"global_holdout": len(held)}, 30 - len(held))
    # the same ones for both triggers, whoever is picked
    assert all(found[name] == ["global_holdout"] * 2 for name in held)
    supplier.wait(days=1)
    supplier.company(*names, tier="silver")
    supplier.tick()
    for name in names:
        supplier.change(f"{name}_one", optin="false")
    supplier.wait(days=1)
    supplier.company(*names, tier="gold")
    supplier.tick("hello")
    found = refusals(supplier, names)
    assert {name for name in names if found[name].count("global_holdout") == 3} == held


def refusals(supplier: Supplier, accounts: Sequence[str]) -> dict[str, list[str]]:
    with supplier.open() as relance:
        return {
            name: [one.reason for one in relance.history(name, account=True).refusals]
            for name in accounts
        }


def test_the_guardrail_of_accounts_counts_the_contacts_who_were_picked(
    supplier: MeetingSupplier,
) -> None:
    supplier.account_trigger(
        goal="{event: order, within: 7 days}", write_to="{role: owner}", reentry="always"
    )
    two_companies(supplier)
    supplier.contact("bea", "bolt", job="owner")
    supplier.tick()
    supplier.wait(days=1)
    supplier.order("ann", "ann", "bob", "bob")
    assert supplier.entered() == {"hello": 2}
    supplier.wait(days=1)
    unsubscribe(supplier, "bob")
    assert unsubscribed(supplier) == 0  # bob was not written to: bea was
    supplier.merge("bea", "bertha")
    unsubscribe(supplier, "bertha")
    assert unsubscribed(supplier) == 1


def unsubscribe(supplier: Supplier, customer: str) -> None:
    wish = Suppressed(
        channel="email", customer=customer, recipient=None, reason="unsubscribed", at=supplier.now
    )
    with supplier.open() as relance:
        relance.state.desk.suppress([wish])


def unsubscribed(supplier: Supplier) -> float:
    """The accounts that count as having opted out, a hundred days later."""
    with supplier.open() as relance:
        (one,) = relance.report(supplier.now + timedelta(days=100)).triggers
    return sum(m.treated.hits or 0 for m in one.metrics if m.metric == "unsubscribed")


def test_what_power_finds_in_the_past_are_accounts_and_their_orders(
    supplier: MeetingSupplier,
) -> None:
    supplier.account_trigger(goal="{event: order, within: 7 days}", write_to="{role: owner}")
    two_companies(supplier)
    supplier.contact("bea", "bolt", job="owner")
    start = supplier.now
    supplier.order("bob", at=start - timedelta(days=300))
    for name in ("bob", "ann", "abe"):
        supplier.order(name, at=start - timedelta(days=50))
    supplier.order("bob", at=start - timedelta(days=45))  # and bea, the owner, nothing
    with supplier.open() as relance:
        found = relance.forecast("hello", start, weeks=8)
    assert found.flow is not None
    assert sum(found.flow.weeks) == 2
    assert found.base is not None
    assert (found.base.counts.mature, found.base.counts.retained) == (2, 1)
