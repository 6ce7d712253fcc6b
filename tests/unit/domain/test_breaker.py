"""A provider that fails is left alone for a while, and tried by one request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from relance.domain.breaker import Breaker, Cause, Gate

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def after_failures(count: int, breaker: Breaker | None = None) -> Breaker:
    breaker = breaker or Breaker()
    for _ in range(count):
        breaker = breaker.failed("connect", AT)
    return breaker


def opened() -> Breaker:
    return after_failures(5)


def test_the_fifth_failure_in_a_row_opens_it_for_half_a_minute():
    assert after_failures(4).gate(AT) is Gate.CLOSED
    assert opened().gate(AT) is Gate.OPEN
    assert opened().gate(AT + 30 * SECOND - SECOND) is Gate.OPEN
    assert opened().gate(AT + 30 * SECOND) is Gate.PROBE
    assert (opened().cause, opened().reason) == (Cause.CIRCUIT_OPEN, "connect")


def test_a_success_in_between_starts_the_count_again():
    breaker = after_failures(4, after_failures(4).succeeded(AT))
    assert breaker.gate(AT) is Gate.CLOSED


def test_a_request_that_tries_it_in_vain_opens_it_for_twice_as_long_up_to_ten_minutes():
    breaker, at, waits = opened(), AT, []
    for _ in range(7):
        assert breaker.until is not None
        waits.append(breaker.until - at)
        at = breaker.until
        breaker = breaker.failed("connect", at)
    assert [wait.total_seconds() for wait in waits] == [30, 60, 120, 240, 480, 600, 600]


def test_a_request_that_succeeds_when_it_is_tried_closes_it():
    breaker = opened().succeeded(AT + MINUTE)
    assert breaker == Breaker()


def test_answers_to_what_was_on_the_wire_already_neither_close_nor_prolong_it():
    assert opened().succeeded(AT) == opened()
    assert opened().failed("connect", AT + SECOND) == opened()
    assert opened().paused("forbidden", AT + SECOND) == opened()


@pytest.mark.parametrize(("asked", "seconds"), [(5.0, 30), (120.0, 120), (1e9, 3600)])
def test_the_vendors_longer_wish_is_kept_up_to_an_hour(asked: float, seconds: int):
    breaker = after_failures(4).failed("rate_limited", AT, asked)
    assert breaker.until == AT + seconds * SECOND


def test_a_wish_that_arrives_when_it_is_open_already_counts_too():
    assert opened().failed("rate_limited", AT, 300.0).until == AT + 5 * MINUTE


def test_a_vendor_who_refuses_us_is_left_alone_at_once_a_minute_then_twice_as_long():
    breaker, at, waits = Breaker().paused("unauthorised", AT), AT, []
    for _ in range(6):
        assert breaker.until is not None
        waits.append(breaker.until - at)
        at = breaker.until
        breaker = breaker.paused("unauthorised", at)
    assert [wait / MINUTE for wait in waits] == [1, 2, 4, 8, 15, 15]
    assert breaker.cause is Cause.PROVIDER_PAUSED


def test_a_clock_set_back_behind_the_opening_does_not_keep_it_open():
    assert opened().gate(AT - HOUR) is Gate.PROBE
