"""Webhook: another system of the company's, by JSON signed as Standard Webhooks 1.0 asks
(github.com/standard-webhooks/standard-webhooks, read 2026-11). Receivers keep a `webhook-id` once
seen, which makes a repetition harmless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from relance.domain.message import Accepted, Notice
from relance.domain.vendor import Capabilities, OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import Paused
from relance.providers import hooks, wire
from relance.providers.base import Endpoint, HttpProvider
from relance.providers.options import Options
from relance.providers.wire import Answer, Request, Response

SPEC = VendorSpec(
    name="webhook",
    channels=frozenset({"webhook"}),
    description="Signed JSON to another system of the company's (Standard Webhooks).",
    options=(
        OptionSpec(
            name="url",
            kind=OptionKind.SECRET,
            description="Where the notices go: https, or this machine.",
            required=True,
        ),
        OptionSpec(
            name="secret",
            kind=OptionKind.SECRET,
            description="What signs them, shared with the receiver: whsec_ and 24 to 64 bytes in"
            " base64.",
            required=True,
        ),
        OptionSpec(
            name="timeout",
            kind=OptionKind.NUMBER,
            description="Seconds to wait for an answer.",
            default=15.0,
        ),
    ),
    can=Capabilities(idempotent_for=timedelta(days=7)),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The receiver and the shared secret, checked."""

    endpoint: Endpoint

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Settings:
        """Read a channel's options. Raises WorkspaceError."""
        options = Options(SPEC, channel, root)
        key = hooks.standard_key(options.required_secret("secret"))
        if key is None or not 24 <= len(key) <= 64:
            options.wrong("secret", "must be whsec_ and 24 to 64 bytes in base64")
        endpoint = Endpoint(
            base_url=options.web_address("url"),
            credentials={},
            timeout=options.number("timeout"),
            sign=_Signature(key),
        )
        return cls(endpoint=endpoint)


class _Signature:
    """Signs id, timestamp and body. The key is in no repr."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, request: Request, url: str, now: datetime) -> Mapping[str, str]:  # noqa: ARG002
        timestamp = str(int(now.timestamp()))
        event_id = request.headers["webhook-id"]
        signature = hooks.standard_signature(self._key, event_id, timestamp, request.body)
        return {"webhook-timestamp": timestamp, "webhook-signature": signature}


def build(messages: Sequence[Notice]) -> Request:
    """POST the one notice; the same notice is always the same body."""
    (notice,) = messages
    entered_at = notice.entered_at.isoformat()
    payload = {
        "type": "relance.notice",
        "timestamp": entered_at,
        "data": {
            "message": notice.message_id,
            "trigger": notice.trigger,
            "customer": notice.customer,
            "entered_at": entered_at,
            "text": notice.text,
        },
    }
    return Request(
        path="",
        body=orjson.dumps(payload),
        headers={"Content-Type": "application/json", "webhook-id": notice.message_id},
    )


def read(response: Response, messages: Sequence[Notice]) -> list[Answer]:
    """Any 2xx is taken, whatever it says; 410 means that the receiver wants no more."""
    (notice,) = messages
    if 200 <= response.status < 300:
        return [Accepted(message_id=notice.message_id, provider_id=notice.message_id)]
    raise Paused("gone", detail="HTTP 410") if response.status == 410 else wire.judge(response)


class Webhook(HttpProvider[Notice, Settings]):
    """See the module."""

    spec = SPEC
    kind = Notice
    settings = Settings

    def build(self, messages: Sequence[Notice]) -> Request:
        return build(messages)

    def read(self, response: Response, messages: Sequence[Notice]) -> Sequence[Answer]:
        return read(response, messages)
