"""Who is held out: the same draw for the same unit, wherever and whenever it is drawn."""

from __future__ import annotations

import hashlib
import unicodedata

import duckdb
import pytest

from relance.domain.arm import (
    BUCKETS,
    HASH_VERSION,
    Arm,
    assign,
    assign_all,
    bucket,
    in_global_holdout,
    salt_of,
)

UNITS = ["1", "C000123", "household:7", "Zoé", "日本", "", "a:b", "household:Zoé"]


@pytest.mark.parametrize("unit", UNITS)
def test_a_bucket_is_what_its_description_says(unit: str) -> None:
    digest = hashlib.sha256(f"winback:v1:{unit}".encode()).hexdigest()
    assert bucket("winback:v1", unit) == int(digest[:15], 16) % BUCKETS


def test_duckdb_draws_the_same() -> None:
    drawn = duckdb.sql(
        "SELECT ('0x' || substr(sha256('winback:v1:' || unit), 1, 15))::BIGINT % 10000"
        f" FROM (SELECT unnest({UNITS!r}) AS unit)"
    ).fetchall()
    assert [value for (value,) in drawn] == [bucket("winback:v1", unit) for unit in UNITS]


def test_present_draws_go_on() -> None:
    """A draw of hash version 1 that changed would tear running experiments apart."""
    assert HASH_VERSION == 1
    drawn = [bucket(salt_of("winback", "5b0e7c1d22aa"), unit) for unit in ("1", "C000123", "ann")]
    assert drawn == [2063, 2507, 6713]


def test_one_letter_written_in_two_ways_is_one_unit() -> None:
    composed, parts = unicodedata.normalize("NFC", "Zoé"), unicodedata.normalize("NFD", "Zoé")
    assert composed != parts
    assert bucket("s", composed) == bucket("s", parts)


def test_raising_the_share_keeps_everybody_who_was_held_out() -> None:
    units = [str(number) for number in range(3000)]
    few = assign_all("winback", "v1", units, 0.05)
    more = assign_all("winback", "v1", units, 0.2)
    held = [unit for unit, arm in zip(units, few, strict=True) if arm is Arm.HOLDOUT]
    still = [unit for unit, arm in zip(units, more, strict=True) if arm is Arm.HOLDOUT]
    assert 100 < len(held) < 200
    assert set(held) <= set(still)


def test_nobody_is_held_out_of_nothing_and_everybody_of_everything() -> None:
    assert assign("winback", "v1", "ann", 0) is Arm.TREATED
    assert assign("winback", "v1", "ann", 1) is Arm.HOLDOUT


def test_draws_in_two_versions_and_in_the_programme_have_nothing_to_do_with_each_other() -> None:
    units = [str(number) for number in range(4000)]
    one = assign_all("winback", "v1", units, 0.5)
    other = assign_all("winback", "v2", units, 0.5)
    programme = [in_global_holdout("2026Q4", unit, 0.5) for unit in units]
    for second in ([arm is Arm.HOLDOUT for arm in other], programme):
        both = sum(a is Arm.HOLDOUT and b for a, b in zip(one, second, strict=True))
        assert 900 < both < 1100
