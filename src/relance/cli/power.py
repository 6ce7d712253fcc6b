"""`relance power`: before launch, when which uplift of a trigger becomes readable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relance.cli import show
from relance.cli.app import app
from relance.cli.options import AtOption, JsonOption, WorkspaceOption, read_instant
from relance.errors import UsageError

if TYPE_CHECKING:
    from datetime import date

    from relance.pipeline.power import Base, Forecast
    from relance.uplift.power import PowerRow

_EXAMPLE = 0.2  # the uplift of the sentence


@app.command()
def power(
    trigger: Annotated[str, typer.Argument(metavar="TRIGGER", help="The trigger's name.")],
    workspace: WorkspaceOption = Path(),
    weeks: Annotated[
        int,
        typer.Option(
            min=1, max=520, help="How many weeks with a closed goal window are looked at."
        ),
    ] = 13,
    holdout: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE", help="The holdout to plan with.", show_default="the trigger's own"
        ),
    ] = None,
    at: AtOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say from the customer history when which uplift of a trigger becomes readable."""
    from relance.pipeline.power import weeks_looked_at
    from relance.wiring import open_relance

    share = None if holdout is None else _share(holdout)
    with open_relance(workspace) as relance:
        instant = read_instant(at, relance.workspace.zone)
        known = relance.workspace.triggers.get(trigger)
        total = weeks_looked_at(known, weeks) if known else 1
        with show.phases(total, "power") as progress:
            found = relance.forecast(trigger, instant, weeks=weeks, share=share, progress=progress)
    if as_json:
        show.print_json(document(found))
    else:
        _print(found)


def _share(text: str) -> float:
    """`10%` as a share. Raises UsageError for what leaves an arm empty."""
    from relance.spec.notations import read_share

    try:
        found = read_share(text.strip(), "99")
    except ValueError as error:
        raise UsageError(f"--holdout {text!r} is not a share", hint=str(error)) from None
    if not found:
        raise UsageError("--holdout 0% holds nobody out", hint="then there is nothing to compare")
    return found


# -- as data


def document(found: Forecast) -> dict[str, object]:
    """A forecast as plain data; null where there is no number."""
    base, flow, goal = found.base, found.flow, found.goal
    rate_ci = base.counts.rate_ci if base else None
    return {
        "trigger": found.trigger,
        "version": found.version,
        "at": found.at.isoformat(),
        "goal": None if goal is None else {"event": goal.event, "within": str(goal.within)},
        "holdout_share": found.share,
        "weeks": found.weeks,
        "entered_by_week": list(flow.weeks) if flow else [],
        "at_once": flow.at_once if flow else None,
        "per_week": flow.per_week if flow else None,
        "refused": dict(flow.refused) if flow else {},
        "written_to": flow.written_to if flow else None,
        "base": None
        if base is None
        else {
            "origin": base.origin.value,
            "mature": base.counts.mature,
            "retained": base.counts.retained,
            "rate": base.counts.rate,
            "rate_ci": None if rate_ci is None else list(rate_ci),
        },
        "holdouts": [
            {"share": one.share, "uplifts": [_row(row) for row in one.rows]}
            for one in found.readable
        ],
        "read_out": None
        if found.read_out is None
        else {"entrants": found.read_out.entrants, "uplift": found.read_out.uplift},
        "gap": None if found.gap is None else found.gap.value,
        "sentence": sentence(found),
    }


def _row(row: PowerRow) -> dict[str, object]:
    return {
        "uplift": row.uplift,
        "rate": row.rate,
        "entrants": row.entrants,
        "readable_on": None if row.readable_on is None else row.readable_on.isoformat(),
    }


# -- in words


def sentence(found: Forecast) -> str:
    """The forecast in a sentence, or why there is none."""
    if found.gap is not None:
        return _GAPS[found.gap.value].format(weeks=found.weeks, goal=_goal(found), **_counts(found))
    other = next((one.share for one in found.readable if one.share >= 2 * found.share), None)
    text = f"{_premise(found)}: {_rise(_EXAMPLE)} is {_when(found, found.share)}"
    if other is None or not found.rows(other):
        return f"{text}."
    return f"{text}; with a {_percent(other)} holdout {_when(found, other)}."


_GAPS = {
    "no_goal": "The trigger has no goal, so nothing can become readable: add `goal:`.",
    "nobody_enters": "In the last {weeks} weeks nobody would have entered: look at the segment"
    " with `relance members`, or further back with --weeks.",
    "short_history": "The history is too short: the first {goal} is later than {weeks} weeks ago."
    " Look at fewer weeks with --weeks.",
    "no_closed_window": "Nobody who would have entered has a closed window yet: look further back"
    " with --weeks.",
    "few_closed": "Only {mature} customers would have entered and have a closed window, too few to"
    " know what they do without a message (100 are needed): look further back with --weeks.",
    "few_retained": "Only {retained} of {mature} customers returned by themselves, too few for a"
    " base rate (5 are needed): look further back with --weeks, or take a longer window.",
}


def _counts(found: Forecast) -> dict[str, int]:
    counts = found.base.counts if found.base else None
    return {
        "mature": counts.mature if counts else 0,
        "retained": counts.retained if counts else 0,
    }


def _goal(found: Forecast) -> str:
    return found.goal.event if found.goal else "event"


def _premise(found: Forecast) -> str:
    from relance.uplift.wording import count, percent

    rate = percent(found.base.counts.rate if found.base else None)
    flow = found.flow
    at_once = (
        f"{count(flow.at_once)} entrants on the first day and " if flow and flow.at_once else ""
    )
    per_week = _number(flow.per_week if flow else 0.0)
    return f"base {rate}, {at_once}{per_week} entrants a week, {_percent(found.share)} held out"


def _when(found: Forecast, share: float) -> str:
    """`readable after 73 weeks` for the uplift of the sentence."""
    row = next((one for one in found.rows(share) if one.uplift == _EXAMPLE), None)
    if row is None or row.entrants is None:
        return "never readable"
    if row.readable_on is None:
        return "not readable within ten years"
    return f"readable after {_weeks(found, row.readable_on)} weeks"


def _weeks(found: Forecast, day: date) -> int:
    """Whole weeks from now until a day, the goal's window included."""
    return -((found.at.date() - day).days // 7)


def _rise(uplift: float) -> str:
    return f"+{uplift * 100:.0f} %"


def _percent(share: float) -> str:
    return f"{share * 100:g} %"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _print(found: Forecast) -> None:
    typer.echo(f"{found.trigger}: {sentence(found)}")
    for line in _about(found):
        typer.echo(f"  {line}")
    if not found.readable:
        return
    typer.echo()
    columns = ["uplift", "it becomes", *(_column(found, one.share) for one in found.readable)]
    rows = [_table_row(found, index) for index in range(len(found.rows(found.share)))]
    show.print_table("Entrants needed, and the week in which that is readable", columns, rows)
    typer.echo(_advice(found))


def _column(found: Forecast, share: float) -> str:
    return f"{_percent(share)} held out" + (" *" if share == found.share else "")


def _table_row(found: Forecast, index: int) -> list[str]:
    from relance.uplift.wording import percent

    own = found.rows(found.share)[index]
    cells = [
        _cell(found, one.rows[index]) if index < len(one.rows) else "–" for one in found.readable
    ]
    return [_rise(own.uplift), percent(own.rate) if own.rate < 1 else "–", *cells]


def _cell(found: Forecast, row: PowerRow) -> str:
    if row.entrants is None:
        return "–"
    if row.readable_on is None:
        return f"{row.entrants:,}: over ten years"
    return f"{row.entrants:,}: week {_weeks(found, row.readable_on)}"


def _about(found: Forecast) -> list[str]:
    """What the numbers are made of, so that nobody takes them for more."""
    lines = []
    if found.flow is not None:
        weeks = len(found.flow.weeks)
        total = sum(found.flow.weeks)
        lines.append(
            f"{total:,} customers would have entered in the last {weeks} weeks, looked at week by"
            " week; who comes and goes within one is not seen"
        )
        if found.flow.refused:
            lines.append(f"not counted, refused at a gate: {show.counts(found.flow.refused)}")
    if found.base is not None and found.base.counts.mature:
        lines.append(_origin(found.base, found.flow.written_to if found.flow else 0))
    if found.flow is not None:
        lines.append(
            "events are those of each week; attributes, consents and suppressions are today's;"
            " frequency caps are not applied"
        )
    return lines


def _origin(base: Base, written_to: int) -> str:
    counts = base.counts
    text = f"base rate: {counts.retained:,} of {counts.mature:,} with a closed window"
    if base.origin.value == "held_out":
        return f"{text}, held out by this version so far"
    if written_to:
        return f"{text}, from the history; this trigger wrote to {written_to:,} of them meanwhile"
    return f"{text}, from the history, whatever was sent to them"


def _advice(found: Forecast) -> str:
    if found.read_out is None:
        return (
            "* Nothing up to a doubling is readable within half a year: hold more people out, widen"
            " the segment, or take the messages on trust."
        )
    return (
        f"* To plan the read-out, write `read_out: {found.read_out.entrants}` into the trigger:"
        f" so many entrants show {_rise(found.read_out.uplift)}, four times out of five."
    )
