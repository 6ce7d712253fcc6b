"""Segments over the customer data, where it lives: Ibis and DuckDB, and nowhere else than here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relance.domain.workspace import Workspace
    from relance.engine.service import RelanceEngine


def open_engine(workspace: Workspace) -> RelanceEngine:
    """The engine over a workspace's source; a context manager.

    Raises SourceError or StateError where the source or the workbench cannot be opened.
    """
    from relance.engine.service import RelanceEngine  # Ibis takes a second to import

    return RelanceEngine(workspace)


__all__ = ["open_engine"]
