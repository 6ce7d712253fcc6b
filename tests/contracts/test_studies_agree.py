"""Every engine counts of a study what plain Python counts, customer by customer and day by day."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from study_oracle import expected
from study_shops import agrees, counted, generated, write_parquet, write_postgres, write_sqlite

SEEDS = st.integers(0, 2**32 - 1)
KINDS = st.sampled_from(["instant", "local", "day"])


def often(examples: int) -> settings:
    """So many shops; a smaller one would not tell more, and shrinking takes minutes."""
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
    )


@given(seed=SEEDS, kind=KINDS)
@often(25)
def test_a_folder_of_parquet_files_is_counted_as_by_hand(seed: int, kind: str) -> None:
    shop = generated(seed, kind)
    with tempfile.TemporaryDirectory() as folder:
        agrees(counted(shop, write_parquet(shop, Path(folder)), Path(folder)), expected(shop))


@pytest.mark.slow
@given(seed=SEEDS, kind=KINDS)
@often(500)
def test_many_more_folders_are_counted_as_by_hand(seed: int, kind: str) -> None:
    shop = generated(seed, kind)
    with tempfile.TemporaryDirectory() as folder:
        agrees(counted(shop, write_parquet(shop, Path(folder)), Path(folder)), expected(shop))


@given(seed=SEEDS, kind=KINDS)
@often(8)
def test_a_sqlite_file_is_counted_as_by_hand(seed: int, kind: str) -> None:
    shop = generated(seed, kind, nan=False)  # SQLite has no such number
    with tempfile.TemporaryDirectory() as folder:
        agrees(counted(shop, write_sqlite(shop, Path(folder)), Path(folder)), expected(shop))


@pytest.mark.parametrize("at_source", [False, True], ids=["workbench", "at_source"])
@given(seed=SEEDS, kind=KINDS)
@often(6)
def test_postgresql_is_counted_as_by_hand(
    postgres_database: str, at_source: bool, seed: int, kind: str
) -> None:
    shop = generated(seed, kind)
    location = write_postgres(shop, postgres_database)
    root = Path(tempfile.gettempdir())
    agrees(counted(shop, location, root, at_source=at_source), expected(shop))
