"""Segments over the customer data, where it lives: Ibis and DuckDB, and nowhere else than here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from relance.domain.fits import Fits
    from relance.domain.workspace import Workspace
    from relance.engine.live import LiveFeed
    from relance.engine.service import RelanceEngine


def open_engine(
    workspace: Workspace,
    fits: Callable[[], Fits] | None = None,
    live: LiveFeed | None = None,
) -> RelanceEngine:
    """The engine over a workspace's source; a context manager.

    `fits` tells those in force, for `ask`: a score must not depend on which process looks. What
    it does not know is fitted to the question's instant. `live` is where live events are read
    from; there are none without it.

    Raises SourceError or StateError where the source or the workbench cannot be opened.
    """
    from relance.domain.fits import Fits
    from relance.engine.service import RelanceEngine  # Ibis takes a second to import

    return RelanceEngine(workspace, fits or Fits, live)


__all__ = ["open_engine"]
