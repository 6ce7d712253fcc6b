"""A check-up as plain data, for `--json`; null where there is no number."""

from __future__ import annotations

from datetime import datetime, timedelta

from relance.domain.life import Life
from relance.uplift.checkup import (
    Checkup,
    Cohort,
    Mistake,
    Movement,
    SegmentHealth,
    Symptom,
    Value,
    Window,
)
from relance.uplift.checkup_words import sentence, together_sentence, window_sentence

Json = dict[str, object]


def document(checkup: Checkup) -> Json:
    """Everything that `relance health` found."""
    return {
        "at": checkup.at.isoformat(),
        "customers": checkup.customers,
        "window": _window(checkup.window),
        "groups": checkup.groups,
        "outside": checkup.outside,
        "eta_squared": checkup.explained,
        "omega_squared": checkup.omega,
        "omega_squared_money": checkup.spent,
        "mistakes": checkup.mistakes,
        "sentences": [
            text for text in (window_sentence(checkup), together_sentence(checkup)) if text
        ],
        "segments": [_segment(one) for one in checkup.segments],
        "overlaps": [
            {
                "one": pair.one,
                "other": pair.other,
                "both": pair.both,
                "jaccard": pair.jaccard,
                "containment": pair.containment,
            }
            for pair in checkup.pairs
        ],
    }


def _window(window: Window) -> Json:
    return {
        "event": window.goal.event if window.goal else None,
        "within": str(window.goal.within) if window.goal else None,
        "from": _iso(window.then_at),
        "customers": window.customers,
        "returned": window.returned,
        "rate": window.rate,
        "nothing": window.nothing.value if window.nothing else None,
    }


def _segment(one: SegmentHealth) -> Json:
    return {
        "segment": one.name,
        "own": one.own,
        "triggers": list(one.triggers),
        "members": one.members,
        "share": one.share,
        "cohort": _cohort(one.cohort),
        "stability": {
            "since_window": _movement(one.since_window),
            "since_run": _movement(one.since_run) if one.since_run else None,
        },
        "history": _history(one.life),
        "power": {
            "entrants": int(one.power.entrants),
            "holdout_share": one.power.share,
            "rise": one.power.rise,
        },
        "mistakes": {mistake.value: one.worst(mistake).value for mistake in Mistake},
        "findings": [_finding(each) for each in one.symptoms],
    }


def _cohort(cohort: Cohort) -> Json:
    lift = cohort.lift
    return {
        "members": cohort.members,
        "returned": cohort.returned,
        "rate": cohort.rate,
        "alike": cohort.alike,
        "lift": lift.value if lift else None,
        "lift_ci": list(lift.interval) if lift else None,
        "nothing": (cohort.no_alike or cohort.no_lift or None),
    }


def _movement(movement: Movement) -> Json:
    return {
        "before": movement.before,
        "now": movement.now,
        "stayed": movement.stayed,
        "kept": movement.kept,
        "jaccard": movement.jaccard,
    }


def _history(life: Life | None) -> Json | None:
    if life is None:
        return None
    return {
        "defined_since": life.since.isoformat(),
        "evaluated_at": life.at.isoformat(),
        "last_entered": _iso(life.last_entered),
        "sizes": [{"at": at.isoformat(), "members": members} for at, members in life.sizes],
    }


def _finding(symptom: Symptom) -> Json:
    return {
        "mistake": symptom.mistake.value,
        "outcome": symptom.health.value,
        "sign": symptom.sign.value,
        "sentence": sentence(symptom),
        "numbers": {name: _plain(value) for name, value in symptom.values.items()},
    }


def _plain(value: Value) -> object:
    """Lengths of time in days."""
    return value / timedelta(days=1) if isinstance(value, timedelta) else value


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
