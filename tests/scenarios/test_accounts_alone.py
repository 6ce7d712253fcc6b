"""The company's own people are told of accounts, of those without a contact too."""

from __future__ import annotations

from pathlib import Path

import pytest

from supplier import Supplier

SLACK = "  slack: {provider: outbox}\n"
TELL = "{send: {channel: slack, template: hello}}"
WRITE = "{send: {channel: email, template: hello}}"
TEXT = (
    "{{ account.name }} {{ account.order_count }}"
    "{% if customer.first_name %}: {{ customer.first_name }} {{ order.count }}{% endif %}"
)


@pytest.fixture
def supplier(tmp_path: Path) -> Supplier:
    supplier = Supplier(tmp_path)
    supplier.settings(SLACK)
    supplier.write("templates/hello/slack.txt", TEXT)
    return supplier


def gilded(supplier: Supplier, steps: str, **keys: str) -> Supplier:
    """`empty` has no contact, `acme` has ann; both turn gold after the baseline."""
    keys = {"segment": "{account: tier, is: gold}", **keys}
    supplier.account_trigger(steps=steps, **keys)
    supplier.company("acme", "empty")
    supplier.contact("ann", "acme")
    supplier.tick()
    supplier.wait(days=1)
    supplier.company("acme", "empty", tier="gold")
    return supplier


def told(supplier: Supplier) -> list[str]:
    supplier.deliver()
    return sorted(
        path.read_text(encoding="utf-8").strip()
        for path in supplier.outbox()
        if path.suffix != ".eml"
    )


def test_an_account_without_a_contact_enters_and_its_manager_is_told(supplier: Supplier) -> None:
    gilded(supplier, f"[{TELL}]")
    run = supplier.tick()["hello"]
    assert (run.entered, run.treated, run.refused) == (2, 2, {})
    texts = told(supplier)
    assert len(texts) == 2
    assert any("Acme 0: Zoé" in text for text in texts)
    assert any("Empty 0" in text and ":" not in text.rsplit("Empty", 1)[1] for text in texts)
    supplier.wait(days=1)
    assert supplier.entered() == {"hello": 0}
    with supplier.open() as relance:
        (entry,) = relance.history("empty", account=True).entries
        assert (entry.unit, entry.customer) == ("account:empty", "account:empty")


def test_a_later_letter_of_such_an_entry_has_nobody_to_go_to(supplier: Supplier) -> None:
    later = "{wait: 2 days}"
    gilded(supplier, f"[{TELL}, {later}, {WRITE}, {{wait: 1 day}}, {TELL}]")
    supplier.tick()
    supplier.deliver()
    supplier.contact("eve", "empty")  # who came later is not written to, as everywhere
    supplier.wait(days=2)
    assert supplier.sends() == ["ann"]
    supplier.wait(days=1)
    supplier.deliver()
    with supplier.open() as relance:
        notes = relance.history("empty", account=True).messages
        assert [(note.state, note.reason) for note in notes] == [
            ("accepted", ""),
            ("skipped", "no_contact"),
            ("accepted", ""),
        ]


def test_conditions_of_later_steps_see_the_account_and_no_customer(supplier: Supplier) -> None:
    two = "{wait: 2 days}"
    asked = (
        "{account: tier, is: gold}",
        "{customer: country, is: FR}",
        "{customer: country, exists: false}",
        "{event: order, of: account, since: entry, count: {at_most: 0}}",
        "{event: order, count: {at_least: 1}}",
    )
    steps = ", ".join(
        f"{{send: {{channel: slack, template: hello}}, if: {condition}}}" for condition in asked
    )
    gilded(supplier, f"[{TELL}, {two}, {steps}]")
    supplier.tick()
    supplier.deliver()
    supplier.order("empty")  # a customer of the account's name, if there were one
    supplier.wait(days=2)
    supplier.deliver()
    with supplier.open() as relance:
        notes = relance.history("empty", account=True).messages
        in_order = sorted(notes, key=lambda note: note.step)
        assert [note.reason or note.state for note in in_order] == [
            "accepted", "accepted", "condition", "accepted", "accepted", "condition",
        ]  # fmt: skip


def test_who_comes_to_an_account_that_entered_alone_is_no_transition(supplier: Supplier) -> None:
    gilded(supplier, f"[{TELL}]", holdout="50%", reentry="always",
           goal="{event: order, within: 30 days}")  # fmt: skip
    names = [f"c{number}" for number in range(20)]
    supplier.company(*names, tier="gold")
    run = supplier.tick()["hello"]
    assert run.treated + run.held_out == 22
    assert run.held_out
    arms = {}
    with supplier.open() as relance:
        for name in names:
            (entry,) = relance.history(name, account=True).entries
            arms[name] = entry.arm
    supplier.wait(days=1)
    for name in names:
        supplier.contact(f"{name}_one", name)
    assert supplier.entered() == {"hello": 0}
    supplier.company(*names, tier="silver")
    supplier.wait(days=1)
    supplier.tick()
    supplier.company(*names, tier="gold")
    supplier.wait(days=1)
    assert supplier.entered() == {"hello": 20}
    with supplier.open() as relance:
        for name in names:
            first, again = relance.history(name, account=True).entries
            assert {first.arm, again.arm} == {arms[name]}
        (one,) = relance.report(supplier.now).triggers
    assert sum(c.treated.entered + c.holdout.entered for c in one.cohorts) == 22


def test_a_rule_that_finds_nobody_leaves_the_account_by_itself(supplier: Supplier) -> None:
    gilded(supplier, f"[{TELL}]", write_to="{role: director}")
    assert supplier.tick()["hello"].treated == 2
    assert not any("Zoé" in text for text in told(supplier))


def test_an_account_that_is_gone_is_told_of_no_more(supplier: Supplier) -> None:
    gilded(supplier, f"[{TELL}, {{wait: 1 day}}, {TELL}]")
    supplier.tick()
    supplier.deliver()
    del supplier.companies["empty"]
    supplier.wait(days=1)
    supplier.deliver()
    with supplier.open() as relance:
        notes = relance.history("empty", account=True).messages
        assert [note.reason for note in notes] == ["", "gone"]


def test_a_global_holdout_refuses_such_an_account_once(supplier: Supplier) -> None:
    supplier.settings(SLACK + "global_holdout: 20%\n")
    gilded(supplier, f"[{TELL}]")
    supplier.company(*(f"c{number}" for number in range(30)), tier="gold")
    run = supplier.tick()["hello"]
    assert run.refused["global_holdout"] + run.treated == 32
    held = 0
    with supplier.open() as relance:
        for number in range(30):
            held += len(relance.history(f"c{number}", account=True).refusals)
    assert 0 < held <= run.refused["global_holdout"]


def test_the_same_holds_where_people_are_known_by_several_ids(supplier: Supplier) -> None:
    supplier.settings(SLACK + "identities: {table: links, id: old, customer: kept, at: at}\n")
    supplier.write("data/links.csv", f"old,kept,at\nanna,ann,{supplier.now.isoformat()}\n")
    gilded(supplier, f"[{TELL}]")
    supplier.order("anna")
    supplier.tick()
    texts = told(supplier)
    assert len(texts) == 2
    assert any("Acme 1: Zoé 1" in text for text in texts)
    assert any("Empty 0" in text for text in texts)
