"""The walk of a newcomer, walked once for all tests that look at it; and the browser."""

from __future__ import annotations

import os

import pytest

import browser
from newcomer import Walk, walk_through


@pytest.fixture(scope="session")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """A new workspace, and what each command said on the way."""
    return walk_through(tmp_path_factory.mktemp("walk") / "shop")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser; a skipped test where there is none, a failed one where there must be."""
    found = browser.find()
    if found is None:
        message = "Chromium is not installed"
        if os.environ.get("RELANCE_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return found
