"""What the worker is given of a workspace, and the clock."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from relance.domain.workspace import Workspace
from relance.pipeline.deliver import DeliveryReport
from relance.scheduler.reporting import Office
from relance.scheduler.tidying import Tidy

_WATCHED = ("config", "triggers", "templates", "scores")


class Role(StrEnum):
    """What a worker does; several workers over one state may share the roles."""

    EVALUATE = "evaluate"
    DELIVER = "deliver"
    WEB = "web"  # answered elsewhere, over what the worker has open


ALL_ROLES = frozenset(Role)


@dataclass(frozen=True, kw_only=True, slots=True)
class Jobs:
    """What the worker does with one loaded workspace. `tick`, `last_runs` and `pending` block.

    `tick` evaluates triggers by name as of an instant; `deliver` sends what is due until the
    event is set; `last_runs` says when each trigger was last evaluated; `office` opens what a
    report needs, apart from all this; `tidy` lets go of what was kept for long enough.
    """

    workspace: Workspace
    tick: Callable[[Sequence[str], datetime], object]
    deliver: Callable[[asyncio.Event], Awaitable[DeliveryReport]]
    last_runs: Callable[[], Mapping[str, datetime]]
    pending: Callable[[], int]
    office: Callable[[], Office]
    close: Callable[[], Awaitable[None]]
    tidy: Tidy = lambda _at: 0


Open = Callable[[], Jobs]


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A workspace that checked clean, and what opens it."""

    workspace: Workspace
    open: Open


def fingerprint(root: Path) -> str:
    """Changes when a file of the workspace's YAML, templates or scores changes."""
    digest = hashlib.sha256()
    for folder in _WATCHED:
        for path in sorted((root / folder).rglob("*")):
            with suppress(FileNotFoundError):  # gone between the listing and the look
                state = path.stat()
                digest.update(f"{path}\0{state.st_mtime_ns}\0{state.st_size}\n".encode())
    return digest.hexdigest()


def utc_now() -> datetime:
    """The present, for the worker alone."""
    return datetime.now(UTC)
