"""A record shop by fortnights, over seventeen months and the command line, against pandas.

The data comes with a development dependency, so that everybody's clone tests on it.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from acceptance.expected_cdnow import memberships, read_log, read_orders
from replay import Replay, Watch, check_spells, check_ticks

WORKSPACE = Path(__file__).parent / "cdnow"
# midnights: an order of a window's first day lies exactly on its edge
FORTNIGHTS = pd.date_range("1997-02-02", "1998-06-28", freq="14D", tz="America/New_York")

WATCHES = (
    Watch(trigger="newcomer_welcome", segment="newcomer", on="enter"),
    Watch(trigger="regular_thanks", segment="regular", on="enter"),
    Watch(trigger="regular_lost", segment="regular", on="exit"),
    Watch(trigger="quiet_spender_return", segment="quiet_spender", on="enter"),
    Watch(trigger="slipping", segment="at_risk", on="active"),
    Watch(trigger="champion_thanks", segment="champion", on="enter"),
)


def test_the_log_is_the_published_one() -> None:
    log = read_log()

    assert (len(log), log["customer_id"].nunique()) == (69_659, 23_570)
    assert (log["dollars"] == 0).sum() == 80
    assert len(log) - len(read_orders(log)) == 2_068


def test_every_fortnight_of_a_record_shop_agrees_with_pandas(tmp_path: Path) -> None:
    log = read_log()
    naive = memberships(read_orders(log), [day.tz_localize(None) for day in FORTNIGHTS])
    expected = {day: naive[day.tz_localize(None)] for day in FORTNIGHTS}
    replay = Replay.of(WORKSPACE, tmp_path, {})
    (replay.root / "data").mkdir()
    log.to_csv(replay.root / "data" / "log.csv", index=False, date_format="%Y-%m-%d")

    ticks = {day: replay.run("tick", "--at", day.isoformat()) for day in FORTNIGHTS}

    check_ticks(ticks, expected, WATCHES)
    check_spells(replay.spells(), expected)
    for segment, wanted in expected[FORTNIGHTS[20]].items():
        found = replay.run("members", segment, "--at", FORTNIGHTS[20].isoformat())
        assert set(found["customers"]) == wanted
