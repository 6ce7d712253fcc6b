"""Frequency caps over all triggers of a tick: who has a place left, and who took the last one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from relance.domain.caps import places
from relance.domain.ledger import Refusal
from relance.domain.workspace import FrequencyCap, Workspace
from relance.pipeline.gates import Passed, Refused, refuse

Recent = Mapping[FrequencyCap, pa.Table]


def share_places(
    passed: Iterable[Passed],
    caps: Sequence[FrequencyCap],
    recent: Recent,
    at: datetime,
    workspace: Workspace,
    accounts: Recent | None = None,
) -> list[Passed]:
    """Apply the frequency caps over all triggers of a tick, the highest priority first.

    `recent` are earlier messages by customer, `accounts` by account (`limits.per_account`): both
    have the columns customer and messages. An entry takes as many places of a cap as it has
    messages to its customer in the busiest of its windows. Who has no place left because of
    earlier messages is refused by the cap; who lost the place to another trigger of the same tick
    (or, under a cap of the account, to a colleague) is displaced, and the winners are named.
    """
    ranked = sorted(passed, key=lambda p: (-p.trigger.priority, p.trigger.name))
    if not ranked or not (caps or accounts):
        return ranked
    shares = [_Shares("customer", ranked, recent)] if caps else []
    if accounts:
        shares.append(_Shares("account", ranked, accounts))
    return [_take_places(one, shares, at, workspace) for one in ranked]


@dataclass
class _Taken:
    """The places of one cap, by place in the list of everybody; the last is nobody's."""

    before: np.ndarray
    used: np.ndarray


class _Shares:
    """The places of everybody (or of every account) under some caps."""

    def __init__(self, column: str, ranked: Sequence[Passed], recent: Recent) -> None:
        self._column = column
        self.everybody = pc.unique(
            pa.concat_arrays([p.rows[column].combine_chunks() for p in ranked])
        ).drop_null()
        self.caps = {}
        for cap, messages in recent.items():
            before = _counts(self.everybody, messages)
            self.caps[cap] = _Taken(before, before.copy())
        self.winners = np.full(len(self.everybody) + 1, "", dtype=object)

    def rows(self, one: Passed) -> np.ndarray:
        """Each row's place in the list; -1 for a contact without an account."""
        found = pc.index_in(one.rows[self._column].combine_chunks(), value_set=self.everybody)
        rows: np.ndarray = pc.fill_null(found, -1).to_numpy()
        return rows

    def full(self, rows: np.ndarray, weights: Mapping[FrequencyCap, int]) -> _Taken:
        """Whose places were taken before this tick, and whose are now."""
        before, now = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
        for cap, weight in weights.items():
            taken = self.caps[cap]
            before |= (taken.before[rows] + weight > cap.count) & (rows >= 0)
            now |= (taken.used[rows] + weight > cap.count) & (rows >= 0)
        return _Taken(before, now)

    def crowded(
        self, rows: np.ndarray, free: np.ndarray, weights: Mapping[FrequencyCap, int]
    ) -> np.ndarray:
        """Who of the free rows finds the places taken by the rows before it."""
        if self._column == "customer":  # a trigger lets each in once
            return np.zeros(len(rows), dtype=bool)
        turn = np.zeros(len(rows), dtype=np.int64)
        some = np.flatnonzero(free & (rows >= 0))
        turn[some] = _turns(rows[some])
        late = np.zeros(len(rows), dtype=bool)
        for cap, weight in weights.items():
            late |= self.caps[cap].used[rows] + weight * (turn + 1) > cap.count
        crowded: np.ndarray = late & free & (rows >= 0)
        return crowded

    def take(self, rows: np.ndarray, weights: Mapping[FrequencyCap, int], name: str) -> None:
        """The places of those who enter."""
        known = rows[rows >= 0]
        for cap, weight in weights.items():
            np.add.at(self.caps[cap].used, known, weight)
        won = np.unique(known)
        held = self.winners[won]
        self.winners[won] = np.where(held == "", name, held + f", {name}")


def _turns(places: np.ndarray) -> np.ndarray:
    """The how-manieth of its value each number is, from 0, in their order."""
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    lengths = np.diff(np.r_[starts, len(ordered)])
    turns = np.empty(len(places), dtype=np.int64)
    turns[order] = np.arange(len(places)) - np.repeat(starts, lengths)
    return turns


def _take_places(
    one: Passed, shares: Sequence[_Shares], at: datetime, workspace: Workspace
) -> Passed:
    number, name = one.rows.num_rows, one.trigger.name
    full, full_before = np.zeros(number, dtype=bool), np.zeros(number, dtype=bool)
    details = np.full(number, "", dtype=object)
    weighed = [
        (
            share,
            share.rows(one),
            {
                cap: weight
                for cap in share.caps
                if (weight := places(one.trigger, cap, at, workspace.zone))
            },
        )
        for share in shares
    ]
    for share, rows, weights in weighed:
        taken = share.full(rows, weights)
        full_before |= taken.before
        lost = taken.used & ~full
        details[lost] = share.winners[rows[lost]]
        full |= taken.used
    for share, rows, weights in weighed:
        late = share.crowded(rows, ~full, weights)
        details[late] = name
        full |= late
    for share, rows, weights in weighed:
        share.take(rows[~full], weights, name)
    refused: list[Refused] = list(one.refused)
    for reason, mask in (
        (Refusal.FREQUENCY_CAP, full_before),
        (Refusal.DISPLACED, full & ~full_before),
    ):
        if mask.any():
            named = tuple(details[mask]) if reason is Refusal.DISPLACED else ()
            refused += refuse(reason, one.rows.filter(pa.array(mask)), named)
    return Passed(
        trigger=one.trigger, rows=one.rows.filter(pa.array(~full)), refused=tuple(refused)
    )


def _counts(everybody: pa.Array, recent: pa.Table) -> np.ndarray:
    counts = np.zeros(len(everybody) + 1, dtype=np.int64)
    found = pc.index_in(recent["customer"].combine_chunks(), value_set=everybody)
    known = pc.is_valid(found)
    counts[found.filter(known).to_numpy()] = recent["messages"].filter(known).to_numpy()
    return counts
