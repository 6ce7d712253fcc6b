"""What a report asks the state: prices, shares of old versions, tables that shrank."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pyarrow as pa
import pytest

from engine_shop import ORDER, Shop
from relance.domain.duration import Duration, Unit
from relance.domain.study import Draw, Study
from relance.domain.trigger import Goal, OnEnter, Schedule, Trigger
from relance.domain.workspace import ChannelSpec, Workspace
from relance.pipeline.ports import Engine, Reader
from relance.pipeline.studied import (
    ENTRIES,
    by_place,
    earlier_studies,
    entered_versions,
    prices,
    shrunken,
)

THEN = datetime(2026, 3, 1, tzinfo=UTC)
GOAL = Goal(event="order", within=Duration(30, Unit.DAY))


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    own = ChannelSpec(name="email", provider="postmark", sender="", cost=0.002)
    other = replace(own, provider="brevo", cost=0.001)
    sms = ChannelSpec(name="sms", provider="twilio", sender="", cost=0.07)
    shop = Shop(folder=tmp_path, stack=None)
    return shop.workspace(channels={"email": replace(own, fallback=other), "sms": sms})


def test_a_message_costs_what_the_provider_that_took_it_costs(workspace: Workspace):
    sent = by_place(
        workspace,
        {
            ("email", "postmark"): 10,
            ("email", "brevo"): 4,
            ("email", "one we left last year"): 1,
            ("sms", "twilio"): 2,
            ("fax", "gone"): 3,
        },
    )
    assert sent == {"email": 11, "email/brevo": 4, "sms": 2, "fax": 3}
    assert prices(workspace) == {"email": 0.002, "email/brevo": 0.001, "sms": 0.07}


def test_older_versions_are_measured_by_the_share_that_was_written_down():
    trigger = Trigger(
        name="hello", segment="s", on=OnEnter(), schedule=Schedule(), steps=(), version="v3",
        segment_version="s1", holdout=0.1, goal=GOAL,
    )  # fmt: skip
    draw = Draw(
        trigger="hello", version="v2", at=THEN, hash_version=1, salt="hello:v2", share=0.5
    )  # fmt: skip
    versions = [("hello", "v1"), ("hello", "v2"), ("other", "v1"), ("hello", "v3")]
    draws = {("hello", "v2"): draw}
    found = earlier_studies(trigger, versions, draws)
    assert [(study.version, study.share) for study in found] == [("v1", None), ("v2", 0.5)]
    assert earlier_studies(replace(trigger, goal=None), versions, draws) == []


def test_the_versions_that_somebody_entered_come_in_the_order_of_their_first_entries():
    def one(version: str, days: int, trigger: str = "hello") -> dict[str, object]:
        at = THEN + timedelta(days=days)
        who = {"arm": "treated", "customer": "1", "unit": None}
        return {"trigger": trigger, "version": version, "at": at, **who}

    rows = [one("v3", 8), one("v1", 5), one("v2", 2), one("v1", 1), one("v1", 3, "other")]
    entries = pa.Table.from_pylist(rows, schema=ENTRIES)
    assert entered_versions(entries) == [
        ("hello", "v1"), ("hello", "v2"), ("other", "v1"), ("hello", "v3")
    ]  # fmt: skip
    assert entered_versions(entries.slice(0, 0)) == []


@dataclass
class Counted:
    """A state that has counted rows, and an engine that counts them again."""

    seen: Mapping[str, tuple[datetime, int]]
    now: Mapping[str, int] = field(default_factory=dict)

    def events_seen(self) -> Mapping[str, tuple[datetime, int]]:
        return self.seen

    def rows(self, events: Mapping[str, datetime]) -> Mapping[str, int]:
        return {name: self.now[name] for name in events}


@pytest.mark.parametrize(
    ("before", "now", "lost"), [(1000, 1000, False), (1000, 990, False), (1000, 989, True),
                                (1000, 0, True), (0, 0, False), (10, 2000, False)],
)  # fmt: skip
def test_a_table_has_shrunk_once_more_than_a_hundredth_of_its_rows_is_gone(
    workspace: Workspace, before: int, now: int, lost: bool
):
    counted = Counted({"order": (THEN, before), "visit": (THEN, 5)}, {"order": now})
    study = Study(trigger="hello", version="v1", goal=GOAL, share=0.1)
    found = shrunken(workspace, cast("Engine", counted), cast("Reader", counted), [study])
    assert set(found) == ({"order"} if lost else set())
    if lost:
        told = found["order"]
        assert (told.table, told.at, told.before, told.now) == (ORDER.table, THEN, before, now)


def test_a_table_that_no_tick_has_counted_cannot_have_shrunk(workspace: Workspace):
    counted = Counted({})
    study = Study(trigger="hello", version="v1", goal=GOAL, share=0.1)
    assert shrunken(workspace, cast("Engine", counted), cast("Reader", counted), [study]) == {}
