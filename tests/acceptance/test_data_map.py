"""`relance data-map`: complete, honest about what is unused, and a page that stands alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import ibis.expr.types as ir
import pyarrow as pa
import pytest

from live_shop import LiveStage
from newcomer import call
from relance.domain.fits import Fits
from relance.engine import columns, identities, people, profile
from relance.pipeline.compare import needed_segments
from relance.pipeline.tick import template_names
from relance.rendering.data_map.words import kept_words
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


LIVE = """\
  keep: 90 days
  fields: {page: context.page, hat: hat.size as number}
  traits: {plan: plan.name, age: age as number}
"""
EVENTS = """\
  cart: {live: Cart Abandoned, amount: properties.cart.total, fields: [category]}
"""
LINKS = "identities: {table: live_identities, id: anonymous_id, customer: customer, at: at}\n"


@pytest.fixture
def live(tmp_path: Path) -> LiveStage:
    """A shop that hears live events, of which it reads some."""
    shop = LiveStage(tmp_path)
    shop.arrive("ann")
    shop.configure(EVENTS, LIVE, LINKS)
    shop.segments(left="{event: cart, sum: {at_least: 9}, where: {category: hats}}")
    shop.trigger(segment="left")
    return shop


def test_what_clients_tell_live_stands_in_the_map_and_how_long_it_is_kept(live: LiveStage) -> None:
    with live.open() as relance:
        found = relance.data_map()
    told = {(each.table, each.column): each for each in found.columns}
    meanings = {place: each.meanings for place, each in told.items()}
    assert meanings["live_events", "anonymous_id"] == ("anonymousId",)
    assert meanings["live_events", "hat"] == ("properties.hat.size",)
    assert meanings["live_customers", "plan"] == ("traits.plan.name",)
    assert meanings["live Cart Abandoned", "amount"] == ("cart.amount", "properties.cart.total")
    assert ("trigger", "hello") in {
        (str(use.kind), use.name) for use in told["live Cart Abandoned", "category"].uses
    }
    identity = {(table, column) for (table, column), each in told.items()
                if "identity" in {str(use.kind) for use in each.uses}}  # fmt: skip
    assert identity >= {("live_identities", "anonymous_id"), ("live_identities", "at")}
    assert {f"{each.table}.{each.column}" for each in found.unused} >= {"live_customers.age"}
    (kept,) = (words for each in found.kept if (words := kept_words(each, "en"))[0][:4] == "live")
    assert "90 days from their arrival" in kept[1]
    assert "relance live forget" in kept[1]


def test_what_the_engine_fetches_of_live_events_stands_in_the_map(
    live: LiveStage, looked_at: set[tuple[str, str]]
) -> None:
    with live.open() as relance:
        found = {(each.table, each.column): each for each in relance.data_map().columns}
        relance.tick(live.now)
    lively = {place for place in looked_at if place[0].startswith("live")}
    assert {table for table, _ in lively} == {"live Cart Abandoned", "live_identities"}
    assert lively <= {place for place, each in found.items() if each.uses or each.fetched}


def test_a_query_that_names_a_live_table_uses_what_is_read_of_it(live: LiveStage) -> None:
    query = 'tables: {seen: "SELECT customer, plan FROM live_customers"}\n'
    live.configure(EVENTS, LIVE, LINKS + query)
    with live.open() as relance:
        found = {(each.table, each.column): each for each in relance.data_map().columns}
    assert [use.name for use in found["live_customers", "plan"].uses] == ["seen"]
    assert found["live_events", "hat"].unused


def test_a_score_that_no_segment_uses_reads_what_it_is_fitted_from(shop: Stage) -> None:
    text = (shop.root / "config/segments.yaml").read_text()
    shop.write("config/segments.yaml", f"{text}scores: {{potential: {{within: 90 days}}}}\n")
    with open_relance(shop.root, env={}) as relance:
        found = {(each.table, each.column): each for each in relance.data_map().columns}
    uses = {(str(use.kind), use.name) for use in found["orders", "at"].uses}
    assert ("score", "potential") in uses
