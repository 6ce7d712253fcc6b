"""How many messages travel together."""

from __future__ import annotations

import pytest

from relance.pipeline.pace import pace


@pytest.mark.parametrize(
    ("batch", "marked"), [(1, 100), (50, 200), (100, 400), (500, 500), (1_000, 1_000)]
)
def test_in_batches_as_many_are_marked_as_may_be_on_the_wire_at_once(batch: int, marked: int):
    found = pace(batch, None)
    assert found.group == marked
    assert found.group % found.batch == 0
    assert batch == 1 or found.group <= found.batch * found.calls


@pytest.mark.parametrize("batch", [1, 50, 100, 500])
@pytest.mark.parametrize("rate", [0.1, 2.0, 14.0, 60.0])
def test_no_more_is_marked_than_leaves_within_the_seconds_of_a_stop(batch: int, rate: float):
    found = pace(batch, rate)
    reach = max(1, int(rate * 4.0))
    assert found.batch * found.calls <= reach
    assert found.group <= reach
    assert found.wave >= found.group
