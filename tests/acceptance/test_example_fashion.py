"""examples/fashion: an action for each path between stages, in each market's own language."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from example_shop import Example, Mail
from json_page import differences, documented

MARKETS = {
    "FR": ("fr", "Europe/Paris"), "DE": ("de", "Europe/Berlin"), "ES": ("es", "Europe/Madrid"),
    "IT": ("it", "Europe/Rome"), "NL": ("nl", "Europe/Amsterdam"), "IE": ("en", "Europe/Dublin"),
}  # fmt: skip
EVENING = datetime(2026, 3, 2, 21)  # noqa: DTZ001  between the first two ticks, on the shop's wall
# the orders that lead along a path at some evening, in days before it
PATHS = {
    "second_piece": (30,),
    "new_season": (110, 90),
    "glad_you_came": (140, 120, 0),
    "we_miss_you": (200, 180),
    "welcome_back": (300, 250, 0),
    "here_to_stay": (230, 30),
}
QUIET = {"steady": (70, 40, 10), "gone": (800, 500), "looking": ()}  # these move nowhere


def people() -> Iterator[tuple[str, str, str, tuple[float, ...]]]:
    """Customer, country, consent, and the days before the first evening of their orders."""
    for country in MARKETS:
        for path, days in PATHS.items():
            for later in (0, 1):  # half of them a day later
                moved = tuple(day - later for day in days)
                yield f"{path}.{later}.{country}", country, "yes", moved
        for kind, days in QUIET.items():
            yield f"{kind}.{country}", country, "yes", days
    yield "new_season.silent.FR", "FR", "no", PATHS["new_season"]
    yield "new_season.0.PT", "PT", "yes", PATHS["new_season"]


def write_data(example: Example) -> None:
    everybody = list(people())
    markets = {**MARKETS, "PT": ("pt", "Europe/Lisbon")}
    example.write(
        "customers",
        ("customer_id", "email", "language", "tz", "country", "email_optin", "first_name"),
        [
            (who, f"{who}@mail.example", *markets[country], country, consent, "Andrea")
            for who, country, consent, _ in everybody
        ],
    )
    orders = [
        (who, EVENING - timedelta(days=day), 89.5) for who, _, _, days in everybody for day in days
    ]
    # sent back what had been bought months ago: no order, and no way back
    orders += [("new_season.0.FR", EVENING - timedelta(hours=3), -89.5)]
    example.write("orders", ("customer_id", "ordered_at", "total"), orders)


@pytest.fixture
def fashion(tmp_path: Path) -> Example:
    example = Example.of("fashion", tmp_path)
    write_data(example)
    return example


def test_each_path_has_its_message_in_the_language_of_the_market(fashion: Example) -> None:
    assert fashion.json("check") == []
    first = fashion.day("2026-03-02")
    assert all(trigger["baseline"] for trigger in first.values())
    assert fashion.mails() == [], "the baseline writes to nobody"

    days = [fashion.day("2026-03-03"), fashion.day("2026-03-04"), fashion.day("2026-03-05")]

    got = fashion.mails()
    for path in PATHS:
        told = [day[path] for day in days]
        guests = 2 * len(MARKETS) + (path == "new_season")  # and the one in Portugal
        assert sum(each["treated"] + each["held_out"] for each in told) == guests, path
        mine = [mail for mail in got if mail.to.startswith(f"{path}.")]
        assert len(mine) == sum(each["treated"] for each in told) > 0, path
        assert all(right(fashion, path, mail) for mail in mine), mine
    assert days[0]["new_season"]["refused"] == {"no_consent": 1}
    assert len(got) == sum(day[path]["treated"] for day in days for path in PATHS)
    assert {mail.to.split("@")[0].split(".")[2] for mail in got} >= MARKETS.keys()
    told = fashion.json("why", "glad_you_came.0.FR")
    assert [(stage["stage"], stage["baseline"]) for stage in told["stages"]] == [
        ("at_risk", True), ("active", False),
    ]  # fmt: skip
    assert told["stages"][0]["until"] == told["stages"][1]["since"]
    assert told["stages"][1]["until"] is None
    report = fashion.json("report", "--at", "2026-03-05T12:00")
    assert {trigger["trigger"] for trigger in report} == PATHS.keys()


def right(example: Example, path: str, mail: Mail) -> bool:
    """Whether a mail has the subject that its path has in the language of its market."""
    country = mail.to.split("@")[0].split(".")[2]
    language = MARKETS.get(country, ("en", ""))[0]
    return mail.subject == example.subject(path, f"email.{language}.html")


def test_everybody_stands_in_one_stage(fashion: Example) -> None:
    at = ("--at", "2026-03-02T09:00")
    stages = fashion.json("stages", *at)
    example, nullable = documented("stages")
    assert list(differences(stages, example, nullable)) == []
    assert stages["thresholds"]["from"] == "fixed"
    assert {each["name"]: each["customers"] for each in stages["stages"]} == {
        "prospect": 6, "new": 12, "active": 12 + 2 + 6, "at_risk": 24, "lapsed": 12,
        "reactivated": 12, "lost": 6,
    }  # fmt: skip
