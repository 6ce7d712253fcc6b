"""Kill the delivery anywhere: afterwards each message was sent once, or is unknown and says so."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from delivery_fakes import AT
from delivery_victim import deliver
from relance.domain.arm import Arm
from relance.domain.ledger import EntryRecord, MessageRecord
from relance.pipeline.ports import TickRecord
from relance.store import open_state

VICTIM = Path(__file__).parents[1] / "delivery_victim.py"
MESSAGES = 700


def fill(url: str) -> None:
    state = open_state(url, workspace="boutique")
    entries = [
        EntryRecord(
            id=f"e{n:05}",
            trigger="winback",
            version="v1",
            customer=f"c{n}",
            at=AT - timedelta(hours=1),
            arm=Arm.TREATED,
        )
        for n in range(MESSAGES)
    ]
    messages = [
        MessageRecord(
            id=f"m{n:05}",
            entry=f"e{n:05}",
            trigger="winback",
            version="v1",
            customer=f"c{n}",
            step=0,
            channel="email",
            template="winback",
            due_at=AT,
            priority=50,
            ghost=False,
            context='{"customer.first_name": "Camille"}',
        )
        for n in range(MESSAGES)
    ]
    state.ledger.commit(
        TickRecord(
            id="tick",
            at=AT - timedelta(hours=1),
            runs=[],
            spells=[],
            entries=entries,
            messages=messages,
            refusals=[],
            breakpoints=None,
        )
    )
    state.close()


@pytest.mark.parametrize(
    ("point", "count"),
    [
        ("before_claim", 1),
        ("after_claim", 1),
        ("before_sending", 1),
        ("after_sending", 3),
        ("during_send", 1),
        ("during_send", 333),
        ("before_record", 1),
        ("after_record", 2),
        ("before_record", 4),
    ],
)
def test_after_a_kill_everybody_was_written_to_once_or_is_known_as_unknown(
    point: str, count: int, tmp_path: Path
):
    url, vendor = f"sqlite:///{tmp_path}/state.db", tmp_path / "vendor.log"
    vendor.touch()
    fill(url)
    killed = subprocess.run(
        [sys.executable, VICTIM, url, vendor, point, str(count)],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert killed.returncode == -9, killed.stderr.decode()
    before = len(vendor.read_text().split())

    report = deliver(url, vendor, "nowhere", 0, AT + timedelta(hours=1))
    sent = Counter(vendor.read_text().split())

    assert max(sent.values()) == 1, "somebody was written to twice"
    assert report.accepted == len(sent) - before
    assert report.unknown <= 400, "a crash must leave few unknown"
    neither = MESSAGES - len(sent)
    assert neither <= report.unknown, "somebody was lost"
    state = open_state(url, workspace="boutique")
    assert state.queue.pending() == 0
    state.close()
