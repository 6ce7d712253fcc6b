"""What `relance check` says of data: a mistake that work ran into, or a warning."""

from __future__ import annotations

from collections.abc import Callable

from relance.errors import Problem, SourceError

CONFIG = "config/relance.yaml"
SEGMENTS = "config/segments.yaml"


def failure(path: str, where: str, work: Callable[[], object]) -> list[Problem]:
    """The SourceError of some work as a problem; none where it succeeds."""
    try:
        work()
    except SourceError as error:
        return [Problem(path=path, where=where, message=error.message, hint=error.hint)]
    return []


def warning(where: str, message: str, hint: str | None = None) -> Problem:
    """Something in the data that works but is probably not meant."""
    return Problem(path=CONFIG, where=where, message=message, hint=hint, warning=True)
