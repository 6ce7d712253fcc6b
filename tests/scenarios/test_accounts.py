"""Accounts enter, and one of their contacts is written to: arrive, wait, tick, expect."""

from __future__ import annotations

from pathlib import Path

import pytest

from relance.errors import SourceError
from supplier import BUSY, Supplier


@pytest.fixture
def supplier(tmp_path: Path) -> Supplier:
    return Supplier(tmp_path)


def opened(supplier: Supplier, **keys: str) -> Supplier:
    """After a baseline at which nobody had ordered anything."""
    supplier.account_trigger(**keys)
    supplier.company("acme", "bolt")
    supplier.contact("ann", "acme", job="owner")
    supplier.contact("abe", "acme", job="buyer")
    supplier.contact("bob", "bolt")
    supplier.tick()
    supplier.wait(days=1)
    return supplier


def test_an_account_enters_once_by_what_its_contacts_do_together(supplier: Supplier) -> None:
    opened(supplier)
    supplier.order("ann", "abe", "bob")  # one order each: two of acme
    run = supplier.tick()["hello"]
    assert (run.members, run.entered, run.treated) == (1, 1, 1)
    assert supplier.sends() in (["ann"], ["abe"])
    supplier.wait(days=1)
    assert supplier.entered() == {"hello": 0}


def test_the_rule_picks_by_role_and_then_by_who_was_active_last(supplier: Supplier) -> None:
    opened(supplier, write_to="{role: [buyer, owner]}")
    supplier.contact("ada", "acme", job="buyer")
    supplier.order("ann")
    supplier.order("abe")
    supplier.wait(hours=1)
    supplier.order("ada")
    supplier.wait(hours=1)
    supplier.order("ann")  # the latest, but an owner
    supplier.tick()
    assert supplier.sends() == ["ada"]


def test_the_rule_picks_among_those_who_may_be_written_to(supplier: Supplier) -> None:
    opened(supplier, write_to="{role: [buyer, owner]}")
    supplier.change("abe", optin="false")
    supplier.order("abe", "abe")
    run = supplier.tick()["hello"]
    assert (run.treated, run.refused) == (1, {})
    assert supplier.sends() == ["ann"]


def test_contacts_of_other_roles_come_last_or_not_at_all(supplier: Supplier) -> None:
    opened(supplier, write_to="{role: director}")
    supplier.order("bob", "bob")
    assert supplier.tick()["hello"].refused == {"no_contact": 1}
    supplier.account_trigger("late", write_to="{role: director, others: true}", on="schedule")
    supplier.tick()
    supplier.wait(days=1)
    supplier.tick()
    assert supplier.sends() == ["bob"]


def test_an_account_without_anybody_to_write_to_is_refused_with_the_reason(
    supplier: Supplier,
) -> None:
    supplier.account_trigger(segment="{account: tier, is: gold}")
    supplier.company("empty", "silent", "acme")
    supplier.contact("sue", "silent", optin="false")
    supplier.contact("sam", "silent", email="")
    supplier.tick()
    supplier.wait(days=1)
    supplier.company("empty", "silent", tier="gold")
    run = supplier.tick()["hello"]
    assert (run.members, run.entered, run.treated) == (2, 2, 0)
    assert run.refused == {"no_contact": 1, "no_consent": 1}
    with supplier.open() as relance:
        (told,) = relance.history("silent", account=True).refusals
        assert (told.reason, told.detail) == ("no_consent", "sam unreachable, sue no_consent")
        (told,) = relance.history("empty", account=True).refusals
        assert (told.reason, told.detail) == ("no_contact", "")
        (told,) = relance.history("sue").refusals
        assert (told.reason, told.detail) == ("no_consent", "account:silent")


def test_a_new_contact_of_a_member_is_no_transition(supplier: Supplier) -> None:
    opened(supplier)
    supplier.order("abe", "abe")
    assert supplier.entered() == {"hello": 1}
    supplier.wait(days=1)
    supplier.contact("amy", "acme")
    supplier.order("amy", "amy")
    run = supplier.tick()["hello"]
    assert (run.members, run.entered, run.treated) == (1, 0, 0)


def test_a_contact_who_moves_takes_the_orders_along_and_doubles_nothing(supplier: Supplier) -> None:
    opened(supplier)
    supplier.order("abe", "abe")
    assert supplier.entered() == {"hello": 1}
    supplier.wait(days=1)
    supplier.change("abe", company="bolt")
    run = supplier.tick()["hello"]
    assert (run.members, run.entered, run.left, run.treated) == (1, 1, 1, 1)  # bolt, not acme
    supplier.wait(days=1)
    supplier.change("abe", company="acme")
    run = supplier.tick()["hello"]
    assert (run.entered, run.treated, run.refused) == (1, 0, {"reentry": 1})


def test_who_has_left_the_account_gets_no_more_of_its_messages(supplier: Supplier) -> None:
    steps = "[{send: {channel: email, template: hello}}, {wait: 2 days},"
    opened(supplier, steps=steps + " {send: {channel: email, template: hello}}]")
    supplier.order("bob", "bob")
    supplier.tick()
    assert supplier.sends() == ["bob"]
    supplier.change("bob", company="acme")
    supplier.wait(days=2)
    assert supplier.sends() == ["bob"]
    with supplier.open() as relance:
        reasons = [message.reason for message in relance.history("bob").messages]
    assert reasons == ["", "left_account"]


def test_an_order_of_a_colleague_reaches_the_goal(supplier: Supplier) -> None:
    steps = "[{wait: 2 days}, {send: {channel: email, template: hello}}]"
    opened(supplier, steps=steps, goal="{event: order, within: 30 days}", write_to="{role: owner}")
    supplier.order("abe", "abe")
    supplier.tick()
    supplier.wait(days=1)
    supplier.order("abe")
    supplier.wait(days=1)
    assert supplier.sends() == []
    with supplier.open() as relance:
        assert [m.reason for m in relance.history("ann").messages] == ["goal_reached"]


def test_a_step_counts_the_orders_of_the_account_since_its_entry(supplier: Supplier) -> None:
    steps = "[{wait: 2 days}, {send: {channel: email, template: hello},"
    opened(supplier, steps=steps + " unless: {event: order, since: entry}}]")
    supplier.order("abe", "abe", "bob", "bob")
    supplier.tick()
    supplier.wait(days=1)
    supplier.order("ann")  # of acme, as abe
    supplier.order("abe")
    supplier.wait(days=1)
    assert supplier.sends() == ["bob"]


def test_the_arm_is_the_accounts_and_a_re_entry_keeps_it(supplier: Supplier) -> None:
    opened(supplier, holdout="50%", reentry="always", goal="{event: order, within: 30 days}")
    for name in (f"c{number}" for number in range(40)):
        supplier.company(name)
        supplier.contact(f"{name}_one", name)
        supplier.order(f"{name}_one", f"{name}_one")
    run = supplier.tick()["hello"]
    assert run.treated + run.held_out == 40
    assert run.treated
    assert run.held_out
    with supplier.open() as relance:
        (entry,) = relance.history("c7", account=True).entries
        assert (entry.unit, entry.customer) == ("account:c7", "c7_one")
        report = relance.report(supplier.now)
    (one,) = report.triggers
    assert one.treated + one.held_out == 40


def test_a_cap_of_the_account_counts_all_its_contacts(supplier: Supplier) -> None:
    supplier.settings("limits: {per_account: 1 per 7 days}\n")
    supplier.trigger("welcome", segment=BUSY, priority="90")
    opened(supplier)
    supplier.order("abe", "abe", "ann", "ann", "bob", "bob")
    runs = supplier.tick()
    # of acme's two contacts one is written to, and then acme is full for the account's trigger too
    assert (runs["welcome"].treated, runs["welcome"].refused) == (2, {"displaced": 1})
    assert runs["hello"].refused == {"displaced": 2}
    with supplier.open() as relance:
        (told,) = relance.history("acme", account=True).refusals
        assert (told.reason, told.detail) == ("displaced", "welcome")
    supplier.wait(days=1)
    supplier.account_trigger("again", on="schedule")
    supplier.tick()
    supplier.wait(days=1)
    assert supplier.tick()["again"].refused == {"frequency_cap": 2}


def test_a_global_holdout_holds_whole_accounts(supplier: Supplier) -> None:
    supplier.settings("global_holdout: 20%\n")
    opened(supplier)
    for name in (f"c{number}" for number in range(30)):
        supplier.company(name)
        supplier.contact(f"{name}_one", name)
        supplier.order(f"{name}_one", f"{name}_one")
    run = supplier.tick()["hello"]
    assert run.refused["global_holdout"] + run.treated == 30
    assert 0 < run.treated < 30


def test_a_date_of_the_account_comes_round(supplier: Supplier) -> None:
    supplier.trigger(enters="accounts", on="{date: renews_on, offset: -2 days}")
    supplier.company("acme")
    supplier.contact("ann", "acme")
    supplier.tick()
    supplier.wait(days=1)
    assert supplier.entered() == {"hello": 0}
    supplier.wait(days=1)
    assert supplier.entered() == {"hello": 1}


def test_named_segments_of_accounts_have_accounts_for_members(supplier: Supplier) -> None:
    supplier.segments(busy=f"{{members: accounts, all: [{BUSY}]}}", buyers="{segment: busy}")
    supplier.trigger(enters="accounts", on="{from: calm, to: busy}")
    supplier.segments(
        busy=f"{{members: accounts, all: [{BUSY}]}}",
        calm="{members: accounts, none: [{segment: busy}]}",
        people_of_busy="{all: [{segment: busy}, {customer: country, is: FR}]}",
    )
    supplier.company("acme", "empty")
    supplier.contact("ann", "acme")
    supplier.tick()
    assert supplier.members("calm") == {"acme", "empty"}
    supplier.wait(days=1)
    supplier.order("ann", "ann")
    assert supplier.entered() == {"hello": 1}
    assert supplier.members("busy") == {"acme"}
    assert supplier.members("people_of_busy") == {"ann"}


def test_a_lost_workbench_is_rebuilt_with_accounts_and_customers_apart(supplier: Supplier) -> None:
    supplier.trigger("welcome", segment=BUSY)
    supplier.account_trigger()
    for name in ("1", "2"):
        supplier.company(name)
        supplier.contact(name, name)
    supplier.order("1", "1")
    supplier.tick()
    (supplier.root / "state/workbench.duckdb").unlink()
    supplier.wait(days=1)
    assert supplier.entered() == {"hello": 0, "welcome": 0}
    (supplier.root / "state/workbench.duckdb").unlink()
    supplier.wait(days=1)
    supplier.order("2", "2")
    assert supplier.entered() == {"hello": 1, "welcome": 1}


def test_texts_know_the_account(supplier: Supplier) -> None:
    supplier.write(
        "templates/hello/email.html",
        "---\nsubject: {{ account.name }} {{ account.order_count }}\n---\n<p>Hello</p>\n",
    )
    opened(supplier)
    supplier.order("abe", "ann")
    supplier.tick()
    supplier.deliver()
    assert supplier.texts() == "Acme 2"


def test_an_account_key_twice_stops_the_tick_and_nothing_is_stored(supplier: Supplier) -> None:
    opened(supplier)
    supplier.companies["twin"] = dict(supplier.companies["acme"])
    supplier.order("abe", "abe")
    with pytest.raises(SourceError, match="with the key of another row"):
        supplier.tick()
    del supplier.companies["twin"]
    assert supplier.entered() == {"hello": 1}


def test_the_report_counts_accounts_and_the_orders_of_all_their_contacts(
    supplier: Supplier,
) -> None:
    opened(
        supplier, reentry="always", goal="{event: order, within: 7 days}", write_to="{role: owner}"
    )
    supplier.contact("bea", "bolt", job="owner")
    supplier.order("abe", "abe", "bob", "bob")
    assert supplier.entered() == {"hello": 2}
    supplier.wait(days=1)
    supplier.order("abe")  # the owner, ann, was written to
    supplier.wait(days=8)
    with supplier.open() as relance:
        (one,) = relance.report(supplier.now).triggers
    (week,) = one.cohorts
    assert (week.treated.entered, week.treated.mature, week.treated.retained) == (2, 2, 1)
