"""Comparisons for generated conditions, and what they compare with."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from hypothesis import strategies as st

from pools import (
    FUTURE,
    PAST,
    Pools,
)
from relance.domain.condition import (
    Comparison,
    Op,
    Operand,
    Scalar,
)

EQUAL = (Op.IS, Op.IS_NOT)
LISTED = (Op.IN, Op.NOT_IN)
ORDERED = (Op.AT_LEAST, Op.AT_MOST, Op.MORE_THAN, Op.LESS_THAN)
FITTING: Mapping[str, tuple[Op, ...]] = {
    "text": (*EQUAL, *LISTED, Op.CONTAINS, Op.STARTS_WITH, Op.EXISTS),
    "integer": (*EQUAL, *LISTED, *ORDERED, Op.BETWEEN, Op.EXISTS),
    "number": (*EQUAL, *LISTED, *ORDERED, Op.BETWEEN, Op.EXISTS),
    "truth": (*EQUAL, Op.EXISTS),
    "day": (*EQUAL, *LISTED, *ORDERED, Op.BETWEEN, Op.BEFORE, Op.AFTER, Op.ON_DAY, Op.EXISTS),
    "instant": (*EQUAL, *LISTED, *ORDERED, Op.BETWEEN, Op.BEFORE, Op.AFTER, Op.ON_DAY, Op.EXISTS),
}


@cache
def comparisons(pools: Pools, kind: str) -> st.SearchStrategy[tuple[Comparison, ...]]:
    """One or two comparisons that make sense for a kind of value."""
    one = st.one_of(
        [st.builds(Comparison, st.just(op), operands(pools, kind, op)) for op in FITTING[kind]]
    )
    return one.map(lambda only: (only,)) | st.tuples(one, one)


def operands(pools: Pools, kind: str, op: Op) -> st.SearchStrategy[Operand]:
    """What an operator may be written with in YAML, for a kind of value."""
    values = pools.values[kind]
    if kind == "number":
        values = values | pools.values["integer"]
    if kind == "instant":
        values = pools.days | pools.instants
    if op is Op.EXISTS:
        return st.booleans()
    if op in (Op.BEFORE, Op.AFTER):
        return pools.days | pools.instants | st.sampled_from((*PAST, *FUTURE))
    if op is Op.ON_DAY:
        return pools.days | st.sampled_from((*PAST[2:], *FUTURE))
    if op in LISTED:
        return st.lists(values, min_size=1, max_size=3).map(tuple)
    if op is Op.BETWEEN:
        if kind == "instant":
            return pairs(pools.days) | pairs(pools.instants)
        return pairs(values)
    return values


def pairs(values: st.SearchStrategy[Scalar]) -> st.SearchStrategy[tuple[Scalar, ...]]:
    """The ends of a `between`, the lower one first."""
    return st.tuples(values, values).map(lambda pair: tuple(sorted(pair)))
