"""What the last event was like: `<event>.last_<field>` in templates."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time

import pyarrow as pa
import pytest

from engine_shop import ORDER, ORDERS, TUESDAY, Shop, at, fill_postgres
from relance.domain.fits import Fits
from relance.errors import SourceError

NAMES = ("order.last_category", "order.last_size", "order.last_amount", "order.last")
SIZED = replace(ORDER, fields={"category": "category", "size": "size"})


def local(*day: int) -> datetime:
    return datetime.combine(date(*day), time())


@pytest.fixture
def sized(shop: Shop) -> Shop:
    orders = {
        "customer_id": [1, 1, 2, 2, 3, 3, 3],
        "ordered_at": [local(2026, 3, 1), local(2026, 3, 2), local(2026, 3, 2), local(2026, 3, 2),
                       local(2026, 3, 1), local(2026, 3, 5), local(2026, 4, 1)],
        "total": [10.0, 20.0, 5.0, 6.0, 7.0, 8.0, 9.0],
        "category": ["hats", "shoes", "shoes", "boots", "hats", None, "later"],
        "size": ["1", "43", "41", "40", "2", "39", "9"],
    }  # fmt: skip
    assert orders.keys() > ORDERS.keys() - {"customer_id"}
    shop.tables = {**shop.tables, "orders": orders}
    return shop


def told(engine) -> dict[str, tuple[object, ...]]:
    with engine.picture(TUESDAY, [], NAMES, Fits()) as picture:
        rows = picture.rows(pa.array(["1", "2", "3", "4"]), NAMES).to_pylist()
    return {row["customer"]: tuple(row[name] for name in NAMES[:3]) for row in rows}


EXPECTED = {
    "1": ("shoes", "43", 20.0),
    "2": ("shoes", "41", 5.0),  # of one instant the same one for all fields
    "3": (None, "39", 8.0),  # a gap of the last event is a gap; the one of April is to come
    "4": (None, None, None),
}


def test_fields_are_those_of_one_event_the_last_that_happened(sized: Shop) -> None:
    assert told(sized.engine(events={"order": SIZED})) == EXPECTED


@pytest.mark.parametrize("at_source", [False, True])
def test_the_same_on_postgresql(sized: Shop, postgres_database: str, at_source: bool) -> None:
    fill_postgres(postgres_database, sized.tables)
    space = at(sized.workspace(events={"order": SIZED}), postgres_database, at_source=at_source)
    assert told(sized.open(space)) == EXPECTED


def test_a_field_that_is_not_mapped_is_no_name(sized: Shop) -> None:
    engine = sized.engine(events={"order": SIZED})
    with (
        engine.picture(TUESDAY, [], [], Fits()) as picture,
        pytest.raises(SourceError, match="no column is mapped to the field 'colour'"),
    ):
        picture.rows(pa.array(["1"]), ["order.last_colour"])
