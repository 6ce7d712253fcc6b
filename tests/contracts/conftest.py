"""One suite per port, run against every implementation."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from relance.pipeline.ports import Ledger
from relance.store import State, open_state


@pytest.fixture
def postgres_schema(postgres_url: str) -> Iterator[str]:
    """The URL of an empty schema that goes away with the test; faster than a database each."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        yield f"{postgres_url}&options=-csearch_path%3D{name}"
        connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture(params=["sqlite", "postgresql"])
def state_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database URL at which no state exists yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/relance.db"
    return str(request.getfixturevalue("postgres_schema"))


@pytest.fixture
def state(state_url: str) -> Iterator[State]:
    """A new, empty state of the workspace `shop`."""
    opened = open_state(state_url, workspace="shop", lock_wait=10)
    yield opened
    opened.close()


@pytest.fixture
def ledger(state: State) -> Ledger:
    return state.ledger
