"""One suite per port, run against every implementation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relance.store import State, open_state


@pytest.fixture(params=["sqlite", "postgresql"])
def state_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database URL at which no state exists yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/relance.db"
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture
def state(state_url: str) -> Iterator[State]:
    """A new, empty state of the workspace `shop`."""
    opened = open_state(state_url, workspace="shop", lock_wait=10)
    yield opened
    opened.close()
