"""What Postmark reports to the webhook, and what it answers about a message."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given

from loopback import Answer, Loopback
from relance.domain.receipt import Doubtful, Inbound, Receipt, ReceiptKind, recipient_digest
from relance.domain.workspace import ChannelSpec
from relance.errors import Paused, WorkspaceError
from relance.providers import VENDORS
from relance.providers.postmark import Postmark, Settings
from relance.settings import Secret
from reports import JUNK, NOW, corrupted, dumped, posted, refusal, survives


def channel(**options: object) -> ChannelSpec:
    options = {
        "token": Secret("tok"),
        "webhook_user": "relance",
        "webhook_password": Secret("pass:word é"),
        **options,
    }
    return ChannelSpec(name="email", provider="postmark", sender="", options=options)


def provider(**options: object) -> Postmark:
    return Postmark.open(channel(**options), Path("/nowhere"))


def report(event: object, login: str = "relance:pass:word é") -> Inbound:
    basic = base64.b64encode(login.encode()).decode()
    return posted(dumped(event), {"authorization": f"Basic {basic}"})


def event(record: str, **more: object) -> dict[str, object]:
    return {
        "RecordType": record,
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Metadata": {"relance_message": "abc1"},
        **more,
    }


async def receipts(*events: object) -> list[Receipt]:
    hooked = provider()
    return [receipt for each in events for receipt in await hooked.events(report(each), NOW)]


async def test_a_delivery_is_read() -> None:
    told = event(
        "Delivery", Recipient="Chloe@example.com", DeliveredAt="2014-08-01T13:28:10.2735393-04:00"
    )
    (receipt,) = await receipts(told)
    assert receipt.kind is ReceiptKind.DELIVERED
    assert receipt.message_id == "abc1"
    assert receipt.provider_id == "883953f4-6105-42a2-a16a-77a8eac79483"
    assert receipt.recipient == recipient_digest("chloe@example.com")
    assert receipt.at is not None
    assert receipt.at.isoformat() == "2014-08-01T17:28:10.273539+00:00"


def bounce(kind: str, **more: object) -> dict[str, object]:
    return event("Bounce", ID=42, Type=kind, Email="chloe@example.com", **more)


def change(reason: str | None, *, suppress: bool, origin: str) -> dict[str, object]:
    return event(
        "SubscriptionChange", SuppressSending=suppress, SuppressionReason=reason, Origin=origin
    )


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (bounce("HardBounce"), ReceiptKind.HARD_BOUNCED),
        (bounce("BadEmailAddress"), ReceiptKind.HARD_BOUNCED),
        (bounce("SoftBounce"), ReceiptKind.SOFT_BOUNCED),
        (bounce("SoftBounce", Inactive=True), ReceiptKind.HARD_BOUNCED),
        (bounce("Blocked"), ReceiptKind.SOFT_BOUNCED),
        (bounce("SpamNotification"), ReceiptKind.SOFT_BOUNCED),
        (bounce("Transient"), ReceiptKind.DEFERRED),
        (bounce("AutoResponder"), ReceiptKind.DELIVERED),
        (bounce("Unsubscribe"), ReceiptKind.UNSUBSCRIBED),
        (bounce("ManuallyDeactivated"), ReceiptKind.DROPPED),
        (bounce("Subscribe"), ReceiptKind.UNKNOWN),
        (event("SpamComplaint", ID=43, Type="SpamComplaint"), ReceiptKind.COMPLAINED),
        (event("Open"), ReceiptKind.OPENED),
        (event("Click"), ReceiptKind.CLICKED),
        (
            change("ManualSuppression", suppress=True, origin="Recipient"),
            ReceiptKind.UNSUBSCRIBED,
        ),
        (change("HardBounce", suppress=True, origin="Recipient"), ReceiptKind.HARD_BOUNCED),
        (change("SpamComplaint", suppress=True, origin="Recipient"), ReceiptKind.COMPLAINED),
        (change("NewReason", suppress=True, origin="Customer"), ReceiptKind.UNSUBSCRIBED),
        (change(None, suppress=False, origin="Recipient"), ReceiptKind.RESUBSCRIBED),
        (change(None, suppress=False, origin="Admin"), ReceiptKind.UNKNOWN),
        (event("Inbound"), ReceiptKind.UNKNOWN),
    ],
)
async def test_each_event_has_its_kind(told: dict[str, object], kind: ReceiptKind) -> None:
    (receipt,) = await receipts(told)
    assert receipt.kind is kind
    assert bool(receipt.raw) is (kind is ReceiptKind.UNKNOWN)


async def test_the_same_event_has_the_same_id_and_another_has_another() -> None:
    opened = event("Open", ReceivedAt="2026-11-22T08:00:00Z")
    again = json.loads(json.dumps(opened, sort_keys=True))
    later = event("Open", ReceivedAt="2026-11-22T08:00:01Z")
    first, second, third, bounced = await receipts(opened, again, later, bounce("HardBounce"))
    assert first.event_id == second.event_id != third.event_id
    assert bounced.event_id == "bounce-42"


async def test_who_does_not_know_the_password_is_not_believed() -> None:
    told, hooked = bounce("HardBounce"), provider().events
    assert await refusal(hooked(posted(dumped(told)), NOW)) == "no_credentials"
    assert await refusal(hooked(posted(dumped(told), {"authorization": "Basic é"}), NOW)) == (
        "no_credentials"
    )
    for login in ("relance:wrong", "other:pass:word é", "", ":"):
        assert await refusal(hooked(report(told, login), NOW)) in {
            "no_credentials",
            "wrong_credentials",
        }
    closed = provider(webhook_user=None, webhook_password=None).events
    assert await refusal(closed(report(told, ":"), NOW)) == "no_webhook_key"


async def test_a_genuine_body_that_is_no_event_is_unreadable() -> None:
    hooked = provider().events
    assert await refusal(hooked(report([]), NOW)) == "not_an_object"
    good = report({})
    assert await refusal(hooked(posted(b"{", good.headers), NOW)) == "not_json"


@given(JUNK | corrupted(bounce("SoftBounce", Inactive=True)))
def test_no_genuine_junk_breaks_the_reader(junk: object) -> None:
    hooked = provider()
    survives(hooked, report(junk))


DOUBTFUL = Doubtful(
    message_id="abc1", provider="postmark", channel="email", sent_at=NOW, to="chloe@example.com"
)


async def looked_up(answer: Answer, **options: object) -> tuple[Receipt | None, str]:
    async with Loopback(lambda _: answer) as vendor:
        asked = provider(base_url=vendor.url, **options)
        try:
            return await asked.look_up(DOUBTFUL), vendor.seen[0].path
        finally:
            await asked.close()


async def test_a_message_is_found_by_our_id() -> None:
    messages = [
        {"MessageID": "other", "Metadata": {"relance_message": "abc2"}, "Status": "Sent"},
        {
            "MessageID": "8839",
            "Metadata": {"relance_message": "abc1"},
            "Status": "Sent",
            "ReceivedAt": "2026-11-22T08:00:00Z",
        },
    ]
    answer = Answer(body=dumped({"TotalCount": 2, "Messages": messages}))
    receipt, path = await looked_up(answer, stream="broadcast")
    asked = urlsplit(path)
    assert asked.path == "/messages/outbound"
    assert dict(parse_qsl(asked.query)) == {
        "count": "10",
        "offset": "0",
        "metadata_relance_message": "abc1",
        "messagestream": "broadcast",
    }
    assert receipt is not None
    assert receipt.kind is ReceiptKind.ACCEPTED
    assert receipt.event_id == "look-up:abc1:accepted"
    assert (receipt.message_id, receipt.provider_id) == ("abc1", "8839")


async def test_a_message_that_does_not_carry_our_id_is_not_ours() -> None:
    for body in ({"Messages": []}, {"Messages": [{"MessageID": "8839"}]}, []):
        receipt, _ = await looked_up(Answer(body=dumped(body)))
        assert receipt is None


async def test_a_failed_look_up_says_so() -> None:
    with pytest.raises(Paused):
        await looked_up(Answer(status=401))


def test_tags_of_ones_own_are_refused_by_name() -> None:
    spec = ChannelSpec(
        name="email", provider="postmark", sender="", options=channel().options, tags=("vip",)
    )
    (problem,) = VENDORS["postmark"].problems(spec, Path("/nowhere"))
    assert problem.where == "channels.email.tags"


def test_a_user_without_a_password_is_a_mistake() -> None:
    with pytest.raises(WorkspaceError, match="go together"):
        Settings.of(channel(webhook_password=None), Path("/nowhere"))
