"""A stage for scenarios: customers arrive, time passes, relance ticks, and something is expected.

Everything is real: a folder of CSV files, the workbench, the state in SQLite, templates, and the
outbox. Only the clock is the test's.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from relance.domain.ledger import RunRecord
from relance.pipeline.deliver import DeliveryReport
from relance.wiring import Relance, open_relance

START = datetime(2026, 3, 1, 8, tzinfo=UTC)  # 09:00 in Paris

RELANCE = """\
version: 1
name: stage
timezone: Europe/Paris
locale: fr
source: data/
customers:
  table: customers
  key: id
  email: email
  phone: mobile
  region: FR
  timezone: tz
  consent: {email: optin, sms: optin}
  attributes: [first_name, country, birth_date]
events:
  order: {table: orders, customer: customer, at: at, amount: total}
channels:
  email: {provider: outbox, from: "Stage <stage@example.com>"}
  sms: {provider: outbox, from: "+33700000000"}
"""

TEMPLATE = """\
---
subject: Bonjour {{ customer.first_name | default("vous") }}
---
<p>Bonjour {{ customer.first_name | default("vous") }}</p>
"""

CUSTOMER = {
    "id": "",
    "email": "",
    "mobile": "+33612345678",
    "tz": "Europe/Paris",
    "optin": "true",
    "first_name": "Zoé",
    "country": "FR",
    "birth_date": "1990-06-15",
}


class Stage:
    """A workspace in a folder, and the world around it."""

    columns: Sequence[str] = tuple(CUSTOMER)

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = START
        self.customers: dict[str, dict[str, str]] = {}
        self.orders: list[dict[str, str]] = []
        for folder in ("config", "triggers", "templates/hello", "data"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        self.write("config/relance.yaml", RELANCE)
        self.write("config/segments.yaml", "version: 1\nsegments: {}\n")
        self.write("templates/hello/email.html", TEMPLATE)
        self.write("templates/hello/sms.txt", "Bonjour, revenez nous voir.")

    # -- the world

    def write(self, path: str, text: str) -> None:
        (self.root / path).write_text(text, encoding="utf-8")

    def settings(self, text: str) -> None:
        """More lines for config/relance.yaml."""
        self.write("config/relance.yaml", RELANCE + text)

    def segments(self, **conditions: str) -> None:
        lines = [f"  {name}: {condition}" for name, condition in conditions.items()]
        self.write("config/segments.yaml", "\n".join(["version: 1", "segments:", *lines, ""]))

    def trigger(self, name: str = "hello", **keys: str) -> None:
        """A trigger that writes `hello` once by e-mail, unless its keys say otherwise."""
        usual = {"on": "enter", "steps": "[{send: {channel: email, template: hello}}]"}
        lines = [f"{key}: {value}" for key, value in {**usual, **keys}.items()]
        self.write(f"triggers/{name}.yaml", "\n".join(["version: 1", f"name: {name}", *lines, ""]))

    def arrive(self, *names: str, **columns: str) -> None:
        for name in names:
            own = {"id": name, "email": f"{name}@example.com"}
            self.customers[name] = {**CUSTOMER, **own, **columns}

    def change(self, name: str, **columns: str) -> None:
        self.customers[name].update(columns)

    def delete(self, name: str) -> None:
        del self.customers[name]

    def order(self, *names: str, total: float = 50, at: datetime | None = None) -> None:
        for name in names:
            moment = (at or self.now).isoformat()
            self.orders.append({"customer": name, "at": moment, "total": f"{total:.2f}"})

    def wait(self, **length: float) -> None:
        self.now += timedelta(**length)

    # -- relance

    def tick(self, *triggers: str) -> dict[str, RunRecord]:
        with self.open() as relance:
            report = relance.tick(self.now, triggers or None)
        return {run.trigger: run for run in report.runs}

    def deliver(self) -> DeliveryReport:
        with self.open() as relance:
            return relance.deliver(self.now)

    def entered(self, *triggers: str) -> Mapping[str, int]:
        """Tick, and count the entries (both arms) by trigger."""
        return {name: run.treated + run.held_out for name, run in self.tick(*triggers).items()}

    def members(self, segment: str, at: datetime | None = None) -> set[str]:
        with self.open() as relance:
            return set(relance.members(segment, at).customers.to_pylist())

    def outbox(self) -> list[Path]:
        """Every file that was sent, by name."""
        return sorted(path for path in (self.root / "outbox").rglob("*") if path.is_file())

    @contextmanager
    def open(self) -> Iterator[Relance]:
        self._write_data()
        with open_relance(self.root, env={}) as relance:
            yield relance

    def _write_data(self) -> None:
        empty = dict.fromkeys(("customer", "at", "total"), "")
        for name, rows, columns in (
            ("customers", list(self.customers.values()), self.columns),
            ("orders", self.orders, empty),
        ):
            with (self.root / f"data/{name}.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(columns))
                writer.writeheader()
                writer.writerows(rows)
