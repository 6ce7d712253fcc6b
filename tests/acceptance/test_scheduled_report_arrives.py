"""The scheduled report on a real workspace: figures, page and letters, once, and nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from mail_server import Mailbox, running
from relance.cli import app
from relance.logs import Action
from relance.scheduler.errand import Errand
from relance.scheduler.office import RelanceOffice
from relance.scheduler.reporting import Reporter
from relance.uplift.gauges import kept
from relance.web import Measures
from relance.web.metrics import exposition
from relance.wiring import Relance, open_relance
from reported_shop import CROWD, MONDAY, PARIS, READERS, ReportedShop, letters
from service import Service
from service import running as service_running

EVALUATE = ("--roles", "evaluate")


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def port(mailbox: Mailbox) -> Iterator[int]:
    with running(mailbox) as port:
        yield port


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> ReportedShop:
    return ReportedShop(tmp_path_factory.mktemp("pattern"), 1)


@pytest.fixture
def shop(pattern: ReportedShop, tmp_path: Path, port: int) -> ReportedShop:
    return pattern.copied(tmp_path, port)


class Clerk:
    """The worker's report over a real workspace, with a clock that the test turns."""

    def __init__(self, relance: Relance) -> None:
        self.now = MONDAY - timedelta(days=1)
        self.reporter = Reporter(
            relance.workspace.report,
            PARIS,
            lambda: RelanceOffice(relance),
            clock=lambda: self.now,
            stopping=lambda: False,
        )

    async def look(self, *minutes: int) -> None:
        """From the Sunday on, and then so many minutes after the instant."""
        await self.reporter.look()
        for each in minutes:
            self.now = MONDAY + timedelta(minutes=each)
            await self.reporter.look()


def gauges(relance: Relance) -> dict[str, dict[tuple[str, ...], float]]:
    """What `/metrics` tells of the kept figures: by name, then by arm or verdict."""
    measures = Measures(version="1", status="ok", figures=kept(relance.state.notes))
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(exposition(measures).decode()):
        for one in family.samples:
            labels = [one.labels[name] for name in ("arm", "verdict") if name in one.labels]
            if one.labels.get("trigger") == "thanks":
                found.setdefault(one.name, {})[tuple(labels)] = one.value
    return found


async def test_a_report_arrives_once_with_each_reader_and_its_page_and_figures_are_kept(
    shop: ReportedShop, mailbox: Mailbox
):
    with open_relance(shop.root) as relance:
        clerk = Clerk(relance)
        await clerk.look(0, 1, 60)
        await Clerk(relance).look(90)
        assert clerk.reporter.trouble == ""
        told = gauges(relance)
    assert [envelope.rcpt_tos for envelope in mailbox.taken] == [[reader] for reader in READERS]
    for letter, reader in zip(letters(mailbox), READERS, strict=True):
        assert (letter["To"], letter["From"]) == (reader, "Shop <shop@shop.example>")
        assert letter["List-Unsubscribe"] is None
        html = letter.get_body(("html",))
        assert html is not None
        assert "thanks" in html.get_content()
        assert "<script" not in html.get_content()
    assert shop.pages() == ["report-2026-03-09.html"]
    page = (shop.root / "state/reports/report-2026-03-09.html").read_text()
    assert "<html lang=" in page
    assert "thanks" in page
    assert told["relance_trigger_verdict"]["better",] == 1
    entered = told["relance_trigger_entered"]
    assert sum(entered.values()) == CROWD
    difference = told["relance_trigger_retention_difference"][()]
    low, high = (told[f"relance_trigger_retention_difference_{end}"][()] for end in ("low", "high"))
    assert 0 < low < difference < high
    assert difference == pytest.approx(0.3, abs=0.02)
    assert told["relance_trigger_extra_customers"][()] == pytest.approx(
        difference * entered["treated",]
    )


async def test_a_mail_server_that_is_away_is_a_trouble_and_the_letters_come_later(
    shop: ReportedShop, mailbox: Mailbox
):
    mailbox.replies["MAIL"] = "451 4.3.0 later"
    with open_relance(shop.root) as relance:
        clerk = Clerk(relance)
        with structlog.testing.capture_logs() as lines:
            await clerk.look(0)
        assert "2 of 2 people" in clerk.reporter.trouble
        assert shop.pages() == ["report-2026-03-09.html"]
        assert kept(relance.state.notes)
        assert "shop.example" not in f"{clerk.reporter.trouble} {lines}"
        mailbox.replies.clear()
        await clerk.look(1, 2)
        assert clerk.reporter.trouble == ""
    assert len(mailbox.taken) == len(READERS)


async def test_a_source_that_is_away_is_a_trouble_and_nothing_is_sent_or_shown(
    shop: ReportedShop, mailbox: Mailbox
):
    orders = shop.root / "data/orders.csv"
    with open_relance(shop.root) as relance:
        clerk = Clerk(relance)
        await clerk.look()
        orders.rename(orders.with_suffix(".away"))
        await clerk.look(0)
        assert "orders" in clerk.reporter.trouble
        assert (mailbox.taken, shop.pages(), kept(relance.state.notes)) == ([], [], None)
        orders.with_suffix(".away").rename(orders)
        await clerk.look(1)
        assert clerk.reporter.trouble == ""
    assert len(mailbox.taken) == len(READERS)


async def test_a_page_that_cannot_be_written_is_said_with_its_place(
    shop: ReportedShop, mailbox: Mailbox
):
    (shop.root / "state/reports").write_text("a file where the folder should be")
    with open_relance(shop.root) as relance:
        clerk = Clerk(relance)
        await clerk.look(0)
    assert "state/reports/report-2026-03-09.html cannot be written" in clerk.reporter.trouble
    assert mailbox.taken == []


async def test_without_a_schedule_figures_are_kept_and_nothing_else(
    shop: ReportedShop, mailbox: Mailbox
):
    with open_relance(shop.root) as relance:
        spec = replace(relance.workspace.report, schedule=None, email_to=())
        relance.workspace = replace(relance.workspace, report=spec)
        clerk = Clerk(relance)
        await clerk.look(0)
        figures = kept(relance.state.notes)
    assert figures is not None
    assert figures.at == MONDAY.replace(hour=6)
    assert (mailbox.taken, (shop.root / "state/reports").exists()) == ([], False)


async def test_a_broken_split_leaves_its_verdict_and_no_number(shop: ReportedShop):
    with open_relance(shop.root) as relance:
        with relance.state._database.write() as connection:
            connection.exec_driver_sql("UPDATE entry SET arm = 'holdout' WHERE customer LIKE '%1%'")
        await Clerk(relance).look(0)
        told = gauges(relance)
    assert told.keys() == {"relance_trigger_verdict"}
    assert told["relance_trigger_verdict"]["srm_failed",] == 1


def test_a_report_made_by_hand_is_kept_and_one_of_the_past_is_not(shop: ReportedShop):
    def reported(*words: str) -> None:
        result = CliRunner().invoke(app, ["report", "--workspace", str(shop.root), *words])
        assert result.exit_code == 0, result.output

    reported("--at", "2026-03-08T09:00", "--json")
    with open_relance(shop.root) as relance:
        assert kept(relance.state.notes) is None
    reported("--json")
    with open_relance(shop.root) as relance:
        assert gauges(relance)["relance_trigger_verdict"]["better",] == 1


# -- as a service


def due(root: Path, schedule: str) -> None:
    """The schedule was seen a day ago, and its last instant has passed unnoticed."""
    with open_relance(root) as relance:
        notes = relance.state.notes
        began = Errand.begun(f"{schedule} Europe/Paris", MONDAY)
        assert notes.exchange("report", notes.read("report"), began.text())


def metrics(service: Service) -> str:
    answer = service.call("GET", "/metrics")
    assert answer.status == 200
    return answer.text


def test_a_service_makes_up_for_the_report_and_tells_prometheus(
    shop: ReportedShop, mailbox: Mailbox
):
    due(shop.root, "0 8 * * mon")
    with service_running(shop.root, "run", *EVALUATE) as service:
        service.wait(lambda: "report_made" in service.text())
        found = metrics(service)
        assert service.health()["troubles"] == {}
        assert service.stop() == 0
    assert len(mailbox.taken) == len(READERS)
    assert 'relance_trigger_verdict{trigger="thanks",verdict="better"' in found
    assert 'relance_status{status="ok"} 1.0' in found
    (made,) = [line for line in service.lines() if line["action"] == Action.REPORT_MADE]
    assert made["sent"] == len(READERS)
    assert "shop.example" not in service.text()


async def test_of_two_workers_over_one_postgresql_one_sends_it(
    tmp_path: Path, port: int, postgres_database: str, mailbox: Mailbox
):
    shop = ReportedShop(tmp_path, port, state=postgres_database)
    with open_relance(shop.root) as one, open_relance(shop.root) as other:
        clerks = [Clerk(one), Clerk(other)]
        await asyncio.gather(*(clerk.look(0, 1, 60) for clerk in clerks))
        assert [clerk.reporter.trouble for clerk in clerks] == ["", ""]
        assert gauges(one) == gauges(other)
    assert [envelope.rcpt_tos for envelope in mailbox.taken] == [[reader] for reader in READERS]


@pytest.mark.slow
def test_of_two_services_over_one_postgresql_one_sends_it(
    tmp_path: Path, port: int, postgres_database: str, mailbox: Mailbox
):
    shop = ReportedShop(tmp_path, port, state=postgres_database)
    due(shop.root, "0 8 * * mon")
    with ExitStack() as stack:
        workers = [
            stack.enter_context(service_running(shop.root, "run", *EVALUATE, name=f"w{number}"))
            for number in range(2)
        ]
        for worker in workers:
            worker.wait(lambda: any("report_made" in each.text() for each in workers))
        for worker in workers:
            assert 'arm="treated"' in metrics(worker)
            assert worker.stop() == 0
    made = [line for worker in workers for line in worker.actions() if line == Action.REPORT_MADE]
    assert len(made) == 1
    assert len(mailbox.taken) == len(READERS)
