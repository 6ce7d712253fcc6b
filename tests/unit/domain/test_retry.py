"""When a message is tried again, and when that is given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from relance.domain.consent import may_write
from relance.domain.retry import WAITS, retry_at

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_the_first_retry_comes_after_about_a_minute_and_each_later_one_waits_longer():
    waits = [retry_at("m1", attempts, AT) - AT for attempts in range(len(WAITS))]
    assert timedelta(seconds=54) <= waits[0] <= timedelta(seconds=66)
    assert waits == sorted(waits)


def test_a_message_is_given_up_after_eight_attempts_in_about_three_days():
    assert retry_at("m1", 7, AT) is None
    assert timedelta(days=2.5) < sum(WAITS, timedelta()) < timedelta(days=3.5)


def test_the_same_message_waits_the_same_and_a_wave_is_spread():
    dues = {retry_at(f"m{n}", 1, AT) for n in range(100)}
    assert retry_at("m1", 1, AT) == retry_at("m1", 1, AT)
    assert len(dues) > 90


@pytest.mark.parametrize("seconds", [90.0, 3600.0])
def test_the_vendor_is_never_asked_again_sooner_than_it_wished(seconds: float):
    for n in range(50):
        assert retry_at(f"m{n}", 0, AT, retry_after=seconds) >= AT + timedelta(seconds=seconds)


def test_an_absurd_wish_of_the_vendor_is_bounded():
    assert retry_at("m1", 0, AT, retry_after=1e9) < AT + timedelta(days=2)


@pytest.mark.parametrize(
    ("source", "recorded", "allowed"),
    [
        (True, None, True),
        (True, True, True),
        (True, False, False),
        (False, None, False),
        (False, True, False),
        (False, False, False),
    ],
)
def test_neither_the_source_nor_the_record_may_say_no(source: bool, recorded: bool, allowed: bool):
    assert may_write(source=source, recorded=recorded) is allowed
