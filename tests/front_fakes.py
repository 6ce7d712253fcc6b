"""A workspace's public side over fakes: a provider that knows one password, a state in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import ClassVar

import httpx

from delivery_fakes import make_trigger, make_workspace, message
from relance.domain.message import Email, Outgoing
from relance.domain.receipt import Inbound, Receipt, ReceiptKind
from relance.domain.vendor import Capabilities, VendorSpec
from relance.domain.workspace import BouncePolicy, Topic, WebSpec
from relance.errors import SendError, StateError, Unreadable, Unverified
from relance.links import LinkMaker
from relance.providers.base import Provider, Reply
from relance.providers.wire import Answer
from relance.settings import Secret
from relance.web import Front, Measures, web_app

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PUBLIC = "https://crm.boutique.example"
SECRET = Secret("0123456789abcdef0123456789abcdef")


class Reporter(Provider):
    """A vendor that signs with a password and reports one delivery per line."""

    spec: ClassVar[VendorSpec] = VendorSpec(
        name="acme",
        channels=frozenset({"email", "sms"}),
        options=(),
        description="A vendor of the tests.",
        can=Capabilities(events=True, signed="a password"),
    )
    kind = Email

    def __init__(self, password: str = "open sesame") -> None:
        self.password = password
        self.calls: list[Inbound] = []
        self.fault: Exception | None = None

    async def _send(self, messages: Sequence[Outgoing]) -> Sequence[Answer]:
        return []

    async def events(self, call: Inbound, at: datetime) -> Sequence[Receipt]:
        self.calls.append(call)
        if self.fault is not None:
            raise self.fault
        if call.headers.get("x-password") != self.password:
            raise Unverified("wrong_password")
        lines = call.body.decode("latin-1").splitlines()
        if any(not line for line in lines):
            raise Unreadable("not_lines")
        return [
            Receipt(provider="acme", event_id=line, kind=ReceiptKind.DELIVERED, message_id=line)
            for line in lines
        ]

    def reply(self, call: Inbound) -> Reply:
        return Reply(status=202, body=b"<thanks/>", media_type="text/xml")


@dataclass
class FakeState:
    """What vendors reported and customers said."""

    receipts: list[tuple[str, Receipt]] = field(default_factory=list)
    consents: list[tuple[str, str, str, bool, str]] = field(default_factory=list)
    pauses: list[tuple[str, datetime | None, str]] = field(default_factory=list)
    away: bool = False

    def record(
        self, channel: str, receipts: Sequence[Receipt], at: datetime, bounces: BouncePolicy
    ) -> int:
        self._reach()
        known = {receipt.event_id for _, receipt in self.receipts}
        new = [receipt for receipt in receipts if receipt.event_id not in known]
        self.receipts += [(channel, receipt) for receipt in new]
        return len(new)

    def preferences(self, customer: str, at: datetime) -> SimpleNamespace:
        self._reach()
        latest: dict[tuple[str, str], bool] = {}
        for who, channel, topic, granted, _ in self.consents:
            if who == customer:
                latest[channel, topic] = granted
        pauses = [until for who, until, _ in self.pauses if who == customer]
        return SimpleNamespace(
            channels={channel: granted for (channel, _), granted in latest.items() if channel},
            topics_refused=frozenset(t for (c, t), g in latest.items() if t and not g),
            paused_until=pauses[-1] if pauses else None,
        )

    def record_consent(
        self,
        channel: str,
        customer: str,
        at: datetime,
        source: str,
        *,
        granted: bool,
        topic: str = "",
    ) -> None:
        self._reach()
        self.consents.append((customer, channel, topic, granted, source))

    def pause(self, customer: str, until: datetime | None, at: datetime, source: str) -> None:
        self._reach()
        self.pauses.append((customer, until, source))

    def _reach(self) -> None:
        if self.away:
            raise StateError("the state is away")


class PublicSide:
    """The app over fakes, and a client that speaks to it."""

    def __init__(self, *providers: Reporter, topics: Mapping[str, Topic] | None = None) -> None:
        self.state = FakeState()
        self.providers = providers or (Reporter(),)
        web = WebSpec(public_url=PUBLIC, secrets=(SECRET,))
        self.workspace = make_workspace(
            make_trigger(topic="news" if topics else None),
            web=web,
            topics=topics or {},
            brand={"name": "La Boutique"},
        )
        self.links = LinkMaker(PUBLIC, (SECRET,), {"winback": "news"} if topics else {})
        self.front: Front | None = Front(
            workspace=self.workspace,
            providers={"email": self.providers},
            receipts=self.state,
            people=self.state,
            links=self.links,
        )
        self.measures = Measures(version="0.1.0", status="ok")
        self.app = web_app(self.health, self.measure, lambda: self.front, lambda: NOW)

    async def measure(self) -> Measures:
        return self.measures

    async def health(self) -> Mapping[str, object]:
        return {"status": "ok", "troubles": {"state": "db.internal does not answer"}}

    def without_public_url(self) -> None:
        assert self.front is not None
        workspace = replace(self.workspace, web=WebSpec())
        self.front = replace(self.front, workspace=workspace, links=None)

    def unsubscribe_path(self, locale: str | None = "fr", **changes: object) -> str:
        return self.links.unsubscribe(message(1, **changes), locale).removeprefix(PUBLIC)

    def preferences_path(self, locale: str | None = "fr", **changes: object) -> str:
        return self.links.preferences(message(1, **changes), locale).removeprefix(PUBLIC)

    async def call(
        self,
        method: str,
        path: str,
        *,
        peer: str = "203.0.113.7",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, client=(peer, 4711), raise_app_exceptions=True)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://misleading.example"
        ) as client:
            return await client.request(method, path, headers=headers, content=body)

    async def form(self, path: str, *fields: tuple[str, str]) -> httpx.Response:
        return await self.call(
            "POST",
            path,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=str(httpx.QueryParams(fields)).encode(),
        )


__all__ = ["NOW", "PUBLIC", "SECRET", "FakeState", "PublicSide", "Reporter", "SendError"]
