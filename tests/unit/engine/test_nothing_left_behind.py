"""Whatever fails, and whatever is fitted again: a worker goes on for months in one workbench."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from engine_shop import MONDAY, ORDERS, Shop, bought, segments_of
from relance.domain.condition import Aggregate, Comparison, EventIs, Measure, Op
from relance.domain.fits import Fits
from relance.domain.workspace import IdentitySpec
from relance.engine.service import RelanceEngine
from relance.engine.snapshot import Snapshots
from relance.errors import SourceError
from stage import Stage

SPENT = {"spent": EventIs(Aggregate("order", Measure.SUM, "amount"), (Comparison(Op.AT_LEAST, 1),))}


def scratch(engine: RelanceEngine) -> list[object]:
    sql = "SELECT table_name FROM information_schema.tables WHERE table_catalog = 'scratch'"
    return [name for (name,) in engine._workbench.run(sql)]


def test_a_picture_that_cannot_be_taken_leaves_no_table_behind(shop: Shop) -> None:
    shop.tables = {
        **shop.tables,
        "orders": {**ORDERS, "total": ["x", "1", "2", "3"]},
        "links": {"a": ["9"], "b": ["1"]},
    }
    engine = shop.engine(SPENT, identities=(IdentitySpec(table="links", id="a", customer="b"),))
    for _ in range(2):
        with pytest.raises(SourceError):
            engine.picture(MONDAY, segments_of(SPENT), [], Fits())
    assert scratch(engine) == []


def test_a_restoration_that_fails_leaves_no_table_behind(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Exception):
        pass

    def interrupted(*_: object) -> str:
        raise Interrupted

    engine = shop.engine({"any": bought(1)})
    monkeypatch.setattr(Snapshots, "_pivot", interrupted)
    batch = pa.RecordBatch.from_pydict({"segment": ["any"], "customer": ["1"]})
    with pytest.raises(Interrupted):
        engine.restore(MONDAY, {"any": "v1"}, [batch])
    assert scratch(engine) == []


def test_a_tick_that_fits_again_leaves_no_table_behind(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    for place, name in enumerate(("ann", "bob", "cid", "dan", "eve")):
        stage.arrive(name)
        stage.order(name, at=stage.now - timedelta(days=20 * place + 1))
    stage.trigger(segment="{rfm: {recency: 5}}")
    stage.entered()
    stage.wait(days=40)
    stage.order("ann")
    with stage.open() as relance:
        before = relance.state.ledger.standing().fits
        relance.tick(stage.now)
        assert relance.state.ledger.standing().fits != before
        engine = relance.engine
        assert isinstance(engine, RelanceEngine)
        assert scratch(engine) == []
