"""SIGKILL at seeded instants across evaluate, enter, claim, send and record.

A worker dies at a named point, at a statement, at the vendor's, or after some milliseconds, is
started again, and dies again. In the end nobody is lost and nobody was written to twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from chaos.evidence import Evidence
from chaos.life import Census, Life, Setting
from chaos.table import Row
from chaos.victim import POINTS

Begin = Callable[..., Life]

_PLACES = [(database, n) for database in ("sqlite", "postgresql") for n in (1, 3)]
_VENDORS = ("postmark", "resend")
_LIVES = {1: 20, 3: 12}  # more than two hundred deaths in each place
_SAMPLED = ("after sending", "after call")


def _short() -> list[Setting]:
    """Lives of two days: one in each place."""
    return [
        Setting(database=database, workers=n, email=_VENDORS[number % 2], seed=900 + number, days=2)
        for number, (database, n) in enumerate(_PLACES)
    ]


def _settings() -> list[Any]:
    """The short ones for `make test`, all for `make chaos`."""
    whole = [
        Setting(
            database=database,
            workers=n,
            email=_VENDORS[seed % 2],
            seed=seed,
            as_service=seed % 4 == 3,
        )
        for database, n in _PLACES
        for seed in range(_LIVES[n])
    ]
    return [
        *(pytest.param(setting, id=str(setting)) for setting in _short()),
        *(pytest.param(setting, id=str(setting), marks=pytest.mark.slow) for setting in whole),
    ]


def _points() -> list[Any]:
    """Every named point; two that matter most for `make test`."""
    return [
        pytest.param(point, marks=[] if point in _SAMPLED else [pytest.mark.slow])
        for point in POINTS
    ]


@pytest.mark.parametrize("point", _points())
def test_a_kill_before_or_after_each_call_loses_nobody(
    point: str, begin: Begin, healthy: tuple[Census, Evidence], row: Row
):
    row.what = "SIGKILL before and after each call of a tick and a delivery, postmark and twilio"
    row.promise = "at most once, each doubtful one listed; same entries as without a kill"
    setting = Setting(database="sqlite", workers=1, email="postmark", seed=0, days=1, point=point)
    life = begin(setting)
    life.live()
    left = life.evidence()
    row.figures.update({"points": 1, "kills": life.deaths.total()})
    assert left.wrong() == []
    assert left.differs(healthy[1].until(life.last)) == []
    assert life.deaths.total() > 0


@pytest.mark.parametrize("setting", _settings())
def test_after_any_kill_everybody_is_written_to_once_or_listed_as_unknown(
    setting: Setting, begin: Begin, healthy: tuple[Census, Evidence], row: Row
):
    workers = f"{setting.workers} worker{'s' if setting.workers > 1 else ''}"
    row.what = f"SIGKILL, {setting.database}, {workers}, {setting.email} and twilio"
    row.promise = (
        "by resend exactly once; by twilio at most once, each doubtful one listed; same entries"
        if setting.email == "resend"
        else "at most once, each doubtful one listed; same entries as without a kill"
    )
    life = begin(setting)
    life.live()
    left = life.evidence()
    row.figures = left.figures + Counter(kills=life.deaths.total())
    assert left.wrong() == []
    assert left.differs(healthy[1].until(life.last)) == []
    assert left.hasty == []
    assert life.deaths.total() > 0
