"""A real mail server (aiosmtpd) on loopback, and what it took."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class Mailbox:
    """aiosmtpd's handler: keeps what it takes, and answers RCPT and DATA as it is told."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.peers: set[object] = set()
        self.replies: dict[str, str] = {}

    async def handle_MAIL(  # noqa: N802  aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.peers.add(session.peer)
        if reply := self.replies.get("MAIL"):
            return reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if reply := self.replies.get("RCPT"):
            return reply.format(address=address)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802  aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if reply := self.replies.get("DATA"):
            return reply
        self.taken.append(envelope)
        return "250 2.0.0 queued as 1"


class Server(Controller):
    """On any free port."""

    def __init__(self, mailbox: Mailbox, **options: object) -> None:
        super().__init__(mailbox, hostname="127.0.0.1", port=0, **options)

    def _trigger_server(self) -> None:
        # the base class greets itself on port 0; the real port is known only now
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextlib.contextmanager
def running(mailbox: Mailbox, **options: object) -> Iterator[int]:
    server = Server(mailbox, **options)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()
