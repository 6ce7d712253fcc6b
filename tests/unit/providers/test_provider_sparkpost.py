"""SparkPost's wire, against the example of its documentation; its answers, events, look-up."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings

from loopback import Answer, Loopback, Seen
from relance.domain.message import Accepted, Email
from relance.domain.receipt import Doubtful, Receipt, ReceiptKind, recipient_digest
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unsure, Unverified, WorkspaceError
from relance.providers.sparkpost import Settings, SparkPost, build, read
from relance.providers.wire import Response
from relance.settings import Secret
from reports import NOW, heard, junk, login, posted, survives

LOGIN = login("relance", "hook-password")
EMAIL = Email(
    message_id="abc1",
    trigger="winback",
    to="chloe@example.com",
    sender="La Boutique <bonjour@boutique.example>",
    subject="Vous nous manquez 💌",
    html_parts=("<p>Bonjour {{name}}</p>",),
    text="Bonjour {{name}}",
    reply_to="Aide <aide@boutique.example>",
    headers={
        "List-Unsubscribe": "<https://relance.example/u/t>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
    tags=("lifecycle",),
)


def channel(url: str = "https://api.sparkpost.com", **options: object) -> ChannelSpec:
    options = {
        "token": Secret("sp-key"), "base_url": url, "webhook_user": "relance",
        "webhook_password": Secret("hook-password"), **options,
    }  # fmt: skip
    return ChannelSpec(
        name="email", provider="sparkpost", sender="", options=options, path="relance.yaml:3:1"
    )


async def no_nap(seconds: float) -> None:
    """Time does not pass here."""


def opened(url: str = "http://127.0.0.1:1", **options: object) -> SparkPost:
    return SparkPost.open(channel(url, **options), Path("/nowhere"), sleep=no_nap)


def sent(message: Email, *, transactional: bool = False) -> dict[str, object]:
    body = json.loads(build([message], transactional=transactional).body)
    assert isinstance(body, dict)
    return body


def test_one_message_is_posted_with_exactly_these_fields() -> None:
    """As the Transmissions API documents "Send Inline Content"."""
    request = build([EMAIL], transactional=False)
    assert request.path == "/api/v1/transmissions"
    assert json.loads(request.body) == {
        "campaign_id": "winback",
        "options": {"transactional": False, "perform_substitutions": False},
        "recipients": [
            {
                "address": {"email": "chloe@example.com"},
                "metadata": {"relance_message": "abc1"},
                "tags": ["lifecycle"],
            }
        ],
        "content": {
            "from": {"email": "bonjour@boutique.example", "name": "La Boutique"},
            "subject": "Vous nous manquez 💌",
            "html": "<p>Bonjour {{name}}</p>",
            "text": "Bonjour {{name}}",
            "reply_to": "Aide <aide@boutique.example>",
            "headers": {
                "List-Unsubscribe": "<https://relance.example/u/t>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                "X-Relance-Message": "abc1",
            },
        },
    }


def test_transactional_is_the_workspaces_choice() -> None:
    assert sent(EMAIL, transactional=True)["options"] == {
        "transactional": True,
        "perform_substitutions": False,
    }


def test_braces_in_headers_arrive_as_braces() -> None:
    """Headers go through SparkPost's template language even where substitutions are off."""
    headers = {"X-Shop": "{{shop}}", "X-Plain": "{}"}
    body = sent(replace(EMAIL, subject="{{a}} {b} {{{c}}}", headers=headers))
    content, recipients = body["content"], body["recipients"]
    assert isinstance(content, dict)
    assert isinstance(recipients, list)
    assert content["subject"] == "{{relance_0}}"
    assert content["headers"]["X-Shop"] == "{{relance_1}}"
    assert content["headers"]["X-Plain"] == "{}"
    values = {"relance_0": "{{a}} {b} {{{c}}}", "relance_1": "{{shop}}"}
    assert [each["substitution_data"] for each in recipients] == [values]


def test_what_holds_no_braces_needs_no_substitution_data() -> None:
    assert "substitution_data" not in str(sent(EMAIL))


def test_more_tags_than_sparkpost_keeps_are_refused() -> None:
    spec = replace(channel(), tags=tuple(f"t{n}" for n in range(11)))
    with pytest.raises(WorkspaceError, match="at most 10"):
        Settings.of(spec, Path("/nowhere"))


async def test_the_key_goes_into_the_authorization_header_as_it_is() -> None:
    async with Loopback(lambda _: Answer()) as vendor:
        provider = opened(vendor.url)
        with pytest.raises(Unsure):
            await provider.send([EMAIL])
        await provider.close()
    assert vendor.seen[0].headers["authorization"] == "sp-key"


def response(status: int, body: object) -> Response:
    return Response(status=status, body=json.dumps(body).encode())


def test_an_accepted_message_carries_the_transmissions_id() -> None:
    results = {"total_rejected_recipients": 0, "total_accepted_recipients": 1, "id": "116687"}
    (answer,) = read(response(200, {"results": results}), [EMAIL])
    assert answer == Accepted(message_id="abc1", provider_id="116687")


def test_a_success_that_took_nobody_is_a_refusal() -> None:
    errors = [{"message": "required field is missing", "description": "chloe@", "code": "1400"}]
    results = {"rcpt_to_errors": errors, "total_accepted_recipients": 0, "id": "116687"}
    body = {"errors": [{"code": "2000"}], "results": results}
    with pytest.raises(Refused, match="SparkPost error 1400") as raised:
        read(response(200, body), [EMAIL])
    assert "chloe" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "code", "decision"),
    [
        (400, "1100", Paused),
        (400, "1502", NotSent),
        (400, "1901", Refused),
        (400, "1902", Refused),
        (400, "2008", Paused),
        (400, "5002", Refused),
        (400, "7000", Paused),
        (400, "7001", Paused),
        (401, "1303", Paused),
        (403, "1601", Paused),
        (420, "2101", NotSent),
        (420, "2102", Paused),
        (420, "2105", Paused),
        (420, "9999", Paused),
        (422, "1300", Refused),
        (422, "3000", Refused),
        (429, "", NotSent),
        (500, "1500", Unsure),
        (503, "1900", NotSent),
    ],
)
def test_each_error_has_its_decision(status: int, code: str, decision: type[SendError]) -> None:
    body = {"errors": [{"code": code, "message": "chloe@example.com", "description": "chloe@"}]}
    with pytest.raises(decision) as raised:
        read(response(status, body), [EMAIL])
    assert "chloe" not in str(raised.value)


def event(name: str, kind: str = "message_event", **fields: object) -> dict[str, object]:
    common = {
        "type": name, "event_id": "92356927693813856", "timestamp": "1795337998",
        "transmission_id": "65832150921904138", "rcpt_to": "Chloe@example.com",
        "rcpt_meta": {"relance_message": "abc1"}, **fields,
    }  # fmt: skip
    return {"msys": {kind: common}}


@pytest.mark.parametrize(
    ("name", "bounce_class", "kind"),
    [
        ("injection", None, ReceiptKind.ACCEPTED),
        ("delivery", None, ReceiptKind.DELIVERED),
        ("delay", "70", ReceiptKind.DEFERRED),
        ("bounce", "10", ReceiptKind.HARD_BOUNCED),
        ("bounce", "30", ReceiptKind.HARD_BOUNCED),
        ("out_of_band", "10", ReceiptKind.HARD_BOUNCED),
        ("bounce", "22", ReceiptKind.SOFT_BOUNCED),
        ("bounce", "51", ReceiptKind.SOFT_BOUNCED),
        ("bounce", "1", ReceiptKind.SOFT_BOUNCED),
        ("bounce", None, ReceiptKind.SOFT_BOUNCED),
        ("bounce", "25", ReceiptKind.DROPPED),
        ("out_of_band", "90", ReceiptKind.UNSUBSCRIBED),
        ("out_of_band", "60", ReceiptKind.UNKNOWN),
        ("policy_rejection", None, ReceiptKind.DROPPED),
        ("generation_failure", None, ReceiptKind.DROPPED),
        ("spam_complaint", None, ReceiptKind.COMPLAINED),
        ("initial_open", None, ReceiptKind.OPENED),
        ("open", None, ReceiptKind.OPENED),
        ("click", None, ReceiptKind.CLICKED),
        ("list_unsubscribe", None, ReceiptKind.UNSUBSCRIBED),
        ("link_unsubscribe", None, ReceiptKind.UNSUBSCRIBED),
        ("teleported", None, ReceiptKind.UNKNOWN),
    ],
)
async def test_each_event_says_what_happened_to_the_message(
    name: str, bounce_class: str | None, kind: ReceiptKind
) -> None:
    (receipt,) = await heard(opened(), [event(name, bounce_class=bounce_class)], LOGIN)
    assert receipt == Receipt(
        provider="sparkpost",
        event_id="92356927693813856",
        kind=kind,
        at=datetime(2026, 11, 22, 8, 59, 58, tzinfo=UTC),
        message_id="abc1",
        provider_id="65832150921904138",
        recipient=recipient_digest("chloe@example.com"),
        reason=f"class {bounce_class}" if bounce_class else "",
        raw=receipt.raw,
    )
    assert bool(receipt.raw) is (kind is ReceiptKind.UNKNOWN)


async def test_an_open_that_a_machine_fetched_is_marked() -> None:
    early = event("initial_open", "track_event", user_agent_parsed={"is_prefetched": True})
    read_by_person = event("open", "track_event", user_agent_parsed={"is_prefetched": False})
    receipts = await heard(opened(), [early, read_by_person], LOGIN)
    assert [receipt.machine for receipt in receipts] == [True, False]


async def test_the_test_call_of_a_new_webhook_says_nothing() -> None:
    assert await heard(opened(), [{"msys": {}}], LOGIN) == []


async def test_events_of_all_classes_come_in_one_call() -> None:
    body = [
        event("delivery"),
        event("click", "track_event"),
        event("list_unsubscribe", "unsubscribe_event"),
    ]
    kinds = [receipt.kind for receipt in await heard(opened(), body, LOGIN)]
    assert kinds == [ReceiptKind.DELIVERED, ReceiptKind.CLICKED, ReceiptKind.UNSUBSCRIBED]


@pytest.mark.parametrize("headers", [{}, login("relance", "other"), login("x", "hook-password")])
async def test_who_does_not_log_in_is_not_believed(headers: dict[str, str]) -> None:
    with pytest.raises(Unverified):
        await heard(opened(), [event("spam_complaint")], headers)


async def test_without_a_password_nothing_is_believed() -> None:
    provider = opened(webhook_user=None, webhook_password=None)
    with pytest.raises(Unverified, match="no_webhook_key"):
        await heard(provider, [event("spam_complaint")], login("", ""))


@settings(max_examples=100, deadline=None)
@given(junk("msys", "message_event", "type", "timestamp", "bounce_class", "rcpt_meta", "rcpt_to"))
def test_no_junk_breaks_anything(body: bytes) -> None:
    survives(opened(), posted(body, LOGIN))


DOUBTFUL = Doubtful(
    message_id="abc1", provider="sparkpost", channel="email", sent_at=NOW, to="chloe@example.com"
)


async def asked(answer: Answer) -> tuple[Receipt | None, Seen]:
    async with Loopback(lambda _: answer) as vendor:
        provider = opened(vendor.url)
        try:
            found = await provider.look_up(DOUBTFUL)
        finally:
            await provider.close()
    return found, vendor.seen[0]


async def looked_up(*results: object) -> tuple[Receipt | None, Seen]:
    body = json.dumps({"results": results, "total_count": len(results)}).encode()
    return await asked(Answer(body=body))


def entry(name: str, message: str = "abc1") -> dict[str, object]:
    return {
        "type": name, "event_id": f"{name}-{message}", "timestamp": "2026-11-22T09:00:01.000Z",
        "rcpt_meta": {"relance_message": message}, "transmission_id": "658",
    }  # fmt: skip


async def test_a_doubtful_message_is_found_among_the_events_of_its_address() -> None:
    found, seen = await looked_up(entry("delivery"), entry("injection"), entry("bounce", "other"))
    assert found is not None
    assert (found.kind, found.event_id) == (ReceiptKind.DELIVERED, "look-up:abc1:delivered")
    assert found.at == datetime(2026, 11, 22, 9, 0, 1, tzinfo=UTC)
    parts = urlsplit(seen.path)
    assert (seen.method, parts.path) == ("GET", "/api/v1/events/message")
    assert parse_qs(parts.query) == {
        "recipients": ["chloe@example.com"],
        "from": ["2026-11-22T08:00:00Z"],
    }


async def test_another_message_to_the_same_address_is_not_taken_for_it() -> None:
    found, _ = await looked_up(entry("delivery", "other"))
    assert found is None


async def test_a_key_that_may_only_send_knows_nothing_of_the_message() -> None:
    found, _ = await asked(Answer(status=403))
    assert found is None


@pytest.mark.parametrize("answer", [Answer(status=500), Answer(body=b"{}")])
async def test_a_look_up_that_fails_says_so(answer: Answer) -> None:
    with pytest.raises(Unsure):
        await asked(answer)
