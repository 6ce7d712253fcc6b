"""A delivery over a real SQLite state that kills itself.

Called as `python delivery_victim.py URL LOG POINT N`. The provider appends the id of each
message to LOG, as a vendor would keep it. POINT is where the N-th call ends the process: before
or after a claim, a mark or a record, or in the middle of a send.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from delivery_fakes import AT, FakeEngine, FakeProvider, FakeRenderer, make_workspace
from relance.domain.message import Accepted, Outgoing
from relance.pipeline.deliver import Delivery, DeliveryReport
from relance.store import open_state


class Killer:
    """Wraps the calls of an object; the N-th call of one of them is the last."""

    def __init__(self, inner: Any, point: str, count: int) -> None:
        self._inner = inner
        self._point = point
        self._left = count

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._inner, name)

        def counted(*args: object) -> object:
            self._maybe(f"before_{name}")
            result = call(*args)
            self._maybe(f"after_{name}")
            return result

        return counted if name in ("claim", "sending", "record") else call

    def _maybe(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Vendor(FakeProvider):
    """Keeps what it accepted in a file, so that it survives the killed process."""

    def __init__(self, log: Path, point: str, count: int) -> None:
        super().__init__()
        self._log = log
        self._left = count if point == "during_send" else -1

    async def send(self, messages: Sequence[Outgoing]) -> Sequence[Accepted | Exception]:
        with self._log.open("a") as log:
            log.writelines(f"{m.message_id}\n" for m in messages)
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().send(messages)


def deliver(url: str, log: Path, point: str, count: int, at: datetime) -> DeliveryReport:
    """One run by a worker of its own."""
    state = open_state(url, workspace="boutique")
    try:
        delivery = Delivery(
            make_workspace(),
            Killer(state.queue, point, count),
            FakeEngine(),
            FakeRenderer(),
            {"email": [Vendor(log, point, count)], "sms": [FakeProvider()]},
            worker=f"worker-{os.getpid()}",
            receipts=state.receipts,
        )
        return asyncio.run(delivery.run(at))
    finally:
        state.close()


if __name__ == "__main__":
    deliver(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), AT)
