"""What comes back reaches the next tick and the next delivery: one click, the page, STOP by SMS.

The e-mail is a real one out of the outbox, the text message went through Twilio's bytes, and what
Twilio reports is signed by its own SDK's validator.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

import loopback
from desk import BOUGHT, DAYS, Desk, at_desk
from service import Service, running
from stage import RELANCE

desk = pytest.fixture(at_desk)

PUBLIC = "https://crm.shop.example"
TOKEN = "the-account-s-auth-token"
ENV = {"RELANCE_SECRET": "0123456789abcdef0123456789abcdef", "TWILIO_TOKEN": TOKEN}
BOB = "+33612345679"
WEB = f"web: {{public_url: {PUBLIC}, secret: '${{RELANCE_SECRET}}'}}\n"
TWICE = (
    "[{{send: {{channel: {0}, template: hello}}}}, {{wait: 1 day}},"
    " {{send: {{channel: {0}, template: hello}}}}]"
)


@pytest.fixture
def vendor() -> Iterator[str]:
    with loopback.process("twilio") as url:
        yield url


@pytest.fixture
def shop(desk: Desk, vendor: str) -> Desk:
    """Bob gets two messages a day apart, by e-mail and by SMS; the first are out."""
    sms = f"{{provider: twilio, account: AC1, token: '${{TWILIO_TOKEN}}', base_url: '{vendor}'"
    text = RELANCE.replace("sms: {provider: outbox", "sms: " + sms)
    desk.write("config/relance.yaml", text + WEB)
    desk.trigger("hello", segment=BOUGHT, steps=TWICE.format("email"))
    desk.trigger("texts", segment=BOUGHT, steps=TWICE.format("sms"))
    again = "{event: order, count: {at_least: 2}}"
    desk.trigger("mails_again", segment=again)
    desk.trigger("texts_again", segment=again, steps="[{send: {channel: sms, template: hello}}]")
    desk.change("bob", mobile=BOB)
    tick(desk, 0)
    desk.order("bob")
    desk.publish()
    tick(desk, 1)
    assert deliver(desk, 1)["accepted"] == 2
    return desk


@pytest.fixture
def web(shop: Desk) -> Iterator[Service]:
    with running(shop.root, "web", env=ENV) as service:
        yield service


def tick(desk: Desk, day: int) -> dict[str, dict[str, object]]:
    answer = desk.call("tick", "--at", DAYS[day], "--ahead", "--json", env=ENV)
    return {trigger["name"]: trigger for trigger in answer.json()["triggers"]}


def deliver(desk: Desk, day: int) -> dict[str, object]:
    return dict(desk.call("deliver", "--at", DAYS[day], "--ahead", "--json", env=ENV).json())


def link(desk: Desk, header: str = "List-Unsubscribe") -> str:
    """The path in the letter's header."""
    mail = desk.mails()["bob@example.com"]
    address = str(mail[header]).strip("<>")
    assert address.startswith(PUBLIC)
    return address.removeprefix(PUBLIC)


def afterwards(desk: Desk) -> tuple[object, object]:
    """A day later Bob has ordered again: why he does not enter, and what is still skipped."""
    desk.order("bob")
    desk.publish()
    runs = tick(desk, 2)
    refused = {name: run["refused"] for name, run in runs.items() if run["refused"]}
    return refused, deliver(desk, 2)["skipped"]


def test_one_click_in_the_mail_program_is_heard_at_the_gates_and_at_sending(
    shop: Desk, web: Service
):
    assert shop.mails()["bob@example.com"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    path = link(shop)
    for scanner in ("GET", "HEAD"):
        assert web.call(scanner, path).status == 200
    answer = web.call("POST", path, b"List-Unsubscribe=One-Click")
    assert (answer.status, answer.text) == (200, "")
    refused, skipped = afterwards(shop)
    assert refused == {"mails_again": {"no_consent": 1}}
    assert skipped == {"no_consent": 1}
    assert "bob@example.com" not in web.text()


def test_a_change_of_mind_on_the_page_is_heard_too(shop: Desk, web: Service):
    path = link(shop)
    assert "Désabonnement enregistré" in web.call("POST", path, b"").text
    assert "Réabonnement enregistré" in web.call("POST", path + "/undo", b"").text
    refused, skipped = afterwards(shop)
    assert refused == {}
    assert skipped == {}


def signed(form: dict[str, str], token: str = TOKEN) -> tuple[bytes, dict[str, str]]:
    """A request as Twilio writes it."""
    url = f"{PUBLIC}/webhooks/sms/twilio"
    signature = RequestValidator(token).compute_signature(url, form)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": signature,
    }
    return urlencode(form).encode(), headers


STOP = {
    "MessageSid": "SM00000000000000000000000000000009",
    "AccountSid": "AC1",
    "From": BOB,
    "To": "+33700000000",
    "Body": "STOP",
    "NumMedia": "0",
}


def test_stop_by_sms_is_heard_at_the_gates_and_at_sending(shop: Desk, web: Service):
    body, headers = signed(STOP)
    for _ in range(2):  # a vendor repeats
        answer = web.call("POST", "/webhooks/sms/twilio", body, headers)
        assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/xml")
    refused, skipped = afterwards(shop)
    assert refused == {"texts_again": {"no_consent": 1}}
    assert skipped == {"no_consent": 1}
    assert BOB.removeprefix("+") not in web.text()
    new = [line["new"] for line in web.lines() if line["action"] == "hook_received"]
    assert new == [1, 0]


@pytest.mark.parametrize("token", ["somebody-else-s-token", ""])
def test_stop_that_is_not_twilios_changes_nothing(shop: Desk, web: Service, token: str):
    body, headers = signed(STOP, token) if token else signed(STOP)
    if not token:
        del headers["X-Twilio-Signature"]
    before = shop.state()
    assert web.call("POST", "/webhooks/sms/twilio", body, headers).status == 401
    assert shop.state() == before
    assert "hook_refused" in web.actions()


def test_the_public_side_shows_nothing_else_and_stops_when_told(web: Service):
    for path in ("/", "/docs", "/openapi.json", "/webhooks/sms/other", "/u", "/static/x"):
        answer = web.call("GET", path)
        assert (answer.status, answer.text) == (404, "")
        assert "server" not in {name.lower() for name in answer.headers}
    assert web.health()["roles"] == ["web"]
    assert web.stop() == 0
    assert web.actions()[-1] == "worker_stopped"


@pytest.mark.parametrize(
    ("roles", "sentence"),
    [
        ("evaluate,delivr", "there is no role 'delivr' (did you mean deliver?)"),
        ("all", "there is no role 'all' (there are: evaluate, deliver, web)"),
        (" , ", "--roles names no role (there are: evaluate, deliver, web)"),
    ],
)
def test_a_role_that_is_none_is_wrong_usage(desk: Desk, roles: str, sentence: str):
    answer = desk.call("run", "--roles", roles)
    assert answer.code == 2
    assert sentence in answer.errors()
