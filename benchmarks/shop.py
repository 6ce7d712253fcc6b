"""A generated shop of 1 million customers and 10 million orders, and 20 segments over it.

Each segment stands twice: as the YAML a CRM team writes, and as the SQL an engineer would
write by hand for it. The two must find the same members; the tick's benchmark checks that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

CUSTOMERS = 1_000_000
ORDERS = 10_000_000
FIRST_TICK = "2026-01-10T09:00:00+00:00"
SECOND_TICK = "2026-01-11T09:00:00+00:00"


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchSegment:
    """One segment; `sql` has `{at}` where the instant goes and gives the customers' keys."""

    name: str
    condition: str
    sql: str


def _per_customer(having: str, where: str = "true") -> str:
    return (
        "select customer_id from orders where ordered_at <= {at}"
        f" and {where} group by customer_id having {having}"
    )


def _recent(name: str, count: int, days: int) -> BenchSegment:
    return BenchSegment(
        name=name,
        condition=f"{{event: order, count: {{at_least: {count}}}, within: {days} days}}",
        sql=_per_customer(f"count(*) >= {count}", f"ordered_at > {{at}} - interval {days} day"),
    )


def _silent(name: str, days: int, spent: float) -> BenchSegment:
    return BenchSegment(
        name=name,
        condition=f"{{all: [{{event: order, last: {{before: {days} days}}}},"
        f" {{event: order, sum: {{at_least: {spent}}}}}]}}",
        sql=_per_customer(
            f"max(ordered_at) <= {{at}} - interval {days} day and sum(total) >= {spent}"
        ),
    )


def _category(name: str, category: str, spent: float, days: int) -> BenchSegment:
    return BenchSegment(
        name=name,
        condition=f"{{event: order, sum: {{at_least: {spent}}}, within: {days} days,"
        f" where: {{category: {category}}}}}",
        sql=_per_customer(
            f"sum(total) >= {spent}",
            f"category = '{category}' and ordered_at > {{at}} - interval {days} day",
        ),
    )


def _newcomer(name: str, days: int, country: str) -> BenchSegment:
    return BenchSegment(
        name=name,
        condition=f"{{all: [{{event: order, first: {{after: {days} days}}}},"
        f" {{customer: country, is: {country}}}]}}",
        sql="select customer_id from ("
        + _per_customer(f"min(ordered_at) > {{at}} - interval {days} day")
        + f") join customers using (customer_id) where country = '{country}'",
    )


_RECENT = ((1, 30), (2, 60), (3, 90), (5, 180), (8, 365))
# half a cent above what sums of cents can be: no member depends on how floats are added up
_SILENT = ((30, 500.005), (60, 800.005), (90, 200.005), (120, 1000.005), (365, 50.005))
_BOUGHT = (
    ("shoes", 100.005, 30),
    ("coats", 200.005, 60),
    ("shoes", 300.005, 180),
    ("bags", 150.005, 90),
)
_NEW = ((14, "FR"), (30, "BE"), (60, "FR"), (90, "ES"), (120, "IT"), (21, "FR"))

SEGMENTS: tuple[BenchSegment, ...] = (
    *(_recent(f"bought_{count}_in_{days}", count, days) for count, days in _RECENT),
    *(_silent(f"silent_{days}", days, spent) for days, spent in _SILENT),
    *(_category(f"{name}_{days}", name, spent, days) for name, spent, days in _BOUGHT),
    *(_newcomer(f"new_{country.lower()}_{days}", days, country) for days, country in _NEW),
)


_WHOLE_HISTORY = next(segment for segment in SEGMENTS if segment.name == "silent_90")


def generate(folder: Path, customers: int = CUSTOMERS, orders: int = ORDERS) -> None:
    """Write customers.parquet and orders.parquet; the same sizes give the same shop."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(
            f"""
            copy (
              select i as customer_id, 'c' || i || '@example.com' as email,
                     '+336' || lpad((10000000 + i)::varchar, 8, '0') as mobile,
                     case when hash(i, 1) % 3 = 0 then 'en' else 'fr' end as lang,
                     'Europe/Paris' as tz,
                     hash(i, 2) % 10 < 8 as email_optin, hash(i, 3) % 10 < 4 as sms_optin,
                     'Prénom' || (hash(i, 4) % 500) as first_name,
                     ['FR','FR','FR','BE','ES','IT'][1 + (hash(i, 5) % 6)::int] as country
              from range({customers}) t(i)
            ) to '{folder / "customers.parquet"}' (format parquet)
            """
        )
        # a quarter of the customers make most of the orders; each came at a day of his own in
        # the last two years, and the data reaches a day beyond the second tick
        connection.execute(
            f"""
            copy (
              select customer_id,
                     last_second - to_seconds(
                       ((hash(i, 14) % 1000000) / 1e6
                        * (hash(customer_id, 6) % (730 * 86400)))::bigint
                     ) as ordered_at,
                     round(10 + (hash(i, 15) % 19000) / 100.0, 2) as total,
                     ['shoes','coats','bags','hats','shirts'][1 + (hash(i, 16) % 5)::int]
                       as category
              from (
                select i, timestamptz '2026-01-12 00:00:00+00' as last_second,
                       case when hash(i, 11) % 4 > 0
                            then (hash(i, 12) % ({customers} // 4))::bigint
                            else (hash(i, 13) % {customers})::bigint end as customer_id
                from range({orders}) t(i)
              )
            ) to '{folder / "orders.parquet"}' (format parquet)
            """
        )


def write_workspace(root: Path, *, triggers: int, holdout: str = "10%") -> None:
    """A workspace with this many triggers over `root/data`, the segments taken in turn.

    A single trigger is one that reads the whole history, as most of the twenty do: one that only
    wants the last month would be a cheap trigger and a poor comparison.
    """
    for name in ("config", "triggers", "templates/bench"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "config/relance.yaml").write_text(_RELANCE, encoding="utf-8")
    (root / "config/segments.yaml").write_text("version: 1\nsegments: {}\n", encoding="utf-8")
    (root / "templates/bench/email.html").write_text(_TEMPLATE, encoding="utf-8")
    for index in range(triggers):
        segment = _WHOLE_HISTORY if triggers == 1 else SEGMENTS[index % len(SEGMENTS)]
        name = segment.name if index < len(SEGMENTS) else f"{segment.name}_{index}"
        text = _TRIGGER.format(name=name, condition=segment.condition, holdout=holdout)
        (root / f"triggers/{name}.yaml").write_text(text, encoding="utf-8")


_RELANCE = """\
version: 1
name: bench
timezone: UTC
locale: fr
source: data/
customers:
  table: customers
  key: customer_id
  email: email
  locale: lang
  timezone: tz
  consent: {email: email_optin}
  attributes: [first_name, country]
events:
  order: {table: orders, customer: customer_id, at: ordered_at, amount: total, fields: [category]}
channels:
  email: {provider: outbox, from: "Bench <bench@example.com>"}
limits: {per_customer: [3 per 7 days]}
"""

_TRIGGER = """\
version: 1
name: {name}
segment: {condition}
on: enter
steps:
  - send: {{channel: email, template: bench}}
holdout: {holdout}
goal: {{event: order, within: 30 days}}
"""

_TEMPLATE = """\
---
subject: Bonjour {{ customer.first_name }}
---
<html><head><style>p {color: #333}</style></head>
<body><p>Bonjour {{ customer.first_name }}, merci pour vos {{ order.count }} commandes.</p></body>
</html>
"""
