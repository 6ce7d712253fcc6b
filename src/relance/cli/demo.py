"""`relance demo`: the main job on a simulated shop."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relance.cli.app import app
from relance.cli.reports import print_report
from relance.uplift.wording import interval, points

if TYPE_CHECKING:
    from relance.demo.run import DemoResult
    from relance.uplift.report import TriggerReport


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to play; replaced by the next demo.")
    ] = Path("demo"),
    days: Annotated[
        int, typer.Option(metavar="N", min=1, max=365, help="Days to live through.")
    ] = 60,
    customers: Annotated[
        int, typer.Option(metavar="N", min=100, help="Customers of the shop.")
    ] = 20_000,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same shop.")] = 1,
) -> None:
    """Play the main job on a simulated shop. Daily ticks, messages as files, a report."""
    from relance.demo.play import connect
    from relance.demo.run import run_demo
    from relance.demo.shop import ZONE

    with _days(days) as progress:
        result = run_demo(
            folder,
            connect=connect,
            days=days,
            customers=customers,
            seed=seed,
            progress=progress,
        )
    print_report(result.report, ZONE)
    _epilogue(result)


def _epilogue(result: DemoResult) -> None:
    typer.echo()
    typer.echo(f"{result.messages:,} messages are files under {result.workspace}/outbox")
    typer.echo(f"the report is {result.page}: open it in a browser")
    if result.truths:
        typer.echo(
            "the shop knows what each trigger truly did to those who drew its message, in points;"
            " the report must find it without knowing it (one interval in twenty may miss):"
        )
        for report in result.report.triggers:
            typer.echo(f"  {_truth(report, result.truths.get(report.trigger))}")
    typer.echo("try next:")
    for command in result.commands:
        typer.echo(f"  {_typed(command)}")


def _typed(command: str) -> str:
    """A command as it can be typed here: after `make demo`, relance is not on the path."""
    called = Path(sys.argv[0])
    if called.name == "relance" and shutil.which("relance") is None:
        return str(called) + command.removeprefix("relance")
    return command


def _truth(report: TriggerReport, truth: float | None) -> str:
    """The true effect beside what the report says, where it says something."""
    name = f"{report.trigger:<24}"
    if truth is None or report.reading.diff_ci is None:
        return f"{name} not measured"
    low, high = report.reading.diff_ci
    where = "inside" if low <= truth <= high else "outside"
    found = f"{points(report.reading.diff):>6} {interval(report.reading)}"
    return f"{name} true {points(truth):>6}   reported {found} {where}"


@contextmanager
def _days(total: int) -> Iterator[Callable[[int, int], None]]:
    if not sys.stderr.isatty():
        yield _say_tenths
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    bar = Progress(
        "days lived through", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task("", total=total)
        yield lambda done, _total: bar.update(task, completed=done)


def _say_tenths(done: int, total: int) -> None:
    if total and done and done % max(1, total // 6) == 0:
        typer.echo(f"day {done} of {total}", err=True)
