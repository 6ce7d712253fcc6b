"""When a message is tried again, and when that is given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from relance.domain.consent import may_write
from relance.domain.retry import WAITS, key_holds, look_up_after, retry_at

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


def test_a_repeat_is_safe_while_the_key_holds_with_a_margin_for_the_request_itself():
    hour = timedelta(hours=1)
    assert key_holds(hour, AT, AT + timedelta(minutes=45))
    assert not key_holds(hour, AT, AT + timedelta(minutes=46))
    assert not key_holds(None, AT, AT)


def test_a_vendor_is_asked_five_times_within_a_day_and_then_no_more():
    asked, at = [], AT
    while (due := look_up_after(AT, at, answered=True)) is not None:
        asked.append((due - AT) / timedelta(minutes=1))
        at = due
    assert asked == [1, 10, 60, 360, 1440]


def test_a_vendor_who_cannot_be_asked_is_asked_for_three_days():
    at, times = AT, 0
    while (due := look_up_after(AT, at, answered=False)) is not None:
        at, times = due, times + 1
    assert at == AT + timedelta(days=3)
    assert times == 13
