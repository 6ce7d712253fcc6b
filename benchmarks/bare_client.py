"""The limit of delivery: the same client posting the same bodies in a bare loop, 32 at a time."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator

import httpx
from httpx_aiohttp import AiohttpTransport

from benchmarks.delivery import ACCOUNT, SENDER, TEXT, mobile
from relance.domain.message import Sms
from relance.providers.twilio import build

TOGETHER = 32


async def _post_all(url: str, count: int) -> dict[str, float]:
    bodies = iter([_request(index) for index in range(count)])
    async with httpx.AsyncClient(transport=AiohttpTransport(), timeout=30) as client:
        started, before = time.perf_counter(), time.process_time()
        await asyncio.gather(*(_lane(client, url, bodies) for _ in range(TOGETHER)))
        return {
            "seconds": time.perf_counter() - started,
            "cpu": time.process_time() - before,
        }


async def _lane(
    client: httpx.AsyncClient, url: str, bodies: Iterator[tuple[str, dict[str, str], bytes]]
) -> None:
    for path, headers, body in bodies:
        answer = await client.post(
            url + path, headers=headers, content=body, auth=(ACCOUNT, "benchmark")
        )
        answer.raise_for_status()
        answer.json()


def _request(index: int) -> tuple[str, dict[str, str], bytes]:
    message = Sms(
        message_id=str(index), trigger="bench", to=mobile(index), sender=SENDER, text=TEXT
    )
    request = build([message], account=ACCOUNT)
    return request.path, dict(request.headers), request.body


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_post_all(sys.argv[1], int(sys.argv[2])))))
