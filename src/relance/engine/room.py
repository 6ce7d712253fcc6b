"""What the pictures of one engine share: the workbench, its snapshots, and whose turn it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from relance.engine.failures import workbench_errors
from relance.engine.snapshot import Snapshots
from relance.engine.workbench import Workbench

Session = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, kw_only=True)
class Room:
    """`session` guards the connection and looks at the source; `turn` guards the connection
    alone."""

    workbench: Workbench
    snapshots: Snapshots
    session: Session
    turn: AbstractContextManager[object]

    @contextmanager
    def at_bench(self) -> Iterator[None]:
        """Work on what has been computed already: the source may be gone. Raises StateError."""
        with self.turn, workbench_errors(self.workbench.shown):
            yield
