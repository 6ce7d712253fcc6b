"""Several `relance run` over one PostgreSQL: each instant once, each message once, whoever dies."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

import waiting
from loopback import Loopback, Seen, resend
from service import Service, command, running

NOW = datetime.now(UTC).replace(microsecond=0)
CROWD = 400
TRIGGERS = ("buyers", "again")

CONFIG = """
version: 1
name: several
timezone: UTC
locale: en
source: data/
state: "${{STATE_URL}}"
customers:
  table: customers
  key: customer_id
  email: email
  consent: {{email: true}}
  attributes: [first_name]
events:
  order: {{table: orders, customer: customer_id, at: ordered_at, amount: total}}
channels:
  email:
    provider: resend
    token: "${{RESEND_TOKEN}}"
    base_url: {vendor}
    from: Shop <shop@shop.example>
    rate: 150 per second
web: {{public_url: "http://127.0.0.1:1", secret: "${{RELANCE_SECRET}}"}}
"""

SEGMENTS = "version: 1\nsegments: {}\n"
TEMPLATE = "---\nsubject: Thank you\n---\n<p>Thank you, {{ customer.first_name }}</p>\n"
TRIGGER = """
version: 1
name: {name}
segment: {{event: order, count: {{at_least: 1}}}}
on: enter
schedule: "0 9 * * *"
steps:
  - send: {{channel: email, template: thanks}}
"""


class Vendor:
    """Resend on a thread of its own: a key that comes again is taken and sends nothing."""

    def __init__(self) -> None:
        self.keys: Counter[str] = Counter()
        self.people: dict[str, Counter[str]] = {}
        self.url = ""

    def accept(self, request: Seen) -> object:
        body = request.json()
        assert isinstance(body, dict)
        key = request.headers["idempotency-key"]
        if not self.keys[key]:
            self.people.setdefault(body["to"][0], Counter())[key] += 1
        self.keys[key] += 1
        return resend(request)

    @contextmanager
    def serving(self) -> Iterator[None]:
        ready, done = threading.Event(), asyncio.Event()

        async def serve() -> None:
            async with Loopback(self.accept) as vendor:  # type: ignore[arg-type]
                self.url = vendor.url
                ready.set()
                await done.wait()

        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
        thread.start()
        try:
            assert ready.wait(10)
            yield
        finally:
            loop.call_soon_threadsafe(done.set)
            thread.join()
            loop.close()


class House:
    """A workspace on PostgreSQL whose first tick was three days ago; everybody bought since."""

    def __init__(self, root: Path, database: str, vendor: Vendor) -> None:
        self.root = root
        self.database = database
        self.env = {
            "STATE_URL": database,
            "RESEND_TOKEN": "re_1",
            "RELANCE_SECRET": "0123456789abcdef0123456789abcdef",
        }
        bought = f"{NOW - timedelta(days=2):%Y-%m-%d %H:%M:%S}"
        people = range(CROWD)
        self.write("config/relance.yaml", CONFIG.format(vendor=vendor.url))
        self.write("config/segments.yaml", SEGMENTS)
        self.write("templates/thanks/email.html", TEMPLATE)
        self.write(
            "data/customers.csv",
            "customer_id,email,first_name\n"
            + "".join(f"{n},c{n}@shop.example,Camille\n" for n in people),
        )
        rows = (f"{n},{bought},9.5\n" for n in people)
        self.write("data/orders.csv", "customer_id,ordered_at,total\n" + "".join(rows))
        for name in TRIGGERS:
            self.write(f"triggers/{name}.yaml", TRIGGER.format(name=name))

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"), encoding="utf-8")

    def ask(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with psycopg.connect(self.database, autocommit=True) as connection:
            done = connection.execute(query, values)  # type: ignore[call-overload]
            return list(done.fetchall()) if done.description else []

    def states(self) -> dict[object, object]:
        return dict(self.ask("SELECT state, count(*) FROM message GROUP BY 1"))

    def baseline(self) -> None:
        at = (NOW - timedelta(days=3)).isoformat()
        environment = {**os.environ, **self.env}
        words = command(self.root, "tick", "--at", at)
        done = subprocess.run(
            words, check=False, capture_output=True, text=True, timeout=120, env=environment
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    made = Vendor()
    with made.serving():
        yield made


@pytest.fixture
def house(tmp_path: Path, postgres_database: str, vendor: Vendor) -> House:
    made = House(tmp_path, postgres_database, vendor)
    made.baseline()
    return made


def until(what: Callable[[], bool], *services: Service, seconds: float = 90) -> None:
    """Until something holds, while these live."""
    waiting.until(
        what,
        seconds=seconds,
        alive=lambda: all(service.process.poll() is None for service in services),
        why=lambda: [service.text() for service in services],
    )


def test_instants_and_messages_are_shared_out_and_a_dead_workers_share_is_taken_over(
    house: House, vendor: Vendor
):
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                running(house.root, "run", "--roles", roles, env=house.env, name=f"worker{number}")
            )
            for number, roles in enumerate(["evaluate,deliver", "evaluate,deliver", "web"])
        ]
        first, second, web = workers
        everybody = CROWD * len(TRIGGERS)
        until(lambda: len(vendor.keys) > everybody // 4, *workers)
        senders = house.ask("SELECT DISTINCT worker FROM message WHERE worker IS NOT NULL")
        dead, alive = (first, second) if str(first.process.pid) in str(senders) else (second, first)
        dead.kill()
        assert web.health()["roles"] == ["web"]
        assert web.health()["pending"] > 0

        # a quarter of an hour passes: the dead worker's leases end
        house.ask(
            "UPDATE message SET lease_until = lease_until - interval '1 hour'"
            " WHERE worker LIKE %s AND state IN ('claimed', 'sending')",
            f"%-{dead.process.pid}-%",
        )
        until(lambda: house.states() == {"accepted": everybody}, alive, web)
        until(lambda: alive.health()["status"] == "ok", alive)
        assert [worker.stop() for worker in (alive, web)] == [0, 0]

    assert len(vendor.people) == CROWD
    assert {sum(keys.values()) for keys in vendor.people.values()} == {len(TRIGGERS)}
    ticks = house.ask("SELECT trigger, count(*) FROM run WHERE NOT baseline GROUP BY 1 ORDER BY 1")
    assert ticks == [("again", 1), ("buyers", 1)]
    finished = [line for worker in workers for line in worker.lines() if ticked(line)]
    assert len(finished) == 1
    assert "tick_finished" not in web.actions()
    assert all("shop.example" not in worker.text() for worker in workers)


def ticked(line: dict[str, object]) -> bool:
    return line["action"] == "tick_finished"


def test_a_worker_whose_connections_break_goes_on_by_itself(house: House, vendor: Vendor):
    everybody = CROWD * len(TRIGGERS)
    with running(house.root, "run", env=house.env) as worker:
        for share in (0.2, 0.5):
            until(lambda share=share: len(vendor.keys) > everybody * share, worker)
            house.ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        until(lambda: house.states() == {"accepted": everybody}, worker)
        until(lambda: worker.health()["status"] == "ok", worker)
        assert worker.stop() == 0
        assert "Traceback" not in worker.text()
    assert {sum(keys.values()) for keys in vendor.people.values()} == {len(TRIGGERS)}
