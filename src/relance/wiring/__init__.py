"""The one place that builds real things and hands them to each other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from relance.errors import WorkspaceError
from relance.reading import read_workspace
from relance.wiring.opened import Progress
from relance.wiring.reports import Reports
from relance.wiring.scores import Scores
from relance.wiring.work import Providers, Work

__all__ = [
    "Progress", "Providers", "Relance", "json_schemas", "load_relance", "open_relance", "scaffold",
    "yaml_reference",
]  # fmt: skip


class Relance(Work, Reports, Scores):
    """An open workspace: everything a command or the worker can do with it."""

    def apart(self) -> Relance:
        """The same workspace over connections of its own, for long work beside everything else."""
        return Relance(self.workspace, self.templates)


@contextmanager
def open_relance(
    root: Path, env: Mapping[str, str] = os.environ, *, with_models: bool = True
) -> Iterator[Relance]:
    """Open a workspace that checks clean (its data is looked at when it is used).

    Raises WorkspaceError with every mistake of the YAML and the templates, and of scores/ unless
    that is what is about to be made.
    """
    relance = load_relance(root, env, with_models=with_models)
    try:
        yield relance
    finally:
        relance.close()


def load_relance(
    root: Path, env: Mapping[str, str] = os.environ, *, with_models: bool = True
) -> Relance:
    """Read a workspace. Raises WorkspaceError; nothing is opened yet."""
    found = read_workspace(root, env, with_models=with_models)
    mistakes = [problem for problem in found.problems if not problem.warning]
    if mistakes or found.workspace is None:
        raise WorkspaceError(mistakes)
    return Relance(found.workspace, found.templates)


def scaffold(folder: Path, name: str) -> list[Path]:
    """Write a small workspace that checks clean; never over another one."""
    from relance.providers import vendor_specs
    from relance.spec import scaffold as write

    return write(folder, name, vendors=vendor_specs())


def json_schemas() -> Mapping[str, Mapping[str, object]]:
    """The JSON Schemas of the YAML files, by file name."""
    from relance.providers import vendor_specs
    from relance.spec import json_schemas as make

    return make(vendor_specs())


def yaml_reference() -> str:
    """The YAML reference as Markdown."""
    from relance.providers import vendor_specs
    from relance.spec import reference

    return reference(vendor_specs())
