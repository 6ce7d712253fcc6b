"""Every operator against every value at the edges, on each kind of source.

What generated cases meet by luck is walked through here: each value of a kind is somebody's,
and each operator is asked with each operand.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from comparing import FITTING
from pools import ATTRIBUTES, ORDER_FIELDS, WORDS
from relance.domain.condition import (
    Aggregate,
    Comparison,
    Condition,
    CustomerIs,
    EventIs,
    FieldTest,
    Measure,
    Op,
    Operand,
    Window,
)
from relance.domain.duration import Duration
from relance.domain.fits import Fits
from relance.domain.workspace import Segment
from relance.engine import open_engine
from relance.engine.reference import evaluate
from relance.engine.reference_shop import Customer, Event, Shop, Value
from shops import workspace, write_parquet, write_postgres, write_sqlite
from strategies import Case

PARIS = ZoneInfo("Europe/Paris")
AT = datetime(2026, 3, 30, 8, 15, tzinfo=PARIS)  # the clocks went forward the day before
LENGTHS = [Duration.parse(text) for text in ("2 hours", "1 day", "7 days", "1 month")]
EDGES = [AT, *(length.before(AT, PARIS) for length in LENGTHS)]
DAYS = [date(2026, 3, 29), date(2026, 3, 30), date(1954, 7, 20)]
MIDNIGHTS = [datetime(2026, 3, day, tzinfo=PARIS) for day in (29, 30, 31)]
TICK = timedelta(microseconds=1)
MOMENTS = [
    edge.astimezone(UTC) + nudge
    for edge in (*EDGES, *MIDNIGHTS)
    for nudge in (-TICK, 0 * TICK, TICK)
]

VALUES: dict[str, list[Value]] = {
    "text": [*WORDS, "FRance", "0% c", "aFRb", None],
    "integer": [-3, 0, 1, 2, 38, None],
    "number": [-2.5, 0.0, 0.25, 1.0, 2.0, 38.0, None],
    "truth": [True, False, None],
    "day": [*DAYS, date(2026, 3, 23), date(1968, 2, 29), date(2026, 4, 2), None],
    "instant": [*MOMENTS, None],
}
OPERANDS: dict[str, list[Operand]] = {
    "text": list(WORDS),
    "integer": [0, 2, 38],
    "number": [-2.5, 0, 1, 0.25],
    "truth": [True, False],
    "day": list(DAYS),
    "instant": [*DAYS, *EDGES[:3], MIDNIGHTS[1]],
}


def asked(kind: str, op: Op) -> list[Operand]:
    """What an operator is tried with, for a kind of value."""
    plain = OPERANDS[kind]
    if op is Op.EXISTS:
        return [True, False]
    if op in (Op.IN, Op.NOT_IN):
        return [tuple(plain[:2]), tuple(plain[-1:])]  # type: ignore[list-item]  # all scalars
    if op is Op.BETWEEN:
        pairs = [(DAYS[0], DAYS[1]), (EDGES[2], EDGES[0])] if kind == "instant" else []
        return [*pairs, *([] if pairs else [tuple(sorted(plain[:2]))])]  # type: ignore[type-var, list-item]
    if op in (Op.BEFORE, Op.AFTER):
        return [*DAYS, *EDGES[:3], MIDNIGHTS[1], *LENGTHS]
    if op is Op.ON_DAY:
        return [*DAYS, *LENGTHS[1:]]
    return plain


def grid() -> Iterator[Condition]:
    """Attributes, event fields, first and last under every operator; counts in every window."""
    for name, kind in {**ATTRIBUTES, **ORDER_FIELDS}.items():
        for op in FITTING[kind]:
            for operand in asked(kind, op):
                test = (Comparison(op, operand),)
                if name in ATTRIBUTES:
                    yield CustomerIs(name, test)
                else:
                    where = (FieldTest(name, test),)
                    yield bought(Aggregate("order", Measure.COUNT, where=where))
    for measure in (Measure.FIRST, Measure.LAST):
        for op in (Op.BEFORE, Op.AFTER, Op.ON_DAY, Op.EXISTS):
            for operand in asked("instant", op):
                yield EventIs(Aggregate("order", measure), (Comparison(op, operand),))
                yield EventIs(Aggregate("visit", measure), (Comparison(op, operand),))
    for window in windows():
        yield bought(Aggregate("order", Measure.COUNT, window=window))
        yield bought(Aggregate("visit", Measure.COUNT, window=window))


def bought(aggregate: Aggregate) -> Condition:
    return EventIs(aggregate, (Comparison(Op.AT_LEAST, 1),))


def windows() -> Iterator[Window]:
    yield from (Window(within=length) for length in LENGTHS)
    yield from (Window(since=start) for start in (*DAYS, *EDGES, MIDNIGHTS[1]))


def shop(source_zone: ZoneInfo) -> Shop:
    """Everybody has the next value of each kind, and one order and one visit at the next moment."""
    keys = [f"c{number}" for number in range(len(VALUES["instant"]))]

    def nth(number: int, kind: str) -> Value:
        return VALUES[kind][number % len(VALUES[kind])]

    orders = [
        Event(
            customer=key, at=at, fields={name: nth(n, kind) for name, kind in ORDER_FIELDS.items()}
        )
        for n, (key, at) in enumerate(zip(keys, MOMENTS, strict=False))
    ]
    visited = [nth(n, "day") for n, _ in enumerate(keys)]
    visits = [
        Event(customer=key, at=datetime(day.year, day.month, day.day, tzinfo=source_zone))
        for key, day in zip(keys, visited, strict=True)
        if isinstance(day, date)
    ]
    customers = [
        Customer(key=key, attributes={name: nth(n, kind) for name, kind in ATTRIBUTES.items()})
        for n, key in enumerate(keys)
    ]
    return Shop(
        zone=PARIS,
        source_zone=source_zone,
        customers=customers,
        events={"order": orders, "visit": visits},
    )


def case(*, naive: bool) -> Case:
    segments = {
        f"s{number}": Segment(name=f"s{number}", condition=condition, version="1")
        for number, condition in enumerate(grid())
    }
    return Case(
        shop=shop(ZoneInfo("UTC") if naive else PARIS),
        at=AT,
        earlier=AT,
        segments=segments,
        whole_keys=False,
        naive=naive,
    )


@pytest.mark.parametrize(
    ("source", "naive"),
    [("parquet", True), ("parquet", False), ("sqlite", False), ("postgresql", False)],
)
def test_every_operator_agrees_with_the_oracle_at_every_edge(
    source: str, naive: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    whole = case(naive=naive)
    if source == "postgresql":
        location = write_postgres(whole, request.getfixturevalue("postgres_database"))
    else:
        location = (write_sqlite if source == "sqlite" else write_parquet)(whole, tmp_path)

    found = members(whole, location, tmp_path, at_source=source == "postgresql")

    wrong = {
        str(segment.condition): (found[name] - wanted, wanted - found[name])
        for name, segment in whole.segments.items()
        if found[name] != (wanted := evaluate(segment.condition, whole.shop, AT))
    }
    assert wrong == {}, "condition: (the engine's only, the oracle's only)"


def members(whole: Case, location: str, root: Path, *, at_source: bool) -> dict[str, set[str]]:
    setting = workspace(whole, location, root, at_source=at_source)
    with (
        open_engine(setting) as engine,
        engine.picture(AT, list(whole.segments.values()), [], Fits()) as picture,
    ):
        return {
            name: {
                who
                for batch in picture.members(name)
                for who in batch.column("customer").to_pylist()
            }
            for name in whole.segments
        }
