"""`relance why` after a message has left: what was reported, and what the customer said since."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from contracts.state_words import MINUTE, day, entry, message, outcome, tick
from relance.cli.history import history_document, print_history
from relance.domain.ledger import Mark, Tried
from relance.domain.message import MessageState
from relance.domain.receipt import Receipt, ReceiptKind
from relance.domain.workspace import BouncePolicy
from relance.store import State, open_state

NOW = day(0)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """Ann was written to; it bounced, and she has refused a topic and asked for a pause."""
    state = open_state(f"sqlite:///{tmp_path}/relance.db", workspace="shop")
    one = message(entry("ann", NOW))
    state.ledger.commit(tick(NOW, messages=[one]))
    state.queue.claim(NOW, 1, day(1), "w")
    state.queue.sending([Mark(message=one.id, provider="postmark", recipient="r")], NOW, "w")
    tried = Tried(provider="mailgun", at=NOW, reason="http_503")
    accepted = outcome(one.id, MessageState.ACCEPTED, NOW, provider="postmark")
    state.queue.record([replace(accepted, tried=(tried,))])
    for kind, machine in ((ReceiptKind.OPENED, True), (ReceiptKind.HARD_BOUNCED, False)):
        receipt = Receipt(
            provider="postmark",
            event_id=kind,
            kind=kind,
            at=NOW + MINUTE,
            message_id=one.id,
            reason="no_such_mailbox" if not machine else "",
            machine=machine,
        )
        state.receipts.record("email", [receipt], NOW + MINUTE, BouncePolicy())
    state.record_consent("email", "ann", day(1), "page", granted=False, topic="sales")
    state.record_consent("sms", "ann", day(1), "twilio", granted=False)
    state.desk.pause("ann", day(9), day(1), "page")
    yield state
    state.close()


def test_a_person_reads_it_in_the_order_of_time(
    state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    print_history(state.reader.history("ann"), ZoneInfo("UTC"))
    shown = capsys.readouterr().out
    told = [
        "address suppressed on email: hard_bounced",
        "asked for a pause until 2026-03-10 09:00",
        "email winback: tried by mailgun: to be tried again (http_503)",
        "email winback: tried by postmark: accepted",
        "email winback of winback: bounced",
        "email winback: postmark reported opened by a machine",
        "email winback: postmark reported hard_bounced (no_such_mailbox)",
        "refused the topic sales (page)",
        "refused sms (twilio)",
    ]
    places = [shown.find(line) for line in told]
    assert -1 not in places, shown
    assert places == sorted(places)


def test_a_program_reads_it_as_json(state: State) -> None:
    found = json.loads(json.dumps(history_document(state.reader.history("ann"))))
    [sent] = found["messages"]
    assert sent["state"] == "bounced"
    assert [(t["provider"], t["state"], t["reason"]) for t in sent["tries"]] == [
        ("mailgun", "queued", "http_503"),
        ("postmark", "accepted", ""),
    ]
    assert [(r["kind"], r["reason"], r["machine"]) for r in sent["reports"]] == [
        ("opened", "", True),
        ("hard_bounced", "no_such_mailbox", False),
    ]
    assert [(s["reason"], s["by_address"]) for s in found["suppressions"]] == [
        ("hard_bounced", True)
    ]
    assert [(c["channel"], c["topic"]) for c in found["consents"]] == [
        (None, "sales"),
        ("sms", None),
    ]
    assert found["paused_until"] == "2026-03-10T09:00:00+00:00"
