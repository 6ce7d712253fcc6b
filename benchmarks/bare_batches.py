"""The shortest program that sends the same e-mails in the same batches and keeps nothing.

Rendered, written down and posted, 2 or 4 requests in flight; nobody is looked at again, nothing is
marked or recorded, and nothing links back. Prints JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import httpx
from httpx_aiohttp import AiohttpTransport

from benchmarks.queued import ENV, values
from relance.domain.message import Email
from relance.providers import postmark, resend
from relance.providers.wire import Request
from relance.rendering.templates import Templates
from relance.wiring import open_relance

Build = Callable[[Sequence[Email]], Request]
VENDORS: Mapping[str, tuple[Build, int, int]] = {  # the request, messages in it, requests in flight
    "postmark": (partial(postmark.build, stream="outbound"), 500, 2),
    "resend": (partial(resend.build, batch=True), 100, 4),
}


async def _post_all(templates: Templates, vendor: str, url: str, count: int) -> dict[str, float]:
    build, batch, flights = VENDORS[vendor]
    starts = iter(range(0, count, batch))
    _email(templates, 0)  # compiles it
    async with httpx.AsyncClient(transport=AiohttpTransport(), timeout=30) as client:
        started, before = time.perf_counter(), time.process_time()
        lanes = (_lane(client, templates, build, url, starts, batch) for _ in range(flights))
        await asyncio.gather(*lanes)
        return {"seconds": time.perf_counter() - started, "cpu": time.process_time() - before}


async def _lane(
    client: httpx.AsyncClient,
    templates: Templates,
    build: Build,
    url: str,
    starts: Iterator[int],
    batch: int,
) -> None:
    for start in starts:
        request = build([_email(templates, index) for index in range(start, start + batch)])
        answer = await client.post(
            url + request.path, headers=request.headers, content=request.body
        )
        answer.raise_for_status()
        answer.json()


def _email(templates: Templates, index: int) -> Email:
    text = templates.render(
        "welcome", "email", locale="fr" if index % 3 else "en", values=values(index)
    )
    return Email(
        message_id=f"{index:024x}",
        trigger="everybody",
        to=f"customer{index}@example.com",
        sender="La Boutique <bonjour@boutique.example>",
        subject=text.subject,
        html_parts=text.html_parts,
        text=text.text,
    )


def main(root: Path, vendor: str, url: str, count: int) -> None:
    with open_relance(root, env=ENV) as relance:
        print(json.dumps(asyncio.run(_post_all(relance.templates, vendor, url, count))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
