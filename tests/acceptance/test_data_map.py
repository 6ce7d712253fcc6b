"""`relance data-map`: complete, honest about what is unused, and a page that stands alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
import pytest

from newcomer import call
from relance.domain.fits import Fits
from relance.engine import columns, identities, people, profile
from relance.pipeline.compare import needed_segments
from relance.pipeline.tick import template_names
from relance.wiring import open_relance
from stage import RELANCE, Stage

SETTINGS = """\
limits: {quiet_hours: "20:00-08:00"}
identities: {table: links, id: old, customer: kept, at: since}
"""

CONFIG = (
    RELANCE.replace(
        "  attributes: [first_name, country, birth_date]\n",
        "  attributes: [first_name, country, birth_date]\n"
        "  more_tables:\n    - {table: loyalty, key: card, attributes: {loyalty: points}}\n",
    ).replace("amount: total}", "amount: total, fields: [category, colour]}")
    + SETTINGS
)
DATA = {
    "customers": "id,email,mobile,tz,optin,first_name,country,birth_date\n"
    "ann,a@shop.example,,Europe/Paris,true,Ann,FR,1990-03-01\n",
    "loyalty": "card,points\nann,4\n",
    "links": "old,kept,since\nvisitor,ann,2026-01-01\n",
    "orders": "customer,at,total,category,colour\nvisitor,2026-02-01,5,shoes,red\n",
}


@pytest.fixture
def shop(tmp_path: Path) -> Stage:
    stage = Stage(tmp_path)
    stage.write("config/relance.yaml", CONFIG)
    stage.segments(
        buyers="{event: order, count: {at_least: 1}, where: {category: shoes}}",
        french="{customer: country, is: FR}",
    )
    stage.trigger("birthdays", segment="french", on="{date: birth_date}")
    stage.trigger(
        "thanks",
        segment="{all: [{segment: buyers}, {customer: loyalty, at_least: 3}]}",
        goal="{event: order, within: 30 days, where: {amount: {more_than: 1}}}",
        steps="[{unless: {event: order, sum: {at_least: 9}, since: entry},"
        " send: {channel: email, template: thanks}}]",
    )
    (tmp_path / "templates/thanks").mkdir()
    stage.write(
        "templates/thanks/email.html",
        "---\nsubject: Merci\n---\n{{ order.last_category|default('') }} {{ order.count }}",
    )
    for name, text in DATA.items():
        stage.write(f"data/{name}.csv", text)
    return stage


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """Every column that the engine asks a table of the source for."""
    seen: set[tuple[str, str]] = set()
    real = columns.column_of

    def noted(table: ir.Table, shown: str, name: str) -> ir.Value:
        seen.add((shown, name))
        return real(table, shown, name)

    for module in (profile, people, identities):
        monkeypatch.setattr(module, "column_of", noted)
    return seen


def test_every_column_that_the_engine_fetches_stands_in_the_map(
    shop: Stage, looked_at: set[tuple[str, str]]
) -> None:
    with open_relance(shop.root, env={}) as relance:
        found = relance.data_map()
        told = {(each.table, each.column): each for each in found.columns}
        triggers = list(relance.workspace.triggers.values())
        names = template_names(relance.templates, triggers)
        at = datetime(2026, 3, 1, 8, tzinfo=UTC)
        segments = needed_segments(relance.workspace, triggers)
        with relance.engine.picture(at, segments, names, Fits()) as picture:
            assert picture.rows(pa.array(["ann"]), names).num_rows == 1
            for trigger in triggers:
                picture.candidates(trigger, None)
        steps = {
            f"q{n}": condition
            for n, condition in enumerate(
                each for t in triggers for s in t.steps for each in (s.only_if, s.unless) if each
            )
        }
        cohort = {
            "id": ["1"],
            "customer": ["ann"],
            "entry_at": pa.array([at], pa.timestamp("us", "UTC")),
        }
        relance.engine.ask(pa.table(cohort), steps, names, at)

    real = {place for place in looked_at if ", " not in place[0]}  # not those of joined tables
    assert {("orders", "category"), ("loyalty", "points"), ("links", "since")} <= real
    assert real <= told.keys()
    assert real <= {place for place, each in told.items() if each.uses or each.fetched}


def test_what_is_mapped_and_never_used_is_told(shop: Stage) -> None:
    answer = call("data-map", "--workspace", str(shop.root), "--json")
    unused = [f"{c['table']}.{c['column']}" for c in answer.json()["columns"] if c["unused"]]
    assert unused == ["customers.mobile", "orders.colour"]
    shown = call("data-map", "--workspace", str(shop.root)).out
    assert "orders.colour" in shown.partition("Mapped and never used:")[2]


def test_uses_name_the_trigger_the_segment_and_the_template(shop: Stage) -> None:
    with open_relance(shop.root, env={}) as relance:
        found = relance.data_map()
    uses = {
        f"{each.table}.{each.column}": {(str(use.kind), use.name) for use in each.uses}
        for each in found.columns
    }
    assert uses["customers.birth_date"] == {("trigger", "birthdays")}
    assert uses["customers.tz"] == {("quiet_hours", ""), ("trigger", "birthdays")}
    assert uses["customers.country"] == {("segment", "french"), ("trigger", "birthdays")}
    assert uses["loyalty.points"] == {("trigger", "thanks")}
    assert uses["orders.category"] == {
        ("segment", "buyers"), ("trigger", "thanks"), ("template", "thanks (email)"),
    }  # fmt: skip
    assert uses["orders.total"] == {("trigger", "thanks")}
    (to, _) = found.destinations
    assert (to.channel, to.provider, to.address) == ("email", "outbox", "email")
    assert "order.last_category" in to.values


@pytest.mark.parametrize(
    ("language", "title"), [("en", "Data map: stage"), ("fr", "Carte des données")]
)
def test_the_page_stands_alone_in_both_languages(shop: Stage, language: str, title: str) -> None:
    page = shop.root / "map.html"
    answer = call(
        "data-map", "--workspace", str(shop.root), "--html", str(page), "--language", language
    )
    assert answer.code == 0, answer.err
    text = page.read_text()
    assert title in text
    assert f'<html lang="{language}">' in text
    assert "http" not in text
    assert "colour" in text


def test_the_map_needs_no_data(shop: Stage) -> None:
    for file in (shop.root / "data").iterdir():
        file.unlink()
    assert call("data-map", "--workspace", str(shop.root)).code == 0
