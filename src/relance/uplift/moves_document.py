"""Trajectories as plain data for JSON; docs/json.md documents it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from relance.domain.trajectory import Activity, Note, Span, Stays, Trajectory
from relance.uplift.moves import Change, Comparison
from relance.uplift.moves_words import note_sentence
from relance.uplift.stays import half_left

Json = dict[str, object]


def to_json(one: Trajectory, comparison: Comparison | None, zone: ZoneInfo) -> Json:
    """A trajectory, and what it is compared with, as `relance trajectories --json` prints it."""
    return {
        "asked": _span(one.asked),
        **_span(one.span),
        "segments": list(one.segments),
        "places": list(_places(one)),
        "moves": [
            {
                "from": start,
                "to": end,
                "customers": number,
                "share": number / one.at_start(start),
            }
            for start in one.starts
            for end in one.ends
            if (number := one.counted.matrix.get((start, end), 0))
        ],
        "steps": [
            {"from": start, "to": end, "moves": number}
            for start in one.starts
            for end in one.ends
            if (number := one.counted.steps.get((start, end), 0))
        ],
        "weeks": list(_weeks(one)),
        "stays": [_stays(stays) for stays in one.counted.stays],
        "triggers": [_activity(activity, one) for activity in one.triggers],
        "events": [
            {
                "date": happening.first.isoformat(),
                "until": happening.last.isoformat(),
                "name": happening.name,
                "description": happening.description,
            }
            for happening in one.happenings
        ],
        "notes": [_note(note, zone) for note in one.notes],
        "comparison": None if comparison is None else _comparison(comparison, zone),
    }  # fmt: skip


def _span(span: Span) -> Json:
    return {"from": span.begin.isoformat(), "until": span.until.isoformat()}


def _places(one: Trajectory) -> Iterator[Json]:
    for place in dict.fromkeys([*one.starts, *one.ends]):
        yield {"place": place, "at_start": one.at_start(place), "at_end": one.at_end(place)}


def _weeks(one: Trajectory) -> Iterator[Json]:
    size = {place: one.at_start(place) for place in one.segments}
    for week in one.weeks:
        for place in size:
            size[place] += week.entries.get(place, 0) - week.exits.get(place, 0)
        yield {
            **_span(Span(begin=week.begin, until=week.until)),
            "segments": [
                {
                    "segment": place,
                    "entries": week.entries.get(place, 0),
                    "exits": week.exits.get(place, 0),
                    "size": size[place],
                }
                for place in one.segments
            ],
        }


def _stays(stays: Stays) -> Json:
    half = half_left(stays)
    return {
        "segment": stays.segment,
        "ended": stays.ended,
        "median_days": stays.median,
        "mean_days": stays.mean,
        "ended_of_unknown_beginning": stays.ended_unknown,
        "open": stays.open,
        "open_median_days": stays.open_median,
        "open_of_unknown_beginning": stays.open_unknown,
        "came": 0 if half is None else half.came,
        "half_left_days": None if half is None else half.day,
        "half_left_ci": None if half is None else [half.low, half.high],
        "watched_days": 0 if half is None else half.watched,
    }


def _activity(activity: Activity, one: Trajectory) -> Json:
    weekly = zip(one.weeks, activity.treated, activity.held_out, activity.messages, strict=True)
    return {
        "trigger": activity.trigger,
        "treated": sum(activity.treated),
        "held_out": sum(activity.held_out),
        "messages": sum(activity.messages),
        "weeks": [
            {
                "from": week.begin.isoformat(),
                "treated": treated,
                "held_out": held_out,
                "messages": messages,
            }
            for week, treated, held_out, messages in weekly
        ],
    }


def _note(note: Note, zone: ZoneInfo) -> Json:
    return {
        "caution": note.caution.value,
        "segments": list(note.segments),
        "at": _iso(note.at),
        "text": note_sentence(note, zone),
    }


def _comparison(comparison: Comparison, zone: ZoneInfo) -> Json:
    return {
        **_span(comparison.other.span),
        "moves": [_change(change) for change in comparison.changes],
        "notes": [
            _note(note, zone) for note in [*comparison.notes, *comparison.other.notes]
        ],
    }  # fmt: skip


def _change(change: Change) -> Json:
    return {
        "from": change.start,
        "to": change.end,
        "customers": change.moved,
        "of": change.of,
        "share": change.share,
        "customers_before": change.moved_before,
        "of_before": change.of_before,
        "share_before": change.share_before,
        "diff": change.difference,
        "diff_ci": list(change.interval),
        "p": change.p,
        "p_adjusted": change.p_adjusted,
        "clear": change.clear,
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
