"""`relance trajectories`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from relance.cli import show
from relance.cli.app import app
from relance.cli.options import AtOption, JsonOption, WorkspaceOption, local, read_instant
from relance.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from relance.domain.trajectory import Trajectory
    from relance.uplift.moves import Comparison
    from relance.wiring import Relance

_TOP = 8  # moves that are told in words


@app.command()
def trajectories(
    workspace: WorkspaceOption = Path(),
    begin: Annotated[
        str | None,
        typer.Option("--from", metavar="INSTANT", help="The period's begin.",
                     show_default="13 weeks before its end"),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--to", metavar="INSTANT", help="The period's end.",
                     show_default="the last evaluation"),
    ] = None,
    segments: Annotated[
        str | None,
        typer.Option(metavar="A,B,C", help="The segments, the most important first: who is in two"
                     " counts in the first.",
                     show_default="the lifecycle's stages, else those that share nobody"),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(metavar="FROM:TO", help="Another period to compare with; `before` is the one"
                     " of the same length just before."),
    ] = None,
    at: AtOption = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write one self-contained HTML page as well."),
    ] = None,
    language: Annotated[
        Literal["fr", "en"] | None,
        typer.Option(help="The language of --html.", show_default="the workspace's"),
    ] = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Show who moved between segments. How long they stayed, and what happened meanwhile."""
    from relance.uplift.moves_document import to_json
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        zone = relance.workspace.zone
        now = read_instant(at, zone)
        one = relance.trajectory(
            now,
            begin=_instant(begin, zone, "--from"),
            until=_instant(until, zone, "--to"),
            segments=_names(segments),
        )
        comparison = None if compare is None else _compared(relance, one, compare, now)
        if html is not None:
            show.write_file(html, relance.trajectory_html(one, comparison, language))
    if as_json:
        show.print_json(to_json(one, comparison, zone))
    else:
        _print(one, comparison, zone)
        if html is not None:
            typer.echo(f"wrote {html}")


def _instant(text: str | None, zone: ZoneInfo, option: str) -> datetime | None:
    return None if text is None else read_instant(text, zone, option=option)


def _names(text: str | None) -> list[str] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise UsageError("--segments names none", hint="write them as new,active,lapsed")
    return names


def _compared(relance: Relance, one: Trajectory, text: str, now: datetime) -> Comparison:
    """The same segments in another period. Raises UsageError for one that cannot be read."""
    from relance.uplift.moves import compare

    begin, until = _period(one, text, relance.workspace.zone)
    try:
        other = relance.trajectory(now, begin=begin, until=until, segments=one.segments)
    except UsageError as error:
        raise UsageError(f"--compare: {error.message}", hint=error.hint) from None
    return compare(one, other)


def _period(one: Trajectory, text: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    if text == "before":
        return one.span.begin - (one.span.until - one.span.begin), one.span.begin
    # an instant has colons of its own: the one between is followed by a year
    match = re.fullmatch(r"(.+?):(\d{4}-.+)", text)
    if match is None:
        raise UsageError(
            f"--compare {text!r} is not a period", hint="write 2026-01-01:2026-04-01, or before"
        )
    begin = read_instant(match[1], zone, option="--compare")
    return begin, read_instant(match[2], zone, option="--compare")


def _print(one: Trajectory, comparison: Comparison | None, zone: ZoneInfo) -> None:
    from relance.uplift.moves_words import note_sentence

    span = one.span
    typer.echo(
        f"From {local(span.begin, zone)} to {local(span.until, zone)}, {span.days:,.0f} days"
    )
    for note in one.notes:
        typer.echo(f"note: {note_sentence(note, zone)}")
    _print_matrix(one)
    for line in _largest(one):
        typer.echo(line)
    _print_segments(one)
    _print_weeks(one, zone)
    _print_triggers(one)
    for happening in one.happenings:
        last = "" if happening.last == happening.first else f" to {happening.last}"
        typer.echo(f"{happening.first}{last}  {happening.name}")
    if comparison is not None:
        _print_comparison(comparison, zone)


def _print_matrix(one: Trajectory) -> None:
    from relance.uplift.moves_words import place_name
    from relance.uplift.wording import count

    rows: list[list[str]] = []
    for start in one.starts:
        total = one.at_start(start)
        cells = [_cell(one.counted.matrix.get((start, end), 0), total) for end in one.ends]
        rows.append([place_name(start), count(total), *cells])
    rows.append(["at the end", "", *(count(one.at_end(end)) for end in one.ends)])
    show.print_table(
        "Where they stood at the start (rows), and at the end (columns)",
        ["", "at start", *map(place_name, one.ends)],
        rows,
    )


def _cell(number: int, total: int) -> str:
    from relance.uplift.wording import count

    return f"{count(number)}  {100 * number / total:.0f} %" if number else "·"


def _largest(one: Trajectory) -> Iterator[str]:
    """The largest moves in a sentence each."""
    from relance.uplift.moves_words import place_name
    from relance.uplift.wording import count, percent

    moved = [(n, move) for move, n in one.counted.matrix.items() if move[0] != move[1]]
    for number, (start, end) in sorted(moved, key=lambda one: (-one[0], one[1]))[:_TOP]:
        total = one.at_start(start)
        share = percent(number / total)
        yield (
            f"  {place_name(start)} → {place_name(end)}: {count(number)} of {count(total)}"
            f" ({share})"
        )


def _print_segments(one: Trajectory) -> None:
    from relance.uplift.moves_words import half_words
    from relance.uplift.stays import half_left

    rows: list[tuple[object, ...]] = []
    for stays in one.counted.stays:
        name = stays.segment
        came = sum(week.entries.get(name, 0) for week in one.weeks)
        went = sum(week.exits.get(name, 0) for week in one.weeks)
        before, after = one.at_start(name), one.at_end(name)
        median = "–" if stays.median is None else f"{stays.median:.0f} days of {stays.ended:,}"
        so_far = "–" if stays.open_median is None else f"{stays.open_median:.0f} days so far"
        rows.append(
            (
                name, before, came, went, after, _signed(after - before), median, so_far,
                half_words(half_left(stays)),
            )
        )  # fmt: skip
    show.print_table(
        "Segment by segment",
        ("segment", "at start", "came", "left", "at end", "change", "median stay that ended",
         "median stay that goes on", "half had left after"),
        rows,
    )  # fmt: skip


def _signed(number: int) -> str:
    return f"{number:+,}".replace("-", "−") if number else "0"


def _print_weeks(one: Trajectory, zone: ZoneInfo) -> None:
    rows = [
        [
            local(week.begin.astimezone(zone).date(), zone),
            *(
                f"+{week.entries.get(name, 0):,} −{week.exits.get(name, 0):,}"
                for name in one.segments
            ),
        ]
        for week in one.weeks
    ]
    show.print_table("Entries and exits by week", ["week from", *one.segments], rows)


def _print_triggers(one: Trajectory) -> None:
    if not one.triggers:
        typer.echo("No trigger wrote in this period.")
        return
    rows: Sequence[tuple[object, ...]] = [
        (each.trigger, sum(each.treated) + sum(each.held_out), sum(each.held_out),
         sum(each.messages))
        for each in one.triggers
    ]  # fmt: skip
    show.print_table(
        "Triggers in this period", ("trigger", "entered", "held out", "messages"), rows
    )


def _print_comparison(comparison: Comparison, zone: ZoneInfo) -> None:
    from relance.uplift.moves_words import change_sentence, compared_sentence, note_sentence

    span = comparison.other.span
    typer.echo(
        f"Compared with {local(span.begin, zone)} to {local(span.until, zone)},"
        f" {span.days:,.0f} days"
    )
    for note in [*comparison.other.notes, *comparison.notes]:
        typer.echo(f"note: {note_sentence(note, zone)}")
    typer.echo(compared_sentence(comparison.changes))
    for change in sorted(comparison.changes, key=lambda one: -abs(one.difference)):
        if change.clear:
            typer.echo(f"  {change_sentence(change)}")
