"""Segments over the customer data, where it lives: Ibis and DuckDB, and nowhere else than here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from relance.domain.ledger import Breakpoints
    from relance.domain.workspace import Workspace
    from relance.engine.service import RelanceEngine


def open_engine(
    workspace: Workspace, cutoffs: Callable[[], Breakpoints | None] = lambda: None
) -> RelanceEngine:
    """The engine over a workspace's source; a context manager.

    `cutoffs` tells the RFM cut-offs in force, for `ask`: a score must not depend on which
    process looks. Where it knows none they are fitted to the question's instant.

    Raises SourceError or StateError where the source or the workbench cannot be opened.
    """
    from relance.engine.service import RelanceEngine  # Ibis takes a second to import

    return RelanceEngine(workspace, cutoffs)


__all__ = ["open_engine"]
