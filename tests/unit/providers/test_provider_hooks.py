"""The lenient readers of what vendors post: odd values become nothing, never a crash."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from relance.domain.receipt import Receipt, ReceiptKind
from relance.errors import Unreadable, Unverified
from relance.providers import hooks
from reports import NOW


@pytest.mark.parametrize(
    "value", [None, True, [], {}, "soon", "nan", 1e300, "-1e300", float("inf")]
)
def test_what_is_no_number_of_seconds_is_no_instant(value: object) -> None:
    assert hooks.epoch(value) is None


@pytest.mark.parametrize("value", [1795338000, 1795338000.0, "1795338000"])
def test_seconds_are_an_instant_in_any_writing(value: object) -> None:
    assert hooks.epoch(value) == datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, 5, "", "yesterday", "0001-01-01T00:00:00+23:00"])
def test_what_is_no_date_is_no_instant(value: object) -> None:
    assert hooks.iso(value) is None


@pytest.mark.parametrize(
    "value", ["2026-11-22T09:00:00Z", "2026-11-22T10:00:00.0000000+01:00", "2026-11-22T09:00:00"]
)
def test_a_date_is_an_instant_and_without_a_zone_utc(value: str) -> None:
    assert hooks.iso(value) == NOW


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 5000 + b"]" * 5000, b'"\\ud800"'])
def test_what_is_no_json_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        hooks.raw(hooks.parsed(body))


def test_json_too_deep_to_be_written_again_is_unreadable() -> None:
    deep = hooks.parsed(b"[" * 500 + b"]" * 500)
    with pytest.raises(Unreadable, match="too_deep"):
        hooks.identity("", deep)


def test_an_id_of_the_vendors_is_kept_unless_it_is_endless() -> None:
    assert hooks.identity("ev1", {}) == "ev1"
    assert len(hooks.identity("x" * 5000, {"a": 1})) == 64


def test_an_events_digest_does_not_depend_on_the_order_of_its_keys() -> None:
    assert hooks.identity("", {"a": 1, "b": 2}) == hooks.identity("", {"b": 2, "a": 1})
    assert hooks.identity("", {"a": 1}) != hooks.identity("", {"a": 2})


def test_a_reason_is_a_short_word_and_never_an_address() -> None:
    assert hooks.short(" Bounced Address ") == "bounced address"
    assert hooks.short("550 no such user chloe@example.com") == ""
    assert hooks.short("x" * 61) == ""


def test_a_text_that_postgresql_could_not_keep_loses_its_zero_byte() -> None:
    assert hooks.text({"id": "a\0b"}, "id") == "ab"
    assert hooks.text({"id": True}, "id") == ""
    assert hooks.text({"id": 42}, "id") == "42"


@pytest.mark.parametrize("minutes", [-5, 0, 5])
def test_a_signature_of_these_minutes_is_fresh(minutes: int) -> None:
    hooks.check_fresh(NOW + timedelta(minutes=minutes), NOW)


def test_a_vendor_that_repeats_its_first_signature_may_be_late_and_never_early() -> None:
    window = timedelta(hours=9)
    hooks.check_fresh(NOW - window, NOW, window)
    with pytest.raises(Unverified, match="stale"):
        hooks.check_fresh(NOW + timedelta(seconds=301), NOW, window)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_an_older_or_later_one_is_stale(seconds: int) -> None:
    with pytest.raises(Unverified, match="stale"):
        hooks.check_fresh(NOW + timedelta(seconds=seconds), NOW)


def receipt(kind: ReceiptKind) -> Receipt:
    return Receipt(provider="x", event_id="", kind=kind)


def test_a_look_up_tells_what_says_most_of_a_messages_fate() -> None:
    kinds = (ReceiptKind.OPENED, ReceiptKind.HARD_BOUNCED, ReceiptKind.ACCEPTED)
    best = hooks.most_telling([receipt(kind) for kind in kinds], "abc1")
    assert best is not None
    assert best.kind is ReceiptKind.HARD_BOUNCED
    assert best.event_id == "look-up:abc1:hard_bounced"


def test_a_look_up_that_finds_nothing_known_has_no_answer() -> None:
    assert hooks.most_telling([], "abc1") is None
    assert hooks.most_telling([receipt(ReceiptKind.UNKNOWN)], "abc1") is None
