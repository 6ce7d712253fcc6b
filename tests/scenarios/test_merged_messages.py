"""Messages that two ids got before they turned out to be one customer: one of them goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from meeting import Meeting, MeetingSupplier
from relance.engine.picture import Picture
from relance.errors import SourceError
from stage import RELANCE

RECENT = "{event: order, count: {at_least: 1}, within: 14 days}"
TIMELESS = "identities: {table: links, id: old, customer: kept}\n"
UNLESS_BOUGHT = """\
[{wait: 4 days}, {send: {channel: email, template: hello},
 unless: {event: order, count: {at_least: 1}, since: entry}}]"""
LATER = "[{wait: 2 days}, {send: {channel: email, template: hello}}]"


@pytest.fixture
def stage(tmp_path: Path) -> Meeting:
    return Meeting(tmp_path)


@pytest.fixture
def company(tmp_path: Path) -> MeetingSupplier:
    return MeetingSupplier(tmp_path)


def opened(stage: Meeting) -> None:
    """Ann and anna are there, and the first tick is over."""
    stage.arrive("ann", "anna")
    stage.tick()
    stage.wait(days=1)


def test_what_one_id_was_sent_the_other_is_not_sent_again(stage: Meeting) -> None:
    stage.trigger(segment=RECENT, steps=LATER)
    opened(stage)
    stage.order("anna")
    stage.tick()
    stage.wait(days=2)
    assert stage.deliver().accepted == 1
    stage.wait(minutes=1)
    stage.order("ann")
    assert stage.entered() == {"hello": 1}
    stage.wait(days=1)
    stage.merge("anna", "ann")
    stage.wait(days=1)
    assert stage.deliver().skipped == {"merged": 1}
    assert sorted(stage.states("ann")) == [("accepted", ""), ("skipped", "merged")]


def test_an_entry_that_the_rule_would_have_allowed_gets_its_message(stage: Meeting) -> None:
    stage.trigger(segment=RECENT, steps=LATER, reentry="{after: 5 days}")
    opened(stage)
    stage.order("anna")
    stage.tick()
    stage.wait(days=2)
    assert stage.deliver().accepted == 1
    stage.wait(days=4)
    stage.order("ann")
    assert stage.entered() == {"hello": 1}
    stage.wait(days=1)
    stage.merge("anna", "ann")
    stage.wait(days=1)
    assert stage.deliver().accepted == 1


@pytest.mark.parametrize(
    ("options", "steps", "days", "reason"),
    [
        ({"expires": "1 day"}, LATER, 2, "expired"),
        (
            {},
            UNLESS_BOUGHT,
            4,
            "condition",
        ),
    ],
)
def test_a_message_that_is_stopped_itself_does_not_take_the_other_along(
    stage: Meeting, options: dict[str, str], steps: str, days: int, reason: str
) -> None:
    stage.trigger(segment=RECENT, steps=steps, **options)
    opened(stage)
    stage.order("anna")
    stage.tick()
    stage.wait(days=1)
    stage.order("ann")
    stage.tick()
    stage.wait(days=days, hours=3)  # an outage: of the first it is too late, or it bought since
    stage.merge("anna", "ann")
    report = stage.deliver()
    assert (report.accepted, report.skipped) == (1, {reason: 1})


def test_steps_are_compared_as_the_yaml_has_them_now(stage: Meeting) -> None:
    send = "{{send: {{channel: email, template: {}}}}}".format
    (stage.root / "templates/intro").mkdir()
    stage.write("templates/intro/email.html", "---\nsubject: Intro\n---\n<p>x</p>\n")
    stage.trigger(segment=RECENT, steps=f"[{{wait: 3 days}}, {send('hello')}]")
    opened(stage)
    stage.order("anna")
    stage.tick()
    stage.wait(hours=1)
    stage.trigger(segment=RECENT, steps=f"[{{wait: 3 days}}, {send('intro')}, {send('hello')}]")
    stage.order("ann")
    stage.tick()
    stage.wait(days=4)
    stage.merge("anna", "ann")
    assert stage.deliver().skipped == {"merged": 1}
    sent = [path.read_text() for path in stage.outbox()]
    assert sum("Subject: Intro" in each for each in sent) == 1
    assert len(sent) == 2


@pytest.mark.parametrize("deleted", [True, False])
def test_a_customer_who_is_missing_is_looked_for_under_the_newest_links(
    stage: Meeting, *, deleted: bool
) -> None:
    stage.trigger(segment=RECENT, steps=LATER)
    stage.arrive("bob")
    opened(stage)
    stage.order("bob")
    stage.tick()
    stage.wait(seconds=40)
    stage.order("anna")
    stage.tick()
    stage.wait(days=2, seconds=-35)
    with stage.open() as relance:
        assert relance.deliver(stage.now).accepted == 1  # the links are known from now on
        stage.wait(seconds=10)
        stage.merge("anna", "ann")
        if deleted:
            stage.delete("anna")
        stage._write_data()
        stage.wait(seconds=35)
        report = relance.deliver(stage.now)
    assert (report.accepted, report.skipped) == (1, {})


def test_who_was_there_at_the_baseline_under_another_id_has_not_just_stayed(stage: Meeting) -> None:
    stage.trigger(segment="{customer: country, is: FR}", on="{stay: 10 days}")
    stage.arrive("ann")
    stage.tick()
    stage.wait(days=1)
    stage.arrive("anna")
    stage.tick()
    stage.wait(days=8)
    stage.tick()
    stage.wait(days=2)
    stage.merge("anna", "ann")
    assert stage.entered() == {"hello": 0}


def test_a_member_of_two_spells_at_once_is_named_once(stage: Meeting) -> None:
    stage.segments(fr="{customer: country, is: FR}")
    stage.trigger(segment="fr")
    stage.arrive("anna")
    stage.arrive("ann", "zoe", country="BE")
    stage.tick()
    for country in ("FR", "BE", "FR"):
        stage.wait(days=1)
        stage.change("ann", country=country)
        stage.tick()
    both = stage.now.replace(day=stage.now.day - 1, minute=stage.now.minute)
    stage.wait(days=1)
    stage.merge("anna", "ann")
    stage.tick()
    with stage.open() as relance:
        for hours in range(0, 72, 3):
            at = both.replace(hour=hours % 24)
            names = relance.members("fr", at).customers.to_pylist()
            assert sorted(set(names)) == sorted(names)


def gold(company: MeetingSupplier, *names: str) -> None:
    company.company(*names, tier="gold")


def test_letters_about_two_accounts_are_two_letters(company: MeetingSupplier) -> None:
    company.account_trigger(segment="{account: tier, is: gold}", steps=LATER)
    company.company("acme", "bolt")
    company.contact("ann", "acme")
    company.contact("bob", "bolt")
    company.tick()
    company.wait(days=1)
    gold(company, "acme")
    company.tick()
    company.wait(hours=1)
    gold(company, "bolt")
    company.tick()
    company.wait(days=3)
    company.merge("ann", "bob")  # who is of bolt
    report = company.deliver()
    assert (report.accepted, report.skipped) == (1, {"left_account": 1})


def test_an_account_that_has_a_customers_key_is_not_merged_with_it(
    company: MeetingSupplier,
) -> None:
    company.account_trigger(segment="{account: tier, is: gold}", on="{stay: 10 days}")
    gold(company, "7")
    company.company("9")
    company.contact("7", "7")
    company.contact("max", "7")
    company.contact("9", "9")
    company.tick()
    company.wait(days=11)
    gold(company, "9")
    company.tick()
    company.merge("7", "9")
    company.wait(hours=1)
    with company.open() as relance:
        relance.backfill("hello", company.now, commit=True)
        assert not relance.history("9", account=True).entries
        assert len(relance.history("7", account=True).entries) == 1


class OnServer(Meeting):
    """The same over PostgreSQL."""

    def __init__(self, root: Path, url: str) -> None:
        self._url = url
        super().__init__(root)
        relance = RELANCE.replace("source: data/", f"source: '{url}'")
        self.write("config/relance.yaml", relance + TIMELESS)

    def run(self, sql: str, *rows: list[object]) -> None:
        with psycopg.connect(self._url) as connection:
            for row in rows or ([],):
                connection.execute(sql, row)  # type: ignore[arg-type]

    def _write_data(self) -> None:
        self.run("DROP TABLE IF EXISTS customers, orders, links")
        columns = ("id", "email", "mobile", "tz", "optin", "first_name", "country", "birth_date")
        self.run(
            "CREATE TABLE customers (id text, email text, mobile text, tz text, optin boolean,"
            " first_name text, country text, birth_date date)"
        )
        self.run("CREATE TABLE orders (customer text, at timestamptz, total float)")
        self.run("CREATE TABLE links (old text, kept text, at timestamptz)")
        marks = ", ".join(["%s"] * len(columns))
        people = [[row[name] for name in columns] for row in self.customers.values()]
        orders = [[row["customer"], row["at"], row["total"]] for row in self.orders]
        links = [list(link.split(",")) for link in self.links]
        if people:
            self.run(f"INSERT INTO customers VALUES ({marks})", *people)
        if orders:
            self.run("INSERT INTO orders VALUES (%s, %s, %s)", *orders)
        if links:
            self.run("INSERT INTO links VALUES (%s, %s, %s)", *links)


def test_a_link_that_comes_while_a_tick_reads_stops_it_and_the_next_one_knows(
    tmp_path: Path, postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = OnServer(tmp_path, postgres_database)
    stage.trigger(segment=RECENT)
    stage.arrive("zed")
    stage.merge("somebody", "zed")
    opened(stage)
    stage.order("anna")
    assert stage.entered() == {"hello": 1}
    assert stage.deliver().accepted == 1
    stage.wait(days=1)
    real: Callable[[Picture], object] = Picture._columns_for_rows

    def late(picture: Picture) -> object:
        stage.run("INSERT INTO links VALUES ('anna', 'ann', now())")
        return real(picture)

    with monkeypatch.context() as patch:
        patch.setattr(Picture, "_columns_for_rows", late)
        with pytest.raises(SourceError, match="links came or went"):
            stage.tick()
    stage.merge("anna", "ann")
    assert stage.entered() == {"hello": 0}
    assert stage.deliver().accepted == 0
