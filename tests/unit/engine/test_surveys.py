"""What a survey refuses as a tick does, and times that Python cannot hold."""

from __future__ import annotations

import pyarrow as pa
import pytest

from account_shop import account, supplier, tables
from engine_shop import ORDERS, TUESDAY, Shop, bought, segments_of
from relance.domain.condition import Op
from relance.domain.duration import Duration
from relance.domain.fits import Fits
from relance.domain.trigger import Goal
from relance.domain.workspace import IdentitySpec
from relance.errors import SourceError

WEEK = Goal(event="order", within=Duration.parse("7 days"))
ANY = {"any": bought(1)}


def test_an_account_key_twice_is_refused(shop: Shop) -> None:
    shop.tables = tables()
    shop.tables["accounts"]["account_id"] = ["A", "A", "C", "D"]
    gold = {"gold": account("tier", Op.IS, "gold")}
    with pytest.raises(SourceError, match=r"1 row with the key of another row"):
        supplier(shop, gold).survey(TUESDAY, segments_of(gold), WEEK, ["order"], Fits())


def test_a_link_whose_instant_cannot_be_read_is_refused(shop: Shop) -> None:
    shop.tables = {**shop.tables, "links": {"a": ["9"], "b": ["1"], "at": ["yesterday"]}}
    links = IdentitySpec(table="links", id="a", customer="b", at="at")
    engine = shop.engine(ANY, identities=(links,))
    with pytest.raises(SourceError, match="1 row is text that is not"):
        engine.survey(TUESDAY, segments_of(ANY), WEEK, ["order"], Fits())


def test_instants_with_nanoseconds_are_told_in_microseconds(shop: Shop) -> None:
    at = [1772000000123456789, 1772900000123456400, 1772000000000000000, None]
    moments = pa.array(at, pa.timestamp("ns"))
    shop.tables["orders"] = {**ORDERS, "ordered_at": moments}
    found = shop.engine(ANY).survey(TUESDAY, segments_of(ANY), WEEK, ["order"], Fits())
    assert found.tables["order"].rows == 3
    newest = found.tables["order"].newest
    assert newest is not None
    assert newest.microsecond == 123456
