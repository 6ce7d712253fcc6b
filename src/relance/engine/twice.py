"""One row per customer as of two instants: each event table is read once for both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import ibis
import ibis.expr.types as ir

from relance.domain.condition import Aggregate
from relance.domain.workspace import EventSpec
from relance.engine.aggregates import fields_of, filled, measured
from relance.engine.clock import kind_of
from relance.engine.needs import AccountKey, Attribute, Column, Need
from relance.engine.profile import Profiles

Names = Mapping[Need, str]
Part = tuple[ir.Table, str]
"""What is joined to the customers, and the name of its key column."""


def both_profiles(then: Profiles, now: Profiles, early: Names, late: Names) -> ir.Table:
    """`key`, the columns of `early` as of the one instant and those of `late` as of the other.

    What customers are is asked once: nobody keeps yesterday's attributes.
    """
    wanted = [*early.items(), *late.items()]
    own = {
        name: now.attribute(need)
        for need, name in wanted
        if isinstance(need, AccountKey | Attribute | Column)
    }
    people = now.customers.select(key=now.key(), **own)
    joined = people.mutate(key_text=people.key.cast("string"))
    for number, (part, key) in enumerate(_parts(then, now, early, late)):
        name = f"who{number}"
        part = part.rename({name: key})
        alike = kind_of(part[name].type()) is now.key_kind
        part = part if alike else part.mutate(**{name: part[name].cast("string")})
        joined = joined.left_join(part, [("key" if alike else "key_text", name)])
    return joined.select("key", **{name: filled(joined[name], need) for need, name in wanted})


def _parts(then: Profiles, now: Profiles, early: Names, late: Names) -> Iterator[Part]:
    for event in dict.fromkeys(n.event for n in [*early, *late] if isinstance(n, Aggregate)):
        yield _aggregated(then, now, _of(early, event), _of(late, event)), "owner"
    for profiles, names in ((then, early), (now, late)):
        rest: Names = {
            need: name for need, name in names.items() if not isinstance(need, Aggregate)
        }
        yield from profiles.parts(rest, None)


def _of(names: Names, event: str) -> dict[str, Aggregate]:
    return {
        name: need
        for need, name in names.items()
        if isinstance(need, Aggregate) and need.event == event
    }


def _aggregated(
    then: Profiles, now: Profiles, early: Mapping[str, Aggregate], late: Mapping[str, Aggregate]
) -> ir.Table:
    """`owner` and one column per aggregate of each instant: one pass over the event table."""
    every = [*early.values(), *late.values()]
    spec = now.event(every[0].event)
    events = now.events(spec, fields_of(every))
    past = events.filter(~now.clock.later(events["at"], now.clock.at))
    starts = [
        p.clock.start(a.window) for p, some in ((then, early), (now, late)) for a in some.values()
    ]
    known = [start for start in starts if start is not None]
    if len(known) == len(starts):
        past = past.filter(now.clock.since(past["at"], min(known)))
    before = ~then.clock.later(past["at"], then.clock.at)
    return past.group_by("owner").aggregate(
        **{
            name: measured(past, one, _inside(then, past, spec, one, [before]))
            for name, one in early.items()
        },
        **{
            name: measured(past, one, _inside(now, past, spec, one, []))
            for name, one in late.items()
        },
    )


def _inside(
    profiles: Profiles,
    past: ir.Table,
    spec: EventSpec,
    aggregate: Aggregate,
    tests: Sequence[ir.BooleanValue],
) -> ir.BooleanValue | None:
    """Which events an aggregate takes in, as of the profiles' instant."""
    own = [profiles.passes(past, spec, test) for test in aggregate.where]
    opens = profiles.clock.opens(past["at"], aggregate.window)
    closes = profiles.closes(past["at"], aggregate)
    every = [*tests, *own, *(test for test in (opens, closes) if test is not None)]
    return ibis.and_(*every) if every else None
