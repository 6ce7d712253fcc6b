"""A small workspace on disk that each test bends to its question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from relance.domain.vendor import OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import Workspace
from relance.errors import Problem
from relance.spec import Loaded, load

RELANCE = """\
version: 1
name: shop
timezone: Europe/Paris
locale: fr
source: data/
customers:
  table: customers
  key: id
  email: mail
  phone: mobile
  consent: {email: optin, sms: true}
  attributes: [first_name, country, birth_date]
events:
  order: {table: orders, customer: id, at: day, amount: total, fields: [category, pieces]}
  visit: {table: visits, customer: id, at: seen}
channels:
  email: {provider: outbox, from: Shop <hello@shop.example>}
  sms: {provider: outbox, from: Shop}
"""
SEGMENTS = """\
version: 1
segments:
  active: {event: order, last: {after: 90 days}}
  loyal:
    all:
      - {event: order, count: {at_least: 3}, within: 1 year}
      - {segment: active}
"""
TRIGGER = """\
version: 1
name: thanks
segment: loyal
on: enter
steps:
  - send: {channel: email, template: thanks}
"""
VENDORS = {
    "outbox": VendorSpec(
        name="outbox",
        channels=frozenset({"email", "sms", "whatsapp", "slack", "webhook"}),
        options=(
            OptionSpec(
                name="folder", kind=OptionKind.FOLDER, description="Where.", default="outbox"
            ),
        ),
        description="Files.",
    ),
    "post": VendorSpec(
        name="post",
        channels=frozenset({"email"}),
        options=(
            OptionSpec(name="token", kind=OptionKind.SECRET, description="Token.", required=True),
            OptionSpec(name="port", kind=OptionKind.INTEGER, description="Port."),
            OptionSpec(name="wait", kind=OptionKind.NUMBER, description="Wait.", default=30.0),
            OptionSpec(name="fast", kind=OptionKind.FLAG, description="Fast.", default=False),
            OptionSpec(
                name="mode", kind=OptionKind.TEXT, description="Mode.", choices=("soft", "hard")
            ),
        ),
        description="E-mail.",
    ),
    "text": VendorSpec(
        name="text",
        channels=frozenset({"sms", "whatsapp"}),
        options=(
            OptionSpec(name="token", kind=OptionKind.SECRET, description="Token.", required=True),
        ),
        description="Text messages.",
    ),
}


@dataclass
class Shop:
    """The workspace: change a file, load it, look at what is said."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    vendors: Mapping[str, VendorSpec] = field(default_factory=lambda: VENDORS)

    def write(self, path: str, text: str | bytes) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert old in text, f"{old!r} is not in {path}"
        self.write(path, text.replace(old, new))

    def add(self, path: str, text: str) -> None:
        self.write(path, (self.root / path).read_text() + text)

    def load(self) -> Loaded:
        return load(self.root, env=self.env, vendors=self.vendors, texts=self.texts)

    def problems(self) -> list[str]:
        return [str(problem) for problem in self.load().problems]

    def problem(self) -> Problem:
        (problem,) = self.load().problems
        return problem

    def workspace(self) -> Workspace:
        loaded = self.load()
        assert not [str(problem) for problem in loaded.problems if not problem.warning]
        assert loaded.workspace
        return loaded.workspace

    def condition(self, text: str) -> None:
        """Put one condition, in flow form, where the segment `active` is."""
        self.write("config/segments.yaml", SEGMENTS.replace(
            "{event: order, last: {after: 90 days}}", text
        ))  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path, texts={("thanks", "email"): "a", ("thanks", "sms"): "b"})
    made.write("config/relance.yaml", RELANCE)
    made.write("config/segments.yaml", SEGMENTS)
    made.write("triggers/thanks.yaml", TRIGGER)
    return made
