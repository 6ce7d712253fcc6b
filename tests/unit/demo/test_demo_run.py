"""The demo's story: a workspace, a tick a day, messages fed back to the shop, a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import counted
from relance.demo.answers import Sent
from relance.demo.people import customer_id
from relance.demo.run import (
    START,
    ZONE,
    DemoResult,
    Treated,
    Worker,
    boutique,
    closed,
    prepare,
    run_demo,
)
from relance.demo.shop import opening
from relance.domain.condition import Comparison, FieldTest, Op
from relance.domain.duration import Duration
from relance.domain.trigger import Goal
from relance.errors import UsageError
from relance.uplift.report import Report, TriggerReport
from relance.uplift.verdict import ArmCounts

DAYS = 35


class Postman:
    """Writes to ten customers a day, and remembers when it was called."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ticks: list[datetime] = []
        self.deliveries: list[datetime] = []

    def tick(self, at: datetime) -> None:
        assert (self.root / "data" / "orders" / "history.parquet").is_file()
        self.ticks.append(at)

    def deliver(self, at: datetime) -> Sequence[Sent]:
        self.deliveries.append(at)
        if at.timetz().replace(tzinfo=None) != time(9):
            return []
        first = 10 * len(self.ticks)
        return [Sent(customer_id(first + k), "replenishment", at) for k in range(10)]

    def trajectory(self, at: datetime) -> None:
        """Nobody moved between the segments of a shop that has no state."""

    def treated(self) -> Sequence[Treated]:
        """Everybody written to, and as many again whose message never came."""
        everybody = [
            (10 * done + k, self.ticks[done - 1]) for done in range(1, DAYS + 1) for k in range(10)
        ]
        return [
            Treated("replenishment", "v", customer_id(who), at)
            for first, at in everybody
            for who in (first, first + 500)
        ]

    def report(self, at: datetime) -> Report:
        arms = ArmCounts(entered=350, mature=50, retained=9), ArmCounts(entered=35)
        beauty = FieldTest("category", (Comparison(Op.IS, "beauty"),))
        goal = Goal(event="order", within=Duration.parse("30 days"), where=(beauty,))
        reading = counted.judged(*arms, share=0.1)
        trigger = TriggerReport(
            trigger="replenishment", description="", version="v", at=at, goal=goal,
            reading=reading, entered=385, treated=350, held_out=35, sent=350,
        )  # fmt: skip
        return Report(at=at, currency="EUR", triggers=[trigger])


@pytest.fixture
def example(tmp_path: Path) -> Path:
    root = tmp_path / "example"
    for part in ("config", "triggers", "templates"):
        (root / part).mkdir(parents=True)
        (root / part / "file.yaml").write_text("version: 1\n")
    return root


def play(
    tmp_path: Path, example: Path, opened: list[Postman], **options: Callable[[int, int], None]
) -> DemoResult:
    @contextmanager
    def connect(root: Path) -> Iterator[Worker]:
        opened.append(Postman(root))
        yield opened[-1]

    return run_demo(
        tmp_path / "demo", connect=connect, workspace_root=example, days=DAYS, customers=1_000,
        effects={"replenishment": 1.0}, **options,
    )  # fmt: skip


def test_a_demo_ticks_once_a_day_at_nine_and_delivers_twice(tmp_path: Path, example: Path) -> None:
    opened: list[Postman] = []
    result = play(tmp_path, example, opened)
    (postman,) = opened
    days = [START + timedelta(days=n) for n in range(DAYS)]
    assert postman.ticks == [opening(day) for day in days]
    assert len(postman.deliveries) == 2 * DAYS
    assert result.at == opening(START + timedelta(days=DAYS))
    assert result.at.tzinfo is ZONE


def test_customers_answer_the_messages_they_were_sent(tmp_path: Path, example: Path) -> None:
    result = play(tmp_path, example, [])
    assert result.messages == 10 * DAYS
    orders = pq.read_table(result.workspace / "data" / "orders")
    brought = [key for key in orders["order_id"].to_pylist() if key.startswith("M")]
    assert len(brought) > 100
    # every message sells beauty, few would have bought some anyway; half of them never got one
    assert 0.4 < result.truths["replenishment"] <= 0.5


def test_a_window_is_closed_on_the_calendar_of_the_shop() -> None:
    entered = datetime(2026, 3, 20, 9, tzinfo=ZONE)  # the clocks go forward on the 29th
    treated = [Treated("welcome", "v", customer_id(1), entered)]
    goal = Goal(event="order", within=Duration.parse("30 days"))
    nine = datetime(2026, 4, 19, 9, tzinfo=ZONE)
    assert closed(treated, goal, nine - timedelta(seconds=1)) == []
    (window,) = closed(treated, goal, nine)
    assert (window.since, window.until) == (entered, nine)


def test_a_demo_leaves_a_workspace_a_report_and_what_to_try_next(
    tmp_path: Path, example: Path
) -> None:
    result = play(tmp_path, example, [])
    assert (result.workspace / "triggers" / "file.yaml").is_file()
    assert "La Boutique" in result.page.read_text(encoding="utf-8")
    assert 2 <= len(result.commands) <= 3
    assert all(f"--workspace {result.workspace}" in command for command in result.commands)


def test_progress_goes_from_nothing_to_all_days(tmp_path: Path, example: Path) -> None:
    seen: list[tuple[int, int]] = []
    play(tmp_path, example, [], progress=lambda done, days: seen.append((done, days)))
    assert seen == [(n, DAYS) for n in range(DAYS + 1)]


def test_a_second_demo_replaces_the_first(tmp_path: Path, example: Path) -> None:
    target = tmp_path / "demo"
    prepare(target, example)
    (target / "state").mkdir()
    (target / "state" / "relance.db").write_text("old")
    (target / "notes.txt").write_text("mine")
    prepare(target, example)
    assert not (target / "state").exists()
    assert (target / "notes.txt").read_text() == "mine"


def test_a_folder_that_is_no_demo_is_left_alone(tmp_path: Path, example: Path) -> None:
    target = tmp_path / "thesis"
    target.mkdir()
    (target / "config").write_text("years of work")
    with pytest.raises(UsageError, match="is not an earlier demo"):
        prepare(target, example)
    assert (target / "config").read_text() == "years of work"


def test_an_empty_folder_can_be_played_in(tmp_path: Path, example: Path) -> None:
    (tmp_path / "empty").mkdir()
    prepare(tmp_path / "empty", example)
    assert (tmp_path / "empty" / "config").is_dir()


def test_the_example_workspace_is_found() -> None:
    assert (boutique() / "config" / "relance.yaml").is_file()
