"""What a worker stands on goes away: the database, the disk, the clock, the vendor."""

from __future__ import annotations

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from chaos import evidence
from chaos.evidence import TAKEN, Evidence
from chaos.life import LATER, LEASE, Census, Life, Setting
from chaos.pgserver import PgServer, open_server
from chaos.shop import BASELINE, REACHING
from chaos.table import Row

Begin = Callable[..., Life]
Healthy = tuple[Census, Evidence]

DAY = timedelta(days=1)
VENDORS = ("postmark", "resend")
ON_THE_WIRE = 48  # messages in flight at once, at most: these may overtake each other


def seeds(count: int) -> list[Any]:
    """The first for `make test`, the others for `make chaos`."""
    return [pytest.param(n, marks=[pytest.mark.slow] if n else []) for n in range(count)]


def settle(life: Life, row: Row) -> Evidence:
    """Let everything finish undisturbed, and note what came of it."""
    life.drain(life.last)
    left = life.evidence()
    row.figures += left.figures
    assert left.wrong() == []
    assert left.hasty == []
    return left


# -- PostgreSQL


@pytest.mark.parametrize("seed", seeds(10))
def test_workers_outlive_a_crash_of_postgresql(seed: int, begin: Begin, healthy: Healthy, row: Row):
    row.what = "PostgreSQL crashes and comes back under two services"
    row.promise = "both go on by themselves; nobody lost, nobody written to twice"
    draw = random.Random(seed)
    with open_server() as server:
        life = begin(
            Setting(
                database="postgresql", workers=2, email=VENDORS[seed % 2], seed=seed, days=2,
                killed=False,
            ),
            server.url,
        )  # fmt: skip
        life.alone("tick", BASELINE)
        for at in (BASELINE + DAY, BASELINE + 2 * DAY):
            pause = draw.uniform(0.0, 2.0)
            life.serve(at + timedelta(seconds=1), lambda pause=pause: crash(server, pause))
            row.figures["crashes"] += 1
            life.look(at, (LEASE, *LATER))
        left = settle(life, row)
    assert left.differs(healthy[1].until(life.last)) == []


def crash(server: PgServer, pause: float) -> None:
    """Some real moment later: the crash must find the workers anywhere, and they work by their own
    clocks. Nothing is asserted of how far they were."""
    time.sleep(pause)
    server.stop()
    server.start()


def test_without_its_postgresql_a_command_says_so_and_changes_nothing(
    begin: Begin, healthy: Healthy, row: Row
):
    row.what = "PostgreSQL is down when a command starts"
    row.promise = "exit code 3 and a sentence; nothing lost"
    with open_server() as server:
        setting = Setting(
            database="postgresql", workers=1, email="postmark", seed=0, days=1, killed=False
        )
        life = begin(setting, server.url)
        life.alone("tick", BASELINE)
        for command in ("tick", "deliver"):
            server.stop()
            code, said = life.attempt(command, life.last)
            assert (code, "the server cannot be reached" in said) == (3, True), said
            row.figures["commands"] += 1
            server.start()
            life.alone(command, life.last)
        left = settle(life, row)
    assert left.differs(healthy[1].until(life.last)) == []


# -- the disk


def pages(life: Life) -> int:
    """How many pages the state has."""
    path = life.state.removeprefix("sqlite:///")
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("PRAGMA page_count").fetchone()[0])
    finally:
        connection.close()


@pytest.mark.parametrize("seed", seeds(12))
def test_a_full_disk_stops_a_command_with_a_sentence_and_loses_nobody(
    seed: int, begin: Begin, healthy: Healthy, row: Row
):
    row.what = "The disk of a SQLite state is full"
    row.promise = "exit code 3 and a sentence; nobody lost, nobody written to twice"
    draw = random.Random(seed)
    setting = Setting(
        database="sqlite", workers=1, email=VENDORS[seed % 2], seed=seed, days=3, killed=False
    )
    life = begin(setting)
    life.alone("tick", BASELINE)
    for day in range(1, 4):
        for command in ("tick", "deliver"):
            code, said = life.attempt(command, BASELINE + day * DAY, **full(life, draw))
            assert code in {0, 3}, said
            assert code == 0 or "full" in said, said
            row.figures["commands stopped"] += code == 3
            life.alone(command, BASELINE + day * DAY)
        life.look(BASELINE + day * DAY, (LEASE, *LATER))
    left = settle(life, row)
    assert left.differs(healthy[1].until(life.last)) == []


def full(life: Life, draw: random.Random) -> Mapping[str, int]:
    """No more pages for the state, or no more bytes for any file."""
    if draw.random() < 0.6:
        return {"pages": pages(life) + draw.choice([0, 0, 1, 2, 4, 8])}
    return {"quota": 4096 * draw.randint(2, 60)}


# -- the clock


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_a_clock_set_back_an_hour_writes_to_nobody_twice_and_holds_nobody_up(
    seed: int, begin: Begin, healthy: Healthy, row: Row
):
    row.what = "The clock is set back an hour, workers are killed"
    row.promise = "nothing sent twice, nothing stuck, no wait of an hour"
    draw = random.Random(seed)
    setting = Setting(database="sqlite", workers=2, email=VENDORS[seed % 2], seed=seed, days=3)
    life = begin(setting)
    life.alone("tick", BASELINE)
    for day in range(1, 4):
        at = BASELINE + day * DAY
        life.crowd("tick", at)
        life.alone("tick", at)
        life.crowd("deliver", at)
        life.crowd("deliver", at + LEASE - timedelta(hours=1))
        life.serve(at + LEASE + timedelta(seconds=1), set_back=draw.uniform(0.2, 2.0))
        life.look(at, (LEASE - timedelta(hours=1), LEASE, *LATER))
        row.figures["times set back"] += 2
    row.figures["kills"] += life.deaths.total()
    left = settle(life, row)
    # who is looked at again by a clock that is an hour behind has not ordered yet
    early = {evidence.text_of(row) for row in left.messages if row["customer"] in REACHING}
    others = [line for line in left.differs(healthy[1].until(life.last)) if not told(line, early)]
    assert others == []
    assert life.longest_wait < 60, "somebody was told to wait for the old hour"


# -- the vendor


@pytest.mark.parametrize("seed", seeds(4))
def test_after_a_day_without_the_vendor_the_backlog_drains_by_priority_and_nobody_is_lost(
    seed: int, begin: Begin, healthy: Healthy, row: Row
):
    row.what = "The vendor is down for 32 hours"
    row.promise = "nothing lost; the urgent first; what came too late skipped as expired"
    setting = Setting(
        database="sqlite", workers=1 + seed % 2, email=VENDORS[seed // 2], seed=seed, days=3,
        killed=False,
    )  # fmt: skip
    life = begin(setting)
    life.alone("tick", BASELINE)
    life.day(BASELINE + DAY)
    life.vendor.stop()
    for at in (BASELINE + 2 * DAY, BASELINE + 3 * DAY):
        life.alone("tick", at)
        life.look(at, (timedelta(0), LEASE))
    before = len(life.vendor.record())
    life.vendor.start()
    life.crowd("deliver", life.last + timedelta(hours=8))
    drained = life.vendor.record()[before:]
    left = settle(life, row)
    row.figures["drained at once"] += sum(len(line["messages"]) for line in drained)

    for channel in ("email", "sms"):
        overtaken = out_of_order(left, channel, drained)
        assert overtaken <= ON_THE_WIRE, f"{overtaken} urgent ones came after a lesser one"
    late = skipped(left, "expired")
    row.figures["expired"] += len(late)
    assert late, "nothing was late enough to prove anything"
    others = [line for line in left.differs(healthy[1].until(life.last)) if not told(line, late)]
    assert others == []
    assert all(healthy[1].states[name] in TAKEN for name in late)


def out_of_order(left: Evidence, channel: str, drained: Sequence[Mapping[str, Any]]) -> int:
    """How many messages of the higher priority were taken after the first of a lower one."""
    priority = {evidence.text_of(row): row["priority"] for row in left.messages}
    order = [priority[n] for line in drained for n in line["messages"] if n.startswith(channel)]
    assert len(Counter(order)) == 2, "both priorities must be waiting"
    return order[order.index(min(order)) :].count(max(order))


def skipped(left: Evidence, reason: str) -> set[str]:
    """The messages that ended for a reason."""
    ended = (row for row in left.messages if (row["state"], row["reason"]) == ("skipped", reason))
    return {evidence.text_of(row) for row in ended}


def told(line: str, names: set[str]) -> bool:
    """Whether a difference is about one of these messages."""
    return line.partition(":")[0] in names
