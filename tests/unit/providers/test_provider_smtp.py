"""A real mail server (aiosmtpd) on loopback, and a scripted one for what real ones rarely do."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from mail_server import Mailbox, running
from relance.domain.message import Accepted
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, WorkspaceError
from relance.providers.smtp import Settings
from relance.settings import Secret
from smtp_client import ADDRESS, EMAIL, PASSWORD, channel, one_send, opened, outcome


async def test_a_message_arrives_whole_and_with_its_stable_id() -> None:
    mailbox = Mailbox()
    with running(mailbox) as port:
        answer = await one_send(port)
    assert answer == Accepted(message_id="abc1", provider_id="<abc1@boutique.example>")
    (taken,) = mailbox.taken
    assert taken.mail_from == "bonjour@boutique.example"
    assert taken.rcpt_tos == [ADDRESS]
    assert isinstance(taken.content, bytes)
    assert b"Message-ID: <abc1@boutique.example>\r\n" in taken.content
    text = email.message_from_bytes(taken.content, policy=email.policy.SMTP).get_body(("plain",))
    assert text is not None
    assert text.get_content().splitlines() == ["Bonjour", ".", ".."]


async def test_many_messages_share_one_connection() -> None:
    mailbox = Mailbox()
    with running(mailbox) as port:
        provider = opened(port)
        messages = [replace(EMAIL, message_id=f"id{n}") for n in range(20)]
        answers = await asyncio.gather(*(outcome(provider, message) for message in messages))
        await provider.close()
    assert [type(answer) for answer in answers] == [Accepted] * 20
    assert len(mailbox.taken) == 20
    assert len(mailbox.peers) == 1


REPLIES: list[tuple[str, str, type[SendError], str]] = [
    ("MAIL", "451 4.3.0 later", NotSent, "SMTP 451 4.3.0"),
    ("MAIL", "550 5.7.1 no such sender", Paused, "SMTP 550 5.7.1"),
    ("MAIL", "552 5.3.4 too big", Refused, "SMTP 552 5.3.4"),
    ("RCPT", "450 4.2.1 {address} greylisted", NotSent, "SMTP 450 4.2.1"),
    ("RCPT", "550 5.1.1 {address} unknown", Refused, "SMTP 550 5.1.1"),
    ("RCPT", "553 bad mailbox name", Refused, "SMTP 553"),
    ("RCPT", "554 5.7.1 {address}: Relay access denied", Paused, "SMTP 554 5.7.1"),
    ("RCPT", "550 5.7.54 Unable to relay recipient in non-accepted domain", Paused, "SMTP 550"),
    ("RCPT", "550 5.7.1 {address}... Relaying denied", Paused, "SMTP 550 5.7.1"),
    ("RCPT", "550 relay not permitted", Paused, "SMTP 550"),
    ("RCPT", "550 5.1.1 unknown in relay recipient table", Refused, "SMTP 550 5.1.1"),
    ("RCPT", "550 5.7.1 {address} rejected by policy", Refused, "SMTP 550 5.7.1"),
    ("RCPT", "530 5.7.0 Authentication required", Paused, "SMTP 530 5.7.0"),
    ("DATA", "452 4.2.2 mailbox full", NotSent, "SMTP 452 4.2.2"),
    ("DATA", "554 5.6.0 spam", Refused, "SMTP 554 5.6.0"),
]


@pytest.mark.parametrize(("verb", "reply", "decision", "told"), REPLIES)
async def test_each_reply_has_its_decision(
    verb: str, reply: str, decision: type[SendError], told: str
) -> None:
    mailbox = Mailbox()
    mailbox.replies[verb] = reply
    with running(mailbox) as port:
        answer = await one_send(port)
    assert type(answer) is decision
    assert told in str(answer)
    assert ADDRESS not in str(answer)
    assert mailbox.taken == []


async def test_a_refused_message_does_not_spoil_the_next_one() -> None:
    mailbox = Mailbox()
    with running(mailbox) as port:
        provider = opened(port)
        for verb in ("RCPT", "DATA"):
            mailbox.replies = {verb: "550 5.1.1 no"}
            assert isinstance(await outcome(provider), Refused)
        mailbox.replies = {}
        assert isinstance(await outcome(provider), Accepted)
        await provider.close()
    assert len(mailbox.peers) == 1


async def test_a_server_that_was_restarted_is_connected_to_again() -> None:
    mailbox = Mailbox()
    with running(mailbox) as port:
        provider = opened(port)
        assert isinstance(await outcome(provider), Accepted)
    again = Controller(mailbox, hostname="127.0.0.1", port=port)
    again.start()
    try:
        assert isinstance(await outcome(provider), Accepted)
        await provider.close()
    finally:
        again.stop()
    assert len(mailbox.taken) == 2


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def login(password: str) -> Callable[..., AuthResult]:
    def check(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        right = getattr(data, "password", b"") == password.encode()
        return AuthResult(success=right, handled=False)

    return check


async def test_starttls_with_a_login(tls: ssl.SSLContext, ca_file: str) -> None:
    mailbox = Mailbox()
    with running(
        mailbox, tls_context=tls, require_starttls=True, authenticator=login(PASSWORD),
        auth_required=True,
    ) as port:  # fmt: skip
        answer = await one_send(
            port, security="starttls", ca_file=ca_file, username="u", password=Secret(PASSWORD)
        )
    assert isinstance(answer, Accepted)
    assert len(mailbox.taken) == 1


async def test_tls_from_the_first_byte(tls: ssl.SSLContext, ca_file: str) -> None:
    mailbox = Mailbox()
    async with implicit_tls(mailbox, tls) as port:
        answer = await one_send(port, security="tls", ca_file=ca_file)
    assert isinstance(answer, Accepted)


@contextlib.asynccontextmanager
async def implicit_tls(mailbox: Mailbox, tls: ssl.SSLContext) -> AsyncIterator[int]:
    """aiosmtpd's Controller greets itself without TLS, so here it runs in the test's loop."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(mailbox, loop=loop), "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_an_unknown_certificate_pauses_and_sends_nothing(
    tls: ssl.SSLContext, security: str
) -> None:
    mailbox = Mailbox()
    server = implicit_tls(mailbox, tls) if security == "tls" else contextlib.nullcontext(0)
    async with server as port:
        with contextlib.ExitStack() as stack:
            port = port or stack.enter_context(running(mailbox, tls_context=tls))
            answer = await one_send(port, security=security)
    assert isinstance(answer, Paused)
    assert answer.reason == "tls"
    assert mailbox.taken == []


async def test_without_starttls_nothing_is_sent_in_clear_text() -> None:
    mailbox = Mailbox()
    with running(mailbox) as port:
        answer = await one_send(port, security="starttls")
    assert isinstance(answer, Paused)
    assert answer.reason == "not_supported"
    assert mailbox.taken == []


async def test_a_wrong_password_pauses_and_is_not_shown(tls: ssl.SSLContext, ca_file: str) -> None:
    mailbox = Mailbox()
    with running(mailbox, tls_context=tls, authenticator=login("other")) as port:
        answer = await one_send(
            port, security="starttls", ca_file=ca_file, username="u", password=Secret(PASSWORD)
        )
    assert isinstance(answer, Paused)
    assert answer.reason == "unauthorised"
    assert PASSWORD not in f"{answer!r} {answer.__cause__!r}"


async def test_an_international_name_needs_a_server_that_knows_them() -> None:
    mailbox, message = Mailbox(), replace(EMAIL, to="chloé@bücher.example")
    with running(mailbox, enable_SMTPUTF8=True) as port:
        assert isinstance(await one_send(port, message), Accepted)
    with running(mailbox, enable_SMTPUTF8=False) as port:
        refused = await one_send(port, message)
    assert isinstance(refused, Refused)
    assert refused.reason == "needs_smtputf8"
    (taken,) = mailbox.taken
    assert taken.rcpt_tos == ["chloé@xn--bcher-kva.example"]
    assert "SMTPUTF8" in taken.mail_options


async def test_an_international_domain_needs_nothing() -> None:
    mailbox = Mailbox()
    with running(mailbox) as port:
        answer = await one_send(port, replace(EMAIL, to="chloe@bücher.example"))
    assert isinstance(answer, Accepted)
    assert mailbox.taken[0].rcpt_tos == ["chloe@xn--bcher-kva.example"]


async def test_a_line_break_in_a_header_never_reaches_the_server() -> None:
    mailbox = Mailbox()
    with running(mailbox) as port:
        answer = await one_send(port, replace(EMAIL, to="a@b.example>\r\nRCPT TO:<c@d.example"))
    assert isinstance(answer, Refused)
    assert mailbox.taken == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"host": "mail.example.com"}, "clear text"),
        ({"host": None}, "needs host"),
        ({"security": "ssl"}, "one of starttls, tls, none"),
        ({"username": "u"}, "go together"),
        ({"password": Secret(PASSWORD)}, "go together"),
        ({"ca_file": "missing.pem"}, "there is no file"),
    ],
)
def test_a_wrong_option_is_told_where_it_stands(options: dict[str, object], message: str) -> None:
    with pytest.raises(WorkspaceError, match=message) as raised:
        Settings.of(channel(25, **options), Path("/nowhere"))
    assert "relance.yaml:9:1: channels.email." in str(raised.value)
    assert PASSWORD not in str(raised.value)


def test_clear_text_to_another_machine_must_be_asked_for() -> None:
    spec = channel(25, host="mail.example.com", insecure=True)
    assert Settings.of(spec, Path("/nowhere")).security == "none"


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_port_follows_the_security(security: str, port: int) -> None:
    spec = ChannelSpec(
        name="email",
        provider="smtp",
        sender="",
        options={"host": "localhost", "security": security},
    )
    assert Settings.of(spec, Path("/nowhere")).port == port
