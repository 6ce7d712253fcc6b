"""Who would have entered a trigger in the past weeks: its transition, asked of the history.

The side engine evaluates it week by week. Events after an instant do not exist at it; attributes,
consents and suppressions are today's, because nobody keeps yesterday's.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from relance.domain.duration import Duration, Unit
from relance.domain.fits import Fits
from relance.domain.trigger import OnStay, Trigger
from relance.domain.workspace import Workspace
from relance.pipeline.compare import watched
from relance.pipeline.contacts import crowds, pass_crowd
from relance.pipeline.gates import (
    Facts,
    Passed,
    counted,
    gather_barred,
    gather_facts,
    with_reachable,
)
from relance.pipeline.kinship import by_customers
from relance.pipeline.ports import Engine, Ledger, Picture
from relance.pipeline.units import entrants

_NOBODY = pa.array([], pa.string())
_WEEK = timedelta(weeks=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsal:
    """Who would have entered at each of some weekly instants, each customer once.

    `refused` counts the others by the gate that stopped them, at their first try.
    """

    instants: Sequence[datetime]
    entered: Sequence[pa.Array]  # customers, by instant
    units: Sequence[pa.Array]  # beside them, the accounts that entered; null where customers do
    refused: Mapping[str, int]

    @property
    def customers(self) -> list[int]:
        """How many entered at each instant."""
        return [len(one) for one in self.entered]


def rehearse(
    workspace: Workspace,
    engine: Engine,
    ledger: Ledger,
    trigger: Trigger,
    at: datetime,
    weeks: int,
    progress: Callable[[str], None] = lambda _phase: None,
) -> Rehearsal:
    """Evaluate a trigger at each of the last `weeks` weekly instants up to `at`.

    The engine must be one whose snapshots nobody else needs: they are forgotten on the way.
    Raises SourceError.
    """
    known = by_customers(workspace, ledger, lambda ids: engine.whose(ids, at))
    facts = _facts(workspace, known, trigger, at)
    seen, refused = _NOBODY, Counter[str]()
    instants, entered, units = [], [], []
    for instant, picture, found in _candidates(workspace, engine, trigger, at, weeks):
        progress(f"{instant:%Y-%m-%d}")
        fresh = _without(found, seen)
        seen = pa.concat_arrays([seen, fresh])
        passed = _through(picture, trigger, fresh, facts)
        refused.update(counted(passed.refused))
        instants.append(instant)
        entered.append(passed.rows["customer"].combine_chunks())
        alone = pa.nulls(passed.rows.num_rows, pa.string())
        units.append(entrants(passed.rows) if trigger.of_accounts else alone)
    engine.forget(())
    return Rehearsal(instants=instants, entered=entered, units=units, refused=dict(refused))


def _facts(workspace: Workspace, ledger: Ledger, trigger: Trigger, at: datetime) -> Facts:
    """What the gates know today. Who entered before is not barred: each is counted once here."""
    channel = trigger.steps[0].channel
    barred = {channel: gather_barred(ledger, channel, at)}
    facts = gather_facts(workspace, ledger, trigger, at, barred)
    return replace(facts, entered_before=_NOBODY)


def _through(picture: Picture, trigger: Trigger, customers: pa.Array, facts: Facts) -> Passed:
    """The gates that can be asked: not the frequency cap, which weighs the other triggers."""
    crowd = crowds(picture, [trigger], {trigger.name: customers})[trigger.name]
    rows = with_reachable(picture.rows(crowd.people, ()), {facts.channel: facts.barred})
    return pass_crowd(trigger, crowd, rows, facts)


def _candidates(
    workspace: Workspace, engine: Engine, trigger: Trigger, at: datetime, weeks: int
) -> Iterator[tuple[datetime, Picture, pa.Array]]:
    """Each instant with those who pass the transition there, gates or not.

    The first picture only begins the comparison, as a trigger's first run does.
    """
    stays = _Stays(trigger.on.length, workspace.zone) if isinstance(trigger.on, OnStay) else None
    segments = [workspace.segments[name] for name in watched(trigger)]
    fits = Fits()
    earlier: datetime | None = None
    for back in range(weeks + (stays.weeks if stays else 0), -1, -1):
        instant = Duration(back, Unit.WEEK).before(at, workspace.zone)
        with engine.picture(instant, segments, (), fits) as picture:
            fits = picture.fits
            if earlier is not None:
                ask = stays.reached if stays else _moved
                found = ask(picture, trigger, earlier)
                if back < weeks:
                    yield instant, picture, found
            picture.keep()
            engine.forget([instant])
        earlier = instant


def _moved(picture: Picture, trigger: Trigger, earlier: datetime) -> pa.Array:
    return picture.candidates(trigger, earlier)["customer"].combine_chunks()


class _Stays:
    """Who has been in a segment for long enough, told from weekly looks at it."""

    def __init__(self, length: Duration, zone: ZoneInfo) -> None:
        self._length, self._zone = length, zone
        self._waiting: list[tuple[datetime, pa.Array]] = []  # when they will have stayed so long

    @property
    def weeks(self) -> int:
        """How many weeks before the first counted one the looking must begin."""
        return math.ceil(self._length.rough_seconds / _WEEK.total_seconds())

    def reached(self, picture: Picture, trigger: Trigger, earlier: datetime) -> pa.Array:
        """Who has stayed without a break since they were first seen, as of this picture."""
        entered, left = picture.changes(earlier, [trigger.segment])[trigger.segment]
        waiting = [(due, _without(customers, left)) for due, customers in self._waiting]
        waiting.append((self._length.after(picture.at, self._zone), entered))
        self._waiting = [one for one in waiting if one[0] > picture.at]
        return pa.concat_arrays([_NOBODY, *(found for due, found in waiting if due <= picture.at)])


def _without(customers: pa.Array, others: pa.Array) -> pa.Array:
    return customers.filter(pc.invert(pc.is_in(customers, value_set=others)))
