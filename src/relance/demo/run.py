"""The demo: La Boutique over a simulated shop, day by day, and what it was worth at the end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol

from relance.demo.answers import Sent
from relance.demo.shop import EFFECTS, ZONE, Shop, Window, opening
from relance.domain.condition import Op
from relance.domain.trajectory import Trajectory
from relance.domain.trigger import Goal
from relance.errors import OutsideError, UsageError
from relance.rendering.report import Locale, html
from relance.uplift.report import Report, TriggerReport

START = date(2026, 1, 5)
# the second round reaches those for whom nine in Paris is still night
ROUNDS = (time(9), time(14))
PARTS = ("config", "triggers", "templates")
MADE = (*PARTS, "data", "state", "outbox", "report.html")
MARK = ".relance-demo"


class Treated(NamedTuple):
    """The first entry of a customer who drew "is written to" in one version of a trigger."""

    trigger: str
    version: str
    customer: str
    at: datetime


class Worker(Protocol):
    """relance on one workspace, as the demo drives it."""

    def tick(self, at: datetime) -> object:
        """Evaluate every trigger that is due at `at`."""

    def deliver(self, at: datetime) -> Sequence[Sent]:
        """Send what is due at `at`; returns what a provider accepted, ghosts left out."""

    def report(self, at: datetime) -> Report:
        """What the triggers were worth up to `at`."""

    def trajectory(self, at: datetime) -> Trajectory | None:
        """Where the customers went, up to `at`; None where nobody knows yet."""

    def treated(self) -> Sequence[Treated]:
        """Everybody who was to be written to, whether or not a message reached them."""


Connect = Callable[[Path], AbstractContextManager[Worker]]


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoResult:
    """What a demo leaves behind. `truths` are true effects by trigger, as fractions."""

    workspace: Path
    at: datetime
    report: Report
    page: Path
    messages: int
    truths: Mapping[str, float]
    commands: Sequence[str]


def run_demo(
    target: Path,
    *,
    connect: Connect,
    workspace_root: Path | None = None,
    days: int = 60,
    customers: int = 20_000,
    seed: int = 1,
    locale: Locale = "en",
    effects: Mapping[str, float] = EFFECTS,
    progress: Callable[[int, int], None] = lambda _done, _days: None,
) -> DemoResult:
    """Play `days` days of La Boutique in `target`, one tick a day, and write `report.html`.

    `connect` opens relance on the finished workspace; its channels must be harmless ones.
    `progress` is called with the days done and all days. Raises UsageError where `target`
    holds something that is not an earlier demo.
    """
    prepare(target, workspace_root or boutique())
    shop = Shop(target / "data", seed=seed, customers=customers, start=START, effects=effects)
    shop.open()
    sent: list[Sent] = []
    end = opening(START + timedelta(days=days))
    with connect(target) as worker:
        for done in range(days):
            progress(done, days)
            sent += live_day(worker, shop, START + timedelta(days=done))
        report, treated = worker.report(end), worker.treated()
        paths = worker.trajectory(end)
    progress(days, days)
    page = target / "report.html"
    text = html(report, workspace="La Boutique", at=end, locale=locale, trajectory=paths)
    page.write_text(text, encoding="utf-8")
    return DemoResult(
        workspace=target,
        at=end,
        report=report,
        page=page,
        messages=len(sent),
        truths=_truths(shop, report.triggers, treated),
        commands=_commands(target, end, sent, moved=paths is not None),
    )


def live_day(worker: Worker, shop: Shop, day: date, rounds: Sequence[time] = ROUNDS) -> list[Sent]:
    """One day: the tick, the rounds of delivery, and the customers' answers."""
    worker.tick(opening(day))
    instants = [datetime.combine(day, hour, ZONE) for hour in rounds]
    sent = [message for at in instants for message in worker.deliver(at)]
    shop.live(day, sent)
    return sent


def boutique() -> Path:
    """The example workspace: inside an installed package, or at the root of a checkout."""
    packaged = Path(__file__).with_name("boutique")
    for place in (packaged, Path(__file__).parents[3]):
        if (place / "config" / "relance.yaml").is_file():
            return place
    raise OutsideError(
        "La Boutique, the example workspace, is not in this installation",
        hint="reinstall relance, or run the demo in a checkout of its repository",
    )


def prepare(target: Path, workspace_root: Path) -> None:
    """Copy the example into `target`, in place of an earlier demo and of nothing else."""
    if target.exists():
        _clear(target)
    target.mkdir(parents=True, exist_ok=True)
    (target / MARK).write_text("made by `relance demo`, and replaced by the next one\n")
    for part in PARTS:
        shutil.copytree(workspace_root / part, target / part)


def _clear(target: Path) -> None:
    if not target.is_dir() or (any(target.iterdir()) and not (target / MARK).is_file()):
        raise UsageError(
            f"{target} is there already and is not an earlier demo",
            hint="name another folder, or move this one away",
        )
    for name in MADE:
        path = target / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _truths(
    shop: Shop, reports: Sequence[TriggerReport], treated: Sequence[Treated]
) -> dict[str, float]:
    """The true effects on those whose window is closed, where the shop can judge the goal."""
    found = {}
    for report in reports:
        if (goal := report.goal) is not None and report.reading.treated.mature:
            ours = [one for one in treated if one[:2] == (report.trigger, report.version)]
            found[report.trigger] = shop.truth(
                report.trigger, closed(ours, goal, report.at), _category(goal)
            )
    return found


def closed(treated: Iterable[Treated], goal: Goal, at: datetime) -> list[Window]:
    """The windows that are over at an instant."""
    windows = [Window(one.customer, one.at, goal.within.after(one.at, ZONE)) for one in treated]
    return [window for window in windows if window.until <= at]


def _category(goal: Goal) -> str | None:
    """The category of a goal such as `{event: order, where: {category: beauty}}`."""
    for test in goal.where:
        for comparison in test.comparisons:
            if test.field == "category" and comparison.op is Op.IS:
                return str(comparison.value)
    return None


def _commands(target: Path, end: datetime, sent: Sequence[Sent], *, moved: bool) -> list[str]:
    where, at = f"--workspace {target}", f"--at {end:%Y-%m-%dT%H:%M}"
    why = [f"relance why {sent[-1].customer} {where}"] if sent else []
    moves = [f"relance trajectories {where} {at}"] if moved else []
    return [*why, *moves, f"relance tick {where} {at}", f"relance report {where} {at} --json"]
