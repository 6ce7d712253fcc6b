"""A shop with one deliberately bad segment for each classic mistake, and a good one beside them.

Six thousand customers, a fifth of whom buy often. What each segment is made of is drawn so that
it has its own mistake and no other.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from desk import Answer
from newcomer import call

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)
CUSTOMERS = 6_000

RELANCE = """\
version: 1
name: ward
timezone: Europe/Paris
locale: en
source: data/
customers:
  table: customers
  key: id
  email: email
  consent: {email: true}
  attributes: [country, first_name]
events:
  order: {table: orders, customer: customer, at: at, amount: total, fields: [category]}
  visit: {table: visits, customer: customer, at: at, fields: [page]}
  question: {table: questions, customer: customer, at: at}
channels:
  email: {provider: outbox, from: "Ward <ward@example.com>"}
"""
SEGMENTS = """\
version: 1
segments:
  regular: {event: order, count: {at_least: 3}, within: 1 year}
  curious: {event: visit, where: {page: blog}}
  asked: {event: question, within: 1 year}
  belgian: {customer: country, is: BE}
  handful: {event: visit, where: {page: atelier}}
  bargain: {event: visit, where: {page: sale}}
"""
TRIGGER = """\
version: 1
name: to_{name}
segment: {name}
on: schedule
schedule: "0 9 * * *"
reentry: never
steps:
  - send: {{channel: email, template: hello}}
{measured}"""
MEASURED = "holdout: 20%\ngoal: {event: order, within: 30 days}\n"
UNMEASURED = ("bargain",)
NAMES = ("regular", "curious", "asked", "belgian", "handful", "bargain")


class Ward:
    """The workspace in a folder, ticked once at `AT`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("config", "triggers", "templates/hello", "data"):
            (root / folder).mkdir(parents=True)
        self.write("config/relance.yaml", RELANCE)
        self.write("config/segments.yaml", SEGMENTS)
        self.write("templates/hello/email.html", "---\nsubject: Hello\n---\n<p>Hello</p>\n")
        for name in NAMES:
            measured = "" if name in UNMEASURED else MEASURED
            self.write(f"triggers/to_{name}.yaml", TRIGGER.format(name=name, measured=measured))
        self.fill()

    def write(self, path: str, text: str) -> None:
        (self.root / path).write_text(text, encoding="utf-8")

    def call(self, *words: str) -> Answer:
        return call(*words, "--workspace", str(self.root))

    def tick(self, at: datetime = AT) -> Ward:
        answer = self.call("tick", "--at", at.isoformat())
        assert answer.code == 0, answer.err
        return self

    def table(self, name: str, columns: dict[str, object]) -> None:
        pq.write_table(pa.table(columns), self.root / f"data/{name}.parquet")

    def fill(self) -> None:
        """Draw everybody, and what they did until `AT`."""
        random = np.random.default_rng(7)
        people = np.arange(CUSTOMERS)
        keen = random.random(CUSTOMERS) < 0.2
        belgian = random.random(CUSTOMERS) < np.where(keen, 0.45, 0.06)
        blog = random.random(CUSTOMERS) < np.where(keen, 0.38, 0.28)
        sale = random.random(CUSTOMERS) < np.where(keen, 0.55, 0.09)
        asked = random.random(CUSTOMERS) < np.where(keen, 0.42, 0.05)
        self.table(
            "customers",
            {
                "id": people,
                "email": [f"c{n}@example.com" for n in people],
                "country": np.where(belgian, "BE", np.where(people % 3 == 0, "DE", "FR")),
                "first_name": [f"Name{n % 400}" for n in people],
            },
        )
        self._orders(random, people, keen)
        recent = random.choice(people[blog & ~sale], 3 * int(blog.sum()))
        pages = [("blog", people[blog]), ("blog", recent), ("sale", people[sale]),
                 ("atelier", people[people % 100 == 7])]  # fmt: skip
        self.table("visits", _visits(random, pages))
        self.table("questions", _days(random, people[asked], 40, 200))

    def _orders(self, random: np.random.Generator, people: np.ndarray, keen: np.ndarray) -> None:
        """Keen customers have bought three to six times, and most buy within the window."""
        before = np.repeat(people, np.where(keen, random.integers(3, 7, len(people)), 1))
        within = people[random.random(len(people)) < np.where(keen, 0.6, 0.1)]
        days = np.concatenate(
            [random.uniform(31, 300, len(before)), random.uniform(0.01, 29.9, len(within))]
        )
        owners = np.concatenate([before, within])
        self.table(
            "orders",
            {
                "customer": owners,
                "at": _instants(days),
                "total": np.round(random.gamma(2, 20, len(owners)), 2),
                "category": random.choice(["shoes", "hats", "coats"], len(owners)),
            },
        )


def _instants(days: np.ndarray) -> pa.Array:
    """So many days before `AT`."""
    instants = [AT - timedelta(days=float(day)) for day in days]
    return pa.array(instants, pa.timestamp("us", "UTC"))


def _days(
    random: np.random.Generator, owners: np.ndarray, newest: float, oldest: float
) -> dict[str, object]:
    days = random.uniform(newest, oldest, len(owners))
    return {"customer": owners, "at": _instants(days)}


def _visits(random: np.random.Generator, pages: list[tuple[str, np.ndarray]]) -> dict[str, object]:
    """Everybody's first visit of a page before the window, so that who is in does not change."""
    owners = np.concatenate([people for _, people in pages])
    names = np.concatenate([np.repeat(page, len(people)) for page, people in pages])
    days = random.uniform(31, 200, len(owners))
    days[-1] = 0.05  # the table is alive
    return {"customer": owners, "at": _instants(days), "page": names}
