"""config/events.yaml: what happened outside, and what is wrong with a list of it."""

from __future__ import annotations

from datetime import date

import pytest

from relance.domain.happening import Happening

EVENTS = "config/events.yaml"


def test_a_workspace_needs_no_such_file(shop) -> None:
    assert shop.workspace().happenings == ()


def test_what_happened_is_told_in_the_order_of_time(shop) -> None:
    shop.write(EVENTS, (
        "version: 1\nevents:\n"
        "  - {date: 2026-03-01, name: New prices, description: Two euros more}\n"
        "  - {date: 2026-01-07, until: 2026-02-03, name: Sales}\n"
    ))  # fmt: skip
    assert shop.workspace().happenings == (
        Happening(name="Sales", first=date(2026, 1, 7), last=date(2026, 2, 3)),
        Happening(
            name="New prices", first=date(2026, 3, 1), last=date(2026, 3, 1),
            description="Two euros more",
        ),
    )  # fmt: skip


def test_it_changes_no_version(shop) -> None:
    before = shop.workspace()
    shop.write(EVENTS, "version: 1\nevents: [{date: 2026-03-01, name: New prices}]\n")
    after = shop.workspace()
    assert {s.name: s.version for s in after.segments.values()} == {
        s.name: s.version for s in before.segments.values()
    }
    assert [t.version for t in after.triggers.values()] == [
        t.version for t in before.triggers.values()
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{date: 2026-02-30, name: a}", "3:12: events.0.date: '2026-02-30' is not a day"),
        ("{date: soon, name: a}", "3:12: events.0.date: 'soon' is not a day"),
        ("{date: 2026-03-01 09:00, name: a}", "'2026-03-01 09:00' is not a day (leave out the"),
        ("{date: 2026-03-01}", "events.0.name: is missing"),
        ("{name: a}", "events.0.date: is missing (write date: 2026-03-01)"),
        ("{date: 2026-03-05, until: 2026-03-01, name: a}", "2026-03-01 is before the date"),
        ("{date: 2026-03-01, name: a, untill: 2026-03-02}", "unknown key (did you mean until?)"),
        ("{date: 2026-03-01, name: 'a', name: b}", "duplicate key"),
    ],
)
def test_a_mistake_is_shown_where_it_is(shop, line: str, says: str) -> None:
    shop.write(EVENTS, f"version: 1\nevents:\n  - {line}\n")
    (problem,) = shop.load().problems
    assert str(problem).startswith("config/events.yaml:3:")
    assert says in str(problem)


def test_a_list_is_needed_and_not_an_empty_one(shop) -> None:
    for text, says in (
        ("version: 1\nevents: []\n", "is an empty list"),
        ("version: 1\nevents: {date: 2026-03-01}\n", "must be a list of what happened"),
        ("events: [{date: 2026-03-01, name: a}]\n", "version: is missing"),
    ):
        shop.write(EVENTS, text)
        (problem,) = shop.load().problems
        assert says in str(problem)
