"""Where the scheduled report stands: which instant, who holds it, who has it. Pure values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Self


class Handed(StrEnum):
    """How far a letter to one person has come."""

    SENDING = "sending"  # on the wire, or it was when a worker ended
    SENT = "sent"
    STUCK = "stuck"  # certainly did not leave: tried once more
    FAILED = "failed"  # refused, or stuck twice
    UNSURE = "unsure"  # may have left: never repeated


@dataclass(frozen=True, kw_only=True, slots=True)
class Errand:
    """The report of one scheduled instant, as the state remembers it.

    Until `until` nobody else touches it: a worker holds it, or waits to try again. `people` are
    digests of addresses. `trouble` is what stood in the way, in a sentence without an address.
    """

    schedule: str
    at: datetime
    done: bool = False
    until: datetime
    tries: int = 0
    people: Mapping[str, Handed] = field(default_factory=dict)
    trouble: str = ""

    @classmethod
    def of_text(cls, text: str) -> Self | None:
        """The errand as it was noted; None where the text is not of this form."""
        try:
            kept = json.loads(text)
            people = {str(who): Handed(state) for who, state in kept["people"].items()}
            return cls(
                schedule=str(kept["schedule"]),
                at=datetime.fromisoformat(kept["at"]),
                done=bool(kept["done"]),
                until=datetime.fromisoformat(kept["until"]),
                tries=int(kept["tries"]),
                people=people,
                trouble=str(kept["trouble"]),
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            return None

    def text(self) -> str:
        """The errand as it is noted."""
        instants = {"at": self.at.isoformat(), "until": self.until.isoformat()}
        return json.dumps({**asdict(self), **instants}, sort_keys=True)

    def handed(self, who: str, state: Handed) -> Mapping[str, Handed]:
        """Everybody, with one person's new state."""
        return {**self.people, who: state}

    @classmethod
    def begun(cls, schedule: str, now: datetime) -> Self:
        """A schedule that was never seen before: nothing is owed for the time before."""
        return cls(schedule=schedule, at=now, done=True, until=now)

    def taken(self, instant: datetime, until: datetime) -> Self:
        """The errand in the hands of whoever notes this first: the next try of the same instant,
        or the first of a later one."""
        if self.done or instant > self.at:
            return replace(
                self, at=instant, done=False, until=until, tries=1, people={}, trouble=""
            )
        return replace(self, until=until, tries=self.tries + 1)
