"""Live visitors who log in: `live_identities` is a table of links like any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from live_shop import LiveStage, ago

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


@pytest.fixture
def shop(tmp_path: Path) -> LiveStage:
    stage = LiveStage(tmp_path)
    stage.arrive("ann", "bob")
    return stage


def test_an_alias_holds_for_what_was_done_before_the_earlier_login_too(shop: LiveStage) -> None:
    shop.hears(anonymous="a-1", at=ago(hours=9))
    shop.call("identify", user="old", anonymous="a-1", at=ago(hours=8))
    shop.hears(user="old", at=ago(hours=7))
    shop.call("alias", user="ann", previous="old", at=ago(hours=6))
    assert shop.look(both="{event: cart, count: {is: 2}}") == {"both": {"ann"}}


def test_aliases_are_followed_one_after_another_and_a_circle_has_an_end(shop: LiveStage) -> None:
    shop.hears(user="old", at=ago(hours=9))
    shop.call("alias", user="older", previous="old", at=ago(hours=8))
    shop.call("alias", user="ann", previous="older", at=ago(hours=7))
    for previous, user in (("x", "y"), ("y", "z"), ("z", "y"), ("me", "me")):
        shop.call("alias", user=user, previous=previous, at=ago(hours=6))
        shop.hears(user=previous, at=ago(hours=5))
    assert shop.look(had=HAD) == {"had": {"ann"}}


@pytest.mark.parametrize("names", [("ann", "bob"), ("bob", "ann")])
def test_of_two_logins_at_one_instant_the_first_has_what_was_before_and_the_last_what_is_after(
    shop: LiveStage, names: tuple[str, str]
) -> None:
    for name in names:
        shop.call("identify", user=name, anonymous="a-1", at=ago(hours=6))
    shop.hears(anonymous="a-1", category="before", at=ago(hours=9))
    shop.hears(anonymous="a-1", category="after", at=ago(hours=4))
    had = "{event: cart, count: {is: 1}, where: {category: WHICH}}"
    assert shop.look(
        before=had.replace("WHICH", "before"), after=had.replace("WHICH", "after")
    ) == {"before": {names[0]}, "after": {names[1]}}
