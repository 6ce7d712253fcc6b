"""Segments for tests of what is shown: every sign that there is, and portraits of all sizes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from relance.domain.duration import Duration
from relance.domain.trigger import Goal
from relance.uplift.checkup import (
    Checkup,
    Cohort,
    Mistake,
    Movement,
    Power,
    SegmentHealth,
    Sign,
    Symptom,
    Window,
)
from relance.uplift.health import Health
from relance.uplift.moments import Moments
from relance.uplift.portrait import Feature, Portrait, Shares, Side, Spread, Value
from relance.uplift.segments_report import SegmentsReport

AT = datetime(2026, 3, 6, 8, tzinfo=UTC)
GOAL = Goal(event="order", within=Duration.parse("30 days"))
LONG = "customers_who_bought_twice_and_have_not_been_seen_for_a_long_time"
VALUES: dict = {
    "members": 3_012, "returned": 389, "alike": 0.0131, "rate": 0.1292, "base": 0.0902,
    "event": "order", "days": timedelta(days=30), "customers": 22_896, "share": 0.42,
    "entrants": 66, "held_out": 13, "holdout": 0.2, "rise": 0.405, "lift": "1.05", "low": "0.96",
    "high": "1.14", "table": "orders", "silence": timedelta(days=40), "every": timedelta(days=1),
    "age": timedelta(days=400), "other": LONG, "jaccard": 0.649, "containment": 0.98, "both": 90,
    "trigger": "win_back", "since": timedelta(days=9), "by": "active, lapsed",
    "data": timedelta(hours=3), "run": timedelta(minutes=30),
}  # fmt: skip
MISTAKE = {
    Mistake.FEW_CRITERIA: (Sign.BROAD,),
    Mistake.OUT_OF_DATE: (Sign.RUN_OLD, Sign.DATA_OLD, Sign.DATA_EMPTY, Sign.NEVER_RUN,
                          Sign.CHANGED, Sign.DEFINITION_OLD, Sign.NOBODY_ENTERS),
    Mistake.IRRELEVANT: (Sign.DEMOGRAPHICS, Sign.NO_LIFT),
    Mistake.OVER_SEGMENTED: (Sign.EMPTY, Sign.TOO_SMALL, Sign.TOO_LARGE, Sign.DUPLICATE,
                             Sign.OVERLAP, Sign.CONTAINED),
    Mistake.NEVER_ANALYSED: (Sign.NO_HOLDOUT, Sign.NO_GOAL, Sign.NOT_READ, Sign.READ_LONG_AGO,
                             Sign.UNUSED),
}  # fmt: skip


def symptom(sign: Sign, health: Health = Health.FAILED) -> Symptom:
    mistake = next((m for m, signs in MISTAKE.items() if sign in signs), Mistake.FEW_CRITERIA)
    return Symptom(mistake=mistake, sign=sign, health=health, values=VALUES)


def segment(name: str, *symptoms: Symptom, members: int = 3_012) -> SegmentHealth:
    good = [
        Symptom(mistake=mistake, sign=Sign.ALIKE, health=Health.GOOD, values=VALUES)
        for mistake in Mistake
        if mistake not in {one.mistake for one in symptoms}
    ]
    return SegmentHealth(
        name=name, own=False, description="", triggers=["win_back"], members=members,
        share=members / 22_896, cohort=Cohort(members=members, returned=9),
        since_window=Movement(before=members, now=members, stayed=members), since_run=None,
        life=None, power=Power(entrants=66, share=0.2, rise=None), symptoms=[*good, *symptoms],
    )  # fmt: skip


def checkup(*segments: SegmentHealth, nothing: Sign | None = None) -> Checkup:
    window = Window(goal=GOAL, then_at=AT - timedelta(days=30), customers=21_000, returned=1_900,
                    nothing=nothing)  # fmt: skip
    omega = None if nothing else 0.098
    return Checkup(at=AT, customers=22_896, window=window, segments=segments, omega=omega)


def portrait(name: str, members: int = 3_384, *, values: int = 8) -> Portrait:
    shares = Shares(
        name="category", event="order",
        values=[Value(text=f"something number {n}", everybody=9_000 - 900 * n,
                      members=members * (n + 1) // 12) for n in range(values)],
        others=Value(text=None, everybody=40, members=0),
    )  # fmt: skip
    spreads = [
        Spread(feature=feature, members=side(members, 1.0, 4.6),
               everybody=side(22_896, 0.4, 3.0)) for feature in Feature
    ]  # fmt: skip
    return Portrait(
        segment=name, description="Orders often, spends much, and has been here lately.", at=AT,
        event="order", everybody=22_896, members=members, active=(20_000, members),
        money=(1e6, 4e5), spreads=spreads, shares=[shares],
    )  # fmt: skip


def side(n: int, mean: float, score: float) -> Side:
    return Side(logs=Moments(n=n, mean=mean, m2=n - 1.0), median=33.0, mean=36.0, score=score)


def everything() -> SegmentsReport:
    """Every sign once, a long name, a portrait of many, of few, and of nobody."""
    loud = [symptom(sign) for signs in MISTAKE.values() for sign in signs]
    warnings = [symptom(Sign.UNUSED, Health.WARNING)]
    silent = [Symptom(mistake=Mistake.IRRELEVANT, sign=Sign.WIDE, health=Health.SILENT,
                      values=VALUES)]  # fmt: skip
    return SegmentsReport(
        checkup=checkup(
            segment("new"), segment(LONG, *loud), segment("idle", *warnings, members=0),
            segment("small", *silent, members=60), segment("everybody", members=22_896),
        ),
        portraits=[portrait(LONG), portrait("small", 60), portrait("three", 3)],
    )  # fmt: skip
