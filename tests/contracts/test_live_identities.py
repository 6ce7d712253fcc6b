"""Live visitors who log in: `live_identities` is a table of links like any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from live_shop import LiveStage

LINKS = "identities: {table: live_identities, id: anonymous_id, customer: customer, at: at}\n"
HAD = "{event: cart, count: {at_least: 1}}"


@pytest.mark.parametrize("source", ["folder", "sqlite", "postgresql", "postgresql itself"])
def test_what_a_live_visitor_did_counts_after_the_login(
    source: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    remote = source.startswith("postgresql")
    url = str(request.getfixturevalue("postgres_database")) if remote else ""
    shop = LiveStage(tmp_path, source, url)
    shop.arrive("ann", "bob")
    shop.configure(more=LINKS)
    shop.hears(anonymous="a-1", total=5)
    shop.hears(user="bob", total=5)
    assert shop.look(had=HAD) == {"had": {"bob"}}
    shop.wait(hours=1)
    shop.call("identify", user="ann", anonymous="a-1")
    assert shop.look(had=HAD) == {"had": {"ann", "bob"}}
