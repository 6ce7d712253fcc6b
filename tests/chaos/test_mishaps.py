"""A vendor that misbehaves: everything an answer can be, whether or not it took the message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from chaos.evidence import Evidence
from chaos.life import Census, Life, Setting
from chaos.mishaps import MISHAPS, UNREAD
from chaos.table import Row

Begin = Callable[..., Life]


def _settings() -> list[object]:
    """One short life for `make test`; long ones, with kills on top, for `make chaos`."""
    short = Setting(database="sqlite", workers=1, email="resend", seed=41, days=2, health=0.6)
    whole = [
        Setting(database=database, workers=n, email=email, seed=seed, health=0.6, killed=killed)
        for seed, (database, n, email, killed) in enumerate(
            (database, n, email, killed)
            for database, n in (("sqlite", 1), ("sqlite", 3), ("postgresql", 3))
            for email in ("postmark", "resend", "resend, else postmark")
            for killed in (False, True)
        )
    ]
    return [
        pytest.param(short, id=str(short)),
        *(pytest.param(each, id=f"{each}", marks=pytest.mark.slow) for each in whole),
    ]


@pytest.mark.parametrize("setting", _settings())
def test_whatever_the_vendor_answers_everybody_is_written_to_once_or_listed_as_unknown(
    setting: Setting, begin: Begin, healthy: tuple[Census, Evidence], row: Row
):
    row.what = f"A misbehaving vendor, {setting.email} and twilio"
    row.what += ", and SIGKILL" if setting.killed else ""
    row.promise = "taken at most once; unknown only without a key, or after its 24 hours; listed"
    life = begin(setting)
    life.live()
    left = life.evidence()
    befell = Counter(line["mishap"] for line in left.book if line["mishap"])
    row.figures = left.figures + Counter(mishaps=befell.total(), kills=life.deaths.total())
    assert left.wrong() == []
    assert left.differs(healthy[1].until(life.last)) == []
    assert left.hasty == []
    assert len(befell) > len(MISHAPS) / 2, "too little went wrong to prove anything"


def test_the_script_knows_every_mishap_and_both_kinds_of_those_that_tell_nothing():
    names = {mishap.name for mishap in MISHAPS} | {UNREAD}
    assert len(names) == len(MISHAPS) + 1
    for kind in ("500", "502 with HTML", "no answer", "reset after the request"):
        assert {f"{kind}, taken", f"{kind}, not taken"} <= names
