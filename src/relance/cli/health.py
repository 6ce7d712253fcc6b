"""`relance health`: how the segments stand with the five classic mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relance.cli import show
from relance.cli.app import app
from relance.cli.options import AsOfOption, JsonOption, WorkspaceOption, read_as_of
from relance.errors import UsageError

if TYPE_CHECKING:
    from relance.domain.duration import Duration
    from relance.uplift.checkup import Checkup, SegmentHealth

PHASES = 2
SYMBOLS = {"good": "✓", "warning": "!", "failed": "✕", "silent": "·"}
DASH = "–"
SHOWN_OVERLAP = 0.1  # of Jaccard's index; --json has all
MOST_OVERLAPS = 12


@app.command()
def health(
    segments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SEGMENT]...", help="Only these; all are compared all the same."),
    ] = None,
    workspace: WorkspaceOption = Path(),
    at: AsOfOption = None,
    event: Annotated[
        str | None,
        typer.Option(
            metavar="EVENT",
            help="What members should do more, or less, than others.",
            show_default="the goal that most triggers have",
        ),
    ] = None,
    within: Annotated[
        str | None,
        typer.Option(
            metavar="LENGTH",
            help="In how long a time, such as '30 days'.",
            show_default="the same goal's",
        ),
    ] = None,
    joined: Annotated[
        str | None,
        typer.Option(
            metavar="ATTRIBUTE",
            help="Since when somebody is a customer: who came later is not counted before.",
            show_default="created_at or the like, where there is one",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 where there is a mistake: for CI.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Look for the five classic mistakes of segmentation."""
    from relance.wiring import open_relance

    length = None if within is None else _length(within)
    with open_relance(workspace) as relance:
        instant, note = read_as_of(at, relance)
        with show.phases(PHASES, "health") as progress:
            found = relance.health(
                instant,
                segments or (),
                event=event,
                within=length,
                joined=joined,
                progress=progress,
            )
    if as_json:
        from relance.uplift.checkup_json import document

        show.print_json(document(found))
    else:
        show.print_note(note)
        _print(found)
    if strict and found.mistakes:
        raise typer.Exit(1)


def _length(text: str) -> Duration:
    """Raises UsageError for what is no length of time."""
    from relance.domain.duration import Duration

    try:
        found = Duration.parse(text)
    except ValueError as error:
        raise UsageError(f"--within: {error}") from None
    if found.count < 1:
        raise UsageError(f"--within {text!r} is no time", hint="such as '30 days'")
    return found


def _print(found: Checkup) -> None:
    from relance.uplift.checkup import Mistake
    from relance.uplift.checkup_words import MISTAKES, together_sentence, window_sentence

    typer.echo(window_sentence(found))
    if together := together_sentence(found):
        typer.echo(together)
    if not found.segments:
        return
    columns = ["segment", *(MISTAKES["en"][one] for one in Mistake)]
    show.print_table("Health of the segments", columns, [_marks(one) for one in found.segments])
    typer.echo("✓ good   ! worth a look   ✕ mistake   · too little to say")
    _print_numbers(found)
    for one in found.segments:
        _print_segment(one)


def _marks(one: SegmentHealth) -> list[object]:
    from relance.uplift.checkup import Mistake

    return [one.name, *(SYMBOLS[one.worst(mistake).value] for mistake in Mistake)]


def _print_numbers(found: Checkup) -> None:
    """What the marks are made from, and which segments share their customers."""
    from relance.uplift.wording import article

    event = found.window.goal.event if found.window.goal else "event"
    columns = ["segment", "members", "of all", "before", "stayed", "earlier",
               f"had {article(event)} {event}", "times all", "more alike", "can enter",
               "rise seen"]  # fmt: skip
    show.print_table("In numbers", columns, [_numbers(one) for one in found.segments])
    near = [pair for pair in found.pairs if pair.jaccard >= SHOWN_OVERLAP][:MOST_OVERLAPS]
    if near:
        rows = [[p.one, p.other, p.both, _share(p.jaccard), _share(p.containment)] for p in near]
        columns = ["segment", "and", "in both", "of either", "of the smaller"]
        show.print_table("Customers in common", columns, rows)


def _numbers(one: SegmentHealth) -> list[object]:
    cohort, moved, lift = one.cohort, one.since_window, one.cohort.lift
    return [
        one.name, one.members, _share(one.share), moved.before, _share(moved.kept),
        _earlier(one), _share(cohort.rate),
        f"{lift.value:.2f} [{lift.interval.low:.2f}, {lift.interval.high:.2f}]" if lift else DASH,
        _share(cohort.alike), int(one.power.entrants), _rise(one.power.rise),
    ]  # fmt: skip


def _earlier(one: SegmentHealth) -> str:
    """Its size at the earliest instant that the state knows of the last twelve weeks."""
    if one.life is None or not one.life.sizes:
        return DASH
    at, members = one.life.sizes[0]
    weeks = round((one.life.sizes[-1][0] - at).days / 7)
    return f"{members:,} ({weeks} w ago)" if weeks else DASH


def _share(value: float | None) -> str:
    from relance.uplift.wording import percent

    return percent(value)


def _rise(value: float | None) -> str:
    from relance.uplift.wording import points

    return points(value)


def _print_segment(one: SegmentHealth) -> None:
    """What is wrong with a segment, and what is worth a look; nothing where all is well."""
    from relance.uplift.checkup_words import MISTAKES, sentence

    loud = [each for each in one.symptoms if each.health.value in ("failed", "warning")]
    if not loud:
        return
    whose = " (a trigger's own)" if one.own else ""
    typer.echo(f"\n{one.name}{whose}")
    for each in loud:
        name = MISTAKES["en"][each.mistake]
        typer.echo(f"  {SYMBOLS[each.health.value]} {name}: {sentence(each)}")
