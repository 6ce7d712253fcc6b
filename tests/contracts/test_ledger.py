"""What a tick stores, and what the next one finds."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest

from contracts.state_words import (
    DAY,
    MINUTE,
    array,
    baseline,
    change,
    day,
    entry,
    members,
    message,
    refusal,
    run,
    tick,
)
from relance.domain.arm import Arm
from relance.domain.fits import RFM, Breakpoints, Fit, Fits
from relance.domain.ledger import Refusal, RunKind
from relance.domain.message import MessageState
from relance.pipeline.ports import Ledger, SpellChange
from relance.store import State


def test_a_new_state_stands_nowhere(ledger: Ledger) -> None:
    standing = ledger.standing()
    assert (standing.runs, standing.segments, standing.fits) == ({}, {}, Fits())


def test_the_standing_is_that_of_the_latest_tick(ledger: Ledger) -> None:
    ledger.commit(tick(day(0), spells=[baseline("active", "ann")]))
    ledger.commit(tick(day(1), runs=[run(day(1), version="v2")], spells=[change("active")]))
    standing = ledger.standing()
    assert standing.runs["winback"].at == day(1)
    assert standing.runs["winback"].version == "v2"
    assert standing.segments["active"].at == day(1)


def test_a_backfill_does_not_move_a_trigger_in_time(ledger: Ledger) -> None:
    ledger.commit(tick(day(0)))
    ledger.commit(tick(day(1), runs=[run(day(1), kind=RunKind.BACKFILL)]))
    assert ledger.standing().runs["winback"].at == day(0)


def test_runs_are_found_again_at_their_instant_only(ledger: Ledger) -> None:
    stored = run(day(0), entered=7, treated=5, held_out=1, refused={"no_consent": 1})
    ledger.commit(tick(day(0), runs=[stored]))
    assert ledger.runs_at(day(0)) == [stored]
    assert ledger.runs_at(day(0) + MINUTE) == []


def test_instants_keep_their_microseconds_and_come_back_in_utc(ledger: Ledger) -> None:
    at = day(0).replace(microsecond=123456)
    ledger.commit(tick(at))
    assert ledger.standing().runs["winback"].at == at
    assert ledger.standing().runs["winback"].at.utcoffset() == DAY * 0


def test_members_are_known_as_of_every_instant(ledger: Ledger) -> None:
    ledger.commit(tick(day(0), spells=[baseline("active", "ann", "bob")]))
    ledger.commit(tick(day(1), spells=[change("active", opened=["cid"], closed=["ann"])]))
    ledger.commit(tick(day(2), spells=[change("active", opened=["ann"], closed=["bob"])]))
    assert members(ledger, "active", day(0) - MINUTE) == []
    assert members(ledger, "active", day(0)) == ["ann", "bob"]
    assert members(ledger, "active", day(1) - MINUTE) == ["ann", "bob"]
    assert members(ledger, "active", day(1)) == ["bob", "cid"]
    assert members(ledger, "active", day(2)) == ["ann", "cid"]


def test_members_of_several_segments_come_together(ledger: Ledger) -> None:
    spells = [baseline("active", "ann", "bob"), baseline("at_risk", "bob", version="7")]
    ledger.commit(tick(day(0), spells=spells))
    batches = ledger.members({"active": "1", "at_risk": "7", "never": "1"}, day(0))
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert sorted((row["segment"], row["customer"]) for row in rows) == [
        ("active", "ann"),
        ("active", "bob"),
        ("at_risk", "bob"),
    ]


def test_a_changed_definition_replaces_the_whole_membership(ledger: Ledger) -> None:
    ledger.commit(tick(day(0), spells=[baseline("active", "ann", "bob")]))
    ledger.commit(tick(day(1), spells=[baseline("active", "bob", "cid", version="2")]))
    assert members(ledger, "active", day(1), version="2") == ["bob", "cid"]
    assert members(ledger, "active", day(1), version="1") == []
    assert members(ledger, "active", day(0), version="1") == ["ann", "bob"]
    assert ledger.standing().segments["active"].version == "2"


def test_a_definition_that_comes_back_starts_a_new_baseline(ledger: Ledger) -> None:
    ledger.commit(tick(day(0), spells=[baseline("active", "ann")]))
    ledger.commit(tick(day(1), spells=[baseline("active", "bob", version="2")]))
    ledger.commit(tick(day(2), spells=[baseline("active", "cid", version="1")]))
    assert members(ledger, "active", day(2)) == ["cid"]
    assert members(ledger, "active", day(0)) == ["ann"]


def test_an_empty_baseline_is_a_membership_too(ledger: Ledger) -> None:
    ledger.commit(tick(day(0), spells=[baseline("active")]))
    assert ledger.standing().segments["active"].version == "1"
    assert members(ledger, "active", day(0)) == []


def test_customers_whose_names_need_care_come_back_as_they_were(ledger: Ledger) -> None:
    odd = [
        "",
        " ",
        "O'Hara",
        "tab\there",
        "line\nbreak",
        "back\\slash",
        "\\N",
        "Zoé",
        "👩‍💻",
        "مها",
    ]
    ledger.commit(
        tick(day(0), spells=[baseline("active", *odd)], entries=[entry(c, day(0)) for c in odd])
    )
    ledger.commit(tick(day(1), spells=[change("active", closed=odd[1:])]))
    assert members(ledger, "active", day(0)) == sorted(odd)
    assert members(ledger, "active", day(1)) == [""]
    assert sorted(ledger.last_entries("winback")["customer"].to_pylist()) == sorted(odd)


def test_who_stayed_is_told_by_when_their_spell_began(ledger: Ledger) -> None:
    ledger.commit(tick(day(0), spells=[baseline("active", "ann")]))
    ledger.commit(tick(day(1), spells=[change("active", opened=["bob"])]))
    ledger.commit(tick(day(2), spells=[change("active", opened=["cid"])]))
    ledger.commit(tick(day(3), spells=[change("active", opened=["dan"], closed=["bob"])]))
    stayed = ledger.stayed
    assert stayed("active", "1", day(1), day(2)).to_pylist() == ["cid"]
    assert sorted(stayed("active", "1", None, day(3)).to_pylist()) == ["cid", "dan"]
    assert stayed("active", "other", None, day(3)).to_pylist() == []
    with_baseline = stayed("active", "1", None, day(2), with_baseline=True).to_pylist()
    assert sorted(with_baseline) == ["ann", "cid"]


def test_the_latest_entry_of_each_customer_counts(ledger: Ledger) -> None:
    ledger.commit(tick(day(0), entries=[entry("ann", day(0)), entry("bob", day(0))]))
    ledger.commit(tick(day(5), entries=[entry("ann", day(5)), entry("cid", day(5), "other")]))
    table = ledger.last_entries("winback")
    assert dict(zip(*table.to_pydict().values(), strict=True)) == {"ann": day(5), "bob": day(0)}
    assert table.schema == pa.schema([("customer", pa.string()), ("at", pa.timestamp("us", "UTC"))])


def test_recent_messages_count_what_is_due_later_and_still_stands(state: State) -> None:
    entries = [entry("ann", day(0)), entry("bob", day(0), arm=Arm.HOLDOUT), entry("cid", day(0))]
    ann, bob, cid = entries
    messages = [
        message(ann),
        message(ann, step=1, due_at=day(5)),
        message(bob),
        message(cid, due_at=day(-1)),
    ]
    state.ledger.commit(tick(day(0), entries=entries, messages=messages))
    counted = state.ledger.recent_messages(day(-1)).to_pylist()
    waiting = {"ann": 2, "bob": 1, "cid": 1}
    assert {row["customer"]: row["messages"] for row in counted} == waiting
    settle(state, messages[3].id, MessageState.ACCEPTED, day(-1))
    counted = state.ledger.recent_messages(day(-1)).to_pylist()
    assert {row["customer"]: row["messages"] for row in counted} == {"ann": 2, "bob": 1}
    claimed = state.queue.claim(day(0), 10, day(0) + MINUTE, "w")
    settle(state, next(m.id for m in claimed if m.customer == "bob"), MessageState.SKIPPED, day(0))
    counted = state.ledger.recent_messages(day(-1)).to_pylist()
    assert {row["customer"]: row["messages"] for row in counted} == {"ann": 2}
    for message_id in [m.id for m in messages[:2]]:
        settle(state, message_id, MessageState.ACCEPTED, day(5))
    assert state.ledger.recent_messages(day(4)).to_pylist() == [{"customer": "ann", "messages": 2}]
    assert state.ledger.recent_messages(day(5)).num_rows == 0


def settle(state: State, message_id: str, now: MessageState, at: datetime) -> None:
    from contracts.state_words import outcome

    state.queue.record([outcome(message_id, now, at)])


def test_the_latest_consent_of_each_customer_counts(state: State) -> None:
    state.record_consent("email", "ann", day(0), "page", granted=True)
    state.record_consent("email", "ann", day(2), "page", granted=False)
    state.record_consent("email", "ann", day(1), "page", granted=True)
    state.record_consent("email", "bob", day(1), "import", granted=True)
    state.record_consent("sms", "ann", day(3), "page", granted=True)
    rows = state.ledger.consent_changes("email").to_pylist()
    assert sorted((row["customer"], row["granted"], row["at"]) for row in rows) == [
        ("ann", False, day(2)),
        ("bob", True, day(1)),
    ]


def test_of_two_consents_at_one_instant_the_later_written_counts(state: State) -> None:
    state.record_consent("email", "ann", day(0), "page", granted=True)
    state.record_consent("email", "ann", day(0), "page", granted=False)
    assert state.ledger.consent_changes("email")["granted"].to_pylist() == [False]


def test_a_suppression_is_on_its_channel_only_and_may_be_said_twice(state: State) -> None:
    state.suppress("email", "ann", "unsubscribed", day(0))
    state.suppress("email", "ann", "complained", day(1))
    assert state.ledger.suppressed("email").to_pylist() == ["ann"]
    assert state.ledger.suppressed("sms").to_pylist() == []
    [note] = state.reader.history("ann").suppressions
    assert (note.reason, note.at) == ("unsubscribed", day(0))


def fitted(number: int, of: str = "order sum ever") -> Breakpoints:
    return Breakpoints(
        fitted_at=day(number),
        of=of,
        recency=(1.5, 2.0, 3.0, 4.0 + number),
        frequency=(1.0, 2.0, 3.0, 4.0),
        monetary=(10.25, 20.0, 30.0, 1e6),
    )


def test_the_latest_fit_of_each_name_is_the_one_in_force(ledger: Ledger) -> None:
    ledger.commit(tick(day(0), fits=Fits({RFM: fitted(0)})))
    ledger.commit(tick(day(1), fits=Fits({RFM: fitted(1), "rfm/visits": fitted(1, "visit")})))
    ledger.commit(tick(day(2)))
    ledger.commit(tick(day(3), fits=Fits({"rfm/visits": fitted(3, "visit")})))
    assert ledger.standing().fits == Fits({RFM: fitted(1), "rfm/visits": fitted(3, "visit")})


def test_a_fit_of_an_instant_can_be_made_again(ledger: Ledger) -> None:
    ledger.commit(tick(day(0), fits=Fits({RFM: fitted(0)})))
    again = fitted(0, "visit sum ever")
    ledger.commit(tick(day(1), fits=Fits({RFM: again})))
    assert ledger.standing().fits == Fits({RFM: again})


def test_a_kind_of_fit_that_this_relance_does_not_know_is_left_alone(ledger: Ledger) -> None:
    unknown: Fit = fitted(0)
    ledger.commit(tick(day(0), fits=Fits({"tea_leaves": unknown})))
    assert ledger.standing().fits == Fits()


def test_large_memberships_come_through_whole(ledger: Ledger) -> None:
    everybody = [f"c{number:06d}" for number in range(45_000)]
    pieces = [array(*everybody[:30_000]), array(), array(*everybody[30_000:])]
    fresh = SpellChange(segment="active", version="1", fresh=True, opened=iter(pieces), closed=())
    ledger.commit(tick(day(0), spells=[fresh]))
    ledger.commit(tick(day(1), spells=[change("active", closed=everybody[::2])]))
    assert members(ledger, "active", day(0)) == everybody
    assert members(ledger, "active", day(1)) == everybody[1::2]


def test_entries_and_counts_are_there_for_the_report(state: State) -> None:
    entries = [entry("ann", day(0)), entry("bob", day(0), arm=Arm.HOLDOUT)]
    first = run(day(0), entered=4, treated=1, held_out=1, refused={"no_consent": 2})
    second = run(day(1), entered=1, refused={"no_consent": 1, "reentry": 3})
    newer = run(day(2), version="v2")
    messages = [message(one) for one in entries]
    refusals = [refusal("cid", day(0)), refusal("dan", day(0))]
    state.ledger.commit(
        tick(day(0), runs=[first], entries=entries, messages=messages, refusals=refusals)
    )
    state.ledger.commit(tick(day(1), runs=[second]))
    state.ledger.commit(tick(day(2), runs=[newer]))
    rows = [row for batch in state.reader.entries() for row in batch.to_pylist()]
    assert [(r["customer"], r["arm"], r["version"], r["at"]) for r in rows] == [
        ("ann", "treated", "v1", day(0)),
        ("bob", "holdout", "v1", day(0)),
    ]
    old, new = state.reader.tallies()
    assert (old.version, old.runs, old.entered, old.treated, old.held_out) == ("v1", 2, 5, 1, 1)
    assert old.refused == {"no_consent": 3, "reentry": 3}
    assert old.messages == {"queued": 1}
    assert (new.version, new.runs, new.refused) == ("v2", 1, {})
    spans = state.reader.versions("winback")
    assert [(s.version, s.first_at, s.last_at) for s in spans] == [
        ("v1", day(0), day(1)),
        ("v2", day(2), day(2)),
    ]


def test_why_tells_a_customers_whole_story(state: State) -> None:
    ann = entry("ann", day(1))
    state.ledger.commit(tick(day(0), spells=[baseline("all", "ann")], refusals=[]))
    state.ledger.commit(
        tick(
            day(1),
            spells=[baseline("active"), change("all")],
            entries=[ann],
            messages=[message(ann)],
        )
    )
    state.ledger.commit(
        tick(
            day(2),
            spells=[change("active", opened=["ann", "bob"])],
            refusals=[refusal("ann", day(2), Refusal.REENTRY), refusal("bob", day(2))],
        )
    )
    state.record_consent("sms", "ann", day(3), "page", granted=False)
    told = state.reader.history("ann")
    assert told.entries == (ann,)
    assert [(m.id, m.state, m.attempts) for m in told.messages] == [
        (message(ann).id, MessageState.QUEUED, ())
    ]
    assert told.refusals == (refusal("ann", day(2), Refusal.REENTRY),)
    assert [(s.segment, s.entered_at, s.baseline) for s in told.segments] == [
        ("all", day(0), True),
        ("active", day(2), False),
    ]
    assert [(c.channel, c.granted) for c in told.consents] == [("sms", False)]
    assert state.reader.history("nobody").entries == ()


def test_members_can_be_asked_by_name_and_instant(state: State) -> None:
    state.ledger.commit(tick(day(0), spells=[baseline("active", "bob", "ann")]))
    state.ledger.commit(tick(day(1), spells=[change("active", closed=["ann"])]))
    state.ledger.commit(tick(day(2), spells=[baseline("active", "cid", version="2")]))
    now = state.reader.members("active")
    assert (now.version, now.at, now.customers.to_pylist()) == ("2", day(2), ["cid"])
    then = state.reader.members("active", day(0) + MINUTE)
    assert (then.version, then.customers.to_pylist()) == ("1", ["ann", "bob"])
    assert state.reader.members("active", day(99)).at == day(2)
    with pytest.raises(Exception, match="for the first time at 2026-03-01T09:00:00"):
        state.reader.members("active", day(-1))
    with pytest.raises(Exception, match="unheard_of has not been evaluated yet"):
        state.reader.members("unheard_of")
