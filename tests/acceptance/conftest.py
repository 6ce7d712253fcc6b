"""The walk of a newcomer, walked once for all tests that look at it."""

from __future__ import annotations

import pytest

from newcomer import Walk, walk_through


@pytest.fixture(scope="session")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """A new workspace, and what each command said on the way."""
    return walk_through(tmp_path_factory.mktemp("walk") / "shop")
