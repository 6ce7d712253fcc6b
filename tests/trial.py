"""A small shop with one finished trial, for tests of what a report says of it.

Everybody's first order lies between two ticks, so that all of them enter `hello` at the second;
those whom the test names come back within the goal's week.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from desk import Desk
from relance.domain.arm import Arm

BASELINE, ENTRY = datetime(2026, 3, 1, 8, tzinfo=UTC), datetime(2026, 3, 2, 8, tzinfo=UTC)
READ = datetime(2026, 3, 12, 8, tzinfo=UTC)
GOAL = "{event: order, within: 7 days}"
ENTERING = "{event: order, count: {at_least: 1}}"

Returning = Callable[[Arm, int], bool]  # the arm and a number within it


def every(treated: int, held_out: int) -> Returning:
    """Every so many-th customer of each arm comes back; 0: nobody does."""
    steps = {Arm.TREATED: treated, Arm.HOLDOUT: held_out}
    return lambda arm, number: bool(steps[arm]) and number % steps[arm] == 0


class Trial(Desk):
    """A finished trial. `read` is the report's JSON, which never holds what is no number."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.customers.clear()
        self.orders.clear()

    def enter(self, customers: int, **keys: str) -> dict[Arm, list[str]]:
        """So many customers enter `hello` at once; who is in which arm."""
        self.trigger(segment=ENTERING, **{"goal": GOAL, "holdout": "50%", **keys})
        names = [f"c{number:04}" for number in range(customers)]
        self.arrive(*names)
        self.now = BASELINE
        self.tick()
        self.order(*names, at=BASELINE + timedelta(hours=6))
        self.now = ENTRY
        self.tick()
        return self.arms()

    def arms(self) -> dict[Arm, list[str]]:
        """Who is in which arm, in the order of their keys."""
        found: dict[Arm, list[str]] = {arm: [] for arm in Arm}
        with self.open() as relance:
            for batch in relance.state.reader.entries():
                for row in batch.to_pylist():
                    found[Arm(row["arm"])].append(row["customer"])
        return {arm: sorted(names) for arm, names in found.items()}

    def come_back(self, arms: dict[Arm, list[str]], returning: Returning, **how: Any) -> None:
        """Those who return order again, two days after they entered."""
        for arm, names in arms.items():
            back = [name for number, name in enumerate(names) if returning(arm, number)]
            self.order(*back, at=ENTRY + timedelta(days=2), **how)
        self.publish()

    def finish(self, customers: int, returning: Returning, **keys: str) -> dict[Arm, list[str]]:
        """A whole trial: everybody enters, and some come back."""
        arms = self.enter(customers, **keys)
        self.come_back(arms, returning)
        return arms

    def read(self, *words: str, at: datetime = READ) -> dict[str, Any]:
        """What `relance report --json` says of the one trigger. Ends with 0, and with numbers."""
        answer = self.call("report", "--json", "--at", at.isoformat(), *words)
        assert answer.code == 0, answer.err
        (document,) = json.loads(answer.out, parse_constant=_no_number)
        return dict(document)


def _no_number(text: str) -> NoReturn:
    raise AssertionError(f"{text} is no number")


def numbers(document: object) -> Iterable[float]:
    """Every fraction of a document, at any depth."""
    if isinstance(document, dict):
        for value in document.values():
            yield from numbers(value)
    elif isinstance(document, list):
        for value in document:
            yield from numbers(value)
    elif isinstance(document, float):
        assert math.isfinite(document)
        yield document
