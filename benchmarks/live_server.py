"""The servers of benchmarks/live.py, each a process on one core: `relance`, or `bare`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import orjson
from fastapi import FastAPI, Request, Response

from relance.scheduler import utc_now
from relance.settings import Secret
from relance.store import open_state
from relance.web import Desk, Front, Inbox, Measures, serving, web_app


def bare_app() -> FastAPI:
    """Parses a body and forgets it."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    async def batch(request: Request) -> Response:
        found = orjson.loads(await request.body())
        return Response(orjson.dumps({"success": bool(found["batch"])}))

    app.add_api_route("/v1/batch", batch, methods=["POST"])
    return app


def relance_app(root: Path) -> FastAPI:
    """The app of `relance web`, over a state on SQLite."""
    root.mkdir(parents=True, exist_ok=True)
    state = open_state(f"sqlite:///{root}/state/relance.db", workspace="bench")
    desk = Desk([Secret(os.environ["BENCH_WRITE_KEY"])], Inbox(state.live, utc_now))
    front = Front(
        workspace=None,  # type: ignore[arg-type]  # live events do not look at it
        providers={},
        receipts=state.receipts,
        people=state.desk,
        links=None,
        live=desk,
    )

    async def health() -> dict[str, object]:
        return {"status": "ok"}

    async def measure() -> Measures:
        return Measures(version="bench", status="ok")

    return web_app(health, measure, lambda: front, utc_now)


async def _serve(app: FastAPI) -> None:
    async with serving(app, "127.0.0.1", 0) as port:
        print(f"http://127.0.0.1:{port}/v1/batch", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[3])})
    asyncio.run(_serve(bare_app() if sys.argv[1] == "bare" else relance_app(Path(sys.argv[2]))))
