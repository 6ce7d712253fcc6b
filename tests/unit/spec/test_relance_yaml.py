"""config/relance.yaml: what its keys become."""

# ruff: noqa: E501  one case, one line
from __future__ import annotations

from datetime import time

import pytest

from relance.domain.duration import Duration, Unit
from relance.domain.workspace import FrequencyCap, QuietHours

PATH = "config/relance.yaml"


def test_paths_are_below_the_workspace(shop) -> None:
    workspace = shop.workspace()
    assert workspace.source.location == str(shop.root / "data")
    assert workspace.source.shown == "data/"
    assert workspace.source.workbench == shop.root / "state/workbench.duckdb"
    assert workspace.state == f"sqlite:///{shop.root}/state/relance.db"


def test_absolute_paths_stay_where_they_are(shop) -> None:
    shop.edit(PATH, "source: data/", "source: /srv/data\nstate: sqlite:////srv/state.db")
    workspace = shop.workspace()
    assert workspace.source.location == "/srv/data"
    assert workspace.state == "sqlite:////srv/state.db"


def test_a_source_may_have_a_time_zone_of_its_own_and_be_the_workbench(shop) -> None:
    shop.edit(PATH, "source: data/",
              "source: {location: shop.duckdb, timezone: UTC}\nworkbench: source")  # fmt: skip
    source = shop.workspace().source
    assert (source.zone.key, source.at_source, source.workbench) == ("UTC", True, None)
    assert source.location == str(shop.root / "shop.duckdb")


def test_columns_are_listed_or_named(shop) -> None:
    shop.edit(PATH, "[first_name, country, birth_date]",
              "{first_name: 'First name', country: country, birth_date: born}")  # fmt: skip
    customers = shop.workspace().customers
    assert customers.column("first_name") == "First name"
    assert customers.column("email") == "mail"
    assert customers.consent == {"email": "optin", "sms": True}


def test_events_and_named_queries_are_read(shop) -> None:
    shop.add(PATH, "tables: {big: select 1, small: {sql: select 2}}\n")
    workspace = shop.workspace()
    assert workspace.events["order"].column("amount") == "total"
    assert workspace.events["order"].column("pieces") == "pieces"
    assert workspace.events["visit"].amount is None
    assert workspace.source.tables == {"big": "select 1", "small": "select 2"}


def test_limits_and_rates_are_read(shop) -> None:
    shop.add(PATH, (
        "limits: {per_customer: [3 per 7 days, 1 per day], quiet_hours: 20:00-08:00}\n"
        "global_holdout: 2%\n"
    ))  # fmt: skip
    shop.edit(PATH, "sms: {provider: outbox,", "sms: {provider: outbox, rate: 600 per minute,")
    workspace = shop.workspace()
    assert workspace.limits.per_customer == (
        FrequencyCap(count=3, per=Duration(7, Unit.DAY)),
        FrequencyCap(count=1, per=Duration(1, Unit.DAY)),
    )
    assert workspace.limits.quiet_hours == (QuietHours(start=time(20), end=time(8)),)
    assert workspace.global_holdout == 0.02
    assert workspace.channels["sms"].rate == 10.0
    assert workspace.channels["sms"].options == {"folder": "outbox"}
    assert workspace.channels["sms"].path == "config/relance.yaml:18:8"


def test_an_unquoted_phone_number_stays_as_it_is_written(shop) -> None:
    shop.edit(PATH, "from: Shop}", "from: +33700000000}")
    assert shop.workspace().channels["sms"].sender == "+33700000000"


def test_the_name_is_the_folder_s_unless_it_is_given(shop) -> None:
    assert shop.workspace().name == "shop"
    shop.edit(PATH, "name: shop\n", "")
    assert shop.workspace().name == shop.root.name


def test_locales_are_written_with_a_dash_or_an_underscore(shop) -> None:
    shop.edit(PATH, "locale: fr", "locale: fr-CH")
    assert shop.workspace().locale == "fr_CH"


def test_brand_values_nest(shop) -> None:
    shop.add(PATH, "brand: {name: Shop, since: 1998, social: {web: https://a.example}}\n")
    assert shop.workspace().brand == {
        "name": "Shop", "since": 1998, "social": {"web": "https://a.example"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("timezone: Europe/Paris", "timezone: CEST", "timezone: 'CEST' is not an IANA time zone"),
        ("timezone: Europe/Paris", "timezone: ../../etc/passwd", "is not an IANA time zone"),
        ("locale: fr", "locale: xx_YY_zz", "locale: 'xx_YY_zz' is not a locale"),
        ("name: shop", "currency: euro", "currency: 'euro' is not a currency"),
        ("name: shop", "state: mysql://x", "state: must be `sqlite:///FILE` or `postgresql://…`"),
        ("name: shop", "state: postgres://x/y", "(write postgresql://)"),
        ("name: shop", "state: 'sqlite://'", "names no file"),
        ("name: shop", "state: relance.db", "(such as sqlite:///state/relance.db)"),
        ("source: data/", "source: {path: data/}", "source.location: is missing"),
        ("source: data/", "source:", "source: is empty"),
        ("table: customers", "table: true", "customers.table: must be a table's name, not true or"),
        ("table: customers", "table: [a]", "customers.table: must be a table's name, not a list"),
        ("consent: {email: optin", "consent: {email: false", "(leave the channel out instead)"),
        ("[first_name, country,", "[first_name, first_name,", "'first_name' is listed twice"),
        ("[first_name, country,", "[first name, country,", "cannot be a name (write a mapping"),
        ("[first_name, country,", "[email, country,", "email is already the column mail"),
        ("  visit:", "  brand:", "events.brand: `brand` is a name of relance's own"),
        ("{provider: outbox, from: Shop}", "{provider: outbax, from: Shop}", "(did you mean outbox?)"),
        ("{provider: outbox, from: Shop}", "{provider: post, from: Shop}", "does not send sms"),
        ("{provider: outbox, from: Shop}", "{provider: outbox}", "channels.sms.from: is missing"),
        ("{provider: outbox, from: Shop}", "{provider: outbox, from: Shop, foldr: x}",
         "channels.sms.foldr: unknown key (did you mean folder?)"),
        ("{provider: outbox, from: Shop}", '{provider: outbox, from: "Shop\\nBcc: x"}',
         "channels.sms.from: holds a line break"),
        ("{provider: outbox, from: Shop}", "{provider: outbox, from: Shop, rate: fast}",
         "(write it like 10 per second, 600 per minute or 5000 per day)"),
        ("from: Shop <hello@shop.example>", "from: Shop", "channels.email.from: is not a sender"),
        ("name: shop", "limits: {per_customer: 0 per day}", "(both numbers must be at least 1)"),
        ("name: shop", "limits: {quiet_hours: 25:00-08:00}", "(hours go from 00:00 to 23:59)"),
        ("name: shop", "global_holdout: 25%", "(at most 20%)"),
        ("name: shop", "brand: {x: [a]}", "brand.x: must be text, a number, true, false or a date"),
        ("name: shop", "brand: {a-b: c}", "brand.a-b: is not a name"),
    ],
)  # fmt: skip
def test_a_mistake_says_what_is_wrong(shop, old: str, new: str, said: str) -> None:
    shop.edit(PATH, old, new)
    problems = shop.problems()
    assert any(said in problem for problem in problems), problems
    assert shop.load().workspace is None
