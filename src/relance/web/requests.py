"""Reading a request with limits: how much, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qsl

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from relance.domain.receipt import Inbound

HOOK_BYTES = 5_000_000
FORM_BYTES = 64_000
_SECONDS = 30.0  # for a whole body
_FIELDS = 1_000


async def body_of(request: Request, limit: int) -> bytes:
    """The whole body. Raises HTTPException 413 over the limit, 408 where it does not come."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit:
        raise HTTPException(413)
    parts: list[bytes] = []
    try:
        async with asyncio.timeout(_SECONDS):
            async for part in request.stream():
                parts.append(part)
                limit -= len(part)
                if limit < 0:
                    raise HTTPException(413)
    except (TimeoutError, ClientDisconnect) as error:
        raise HTTPException(408) from error
    return b"".join(parts)


async def inbound_of(request: Request, public_url: str) -> Inbound:
    """The request as its sender sees it. What the Host header says plays no part."""
    query = request.scope["query_string"].decode("latin-1")
    path = request.scope.get("raw_path", b"").decode("latin-1") or request.url.path
    return Inbound(
        method=request.method,
        url=public_url + path + (f"?{query}" if query else ""),
        headers=_headers(request),
        query=_pairs(query),
        body=await body_of(request, HOOK_BYTES),
    )


def _headers(request: Request) -> Mapping[str, str]:
    """By lower-case name; one that comes twice is joined, and so is no valid signature."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


async def form_of(request: Request) -> dict[str, list[str]]:
    """The fields of a form in the URL encoding, each with its values."""
    body = await body_of(request, FORM_BYTES)
    fields: dict[str, list[str]] = {}
    for name, value in _parse(body.decode("latin-1")):
        fields.setdefault(name, []).append(value)
    return fields


def _pairs(query: str) -> dict[str, str]:
    return dict(_parse(query))


def _parse(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError as error:
        raise HTTPException(400) from error
