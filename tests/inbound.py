"""Requests that vendors post to our webhooks, genuine ones and broken ones."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from hypothesis import strategies as st

from relance.domain.receipt import Inbound, Receipt
from relance.errors import HookError
from relance.providers import Provider

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def posted(body: object, headers: Mapping[str, str] | None = None) -> Inbound:
    """A call with a body: bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
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


async def survives(provider: Provider, call: Inbound) -> None:
    """Whatever is posted, nothing but a HookError leaves, and every receipt has its ids."""
    with contextlib.suppress(HookError):
        for receipt in await provider.events(call, NOW):
            assert receipt.event_id
            assert receipt.provider == provider.name


def junk(*names: str) -> st.SearchStrategy[bytes]:
    """Bodies that are no JSON, or JSON of any form under a vendor's own field names."""
    leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    key = st.sampled_from(names) | st.text(max_size=5)
    values = st.recursive(
        leaf,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(key, inner, max_size=6),
        max_leaves=12,
    )
    return st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode())
