"""`on: {event, unless, within}`: an event, a while, and nothing that answered it."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from live_shop import CART, ENV, LiveStage
from relance.errors import UsageError
from relance.reading import check_workspace
from relance.wiring import open_relance

ON = "{event: cart, unless: order, within: 4 hours}"
SOURCES = ("folder", "sqlite", "postgresql", "postgresql itself")
HOUR = timedelta(hours=1)


@pytest.fixture
def shop(tmp_path: Path) -> LiveStage:
    return opened(LiveStage(tmp_path))


def opened(stage: LiveStage) -> LiveStage:
    stage.arrive("ann", "bob", "cid", "dan")
    stage.trigger(on=ON, schedule="every 15 minutes", reentry="always")
    stage.order("dan", at=stage.now - timedelta(days=30))
    before = stage.now - 5 * HOUR  # the trigger was there
    stage.hears(user="dan", at=before, received=before)
    assert stage.entered() == {"hello": 0}
    return stage


@pytest.mark.parametrize("source", SOURCES)
def test_a_cart_that_nothing_followed_enters_once_at_the_first_tick_after_its_time(
    source: str, request: pytest.FixtureRequest, tmp_path: Path
):
    url = ""
    if source.startswith("postgresql"):
        url = str(request.getfixturevalue("postgres_database"))
    shop = opened(LiveStage(tmp_path, source, url))
    shop.hears(user="ann")
    shop.hears(user="bob")
    shop.order("bob", at=shop.now + HOUR)  # buys an hour later
    shop.wait(hours=4, minutes=-1)
    assert shop.entered() == {"hello": 0}
    shop.wait(minutes=1)
    assert shop.entered() == {"hello": 1}
    assert set(who(shop)) == {"ann"}
    for _ in range(3):
        shop.wait(minutes=15)
        assert shop.entered() == {"hello": 0}


def test_who_bought_after_the_four_hours_but_before_the_tick_is_left_alone(shop: LiveStage):
    shop.hears(user="ann")
    shop.hears(user="bob")
    shop.order("ann", at=shop.now + 5 * HOUR)
    shop.wait(hours=6)
    assert shop.entered() == {"hello": 1}
    assert set(who(shop)) == {"bob"}


def test_an_order_before_the_cart_or_at_the_same_instant_does_not_answer_it(shop: LiveStage):
    shop.order("ann", at=shop.now - HOUR)
    shop.order("bob", at=shop.now)
    shop.hears(user="ann")
    shop.hears(user="bob")
    shop.wait(hours=4)
    assert shop.entered() == {"hello": 2}


def test_each_cart_counts_by_itself_and_of_several_that_fall_due_the_latest_decides(
    shop: LiveStage,
):
    shop.hears(user="ann")
    shop.wait(hours=1)
    shop.order("ann", at=shop.now)
    shop.wait(hours=1)
    shop.hears(user="ann")  # answered the first, not the second
    shop.hears(user="bob", at=shop.now - HOUR)
    shop.wait(hours=4)
    assert shop.entered() == {"hello": 2}
    shop.hears(user="ann")
    shop.wait(hours=4)
    assert shop.entered() == {"hello": 1}


def test_the_re_entry_rule_holds(shop: LiveStage):
    shop.trigger(on=ON, schedule="every 15 minutes", reentry="{after: 7 days}")
    assert shop.entered() == {"hello": 0}
    for waited, expected in ((0, 1), (1, 0), (8, 1)):
        shop.wait(days=waited)
        shop.hears(user="ann")
        shop.wait(hours=4)
        assert shop.entered() == {"hello": expected}, waited


def test_only_who_is_in_the_segment_enters(shop: LiveStage):
    shop.change("ann", country="BE")
    shop.trigger(on=ON, segment="{customer: country, is: BE}", schedule="every 15 minutes")
    shop.wait(minutes=15)
    assert shop.entered() == {"hello": 0}
    shop.hears(user="ann")
    shop.hears(user="bob")
    shop.hears(user="eve")  # no customer
    shop.wait(hours=4)
    assert shop.entered() == {"hello": 1}


def test_fields_and_an_event_without_a_while(shop: LiveStage):
    shop.trigger(on="{event: cart, where: {category: shoes}}", schedule="every 15 minutes")
    shop.wait(minutes=15)
    assert shop.entered() == {"hello": 0}
    shop.hears(user="ann", category="shoes")
    shop.hears(user="bob", category="hats")
    shop.wait(minutes=15)
    assert shop.entered() == {"hello": 1}


def test_an_event_of_a_table_works_like_a_live_one(shop: LiveStage):
    shop.trigger(on="{event: order, unless: cart, within: 1 day}")
    shop.wait(minutes=15)
    assert shop.entered() == {"hello": 0}
    shop.order("ann", "bob")
    shop.hears(user="ann", at=shop.now + HOUR, received=shop.now + HOUR)
    shop.wait(days=1)
    assert shop.entered() == {"hello": 1}
    assert set(who(shop)) == {"bob"}


def test_a_live_event_that_arrives_late_counts_when_it_is_known_up_to_a_week(shop: LiveStage):
    begin = shop.now
    shop.wait(days=1)
    assert shop.entered() == {"hello": 0}
    shop.hears(user="ann", at=begin)  # from a phone that was offline
    shop.hears(user="bob", at=begin - timedelta(days=6, hours=3))
    shop.hears(user="cid", at=begin - timedelta(days=8))  # history that is imported
    shop.wait(minutes=15)
    assert shop.entered() == {"hello": 2}
    assert set(who(shop)) == {"ann", "bob"}
    shop.wait(minutes=15)
    assert shop.entered() == {"hello": 0}


def test_an_event_of_a_table_that_comes_after_its_tick_is_not_seen(shop: LiveStage):
    shop.trigger(on="{event: order, within: 4 hours}", schedule="every 15 minutes")
    shop.wait(minutes=15)
    assert shop.entered() == {"hello": 0}
    shop.wait(hours=6)
    assert shop.entered() == {"hello": 0}
    shop.order("ann", at=shop.now - 5 * HOUR)
    shop.wait(minutes=15)
    assert shop.entered() == {"hello": 0}


def test_what_is_just_being_stored_is_left_to_the_next_tick(shop: LiveStage):
    shop.hears(user="ann", at=shop.now - 5 * HOUR, received=shop.now + timedelta(seconds=899))
    shop.wait(minutes=15)
    assert shop.entered() == {"hello": 0}
    shop.wait(minutes=15)
    assert shop.entered() == {"hello": 1}


def test_after_a_long_stop_nobody_is_asked_about_last_months_cart(shop: LiveStage):
    shop.hears(user="ann")
    shop.wait(days=20)
    shop.hears(user="bob", at=shop.now - 2 * timedelta(days=1))
    shop.wait(minutes=15)
    assert shop.entered() == {"hello": 1}
    assert set(who(shop)) == {"bob"}


def test_another_length_is_a_new_baseline_and_a_back_fill_is_refused(shop: LiveStage):
    shop.hears(user="ann")
    shop.wait(hours=5)
    shop.trigger(on=ON.replace("4 hours", "3 hours"), schedule="every 15 minutes")
    assert shop.entered() == {"hello": 0}
    with shop.open() as relance, pytest.raises(UsageError, match="cannot be back-filled"):
        relance.backfill("hello", shop.now, commit=False)


def test_mistakes_are_told_where_they_are(shop: LiveStage):
    def told(on: str) -> list[str]:
        shop.trigger(on=on)
        found = check_workspace(shop.root, env=ENV)
        return [f"{p.where}: {p.message}" for p in found if not p.warning]

    assert told("{event: crat, unless: order}") == ["on.event: there is no event 'crat'"]
    assert told("{event: cart, unless: cart}") == ["on.unless: is the event that begins it"]
    assert told("{event: cart, within: soon}")[0].startswith("on.within: 'soon' is not a length")
    assert told("{event: cart, unles: order}") == ["on.unles: unknown key"]
    assert told("{event: cart, where: {colour: red}}")[0].startswith("on.where.colour: ")
    [problem] = told("{event: cart, where: {category: {at_least: 3}}}")
    assert problem.startswith("on.where: event cart, field category")
    assert told("{unless: order}") == ["on.event: is missing"]


@pytest.mark.parametrize("seed", range(2))
def test_random_lives_agree_with_plain_python(seed: int, tmp_path: Path):
    """Events at random, ticks at random, against each event looked at by itself."""
    chance = random.Random(seed)
    shop = LiveStage(tmp_path)
    people = [f"p{n}" for n in range(8)]
    shop.arrive(*people)
    within = chance.choice([1, 4, 30])
    shop.configure(CART)
    shop.trigger(
        on=f"{{event: cart, unless: order, within: {within} hours}}",
        schedule="every 15 minutes", reentry="always",
    )  # fmt: skip
    begin = shop.now
    moments = [begin + timedelta(minutes=15 * chance.randint(1, 200)) for _ in range(60)]
    carts = [(chance.choice(people), at) for at in moments[:30]]
    orders = [(chance.choice(people), at) for at in moments[30:]]
    for who_, at in carts:
        shop.hears(user=who_, at=at, received=at)
    for who_, at in orders:
        shop.order(who_, at=at)
    previous = begin
    with shop.open() as relance:
        relance.tick(begin)
        for number in sorted(chance.sample(range(1, 260), 10)):
            at = begin + timedelta(minutes=15 * number)
            run = relance.tick(at).runs[0]
            expected = plainly(carts, orders, timedelta(hours=within), previous, at)
            assert run.treated + run.held_out == len(expected), (seed, at)
            previous = at


def plainly(
    carts: list[tuple[str, datetime]],
    orders: list[tuple[str, datetime]],
    within: timedelta,
    previous: datetime,
    at: datetime,
) -> set[str]:
    found: dict[str, datetime] = {}
    for who_, when in carts:
        known = when + timedelta(minutes=1)
        if previous < max(when + within, known) <= at:
            found[who_] = max(when, found.get(who_, when))
    return {
        who_
        for who_, when in found.items()
        if not any(buyer == who_ and when < bought <= at for buyer, bought in orders)
    }


def who(shop: LiveStage) -> list[str]:
    """Who has entered so far."""
    with open_relance(shop.root, env=ENV) as relance:
        entries = relance.state.reader.entries()
        return [row["customer"] for batch in entries for row in batch.to_pylist()]
