"""What live events tell that cannot be read as what the YAML says: counted, and missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from relance.domain.live import ColumnKind, LiveColumn
from relance.domain.workspace import Workspace
from relance.engine.checks import counted
from relance.engine.live import of_calls, of_every_call, of_identify, unreadable
from relance.engine.problems import CONFIG
from relance.engine.workbench import Workbench
from relance.errors import Problem

_WHAT = {
    ColumnKind.NUMBER: "a number",
    ColumnKind.FLAG: "true or false",
    ColumnKind.DATE: "a date",
}


def live_problems(workbench: Workbench, workspace: Workspace) -> Iterator[Problem]:
    """A warning for each column that some messages tell as something else."""
    for which, places in _columns(workspace):
        typed = {
            where: place for where, place in places.items() if place.kind is not ColumnKind.TEXT
        }
        if not typed:
            continue
        numbers = workbench.numbers(unreadable(which, typed))
        for (where, place), rows in zip(typed.items(), numbers, strict=True):
            if rows:
                yield Problem(
                    path=CONFIG, where=where, warning=True,
                    message=f"{place}: {counted(rows)} of live events are not {_WHAT[place.kind]}",
                    hint="they count as missing",
                )  # fmt: skip


def _columns(workspace: Workspace) -> Iterator[tuple[str, Mapping[str, LiveColumn]]]:
    """The columns by where they stand in the YAML, and the messages that they are read of."""
    spec = workspace.live
    if spec is None:
        return
    yield of_every_call(), {f"live.fields.{name}": place for name, place in spec.fields.items()}
    yield of_identify(), {f"live.traits.{name}": place for name, place in spec.traits.items()}
    for event in workspace.events.values():
        if event.live is not None:
            within = f"events.{event.name}" + (".live" if event.live.table else "")
            named = {
                f"{within}.{name if name == 'amount' else f'fields.{name}'}": place
                for name, place in event.live.fields.items()
            }
            yield of_calls(event.live.name), named
