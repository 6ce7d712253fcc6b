"""Vendors' reports for tests: requests to a webhook, and bodies that nobody in his mind sends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import strategies as st

from relance.domain.message import Email
from relance.domain.receipt import Inbound
from relance.errors import HookError

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
EMAIL = Email(
    message_id="abc1",
    trigger="winback",
    to="chloe@example.com",
    sender="La Boutique été <bonjour@boutique.example>",
    subject="Vous nous manquez 💌",
    html="<p>Bonjour é</p>",
    text="Bonjour é",
    reply_to="Aide <aide@boutique.example>",
    headers={
        "List-Unsubscribe": "<https://boutique.example/u/1>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
    tags=("hiver", "vip"),
)

_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
JUNK = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)


def call(body: bytes, headers: Mapping[str, str] | None = None) -> Inbound:
    return Inbound(
        method="POST",
        url="https://shop.example/webhooks/email/vendor",
        headers=headers or {},
        body=body,
    )


def corrupted(event: Mapping[str, object]) -> st.SearchStrategy[object]:
    """An event in which some fields, at any depth, hold what they never hold."""
    parts = {
        name: (JUNK | corrupted(value) if isinstance(value, dict) else JUNK | st.just(value))
        for name, value in event.items()
    }
    return st.fixed_dictionaries({}, optional=parts)


def survives(read: Callable[[Inbound], Awaitable[object]], request: Inbound) -> None:
    """Whatever was sent, the answer is receipts or a HookError, and never a crash."""
    try:
        asyncio.run(_of(read, request))
    except HookError:
        return


async def _of(read: Callable[[Inbound], Awaitable[object]], request: Inbound) -> object:
    return await read(request)


def dumped(value: object) -> bytes:
    return json.dumps(value).encode()


async def refusal(asked: Awaitable[object]) -> str:
    """The reason for which a report was not believed."""
    with pytest.raises(HookError) as raised:
        await asked
    return raised.value.reason
