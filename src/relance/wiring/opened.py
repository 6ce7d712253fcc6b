"""A workspace, its state and its engines: opened when they are first needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from relance.domain.workspace import Workspace
from relance.reading import in_memory

if TYPE_CHECKING:
    from pyarrow import RecordBatch

    from relance.engine.service import RelanceEngine
    from relance.links import LinkMaker
    from relance.rendering import Templates
    from relance.store import State
    from relance.uplift.wording import Locale

Progress = Callable[[str], None]


class Opened:
    """What everything that can be done with a workspace stands on.

    The state and the engine are opened when they are first needed, and closed by `close`.
    """

    def __init__(self, workspace: Workspace, templates: Templates) -> None:
        self.workspace = workspace
        self.templates = templates
        self._opened: list[Callable[[], None]] = []

    @cached_property
    def state(self) -> State:
        from relance.store import open_state

        state = open_state(self.workspace.state, workspace=self.workspace.name)
        self._opened.append(state.close)
        return state

    @cached_property
    def engine(self) -> RelanceEngine:
        """The engine of ticks: it alone holds the workbench's file."""
        return self._open_engine(self.workspace)

    @cached_property
    def side_engine(self) -> RelanceEngine:
        """An engine without the file: delivery and reports may ask while a tick is running."""
        return self._open_engine(in_memory(self.workspace))

    def _open_engine(self, workspace: Workspace) -> RelanceEngine:
        from relance.engine import open_engine

        fits = lambda: self.state.ledger.standing().fits  # noqa: E731  the state opens when asked
        engine = open_engine(workspace, fits, _Feed(self) if workspace.live else None)
        self._opened.append(engine.close)
        return engine

    def close(self) -> None:
        """Let go of the engine and the state, the last opened first."""
        while self._opened:
            self._opened.pop()()

    @cached_property
    def links(self) -> LinkMaker | None:
        """Signed links back to us; None where no `web.public_url` leads here."""
        web = self.workspace.web
        if web.public_url is None:
            return None
        from relance.links import LinkMaker

        triggers = self.workspace.triggers.values()
        topics = {trigger.name: trigger.topic for trigger in triggers if trigger.topic}
        return LinkMaker(web.public_url, web.secrets, topics)

    def _locale(self, language: str | None) -> Locale:
        """The language of a report: the workspace's, where that is French; else English."""
        return "fr" if (language or self.workspace.locale).startswith("fr") else "en"


class _Feed:
    """Live events for an engine; the state is opened when they are first needed."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    def span(self) -> tuple[str, int, int]:
        return self._opened.state.live.span()

    def after(self, number: int) -> Iterator[RecordBatch]:
        return self._opened.state.live.after(number)


def utc_now() -> datetime:
    """The clock; wiring and the scheduler alone know it."""
    return datetime.now(UTC)
