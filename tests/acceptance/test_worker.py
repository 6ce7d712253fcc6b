"""`relance run` on a real workspace: a late tick, real files sent, health, reload, SIGTERM."""

from __future__ import annotations

import os
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service import command, running

NOW = datetime.now(UTC).replace(microsecond=0)

CONFIG = """
version: 1
name: worker-test
timezone: UTC
locale: en
currency: EUR
source: data/
state: sqlite:///state/relance.db
workbench: state/workbench.duckdb
customers:
  table: customers
  key: customer_id
  email: email
  consent: {email: true}
  attributes: [first_name]
events:
  order: {table: orders, customer: customer_id, at: ordered_at, amount: total}
channels:
  email: {provider: outbox, from: Shop <shop@shop.example>, folder: outbox/}
"""

SEGMENTS = """
version: 1
segments:
  regular: {event: order, count: {at_least: 3}}
"""

TRIGGER = """
version: 1
name: buyers
segment: {event: order, count: {at_least: 1}}
on: enter
schedule: "0 9 * * *"
steps:
  - send: {channel: email, template: thanks}
"""

TEMPLATE = """---
subject: Thank you
---
<p>Thank you, {{ customer.first_name }}</p>
"""


def make_workspace(root: Path) -> None:
    files = {
        "config/relance.yaml": CONFIG,
        "config/segments.yaml": SEGMENTS,
        "triggers/buyers.yaml": TRIGGER,
        "templates/thanks/email.html": TEMPLATE,
        "data/customers.csv": "customer_id,email,first_name\n"
        + "".join(f"{n},c{n}@shop.example,Camille\n" for n in range(20)),
        "data/orders.csv": "customer_id,ordered_at,total\n"
        + "".join(f"{n},{NOW - timedelta(days=2):%Y-%m-%d %H:%M:%S},9.5\n" for n in range(10)),
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"), encoding="utf-8")


def sent(root: Path) -> int:
    return len(list((root / "outbox").rglob("*.eml")))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    make_workspace(tmp_path)
    baseline = (NOW - timedelta(days=3)).isoformat()
    subprocess.run(
        command(tmp_path, "tick", "--at", baseline), check=True, capture_output=True, timeout=120
    )
    return tmp_path


def test_a_worker_catches_up_delivers_reloads_only_clean_changes_and_stops(shop: Path):
    with running(shop, "run") as worker:
        worker.wait(lambda: sent(shop) == 10)
        late = [line for line in worker.lines() if line["action"] == "tick_late"]
        assert [line["trigger"] for line in late] == ["buyers"]

        worker.wait(lambda: worker.health()["pending"] == 0)
        health = worker.health()
        assert health["status"] == "ok"
        tick_at = datetime.fromisoformat(health["last_tick"])
        assert (tick_at.hour, tick_at.minute) == (9, 0)

        trigger = shop / "triggers/buyers.yaml"
        trigger.write_text(TRIGGER.replace("template: thanks", "templat: thanks"), encoding="utf-8")
        worker.wait(lambda: "workspace_rejected" in worker.actions())
        rejected = next(line for line in worker.lines() if line["action"] == "workspace_rejected")
        assert "triggers/buyers.yaml:" in str(rejected["problems"])
        assert "templat" in str(rejected["problems"])
        assert worker.health()["status"] == "degraded"

        trigger.write_text(TRIGGER + "priority: 80\n", encoding="utf-8")
        worker.wait(lambda: "workspace_reloaded" in worker.actions())
        worker.wait(lambda: worker.health()["status"] == "ok")

        began = time.monotonic()
        assert worker.stop() == 0
        assert time.monotonic() - began < 10  # as docs/running.md promises
        assert worker.actions()[-1] == "worker_stopped"
    assert sent(shop) == 10
    assert "shop.example" not in worker.text()
    assert "Traceback" not in worker.text()


def test_a_restarted_worker_writes_to_nobody_again(shop: Path):
    for _ in range(2):
        with running(shop, "run") as worker:
            worker.url()
            worker.wait(lambda: sent(shop) == 10)
            worker.wait(lambda worker=worker: worker.health()["pending"] == 0)
            worker.stop()
    assert sent(shop) == 10
    assert "tick_started" not in worker.actions()


def test_a_workspace_with_mistakes_does_not_start(shop: Path):
    (shop / "triggers/buyers.yaml").write_text("version: 1\nnam: buyers\n", encoding="utf-8")
    done = subprocess.run(
        command(shop, "run", "--port", "0"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 1
    assert "triggers/buyers.yaml:2" in done.stderr
    assert "Traceback" not in done.stderr
