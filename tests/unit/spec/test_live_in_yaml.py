"""`live:` and events that are live calls: what is read, and what is told where."""

from __future__ import annotations

from pathlib import Path

import pytest

from relance.domain.live import ColumnKind, LiveColumn
from relance.domain.workspace import EventSpec, Workspace
from relance.spec import Loaded, load

BASE = """\
version: 1
timezone: Europe/Paris
locale: fr
source: data/
customers: {table: customers, key: id, attributes: [country]}
"""
KEYS = 'live: {write_keys: ["${KEY}"]}\n'
ENV = {
    "KEY": "0123456789abcdef",
    "OTHER": "fedcba9876543210",
    "SHORT": "abc",
    "ODD": "0123456789:abcdef",
}
SEGMENTS = """\
version: 1
segments:
  carts: {event: cart, count: {at_least: 1}}
  people: {customer: country, exists: true}
"""


def read(root: Path, text: str, segments: str = "version: 1\nsegments: {}\n") -> Loaded:
    for folder in ("config", "triggers"):
        (root / folder).mkdir(exist_ok=True)
    (root / "config/relance.yaml").write_text(BASE + text)
    (root / "config/segments.yaml").write_text(segments)
    return load(root, env=ENV, vendors={}, texts={})


def workspace(root: Path, text: str, segments: str = "version: 1\nsegments: {}\n") -> Workspace:
    loaded = read(root, text, segments)
    assert loaded.workspace is not None, loaded.problems
    return loaded.workspace


def event(root: Path, text: str) -> EventSpec:
    return workspace(root, KEYS + text).events["cart"]


def told(root: Path, text: str) -> list[str]:
    found = [p for p in read(root, text).problems if not p.warning]
    assert all(p.line and p.column for p in found)
    return [f"{p.where}: {p.message}" for p in found]


def test_what_is_taken_in_and_for_how_long(tmp_path: Path):
    live = workspace(
        tmp_path,
        'live:\n  write_keys: ["${KEY}", "${OTHER}"]\n  keep: 30 days\n  fields: [category]\n'
        "  traits: {plan: traits.plan, born: birth.date as date, vip: is vip as flag}\n",
    ).live
    assert live is not None
    assert [key.reveal() for key in live.write_keys] == [ENV["KEY"], ENV["OTHER"]]
    assert str(live.keep) == "30 days"
    assert live.fields == {"category": LiveColumn(("category",))}
    assert live.traits == {
        "plan": LiveColumn(("plan",)),
        "born": LiveColumn(("birth", "date"), ColumnKind.DATE),
        "vip": LiveColumn(("is vip",), ColumnKind.FLAG),
    }
    assert ENV["KEY"] not in repr(live)


def test_a_live_call_as_an_event_and_beside_a_table(tmp_path: Path):
    alone = event(
        tmp_path,
        "events: {cart: {live: Cart Abandoned, amount: properties.cart.total, fields: [size]}}\n",
    )
    assert (alone.customer, alone.at, alone.amount, alone.rows) == (
        "customer",
        "at",
        "amount",
        None,
    )
    assert alone.live is not None
    assert alone.live.fields["amount"] == LiveColumn(("cart", "total"), ColumnKind.NUMBER)
    both = event(
        tmp_path,
        "events: {cart: {table: carts, customer: who, at: day, fields: {size: sz}, id: no,"
        " live: {event: Cart, id: properties.no, fields: {size: properties.s as number}}}}\n",
    )
    assert both.live is not None
    assert (both.live.table, both.live.table_id, both.column("size")) == ("carts", "no", "sz")
    assert both.live.fields == {"size": LiveColumn(("s",), ColumnKind.NUMBER)}
    assert both.rows is not None
    assert (both.rows.table, both.rows.live) == ("carts", None)


def test_names_of_one_column_of_the_table_stand_at_one_place_of_a_call(tmp_path: Path):
    both = event(
        tmp_path,
        "events: {cart: {table: c, customer: w, at: d, amount: x, fields: {a: x, day: d, b: y},"
        " live: {event: Cart, amount: total}}}\n",
    )
    assert both.live is not None
    assert both.live.fields == {
        "amount": LiveColumn(("total",), ColumnKind.NUMBER),
        "b": LiveColumn(("b",)),
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("live: {}\n", "live.write_keys: is missing"),
        ("live: {write_keys: [secret]}\n", "live.write_keys.0: a secret stands in the file"),
        ('live: {write_keys: "${SHORT}"}\n', "live.write_keys: must have at least 16 characters"),
        ('live: {write_keys: "${ODD}"}\n', "live.write_keys: must be plain letters and digits"),
        ('live: {write_keys: "${KEY}", keep: soon}\n', "live.keep: 'soon' is not"),
        ('live: {write_keys: "${KEY}", fields: [event]}\n', "live.fields.0: `event` is a name of"),
        ('live: {write_keys: "${KEY}", traits: {at: x}}\n', "live.traits.at: `at` is a name of"),
        (
            'live: {write_keys: "${KEY}", traits: {a: x as money}}\n',
            "live.traits.a: 'x as money' is",
        ),
        ('live: {write_keys: "${KEY}", traits: {a: x..y}}\n', "live.traits.a: 'x..y' is not"),
        ('live: {write_keys: "${KEY}", tratis: [a]}\n', "live.tratis: unknown key"),
        ("events: {cart: {live: Cart}}\n", "events.cart.live: no live events are taken in"),
        (
            KEYS + "events: {cart: {live: Cart, customer: id}}\n",
            "events.cart.customer: unknown key",
        ),
        (
            KEYS + "events: {cart: {table: c, customer: w, at: d, amount: a, live: Cart}}\n",
            "events.cart.live: does not tell the amount",
        ),
        (
            KEYS + "events: {cart: {table: c, customer: w, at: d, id: n, live: Cart}}\n",
            "events.cart.live: an id needs the other side's",
        ),
        (
            KEYS + "events: {cart: {table: c, customer: w, at: d,"
            " live: {event: Cart, fields: [size]}}}\n",
            "events.cart.live: tells 'size', which is no field of the event",
        ),
        ('live: {write_keys: "${KEY}", fields: [Event]}\n', "live.fields.0: `Event` is a name of"),
        ('live: {write_keys: "${KEY}", traits: {aT: x}}\n', "live.traits.aT: `aT` is a name of"),
        (
            'live: {write_keys: "${KEY}", fields: {size: a, Size: b}}\n',
            "live.fields.Size: `Size` is `size` but for its capitals",
        ),
        (
            KEYS + "events: {cart: {live: Cart, fields: [size, Customer]}}\n",
            "events.cart.fields.1: `Customer` is a name of",
        ),
        (
            KEYS + "events: {cart: {live: Cart, fields: {at: moment}}}\n",
            "events.cart.fields.at: `at` is a name of",
        ),
        (
            KEYS + "events: {cart: {live: Cart, fields: [Total, total]}}\n",
            "events.cart.fields.1: `total` is `Total` but for its capitals",
        ),
        (
            KEYS + "events: {cart: {live: Cart, amount: total, fields: [Amount]}}\n",
            "events.cart.fields: `Amount` is `amount` but for its capitals",
        ),
        (
            KEYS + "events: {cart: {table: c, customer: w, at: d, fields: {day: d},"
            " live: {event: Cart, fields: [day]}}}\n",
            "events.cart.live: tells 'day', which is the column 'd' that every call tells",
        ),
        (
            KEYS + "events: {cart: {table: c, customer: w, at: d, fields: {a: x, b: x},"
            " live: {event: Cart, fields: {a: one, b: two}}}}\n",
            "events.cart.live: tells 'a' and 'b' apart, which are one column, 'x'",
        ),
        (
            KEYS + "events: {cart: {table: c, customer: w, at: d, amount: x, fields: {a: x},"
            " live: {event: Cart, amount: one, fields: {a: two}}}}\n",
            "events.cart.live: tells 'a' and 'amount' apart, which are one column, 'x'",
        ),
    ],
)
def test_mistakes_are_told_where_they_are(tmp_path: Path, text: str, problem: str):
    found = told(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith(problem)


def test_only_what_is_about_live_events_gets_another_version(tmp_path: Path):
    table = "events: {cart: {table: carts, customer: who, at: day}}\n"
    both = "events: {cart: {table: carts, customer: who, at: day, live: Cart}}\n"
    before = workspace(tmp_path, table, SEGMENTS).segments
    taken_in = workspace(tmp_path, KEYS + table, SEGMENTS).segments
    counted = workspace(tmp_path, KEYS + both, SEGMENTS).segments
    assert taken_in == before
    assert counted["people"] == before["people"]
    assert counted["carts"].version != before["carts"].version


def test_the_sites_whose_pages_may_send_are_named_as_browsers_name_them(tmp_path: Path):
    def origins(listed: str) -> tuple[str, ...]:
        live = workspace(tmp_path, f'live: {{write_keys: ["${{KEY}}"], origins: {listed}}}\n').live
        assert live is not None
        return live.origins

    good = ("https://boutique.example", "http://127.0.0.1:3000", "https://xn--caf-dma.example:8443")
    assert origins(f"[{', '.join(repr(one) for one in good)}]") == good
    assert origins("https://boutique.example") == good[:1]


@pytest.mark.parametrize(
    "origin",
    ["*", "boutique.example", "https://boutique.example/", "https://Boutique.example", "null",
     "https://*.boutique.example", "https://boutique.example:443", "http://boutique.example:80",
     "https://a@boutique.example", "ftp://boutique.example", "https://boutique.example:0"],
)  # fmt: skip
def test_what_no_browser_would_say_is_no_site(tmp_path: Path, origin: str):
    [problem] = told(tmp_path, f'live: {{write_keys: ["${{KEY}}"], origins: ["{origin}"]}}\n')
    assert "is not the origin of a web site such as https://boutique.example" in problem
