"""The demo's worker: relance itself, on the demo's clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pyarrow.compute as pc

from relance.demo.answers import Sent
from relance.demo.run import Treated
from relance.domain.arm import Arm
from relance.domain.trajectory import Trajectory
from relance.uplift.report import Report
from relance.wiring import Relance, open_relance


class DemoWorker:
    """Ticks and delivers at the instants it is told."""

    def __init__(self, relance: Relance) -> None:
        self._relance = relance

    def tick(self, at: datetime) -> object:
        return self._relance.tick(at)

    def deliver(self, at: datetime) -> Sequence[Sent]:
        self._relance.deliver(at)
        accepted = self._relance.state.reader.accepted(at)
        return [Sent(customer, trigger, at) for customer, trigger in accepted]

    def treated(self) -> Sequence[Treated]:
        first: dict[tuple[str, str, str], datetime] = {}
        for batch in self._relance.state.reader.entries():
            for row in batch.filter(pc.equal(batch["arm"], Arm.TREATED.value)).to_pylist():
                who = (row["trigger"], row["version"], row["customer"])
                first[who] = min(row["at"], first.get(who, row["at"]))
        return [Treated(*who, at) for who, at in first.items()]

    def trajectory(self, at: datetime) -> Trajectory | None:
        return self._relance.recent_trajectory(at)

    def report(self, at: datetime) -> Report:
        made = self._relance.report(at)
        self._relance.keep_figures(made)  # as the worker does: somebody reads this one
        return made


@contextmanager
def connect(root: Path) -> Iterator[DemoWorker]:
    """Open relance on the demo's workspace."""
    with open_relance(root, env={}) as relance:
        yield DemoWorker(relance)
