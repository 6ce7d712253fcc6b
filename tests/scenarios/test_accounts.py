"""Accounts enter, and one of their contacts is written to: arrive, wait, tick, expect."""

from __future__ import annotations

from pathlib import Path

import pytest

from relance.errors import SourceError
from supplier import BUSY, Supplier


@pytest.fixture
def blank(tmp_path: Path) -> Supplier:
    return Supplier(tmp_path)


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Supplier:
    """Two companies after the first tick, at which nobody had ordered anything."""
    supplier = Supplier(tmp_path_factory.mktemp("morning"))
    supplier.account_trigger()
    supplier.company("acme", "bolt")
    supplier.contact("ann", "acme", job="owner")
    supplier.contact("abe", "acme", job="buyer")
    supplier.contact("bob", "bolt")
    supplier.tick()
    supplier.wait(days=1)
    return supplier


@pytest.fixture
def supplier(morning: Supplier, tmp_path: Path) -> Supplier:
    """The same for one test; keys of the trigger beside its segment change no baseline."""
    return morning.copied(tmp_path)


def test_an_account_enters_once_by_what_its_contacts_do_together_and_the_text_says_so(
    supplier: Supplier,
) -> None:
    supplier.write(
        "templates/hello/email.html",
        "---\nsubject: {{ account.name }} {{ account.order_count }}\n---\n<p>Hello</p>\n",
    )
    supplier.order("ann", "abe", "bob")  # one order each: two of acme
    run = supplier.tick()["hello"]
    assert (run.members, run.entered, run.treated) == (1, 1, 1)
    assert supplier.sends() in (["ann"], ["abe"])
    assert supplier.texts() == "Acme 2"
    supplier.wait(days=1)
    assert supplier.entered() == {"hello": 0}


def test_the_rule_picks_by_role_then_activity_among_those_who_may_be_written_to(
    supplier: Supplier,
) -> None:
    supplier.account_trigger(write_to="{role: [buyer, owner]}")
    supplier.contact("ada", "acme", job="buyer")
    supplier.contact("bea", "bolt", job="owner")
    supplier.change("bob", optin="false")  # the only buyer of bolt
    supplier.order("ann", "bob", "bob")
    supplier.order("abe")
    supplier.wait(hours=1)
    supplier.order("ada")
    supplier.wait(hours=1)
    supplier.order("ann")  # the latest, but an owner
    run = supplier.tick()["hello"]
    assert (run.treated, run.refused) == (2, {})
    assert supplier.sends() == ["ada", "bea"]


def test_contacts_of_other_roles_are_left_out(supplier: Supplier) -> None:
    supplier.account_trigger(write_to="{role: director}")
    supplier.order("bob", "bob")
    assert supplier.tick()["hello"].refused == {"no_contact": 1}


def test_an_account_without_anybody_to_write_to_is_refused_with_the_reason(
    blank: Supplier,
) -> None:
    blank.account_trigger(segment="{account: tier, is: gold}")
    blank.company("empty", "silent", "acme")
    blank.contact("sue", "silent", optin="false")
    blank.contact("sam", "silent", email="")
    blank.tick()
    blank.wait(days=1)
    blank.company("empty", "silent", tier="gold")
    run = blank.tick()["hello"]
    assert (run.members, run.entered, run.treated) == (2, 2, 0)
    assert run.refused == {"no_contact": 1, "no_consent": 1}
    with blank.open() as relance:
        (told,) = relance.history("silent", account=True).refusals
        assert (told.reason, told.detail) == ("no_consent", "sam unreachable, sue no_consent")
        (told,) = relance.history("empty", account=True).refusals
        assert (told.reason, told.detail) == ("no_contact", "")
        (told,) = relance.history("sue").refusals
        assert (told.reason, told.detail) == ("no_consent", "account:silent")


def test_neither_a_new_contact_nor_one_who_moves_with_the_orders_doubles_anything(
    supplier: Supplier,
) -> None:
    supplier.order("abe", "abe")
    assert supplier.entered() == {"hello": 1}
    supplier.wait(days=1)
    supplier.contact("amy", "acme")
    supplier.order("amy")
    run = supplier.tick()["hello"]
    assert (run.members, run.entered, run.treated) == (1, 0, 0)
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
    supplier.account_trigger(
        steps=steps + " {send: {channel: email, template: hello}}]",
        write_to="{role: director, others: true}",  # others come after directors
    )
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
    supplier.account_trigger(
        steps=steps, goal="{event: order, within: 30 days}", write_to="{role: owner}"
    )
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
    supplier.account_trigger(steps=steps + " unless: {event: order, since: entry}}]")
    supplier.order("abe", "abe", "bob", "bob")
    supplier.tick()
    supplier.wait(days=1)
    supplier.order("ann")  # of acme, as abe
    supplier.order("abe")
    supplier.wait(days=1)
    assert supplier.sends() == ["bob"]


def test_the_arm_is_the_accounts_and_a_re_entry_keeps_it(supplier: Supplier) -> None:
    supplier.account_trigger(
        holdout="50%", reentry="always", goal="{event: order, within: 30 days}"
    )
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
    supplier.account_trigger("again", on="schedule")
    supplier.tick()
    supplier.wait(days=1)
    supplier.order("abe", "abe", "ann", "ann", "bob", "bob")
    runs = supplier.tick("welcome", "hello")
    # of acme's two contacts one is written to, and then acme is full for the account's trigger too
    assert (runs["welcome"].treated, runs["welcome"].refused) == (2, {"displaced": 1})
    assert runs["hello"].refused == {"displaced": 2}
    with supplier.open() as relance:
        (told,) = relance.history("acme", account=True).refusals
        assert (told.reason, told.detail) == ("displaced", "welcome")
    supplier.wait(days=1)
    assert supplier.tick("again")["again"].refused == {"frequency_cap": 2}


def test_a_date_of_the_account_comes_round(blank: Supplier) -> None:
    blank.trigger(enters="accounts", on="{date: renews_on, offset: -2 days}")
    blank.company("acme")
    blank.contact("ann", "acme")
    blank.tick()
    blank.wait(days=1)
    assert blank.entered() == {"hello": 0}
    blank.wait(days=1)
    assert blank.entered() == {"hello": 1}


def test_named_segments_of_accounts_have_accounts_for_members(blank: Supplier) -> None:
    blank.segments(busy=f"{{members: accounts, all: [{BUSY}]}}", buyers="{segment: busy}")
    blank.trigger(enters="accounts", on="{from: calm, to: busy}")
    blank.segments(
        busy=f"{{members: accounts, all: [{BUSY}]}}",
        calm="{members: accounts, none: [{segment: busy}]}",
        people_of_busy="{all: [{segment: busy}, {customer: country, is: FR}]}",
    )
    blank.company("acme", "empty")
    blank.contact("ann", "acme")
    blank.tick()
    assert blank.members("calm") == {"acme", "empty"}
    blank.wait(days=1)
    blank.order("ann", "ann")
    assert blank.entered() == {"hello": 1}
    assert blank.members("busy") == {"acme"}
    assert blank.members("people_of_busy") == {"ann"}


def test_a_lost_workbench_is_rebuilt_with_accounts_and_customers_apart(blank: Supplier) -> None:
    blank.trigger("welcome", segment=BUSY)
    blank.account_trigger()
    for name in ("1", "2"):
        blank.company(name)
        blank.contact(name, name)
    blank.order("1", "1")
    blank.tick()
    (blank.root / "state/workbench.duckdb").unlink()
    blank.wait(days=1)
    assert blank.entered() == {"hello": 0, "welcome": 0}
    (blank.root / "state/workbench.duckdb").unlink()
    blank.wait(days=1)
    blank.order("2", "2")
    assert blank.entered() == {"hello": 1, "welcome": 1}


def test_an_account_key_twice_stops_the_tick_and_nothing_is_stored(supplier: Supplier) -> None:
    supplier.companies["twin"] = dict(supplier.companies["acme"])
    supplier.order("abe", "abe")
    with pytest.raises(SourceError, match="with the key of another row"):
        supplier.tick()
    del supplier.companies["twin"]
    assert supplier.entered() == {"hello": 1}


def test_the_report_counts_accounts_and_the_orders_of_all_their_contacts(
    supplier: Supplier,
) -> None:
    supplier.account_trigger(
        reentry="always", goal="{event: order, within: 7 days}", write_to="{role: owner}"
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
