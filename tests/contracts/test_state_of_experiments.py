"""What a report finds in the state: draws, event rows, delays, costs, wishes, the programme."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from contracts.state_words import (
    DAY,
    MINUTE,
    day,
    draw,
    entry,
    message,
    outcome,
    refusal,
    run,
    tick,
)
from relance.domain.arm import Arm
from relance.domain.ledger import EntryRecord, Mark, Refusal, RunKind
from relance.domain.message import MessageState
from relance.domain.receipt import Receipt, ReceiptKind
from relance.domain.workspace import BouncePolicy
from relance.errors import SourceError
from relance.store import State, Suppressed

HOUR = timedelta(hours=1)


def enter(state: State, number: int, *customers: str, version: str = "v1", **keys: object) -> None:
    """Customers enter on a day; those whose names begin with `h` are held out."""
    arms = [Arm.HOLDOUT if name.startswith("h") else Arm.TREATED for name in customers]
    entries = [
        entry(name, day(number), version=version, arm=arm)
        for name, arm in zip(customers, arms, strict=True)
    ]
    held = arms.count(Arm.HOLDOUT)
    runs = [run(day(number), version=version, treated=len(arms) - held, held_out=held)]
    messages = [message(one) for one in entries]
    state.ledger.commit(tick(day(number), runs=runs, entries=entries, messages=messages, **keys))


def deliver(state: State, at: datetime, *, ends: dict[str, MessageState] | None = None) -> None:
    """Everything due ends as it is said to, or is accepted (a ghost is a ghost)."""
    for each in state.queue.claim(at, 100, at + 15 * MINUTE, "w"):
        usual = MessageState.GHOST if each.ghost else MessageState.ACCEPTED
        end = (ends or {}).get(each.customer, usual)
        if not each.ghost:
            state.queue.sending([Mark(message=each.id, provider="outbox")], at, "w")
        due = at + HOUR if end is MessageState.QUEUED else None
        state.queue.record([outcome(each.id, end, at, worker="w", due_at=due)])


def shown(table: pa.Table) -> list[tuple[object, ...]]:
    return sorted(tuple(row.values()) for row in table.to_pylist())


# -- draws


def test_a_draw_is_written_down_with_the_first_entry_of_its_version(state: State) -> None:
    state.ledger.commit(tick(day(0), draws=[draw(at=day(0))]))
    assert state.reader.draws() == []
    enter(state, 1, "ann", "hal", draws=[draw(at=day(1))])
    enter(state, 2, "bob", draws=[draw(at=day(2))])
    enter(state, 3, "ann", version="v2", draws=[draw(version="v2", at=day(3))])
    assert state.reader.draws() == [draw(at=day(1)), draw(version="v2", at=day(3))]


def test_a_backfill_writes_its_draw_down_too(state: State) -> None:
    filled = run(day(1), kind=RunKind.BACKFILL, treated=1)
    state.ledger.commit(
        tick(day(1), runs=[filled], entries=[entry("ann", day(1))], draws=[draw(at=day(1))])
    )
    assert state.reader.draws() == [draw(at=day(1))]


def test_a_version_that_ran_before_draws_were_written_down_is_at_its_next_tick(
    state: State,
) -> None:
    enter(state, 0, "ann")
    enter(state, 1, "bob")
    state.ledger.commit(tick(day(2), draws=[draw(at=day(2))]))
    assert state.reader.draws() == [draw(at=day(0))]


def test_a_tick_that_breaks_leaves_no_draw(state: State) -> None:
    def breaking() -> Iterator[EntryRecord]:
        yield entry("ann", day(0))
        raise SourceError("the source has gone")

    broken = tick(
        day(0), runs=[run(day(0), treated=1)], entries=breaking(), draws=[draw(at=day(0))]
    )
    with pytest.raises(SourceError):
        state.ledger.commit(broken)
    assert state.reader.draws() == []


def test_an_entry_tells_whom_its_arm_was_drawn_for(state: State) -> None:
    both = [entry("ann", day(0)), entry("bob", day(0), unit="household:7", arm=Arm.HOLDOUT)]
    state.ledger.commit(
        tick(
            day(0),
            runs=[run(day(0), treated=1, held_out=1)],
            entries=both,
            draws=[draw(at=day(0))],
        )
    )
    rows = [row for batch in state.reader.entries("winback") for row in batch.to_pylist()]
    assert sorted((r["customer"], r["unit"]) for r in rows) == [
        ("ann", None),
        ("bob", "household:7"),
    ]
    [told] = state.reader.history("bob").entries
    assert (told.unit, told.salt, told.hash_version) == ("household:7", "winback:v1", 1)
    [told] = state.reader.history("ann").entries
    assert told.unit == "ann"


# -- event rows


def test_the_latest_count_of_each_event_table_is_remembered(state: State) -> None:
    assert state.ledger.standing().events_seen == {}
    state.ledger.commit(tick(day(0), events={"order": 10, "visit": 0}))
    state.ledger.commit(tick(day(1), events={"order": 12}))
    assert state.ledger.standing().events_seen == {"order": (day(1), 12)}
    assert state.reader.events_seen() == {"order": (day(1), 12)}


def test_a_tick_of_an_earlier_instant_does_not_take_a_count_back(state: State) -> None:
    state.ledger.commit(tick(day(5), events={"order": 10}))
    other = tick(day(4), runs=[run(day(4), "birthday")], events={"order": 9, "visit": 3})
    state.ledger.commit(other)
    assert state.reader.events_seen() == {"order": (day(5), 10), "visit": (day(4), 3)}


# -- delays


def lateness(state: State, until: datetime | None = None) -> list[tuple[object, ...]]:
    return [
        (one.arm.value, one.messages, one.mean, round(one.m2, 6))
        for one in state.reader.lateness(until)
    ]


def test_messages_and_ghosts_are_late_by_the_time_since_their_entry(state: State) -> None:
    enter(state, 0, "ann", "hal")
    deliver(state, day(0) + MINUTE)
    enter(state, 1, "bob", "hob", "cid")
    deliver(state, day(1) + 3 * MINUTE)
    assert lateness(state) == [
        ("treated", 3, 140.0, 2 * 40.0**2 + 80.0**2),
        ("holdout", 2, 120.0, 2 * 60.0**2),
    ]
    assert lateness(state, day(1)) == [("treated", 1, 60.0, 0.0), ("holdout", 1, 60.0, 0.0)]


def test_the_first_try_counts_and_not_the_one_that_succeeded(state: State) -> None:
    enter(state, 0, "ann", "hal")
    deliver(state, day(0) + MINUTE, ends={"ann": MessageState.QUEUED})
    deliver(state, day(0) + 2 * HOUR)
    assert lateness(state) == [("treated", 1, 60.0, 0.0), ("holdout", 1, 60.0, 0.0)]


def test_a_message_that_may_have_left_was_tried_when_it_was_marked(state: State) -> None:
    enter(state, 0, "ann")
    [held] = state.queue.claim(day(0) + MINUTE, 9, day(0) + 16 * MINUTE, "w")
    state.queue.sending([Mark(message=held.id, provider="outbox")], day(0) + 2 * MINUTE, "w")
    assert state.queue.release_expired(day(1), {}) == (0, 1)
    assert lateness(state) == [("treated", 1, 120.0, 0.0)]


def test_what_never_came_to_the_wire_and_later_steps_have_no_delay(state: State) -> None:
    one = entry("ann", day(0))
    later = message(one, step=1)
    state.ledger.commit(
        tick(
            day(0),
            runs=[run(day(0), treated=3)],
            entries=[one, entry("bob", day(0)), entry("cid", day(0))],
            messages=[
                later,
                message(entry("bob", day(0))),
                message(entry("cid", day(0)), due_at=day(9)),
            ],
        )
    )
    deliver(state, day(1), ends={"bob": MessageState.SKIPPED})
    assert state.reader.lateness() == []


def test_delays_of_months_keep_their_seconds(state: State) -> None:
    """The squares of seconds of a hundred days would swallow a difference of one."""
    enter(state, 0, "ann", "bob")
    for late in (100 * DAY, 100 * DAY + timedelta(seconds=1)):
        at = day(0) + late
        [held] = state.queue.claim(at, 1, at + MINUTE, "w")
        state.queue.record([outcome(held.id, MessageState.ACCEPTED, at, worker="w")])
    [(_, messages, mean, m2)] = lateness(state)
    assert (messages, mean, m2) == (2, 8_640_000.5, 0.5)


# -- costs


def test_messages_are_counted_by_the_provider_that_took_them(state: State) -> None:
    enter(state, 0, "ann", "bob", "hal", "cid")
    deliver(state, day(0) + MINUTE, ends={"cid": MessageState.FAILED})
    enter(state, 1, "dan", version="v2")
    deliver(state, day(1) + MINUTE)
    assert state.reader.sent_by_channel() == {
        ("winback", "v1"): {("email", "outbox"): 2},
        ("winback", "v2"): {("email", "outbox"): 1},
    }
    assert set(state.reader.sent_by_channel(since=day(1))) == {("winback", "v2")}
    assert set(state.reader.sent_by_channel(until=day(1))) == {("winback", "v1")}


# -- what shares a name


def test_triggers_with_the_same_version_are_counted_apart_and_so_is_every_reason(
    state: State,
) -> None:
    names = {"winback": 5, "birthday": 3}
    entries = [entry(f"c{n}", day(0), name) for name, many in names.items() for n in range(many)]
    runs = [run(day(0), name, treated=many) for name, many in names.items()]
    messages = [message(one) for one in entries]
    state.ledger.commit(tick(day(0), runs=runs, entries=entries, messages=messages))
    late = {"winback": MINUTE, "birthday": HOUR}
    for held in state.queue.claim(day(0) + MINUTE, 99, day(1), "w"):
        end, reason = MessageState.ACCEPTED, ""
        if held.customer in {"c1", "c2"}:
            end, reason = MessageState.SKIPPED, f"reason {held.customer}"
        at = day(0) + late[held.trigger]
        state.queue.record([outcome(held.id, end, at, worker="w", reason=reason)])
    reader = state.reader
    for _ in range(2):  # a question leaves nothing behind for the next one
        for tally in (*reader.tallies(), *reader.tallies(until=day(1))):
            assert tally.messages == {"accepted": names[tally.trigger] - 2, "skipped": 2}
            assert tally.skipped == {"reason c1": 1, "reason c2": 1}
        assert [(one.trigger, one.messages, one.mean, one.m2) for one in reader.lateness()] == [
            ("birthday", 1, 3600.0, 0.0),
            ("winback", 3, 60.0, 0.0),
        ]
        sent = {key: sum(places.values()) for key, places in reader.sent_by_channel().items()}
        assert sent == {("birthday", "v1"): 1, ("winback", "v1"): 3}


# -- as of an instant


def report_of(state: State, customer: str, kind: ReceiptKind, at: datetime) -> None:
    [note] = state.reader.history(customer).messages
    receipt = Receipt(
        provider="outbox", event_id=f"{customer}-{kind}", kind=kind, at=at, message_id=note.id
    )
    state.receipts.record("email", [receipt], at, BouncePolicy())


def test_tallies_are_as_they_were_at_an_instant(state: State) -> None:
    enter(state, 0, "ann", "bob", "cid", "hal")
    deliver(state, day(0) + MINUTE, ends={"cid": MessageState.SKIPPED})
    report_of(state, "ann", ReceiptKind.DELIVERED, day(1))
    enter(state, 2, "dan")

    def messages(until: datetime) -> dict[str, int]:
        [tally] = state.reader.tallies(until=until)
        return dict(tally.messages)

    assert state.reader.tallies(until=day(0) - MINUTE) == []
    assert messages(day(0)) == {"queued": 3}
    assert messages(day(0) + HOUR) == {"accepted": 2, "skipped": 1}
    assert messages(day(1)) == {"delivered": 1, "accepted": 1, "skipped": 1}
    assert messages(day(2)) == {"delivered": 1, "accepted": 1, "skipped": 1, "queued": 1}
    [now] = state.reader.tallies(until=day(2))
    assert [now] == state.reader.tallies()
    [then] = state.reader.tallies(until=day(0))
    assert (then.runs, then.treated, then.held_out, then.skipped) == (1, 3, 1, {})


# -- wishes


def test_who_wants_no_more_is_told_once_for_each_time_that_they_said_so(state: State) -> None:
    state.record_consent("email", "ann", day(1), "page", granted=False)
    state.record_consent("email", "ann", day(2), "page", granted=True)
    state.record_consent("sms", "ann", day(3), "page", granted=False)
    state.suppress("email", "bob", "unsubscribed", day(4))
    state.suppress("email", "cid", "complained", day(5))
    assert shown(state.reader.optouts()) == [
        ("ann", day(1)),
        ("ann", day(3)),
        ("bob", day(4)),
        ("cid", day(5)),
    ]


def test_a_topic_a_bounce_and_a_decision_of_ours_are_no_wish_to_hear_no_more(
    state: State,
) -> None:
    state.record_consent("", "ann", day(1), "page", granted=False, topic="sales")
    state.suppress("email", "bob", "hard_bounced", day(1))
    state.suppress("email", "cid", "by hand", day(1))
    assert state.reader.optouts().num_rows == 0


def test_a_complaint_about_an_address_is_of_whom_was_written_to_there(state: State) -> None:
    enter(state, 0, "ann", "bob")
    for held in state.queue.claim(day(0), 9, day(1), "w"):
        mark = Mark(message=held.id, provider="outbox", recipient=f"digest of {held.customer}")
        state.queue.sending([mark], day(0), "w")
        state.queue.record([outcome(held.id, MessageState.ACCEPTED, day(0), worker="w")])
    state.desk.suppress(
        [Suppressed(channel=c, recipient="digest of ann", reason="complained", at=day(2))
         for c in ("email", "sms")]
    )  # fmt: skip
    assert shown(state.reader.optouts()) == [("ann", day(2))]


# -- the programme


def test_everybody_who_reached_the_global_holdout_is_told_with_their_first_time(
    state: State,
) -> None:
    state.ledger.commit(
        tick(
            day(0),
            entries=[entry("early", day(0))],
            refusals=[
                refusal("held", day(0), Refusal.GLOBAL_HOLDOUT),
                refusal("capped", day(0), Refusal.FREQUENCY_CAP),
                refusal("displaced", day(0), Refusal.DISPLACED),
                refusal("mute", day(0), Refusal.NO_CONSENT),
                refusal("again", day(0), Refusal.REENTRY),
            ],
        )
    )
    state.ledger.commit(
        tick(
            day(1),
            entries=[entry("capped", day(1)), entry("early", day(1)), entry("new", day(1))],
            refusals=[refusal("held", day(1), Refusal.GLOBAL_HOLDOUT)],
        )
    )
    assert shown(state.reader.reached_global(day(0), day(2))) == [
        ("capped", day(0), False),
        ("displaced", day(0), False),
        ("early", day(0), False),
        ("held", day(0), True),
        ("new", day(1), False),
    ]


def test_a_period_begins_with_its_first_instant_and_ends_before_the_next(state: State) -> None:
    for number in range(3):
        held = refusal(f"h{number}", day(number), Refusal.GLOBAL_HOLDOUT)
        state.ledger.commit(
            tick(day(number), entries=[entry(f"c{number}", day(number))], refusals=[held])
        )
    assert shown(state.reader.reached_global(day(1), day(2))) == [
        ("c1", day(1), False),
        ("h1", day(1), True),
    ]
    assert state.reader.reached_global(day(7), day(8)).num_rows == 0


def test_an_empty_state_has_nothing_to_tell(state: State) -> None:
    reader = state.reader
    assert (reader.draws(), reader.lateness(), reader.events_seen()) == ([], [], {})
    assert (reader.sent_by_channel(), reader.tallies(until=day(0))) == ({}, [])
    assert reader.optouts().column_names == ["customer", "at"]
    assert reader.reached_global(day(0), day(1)).column_names == ["customer", "at", "held_out"]
