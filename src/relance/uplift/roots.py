"""Where an interval ends: bisection outwards from a value that the data do not refuse."""

from __future__ import annotations

from collections.abc import Callable

_FAR = 700.0  # exp of more overflows


def edge(refused: Callable[[float], bool], inside: float, direction: int) -> float:
    """The last value that is not `refused` on the way from `inside` in `direction` (+1 or -1).

    `refused` must be monotone on that way. To the last digit of a double; where nothing is
    refused within 700, the value there.
    """
    step = 1.0
    while not refused(inside + direction * step):
        if step > _FAR:
            return inside + direction * _FAR
        step *= 2
    good, bad = inside, inside + direction * step
    while (middle := (good + bad) / 2) not in (good, bad):
        good, bad = (good, middle) if refused(middle) else (middle, bad)
    return good
