"""A forecast in words, for the terminal and for the sentence of `relance power --json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from relance.cli import show

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from relance.pipeline.power import Base, Flow, Forecast
    from relance.uplift.power import PowerRow

_EXAMPLE = 0.2  # the uplift of the sentence


def sentence(found: Forecast) -> str:
    """The forecast in a sentence, or why there is none."""
    if found.gap is not None:
        return _GAPS[found.gap.value].format(weeks=found.weeks, goal=_goal(found), **_counts(found))
    text = f"{_premise(found)}: {rise(_EXAMPLE)} is {_when(found, found.share)}"
    other = next((one.share for one in found.readable if one.share >= 2 * found.share), None)
    if other is None:
        return f"{text}."
    more = _when(found, other).removeprefix("readable ")
    return f"{text}; with a {in_percent(other)} holdout {more}."


_GAPS = {
    "no_goal": "The trigger has no goal, so nothing can become readable: add `goal:`.",
    "nobody_enters": "In the last {weeks} weeks nobody would have entered: look at the segment"
    " with `relance members`, or further back with --weeks.",
    "short_history": "The history is too short: the first {goal} is later than {weeks} weeks ago."
    " Look at fewer weeks with --weeks.",
    "no_closed_window": "Nobody who would have entered has a closed window yet: look further back"
    " with --weeks.",
    "few_closed": "Only {mature} customers would have entered and have a closed window, too few to"
    " know what they do without a message ({needed} are needed): look further back with --weeks.",
    "few_retained": "Only {retained} of {mature} customers returned by themselves, too few for a"
    " base rate ({least} are needed): look further back with --weeks, or take a longer window.",
}


def _counts(found: Forecast) -> dict[str, int]:
    from relance.uplift.verdict import MIN_MATURE, MIN_RETAINED, ArmCounts

    counts = found.base.counts if found.base else ArmCounts()
    return {
        "mature": counts.mature,
        "retained": counts.retained,
        "needed": MIN_MATURE,
        "least": MIN_RETAINED,
    }


def _goal(found: Forecast) -> str:
    return found.goal.event if found.goal else "event"


def _premise(found: Forecast) -> str:
    from relance.uplift.wording import percent

    rate = percent(found.base.counts.rate if found.base else None)
    return f"base {rate}, {_pace(found.flow)}, {in_percent(found.share)} held out"


def _pace(flow: Flow | None) -> str:
    per_week = flow.per_week if flow else 0.0
    number = f"{per_week:,.0f}" if per_week >= 10 else f"{per_week:.1f}"
    if flow and flow.at_once:
        return f"{flow.at_once:,} entrants on the first day and {number} a week"
    return f"{number} entrants a week"


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


def cell(found: Forecast, row: PowerRow) -> str:
    """How many must enter, and in which week that is readable."""
    if row.entrants is None:
        return "–"
    if row.readable_on is None:
        return f"{row.entrants:,}: over ten years"
    return f"{row.entrants:,}: week {_weeks(found, row.readable_on)}"


def rise(uplift: float) -> str:
    """A relative uplift: `+20 %`."""
    return f"+{uplift * 100:.0f} %"


def in_percent(share: float) -> str:
    """A share with as many digits as it has: `12.5 %`."""
    return f"{share * 100:g} %"


def about(found: Forecast) -> Iterator[str]:
    """What the numbers are made of, so that nobody takes them for more."""
    if found.flow is None:
        return
    yield (
        f"{sum(found.flow.weeks):,} customers would have entered in the last {found.weeks} weeks,"
        " looked at week by week; who comes and goes within one is not seen"
    )
    if found.flow.refused:
        yield f"not counted, refused at a gate: {show.counts(found.flow.refused)}"
    if found.base is not None and found.base.counts.mature:
        yield _origin(found.base, found.flow.written_to)
    yield (
        "events are those of each week; attributes, consents and suppressions are today's;"
        " frequency caps are not applied"
    )
    if found.share != found.configured:
        yield f"the trigger itself says `holdout: {found.configured * 100:g}%`"


def _origin(base: Base, written_to: int) -> str:
    counts = base.counts
    text = f"base rate: {counts.retained:,} of {counts.mature:,} with a closed window"
    if base.origin.value == "held_out":
        return f"{text}, held out by this version so far"
    if written_to:
        return f"{text}, from the history without the {written_to:,} whom this trigger wrote to"
    return f"{text}, from the history, whatever else was sent to them"


def advice(found: Forecast) -> str:
    """Which read-out to plan, or that none is near."""
    if found.read_out is None:
        return (
            "* Nothing up to a doubling is readable within half a year: hold more people out, widen"
            " the segment, or take the messages on trust."
        )
    return (
        f"* To plan the read-out, write `read_out: {found.read_out.entrants}` into the trigger:"
        f" so many entrants show {rise(found.read_out.uplift)}, four times out of five."
    )
