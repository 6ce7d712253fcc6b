"""Live events read as tables and as events, beside a folder, SQLite and PostgreSQL."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from live_shop import ENV, LiveStage, ago
from relance.errors import StateError
from relance.reading import check_workspace

SOURCES = ("folder", "sqlite", "postgresql", "postgresql itself")
HAD = "{event: cart, count: {at_least: 1}}"


@pytest.fixture(params=SOURCES)
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> LiveStage:
    url = ""
    if request.param.startswith("postgresql"):
        url = str(request.getfixturevalue("postgres_database"))
    stage = LiveStage(tmp_path, request.param, url)
    stage.arrive("ann", "bob", "cid", "dan")
    return stage


@pytest.fixture
def folder(tmp_path: Path) -> LiveStage:
    stage = LiveStage(tmp_path)
    stage.arrive("ann", "bob", "cid", "dan")
    return stage


def test_live_calls_are_an_event_like_any_other(shop: LiveStage):
    shop.order("dan", at=ago(days=1))
    shop.hears(user="ann", total=80, category="shoes", at=ago(hours=3))
    shop.hears(user="ann", total="20.50", category="boots", at=ago(days=9))
    shop.hears(user="bob", total="plenty", category=["a", 1], at=ago(hours=2))
    shop.hears("Another Thing", user="cid")
    shop.hears(user="cid", at=shop.now.replace(year=2027))  # not yet
    assert shop.look(
        had=HAD,
        lately="{event: cart, count: {at_least: 1}, within: 1 day}",
        spent="{event: cart, sum: {at_least: 100}}",
        shoes="{event: cart, count: {at_least: 1}, where: {category: shoes}}",
        strange="{event: cart, count: {at_least: 1}, where: {category: '[\"a\",1]'}}",
        both="{all: [{event: order, count: {at_least: 1}}, {event: cart, count: {at_most: 0}}]}",
    ) == {
        "had": {"ann", "bob"}, "lately": {"ann", "bob"}, "spent": {"ann"}, "shoes": {"ann"},
        "strange": {"bob"}, "both": {"dan"},
    }  # fmt: skip


def test_a_table_and_live_calls_are_one_event_and_none_counts_twice(shop: LiveStage):
    shop.configure(
        "  bought:\n"
        "    {table: orders, customer: customer, at: at, amount: total, id: total,\n"
        "     live: {event: Order Completed, amount: properties.total, id: properties.total}}\n"
    )
    shop.order("ann", "bob", total=50, at=ago(hours=5))
    shop.order("cid", total=7, at=ago(days=9))
    shop.hears("Order Completed", user="ann", total=30, at=ago(hours=1))
    shop.hears("Order Completed", user="dan", total=60, at=ago(hours=1))
    shop.hears("Order Completed", user="bob", total=50, at=ago(hours=5))  # is in the table
    assert shop.look(
        twice="{event: bought, count: {at_least: 2}}",
        today="{event: bought, count: {at_least: 1}, within: 1 day}",
        spent="{event: bought, sum: {is: 80}}",
        once="{event: bought, sum: {is: 50}}",
    ) == {"twice": {"ann"}, "today": {"ann", "bob", "dan"}, "spent": {"ann"}, "once": {"bob"}}


def test_what_was_told_before_the_log_in_counts_for_who_logged_in(shop: LiveStage):
    shop.hears(anonymous="phone", at=ago(hours=9))
    shop.call("identify", user="ann", anonymous="phone", at=ago(hours=8))
    shop.hears(anonymous="phone", at=ago(hours=7))
    shop.hears("Visit", user="bob", anonymous="phone", at=ago(hours=6))  # bob takes the phone
    shop.hears(anonymous="laptop", at=ago(hours=5))
    shop.call("alias", user="cid", previous="laptop", at=ago(hours=4))
    shop.hears(anonymous="nobody", at=ago(hours=3))
    assert shop.look(had=HAD, twice="{event: cart, count: {at_least: 2}}") == {
        "had": {"ann", "bob", "cid"},
        "twice": set(),
    }


def test_the_tables_are_read_like_any_other(shop: LiveStage):
    seen = "table: live_events, customer: customer, at: at, amount: total, fields: [event]"
    table = f"  seen: {{{seen}}}\n"
    live = (
        "  fields: {total: total as number}\n"
        "  traits: {plan: plan, age: age as number, first_name: name}\n"
    )
    shop.configure(table, live)
    text = (shop.root / "config/relance.yaml").read_text()
    kept = ["customers:", "  table: live_customers", "  key: customer",
            "  attributes: [plan, age, first_name]"]  # fmt: skip
    shop.call("identify", user="ann", plan="free", age=30, at=ago(days=2))
    shop.call("identify", user="ann", plan="pro", at=ago(days=1))
    shop.call("identify", user="bob", plan="pro", age="old", at=ago(days=1))
    shop.call("identify", user="bob", plan=None, at=ago(hours=1))
    shop.call("identify", anonymous="a-1", plan="anonymous", age=5)
    shop.hears(user="ann", total=5)
    shop.hears("$page", user="bob", total=6)
    lines = text.splitlines()
    begin = lines.index("customers:")
    end = next(n for n in range(begin + 1, len(lines)) if not lines[n].startswith(" "))
    shop.write("config/relance.yaml", "\n".join([*lines[:begin], *kept, *lines[end:], ""]))
    assert shop.look(
        pro="{customer: plan, is: pro}",
        none="{customer: plan, exists: false}",
        grown="{customer: age, at_least: 18}",
        pages="{event: seen, count: {at_least: 1}, where: {event: $page}}",
        spent="{event: seen, sum: {at_least: 5}}",
    ) == {
        "pro": {"ann"}, "none": {"bob"}, "grown": {"ann"}, "pages": {"bob"},
        "spent": {"ann", "bob"},
    }  # fmt: skip


@pytest.mark.parametrize("source", ["folder", "postgresql"])
def test_queries_of_ones_own_may_read_the_live_tables(
    source: str, request: pytest.FixtureRequest, tmp_path: Path
):
    url = str(request.getfixturevalue("postgres_database")) if source == "postgresql" else ""
    shop = LiveStage(tmp_path, source, url)
    shop.arrive("ann", "bob", "cid")
    query = "SELECT * FROM live_events WHERE event LIKE 'Cart%'"
    shop.configure(
        "  cart: {table: carts, customer: customer, at: at}\n",
        more=f'tables: {{carts: "{query}"}}\n',
    )
    shop.hears(user="ann")
    shop.hears("Visit", user="bob")
    shop.call("identify", user="cid", anonymous="a-1")
    known = "SELECT customer FROM live_identities"
    assert shop.look(had=HAD, known=f'{{sql: "{known}"}}') == {"had": {"ann"}, "known": {"cid"}}


@pytest.mark.parametrize("source", ["folder", "postgresql"])
def test_what_a_live_call_says_of_an_anonymous_id_holds_for_the_tables_too(
    source: str, request: pytest.FixtureRequest, tmp_path: Path
):
    url = str(request.getfixturevalue("postgres_database")) if source == "postgresql" else ""
    shop = LiveStage(tmp_path, source, url)
    shop.arrive("ann", "bob")
    links = "{table: live_identities, id: anonymous_id, customer: customer, at: at}"
    shop.configure(more=f"identities:\n  - {links}\n")
    shop.order("phone", at=ago(hours=9))
    shop.hears(anonymous="phone", at=ago(hours=9))
    shop.call("identify", user="ann", anonymous="phone", at=ago(hours=8))
    assert shop.look(had=HAD, bought="{event: order, count: {is: 1}}") == {
        "had": {"ann"},
        "bought": {"ann"},
    }


def test_a_tick_sees_what_came_since_the_last_one_and_not_what_was_forgotten(folder: LiveStage):
    folder.trigger(segment=HAD)
    folder.hears(user="ann")
    assert folder.entered() == {"hello": 0}  # the baseline
    for name in ("bob", "cid"):
        folder.wait(hours=1)
        folder.hears(user=name)
        assert folder.entered() == {"hello": 1}
    with folder.open() as relance:
        relance.state.live.forget("cid")
    folder.wait(hours=1)
    assert folder.entered() == {"hello": 0}
    assert folder.look(had=HAD) == {"had": {"ann", "bob"}}
    with folder.open() as relance:
        relance.expire_live(folder.now.replace(year=2028))
    folder.wait(hours=1)
    assert folder.look(had=HAD) == {"had": set()}  # and no unfinished export


def test_the_workbench_may_be_deleted_and_is_filled_again(folder: LiveStage):
    folder.hears(user="ann")
    assert folder.look(had=HAD) == {"had": {"ann"}}
    (folder.root / "state/workbench.duckdb").unlink()
    folder.hears(user="bob")
    assert folder.look(had=HAD) == {"had": {"ann", "bob"}}
    (folder.root / "state/relance.db").unlink()
    for path in (folder.root / "state").glob("relance.db-*"):
        path.unlink()
    folder.hears(user="cid")
    assert folder.look(had=HAD) == {"had": {"cid"}}


def test_a_property_that_changes_its_type_is_text_or_missing_and_is_counted(folder: LiveStage):
    folder.configure(
        "  cart: {live: Cart Abandoned, amount: total, fields: {size: size, paid: paid as flag,"
        " due: due as date}}\n",
        "  traits: {age: age as number}\n",
    )
    folder.trigger(segment=HAD)
    folder.hears(user="ann", total=1, size=43, paid=True, due="2026-05-01")
    folder.hears(user="bob", total=True, size="43", paid="no idea", due=17)
    folder.hears(user="cid", total={"eur": 3}, size=[43], paid=None, due="soon")
    folder.call("identify", user="dan", age="thirty")
    assert folder.look(
        size="{event: cart, count: {at_least: 1}, where: {size: '43'}}",
        paid="{event: cart, count: {at_least: 1}, where: {paid: true}}",
        due="{event: cart, count: {at_least: 1}, where: {due: {after: 2026-04-30}}}",
        cost="{event: cart, sum: {is: 1}}",
    ) == {"size": {"ann", "bob"}, "paid": {"ann"}, "due": {"ann"}, "cost": {"ann"}}
    found = {p.where: p for p in check_workspace(folder.root, env=ENV) if "live" in p.message}
    assert {where: p.message.split(" of ")[0] for where, p in found.items()} == {
        "events.cart.amount": "total: 2 rows",
        "events.cart.fields.paid": "paid: 1 row",
        "events.cart.fields.due": "due: 2 rows",
        "live.traits.age": "age: 1 row",
    }
    assert all(problem.warning and problem.line for problem in found.values())


def test_whatever_stands_in_a_property_is_no_error(folder: LiveStage):
    for strange in (
        "\0",
        "\u2028",
        '"quoted"',
        "€" * 300,
        {"a": {"b": [None]}},
        2**63,
        1e300,
        -0.0,
    ):
        folder.hears(user="ann", category=strange, total=strange)
    assert folder.look(had="{event: cart, count: {is: 8}}") == {"had": {"ann"}}


def test_a_check_makes_no_state_and_changes_none(folder: LiveStage, tmp_path: Path):
    folder._write_data()
    folder.trigger(segment=HAD)
    found = check_workspace(folder.root, env=ENV)
    assert [p for p in found if not p.warning] == []
    assert not (folder.root / "state").exists()


def test_tables_of_a_server_that_takes_nothing_in_refuse_live_events_by_name(folder: LiveStage):
    from relance.engine.live import LiveCache
    from relance.engine.live_source import LiveSource
    from relance.engine.workbench import Workbench
    from relance.errors import SourceError

    class Elsewhere:
        remote, dialect = True, "trino"

        def refresh(self) -> None:
            """Nothing to look at."""

    with folder.open() as relance:
        workspace: Any = relance.workspace
        workbench = Workbench(None, workspace.zone)
        source = LiveSource(
            Elsewhere(), workspace, workspace.live, workbench, LiveCache(workbench, None)
        )  # type: ignore[arg-type]
        with pytest.raises(SourceError, match="cannot be held against tables of trino"):
            source.table("live Cart Abandoned")
        workbench.close()


def test_a_state_that_is_away_fails_the_tick(folder: LiveStage):
    folder.trigger(segment=HAD)
    folder.hears(user="ann")
    with folder.open() as relance:
        relance.state.close()
        (folder.root / "state/relance.db").write_text("no database")
        for path in (folder.root / "state").glob("relance.db-*"):
            path.unlink()
        with pytest.raises(StateError):
            relance.tick(folder.now)


def test_a_state_restored_beside_the_workbench_gives_numbers_out_again(folder: LiveStage):
    state = folder.root / "state"
    folder.hears(user="ann")
    assert folder.look(had=HAD) == {"had": {"ann"}}
    shutil.copy(state / "relance.db", folder.root / "backup.db")
    folder.hears(user="bob")
    assert folder.look(had=HAD) == {"had": {"ann", "bob"}}
    for path in state.glob("relance.db*"):
        path.unlink()
    shutil.copy(folder.root / "backup.db", state / "relance.db")
    folder.hears(user="cid")  # under the number that was bob's
    assert folder.look(had=HAD) == {"had": {"ann", "cid"}}
    folder.hears(user="dan")
    assert folder.look(had=HAD) == {"had": {"ann", "cid", "dan"}}
