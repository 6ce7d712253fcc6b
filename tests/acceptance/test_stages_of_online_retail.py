"""Stages and cells of a real shop's customers, month by month, against pandas."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from acceptance.expected_stages import cells, read, stages, thresholds
from relance.domain.fits import LIFECYCLE, Rhythm
from relance.wiring import open_relance

HERE = Path(__file__).parent
DATA = HERE.parents[2] / "shared" / "data" / "online_retail.parquet"
MONTHS = pd.date_range("2011-01-01", "2011-12-01", freq="MS")
SEGMENTS = """\
version: 1
lifecycle: {refit: 20 days}
rfm: {refit: 20 days, segments: true}
"""


@pytest.fixture
def online_retail() -> Path:
    """The invoices; without them the test is skipped, or fails where they are required."""
    if not DATA.exists():
        say = pytest.fail if os.environ.get("RELANCE_REQUIRE_SHARED") == "1" else pytest.skip
        say(f"{DATA} is missing")
    return DATA


def test_everybodys_stage_and_cell_of_each_month_agree_with_pandas(
    online_retail: Path, tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    shutil.copy(HERE / "online_retail/config/relance.yaml", tmp_path / "config")
    (tmp_path / "config/segments.yaml").write_text(SEGMENTS, encoding="utf-8")
    orders, everybody = read(online_retail)

    with open_relance(tmp_path, {"ONLINE_RETAIL": str(online_retail.parent)}) as relance:
        for month in MONTHS:
            at = month.tz_localize("Europe/London").to_pydatetime()
            relance.tick(at)
            fitted = relance.state.ledger.standing().fits.find(LIFECYCLE, Rhythm)
            assert fitted is not None
            found = [fitted.recent, fitted.active, fitted.at_risk, fitted.lapsed]
            assert found == thresholds(orders, month), month
            told: dict[str, list[tuple[str, str]]] = {"stage": [], "cell": []}
            for name in relance.workspace.named_segments:
                kind = "cell" if name.startswith("rfm_") else "stage"
                members = relance.members(name, at).customers
                told[kind] += [(str(who), name.removeprefix("rfm_")) for who in members]
            assert len(told["stage"]) == len(everybody), "everybody has one stage"
            assert dict(told["stage"]) == stages(orders, everybody, month), month
            wanted = cells(orders, month)
            assert len(told["cell"]) == len(wanted), "every buyer has one cell"
            assert dict(told["cell"]) == wanted, month
