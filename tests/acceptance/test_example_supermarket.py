"""examples/supermarket: who leaves, who hesitates and who came back, each with its own message."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from example_shop import Example
from json_page import differences, documented
from newcomer import call

EVENING = datetime(2026, 3, 2, 21)  # noqa: DTZ001  after the first tick, on the shop's wall
DAYS = ("2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06", "2026-03-07")
AHEAD = -9  # the chain goes on: receipts up to nine days after the first evening

Life = tuple[str, list[float], float]  # a card, its receipts in days before EVENING, their amount


def chain() -> Iterator[Life]:
    """Those to whom nothing happens: most come weekly, some rarely, some never again."""
    for number in range(150):
        begin = 7 - number % 7
        yield f"weekly{number}", [begin + 7 * week for week in range(-2, 15)], 40.0
    for number in range(90):
        yield f"fortnight{number}", [number % 14 + 14 * turn for turn in range(-1, 5)], 60.0
    for number in range(20):
        yield f"monthly{number}", [number + 6 + 30 * turn for turn in range(3)], 20.0
    for number in range(10):
        yield f"gone{number}", [400 + number, 430 + number], 30.0
        yield f"prospect{number}", [], 0.0


def movers() -> Iterator[Life]:
    """Those to whom something happens, at EVENING or one of the evenings after it."""
    for number in range(10):
        later = number % 3
        # three times a week at full baskets, until a fortnight of silence is over
        often = [14 - later + 7 / 3 * visit for visit in range(60)]
        yield f"leaving{number}", often, 120.0
        yield f"hesitating{number}", [7 - later], 25.0
        yield f"returning{number}", [230, 200, -later], 35.0


def lives() -> list[Life]:
    return [*chain(), *movers()]


@pytest.fixture
def supermarket(tmp_path: Path) -> Example:
    example = Example.of("supermarket", tmp_path)
    example.write(
        "cards",
        ("card", "email", "mobile", "email_optin", "sms_optin", "first_name", "store"),
        [
            (card, f"{card}@mail.example", f"06{number:08}", "yes", "yes", "Dominique", "Lyon 3")
            for number, (card, _, _) in enumerate(lives())
        ],
    )
    receipts = [
        (card, EVENING - timedelta(days=day), amount)
        for card, days, amount in lives()
        for day in days
        if day >= AHEAD
    ]
    # a refund long after the last visit is no visit: they are leaving all the same
    receipts += [("leaving0", EVENING - timedelta(days=2), -120.0)]
    # came by before the text message was due
    receipts += [("leaving1", EVENING + timedelta(days=2), 80.0)]
    example.write("receipts", ("card", "paid_at", "total"), receipts)
    return example


def test_each_of_the_three_gets_its_own_message_and_nobody_else_any(supermarket: Example) -> None:
    assert supermarket.json("check") == []
    supermarket.day("2026-03-02")
    assert supermarket.mails() == [], "the baseline writes to nobody"

    days = [supermarket.day(day) for day in DAYS]

    subjects = {
        "leaving": supermarket.subject("best_customers_leaving"),
        "hesitating": supermarket.subject("slow_to_convert"),
        "returning": supermarket.subject("back_on_their_own"),
    }
    got = supermarket.mails()
    letters = [mail for mail in got if "@" in mail.to]
    for kind, trigger in (
        ("leaving", "best_customers_leaving"), ("hesitating", "slow_to_convert"),
        ("returning", "back_on_their_own"),
    ):  # fmt: skip
        told = [day[trigger] for day in days]
        assert sum(each["treated"] + each["held_out"] for each in told) == 10, trigger
        mine = [mail for mail in letters if mail.to.startswith(kind)]
        assert len(mine) == len(set(mine)) == sum(each["treated"] for each in told) > 0
        assert {mail.subject for mail in mine} == {subjects[kind]}
    assert len(letters) == sum(day[name]["treated"] for day in days for name in day)

    # a text message three days later, but not to number 1, who came by meanwhile
    phones = {f"+336{place:08}": card for place, (card, _, _) in enumerate(lives())}
    written = {mail.to.split("@")[0] for mail in letters if mail.to.startswith("leaving")}
    assert {phones[mail.to] for mail in got if "@" not in mail.to} == written & {
        f"leaving{number}" for number in (0, 3, 6, 9, 4, 7)
    }
    report = supermarket.json("report", "--at", "2026-03-07T12:00")
    assert {trigger["trigger"] for trigger in report} == {
        "best_customers_leaving", "slow_to_convert", "back_on_their_own",
    }  # fmt: skip


def test_what_is_too_long_a_silence_is_learnt_from_the_receipts(supermarket: Example) -> None:
    stages = supermarket.json("stages", "--at", "2026-03-02T09:00")
    grid = supermarket.json("rfm", "--at", "2026-03-02T09:00")

    for name, document in (("stages", stages), ("rfm", grid)):
        example, nullable = documented(name)
        assert list(differences(document, example, nullable)) == []
    assert stages["thresholds"]["from"] == "fitted"
    assert [stages["thresholds"][key] for key in ("recent", "active", "at_risk", "lapsed")] == [
        "7 days", "14 days", "30 days", "60 days",
    ]  # fmt: skip
    assert sum(each["customers"] for each in stages["stages"]) == 310
    found = supermarket.json("health", "at_risk", "--at", "2026-03-02T09:00")
    assert found["customers"] == 310
    asked = ("describe", "at_risk", "--at", "2026-03-02T09:00")
    told = call(*asked, "--workspace", str(supermarket.root)).out
    assert "of them have had a receipt" in told
    assert sum(each["customers"] for each in grid["grid"]) + grid["unscored"] == 310
