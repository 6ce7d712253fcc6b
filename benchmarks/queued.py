"""Workspaces whose messages are all due, so that a round of delivery measures nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.measure import run_json
from benchmarks.shop import FIRST_TICK, SECOND_TICK, generate

ROOT = Path(__file__).parents[1]
ENV = {"TOKEN": "benchmark", "SECRET": "a secret for the benchmark's links"}

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
  phone: mobile
  locale: lang
  consent: {{email: true, sms: true}}
  attributes: [first_name]
events:
  order: {{table: orders, customer: customer_id, at: ordered_at, amount: total}}
web: {{public_url: "https://relance.boutique.example", secret: "${{SECRET}}"}}
channels:
  {channel}: {{{options}}}
brand:
  name: La Boutique
  url: https://boutique.example
  tagline: Belles choses
  address: 12 rue des Lilas, 75011 Paris
  support_email: bonjour@boutique.example
  unsubscribe_url: https://boutique.example/preferences
"""

_TRIGGER = """\
version: 1
name: everybody
segment: {{customer: first_name, exists: true}}
on: schedule
steps:
  - send: {{channel: {channel}, template: {template}}}
"""

_SMS = "Bonjour {{ customer.first_name }}, merci pour vos commandes. A bientot, La Boutique\n"


def workspace(
    root: Path, *, channel: str, options: str, template: str, customers: int, data: Path | None
) -> None:
    """A workspace with one trigger that lets everybody in; its state is kept aside as
    `state.queued`. `data` is the shop's, or None for one of so many customers."""
    shutil.rmtree(root, ignore_errors=True)
    for name in ("config", "triggers"):
        (root / name).mkdir(parents=True)
    if data is None:
        generate(root / "data", customers, 10 * customers)
    else:
        (root / "data").symlink_to(data)
    relance = _RELANCE.format(channel=channel, options=options)
    trigger = _TRIGGER.format(channel=channel, template=template)
    (root / "config/relance.yaml").write_text(relance, encoding="utf-8")
    (root / "config/segments.yaml").write_text("version: 1\nsegments: {}\n", encoding="utf-8")
    (root / "triggers/everybody.yaml").write_text(trigger, encoding="utf-8")
    for name in ("welcome", "layouts", "snippets"):
        shutil.copytree(ROOT / "templates" / name, root / "templates" / name)
    (root / "templates/bench").mkdir()
    (root / "templates/bench/sms.txt").write_text(_SMS, encoding="utf-8")
    for at in (FIRST_TICK, SECOND_TICK):
        run_json("benchmarks.tick_once", str(root), at)
    shutil.copytree(root / "state", root / "state.queued")


def values(index: int) -> dict[str, object]:
    """What the text for one of the shop's customers is filled with."""
    return {
        "customer": {"first_name": f"Prénom{index % 500}"},
        "message": {"id": f"{index:024x}", "trigger": "everybody"},
    }


def afresh(root: Path) -> None:
    """Everything queued again."""
    shutil.rmtree(root / "state")
    shutil.copytree(root / "state.queued", root / "state")
