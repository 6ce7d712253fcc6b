"""Which of two messages stands, where two ids turn out to be one customer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from delivery_fakes import AT, message
from relance.domain.ledger import Claimed, Sibling
from relance.domain.message import MessageState
from relance.pipeline.kin import stands_for

MINE: Claimed = replace(message(1), entry_at=AT)


def other(**known: object) -> Sibling:
    """Another id's message of the same step, which entered an hour later and waits."""
    usual = Sibling(
        id="other",
        customer="c9",
        trigger=MINE.trigger,
        step=MINE.step,
        channel=MINE.channel,
        template=MINE.template,
        entry_at=AT + timedelta(hours=1),
        state=MessageState.QUEUED,
        changed_at=AT + timedelta(hours=1),
    )
    return replace(usual, **known)  # type: ignore[arg-type]


def never(_trigger: str, _earlier: datetime, _later: datetime) -> bool | None:
    return False


def always(_trigger: str, _earlier: datetime, _later: datetime) -> bool | None:
    return None


def long_ago(_trigger: str, _earlier: datetime, _later: datetime) -> bool | None:
    return True


@pytest.mark.parametrize("rule", [never, always])
def test_of_two_that_wait_the_one_of_the_earlier_entry_goes(rule):
    assert not stands_for(other(), MINE, rule)
    assert stands_for(other(entry_at=AT - timedelta(hours=1)), MINE, rule)


@pytest.mark.parametrize("rule", [never, always])
@pytest.mark.parametrize(
    "known", [{"state": MessageState.SENDING}, {"doubtful_at": AT + timedelta(hours=2)}]
)
def test_one_that_may_have_left_goes_before_one_that_waits(rule, known):
    assert stands_for(other(**known), MINE, rule)
    mine = replace(MINE, doubtful_at=AT + timedelta(hours=1))
    assert not stands_for(other(**known), mine, rule)  # both may have: the earlier entry


def test_one_that_left_before_the_other_entered_stands_unless_re_entry_is_always_allowed():
    left = other(
        entry_at=AT - timedelta(days=2),
        state=MessageState.ACCEPTED,
        changed_at=AT - timedelta(days=1),
    )
    assert stands_for(left, MINE, never)
    assert not stands_for(left, MINE, always)
    assert stands_for(replace(left, changed_at=AT), MINE, always)


@pytest.mark.parametrize("state", [MessageState.QUEUED, MessageState.ACCEPTED])
def test_where_the_rule_allows_both_entries_both_go(state):
    assert not stands_for(other(entry_at=AT - timedelta(days=9), state=state), MINE, long_ago)


def test_entries_of_one_instant_are_one_whatever_the_rule_allows():
    assert stands_for(other(entry_at=AT, state=MessageState.ACCEPTED), MINE, long_ago)
