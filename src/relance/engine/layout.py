"""Where each segment's bit stands: up to 62 segments in one whole number per customer."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

PER_COLUMN = 62


@dataclass(frozen=True, slots=True)
class Bit:
    """One segment's place: the mask column and the position in it."""

    column: int
    position: int

    @property
    def value(self) -> int:
        return 1 << self.position


@dataclass(frozen=True, slots=True)
class Layout:
    """The places of some segments."""

    bits: Mapping[str, Bit]

    @classmethod
    def of(cls, segments: Sequence[str]) -> Layout:
        places = enumerate(dict.fromkeys(segments))
        return cls({name: Bit(*divmod(number, PER_COLUMN)) for number, name in places})

    @property
    def columns(self) -> int:
        """How many mask columns there are; at least one."""
        return max((bit.column for bit in self.bits.values()), default=0) + 1

    def masks(self, held: Mapping[str, ir.BooleanValue]) -> dict[str, ir.IntegerValue]:
        """The mask columns `m0`, `m1`, …, from one boolean per segment."""
        terms: list[list[ir.IntegerValue]] = [
            [ibis.literal(0, type="int64")] for _ in range(self.columns)
        ]
        for name, bit in self.bits.items():
            value = ibis.literal(bit.value, type="int64")
            terms[bit.column].append(held[name].ifelse(value, ibis.literal(0, type="int64")))
        return {f"m{n}": functools.reduce(operator.add, each) for n, each in enumerate(terms)}

    def holds(self, segment: str, alias: str) -> str:
        """SQL: whether a row of the table `alias` is in a segment; null where there is no row."""
        bit = self.bits[segment]
        return f"({alias}.m{bit.column} & {bit.value}) <> 0"
