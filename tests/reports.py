"""Vendors' reports for tests: requests to a webhook, and bodies that nobody in his mind sends."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import strategies as st

from relance.domain.message import Email
from relance.domain.receipt import Inbound, Receipt
from relance.errors import HookError
from relance.providers import Provider

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
EMAIL = Email(
    message_id="abc1",
    trigger="winback",
    to="chloe@example.com",
    sender="La Boutique été <bonjour@boutique.example>",
    subject="Vous nous manquez 💌",
    html_parts=("<p>Bonjour é</p>",),
    text="Bonjour é",
    reply_to="Aide <aide@boutique.example>",
    headers={
        "List-Unsubscribe": "<https://boutique.example/u/1>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
    tags=("hiver", "vip"),
)


def _trees(keys: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    return st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6),
        max_leaves=12,
    )


JUNK = _trees(st.text(max_size=12))


def junk(*names: str) -> st.SearchStrategy[bytes]:
    """Bodies that are no JSON, or JSON of any form under a vendor's own field names."""
    values = _trees(st.sampled_from(names) | st.text(max_size=5))
    return st.binary(max_size=60) | values.map(dumped)


def corrupted(event: Mapping[str, object]) -> st.SearchStrategy[object]:
    """An event in which some fields, at any depth, hold what they never hold."""
    parts = {
        name: (JUNK | corrupted(value) if isinstance(value, dict) else JUNK | st.just(value))
        for name, value in event.items()
    }
    return st.fixed_dictionaries({}, optional=parts)


def dumped(value: object) -> bytes:
    return json.dumps(value).encode()


def posted(body: object, headers: Mapping[str, str] | None = None) -> Inbound:
    """A call with a body: bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else dumped(body)
    url = "https://relance.example/webhooks/channel/vendor"
    return Inbound(method="POST", url=url, headers=headers or {}, body=content)


def login(user: str, password: str) -> dict[str, str]:
    """The header of basic authentication."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"authorization": f"Basic {pair}"}


async def heard(
    provider: Provider, body: object, headers: Mapping[str, str] | None = None
) -> Sequence[Receipt]:
    """What a provider reads from a call that comes now."""
    return await provider.events(posted(body, headers), NOW)


async def refusal(asked: Awaitable[object]) -> str:
    """The reason for which a report was not believed."""
    with pytest.raises(HookError) as raised:
        await asked
    return raised.value.reason


def survives(provider: Provider, call: Inbound) -> None:
    """Whatever is posted, nothing but a HookError leaves, and every receipt has its ids."""
    with contextlib.suppress(HookError):
        for receipt in asyncio.run(_of(provider, call)):
            assert receipt.event_id
            assert receipt.provider == provider.name


async def _of(provider: Provider, call: Inbound) -> Sequence[Receipt]:
    return await provider.events(call, NOW)
