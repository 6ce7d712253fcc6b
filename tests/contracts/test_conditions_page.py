"""What docs/conditions.md shows is what the YAML front door takes."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from relance.domain.vendor import VendorSpec
from relance.spec import load

PAGE = Path(__file__).parents[2] / "docs" / "conditions.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
OUTBOX = VendorSpec(name="outbox", channels=frozenset({"email"}), options=(), description="Files.")
WORKSPACE = """\
version: 1
timezone: Europe/Paris
locale: fr
source: data/
customers:
  table: customers
  key: id
  account: company
  email: email
  phone: phone
  consent: {email: true}
  attributes: [country, shoe_size, newsletter, birth_date, created_at]
accounts: {table: companies, key: id, attributes: [tier, contract_ends]}
events:
  order: {table: orders, customer: id, at: at, amount: total, fields: [category, pieces]}
  visit: {table: visits, customer: id, at: at}
channels:
  email: {provider: outbox, from: "Shop <hello@shop.example>"}
"""


def as_segments(block: str) -> str:
    """A block of the page as a whole config/segments.yaml."""
    if block.startswith("- "):
        items = re.split(r"^- ", block, flags=re.MULTILINE)[1:]
        named = (f"s{n}:\n{textwrap.indent('  ' + item, '  ')}" for n, item in enumerate(items))
        block = "segments:\n" + textwrap.indent("".join(named), "  ")
    if "segments:" not in block:
        block += "segments: {}\n"
    if "{segment: active}" in block:
        block += "  active: {event: order}\n"
    return block if block.startswith("version:") else f"version: 1\n{block}"


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0][:40])
def test_every_example_of_the_conditions_page_checks_clean(block: str, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "relance.yaml").write_text(WORKSPACE, encoding="utf-8")
    segments = as_segments(block)
    (tmp_path / "config" / "segments.yaml").write_text(segments, encoding="utf-8")

    # the page shows scores before they are fitted
    loaded = load(tmp_path, env={}, vendors={"outbox": OUTBOX}, texts={}, with_models=False)

    mistakes = [str(problem) for problem in loaded.problems if not problem.warning]
    assert mistakes == [], segments
