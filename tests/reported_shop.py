"""A workspace whose trigger has something to report, and a mail server for who is to read it."""

from __future__ import annotations

import email
import email.policy
import shutil
from copy import copy
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from zoneinfo import ZoneInfo

from mail_server import Mailbox
from relance.wiring import open_relance

PARIS = ZoneInfo("Europe/Paris")
BASELINE = datetime(2026, 3, 1, 9, tzinfo=PARIS)
ENTERED = BASELINE + timedelta(days=2)
MONDAY = datetime(2026, 3, 9, 8, tzinfo=PARIS)  # every window is closed
CROWD = 600
READERS = ("ann@shop.example", "bob@shop.example")

CONFIG = """\
version: 1
name: reported
timezone: Europe/Paris
locale: en
currency: EUR
source: data/
state: "{state}"
customers:
  table: customers
  key: customer_id
  email: email
  phone: phone
  consent: {{email: true, sms: true}}
events:
  order: {{table: orders, customer: customer_id, at: ordered_at, amount: total}}
channels:
  email: {{provider: smtp, host: 127.0.0.1, port: {port}, security: none, timeout: 5,
          from: "Shop <shop@shop.example>"}}
  sms: {{provider: outbox, from: Shop, cost: 0.05}}
report: {{schedule: "{schedule}", email_to: [{readers}], language: en}}
"""
SEGMENTS = "version: 1\nsegments: {}\n"
TRIGGER = """\
version: 1
name: thanks
segment: {event: order, count: {at_least: 1}}
on: enter
schedule: "0 9 * * *"
expires: 1 hour
steps:
  - send: {channel: sms, template: thanks}
holdout: 30%
goal: {event: order, within: 2 days}
"""


class ReportedShop:
    """Everybody entered at once; of the treated 6 in 10 came again, of the held out 3 in 10."""

    def __init__(
        self, root: Path, port: int, *, state: str = "sqlite:///state/relance.db",
        schedule: str = "0 8 * * 1",
    ) -> None:  # fmt: skip
        self.root = root
        self.port = port
        self.orders = [f"{n},2026-03-02 12:00:00,10\n" for n in range(CROWD)]
        readers = ", ".join(READERS)
        self._write(
            "config/relance.yaml",
            CONFIG.format(state=state, port=port, schedule=schedule, readers=readers),
        )
        self._write("config/segments.yaml", SEGMENTS)
        self._write("triggers/thanks.yaml", TRIGGER)
        self._write("templates/thanks/sms.txt", "Thank you\n")
        people = (f"{n},c{n}@shop.example,+3361200{n:04}\n" for n in range(CROWD))
        self._write("data/customers.csv", "customer_id,email,phone\n" + "".join(people))
        self._write_orders()
        with open_relance(root) as relance:
            relance.tick(BASELINE)
            relance.tick(ENTERED)
            batches = relance.state.reader.entries()
            arms = {row["customer"]: row["arm"] for batch in batches for row in batch.to_pylist()}
        for arm, again in (("treated", 6), ("holdout", 3)):
            for number, customer in enumerate(c for c in arms if arms[c] == arm):
                if number % 10 < again:
                    self.orders.append(f"{customer},2026-03-04 12:00:00,{20 + number % 7}\n")
        self._write_orders()

    def _write_orders(self) -> None:
        self._write("data/orders.csv", "customer_id,ordered_at,total\n" + "".join(self.orders))

    def _write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def copied(self, root: Path, port: int) -> ReportedShop:
        """The same with a state of its own and another mail server."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        other = copy(self)
        other.root = root
        config = (root / "config/relance.yaml").read_text(encoding="utf-8")
        other._write("config/relance.yaml", config.replace(f"port: {self.port},", f"port: {port},"))
        return other

    def pages(self) -> list[str]:
        return sorted(path.name for path in (self.root / "state/reports").glob("*"))


def letters(mailbox: Mailbox) -> list[EmailMessage]:
    """What the mail server took, in the order of its readers."""
    taken = sorted(mailbox.taken, key=lambda envelope: envelope.rcpt_tos)
    found = []
    for envelope in taken:
        assert isinstance(envelope.content, bytes)
        read = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(read, EmailMessage)
        found.append(read)
    return found
