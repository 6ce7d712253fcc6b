"""A workspace as its files and its data say it: read, and checked with every mistake at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from relance.domain.caps import places
from relance.domain.condition import Measure
from relance.domain.workspace import ChannelSpec, Workspace
from relance.errors import Problem, SourceError

if TYPE_CHECKING:
    from relance.rendering import Templates
    from relance.spec import Loaded

_CONFIG = "config/relance.yaml"


def check_workspace(
    root: Path, *, with_data: bool = True, env: Mapping[str, str] = os.environ
) -> list[Problem]:
    """Every mistake of the YAML, the templates and the data; writes nothing."""
    found = read_workspace(root, env)
    problems = list(found.problems)
    if with_data and found.workspace is not None:
        problems += _inspect(found.workspace, found.loaded)
    return problems


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A workspace as its files say it; `workspace` is None where the YAML has mistakes."""

    loaded: Loaded
    workspace: Workspace | None
    templates: Templates
    problems: Sequence[Problem]


def read_workspace(root: Path, env: Mapping[str, str], *, with_models: bool = True) -> Found:
    """Read the YAML and the templates, and hold them together; never raises for what is in them.

    Without models nothing in scores/ is looked at, nor missed.
    """
    from relance.providers import vendor_specs
    from relance.rendering import Templates
    from relance.spec import load

    specs = vendor_specs()
    templates = Templates(root, locale="en", currency="EUR", zone=ZoneInfo("UTC"), brand=None)
    loaded = load(root, env=env, vendors=specs, texts=templates.texts(), with_models=with_models)
    if loaded.workspace is None:
        told = [*loaded.problems, *_vendors_say(loaded.channels, root)]
        problems = [*_in_file_order(told), *templates.check()]
        return Found(loaded=loaded, workspace=None, templates=templates, problems=problems)
    templates = _templates(loaded.workspace)
    # the brand's values are part of what a template can send, so of the triggers' versions
    loaded = load(root, env=env, vendors=specs, texts=templates.texts(), with_models=with_models)
    workspace = loaded.workspace
    problems = [*loaded.problems, *_vendors_say(loaded.channels, root)]
    if workspace is not None:
        problems += _never_fits(workspace, loaded)
        problems = [*_in_file_order(problems), *templates.check(_known_names(workspace))]
    return Found(loaded=loaded, workspace=workspace, templates=templates, problems=problems)


def _in_file_order(problems: Sequence[Problem]) -> list[Problem]:
    """relance.yaml, segments.yaml, events.yaml, then the triggers by name; each by line."""
    files = [_CONFIG, "config/segments.yaml", "config/events.yaml"]
    files += sorted({problem.path for problem in problems} - {*files})
    return sorted(problems, key=lambda each: (files.index(each.path), each.line, each.column))


def _vendors_say(channels: Mapping[str, ChannelSpec], root: Path) -> Iterator[Problem]:
    """What the providers refuse: of each channel's, then of its fallback's."""
    from relance.providers import VENDORS

    for channel in channels.values():
        yield from VENDORS[channel.provider].problems(channel, root)
        if (other := channel.fallback) is not None:
            here = f"channels.{channel.name}"
            for problem in VENDORS[other.provider].problems(other, root):
                yield replace(problem, where=problem.where.replace(here, f"{here}.fallback", 1))


def _never_fits(workspace: Workspace, loaded: Loaded) -> Iterator[Problem]:
    """Triggers whose own messages are more than a frequency cap allows: nobody could enter."""
    someday = datetime(2026, 1, 5, 9, tzinfo=workspace.zone)  # any day: only distances count
    for trigger in workspace.triggers.values():
        limits = workspace.limits
        named = [("per_customer", cap) for cap in limits.per_customer]
        named += [("per_account", cap) for cap in limits.per_account]
        for name, cap in named:
            taken = places(trigger, cap, someday, workspace.zone)
            if taken > cap.count:
                line, column = loaded.locate(trigger.path, "steps")
                yield Problem(
                    path=trigger.path,
                    line=line,
                    column=column,
                    where="steps",
                    message=f"{taken} messages within {cap.per}, where limits.{name} allows"
                    f" {cap}: nobody could ever enter",
                    hint="wait longer between the steps, or raise the limit",
                )


def _templates(workspace: Workspace) -> Templates:
    from relance.rendering import Templates

    return Templates(
        workspace.root,
        locale=workspace.locale,
        currency=workspace.currency,
        zone=workspace.zone,
        brand=workspace.brand,
    )


def _known_names(workspace: Workspace) -> set[str]:
    """Every name that a template may use for its data, and for the way back where there is one."""
    from relance.rendering.values import LINK_NAMES

    own = ("email", "phone", "locale", "timezone")
    attributes = {*workspace.customers.attributes, *own}
    mapped = {name for name in attributes if workspace.customers.column(name)}
    own_events = (name for name, event in workspace.events.items() if event.customer)
    events = {f"{event}.{measure}" for event in own_events for measure in Measure}
    for name, event in workspace.events.items():
        fields = (*event.fields, *(["amount"] if event.amount else ()))
        events |= {f"{name}.last_{field}" for field in fields if event.customer}
    links = LINK_NAMES if workspace.web.public_url else frozenset()
    return {f"customer.{name}" for name in mapped} | events | links | _account_names(workspace)


def _account_names(workspace: Workspace) -> set[str]:
    """What a template may say of the account: its attributes and its contacts' events."""
    if workspace.accounts is None:
        return set()
    measured = (f"{event}_{measure}" for event in workspace.events for measure in Measure)
    return {f"account.{name}" for name in (*workspace.accounts.attributes, *measured)}


def _inspect(workspace: Workspace, loaded: Loaded) -> list[Problem]:
    from relance.engine import open_engine
    from relance.store.peek import peek_live

    try:
        with (
            peek_live(workspace.state) if workspace.live else nullcontext() as live,
            open_engine(in_memory(workspace), live=live) as engine,
        ):
            found = engine.inspect()
    except SourceError as error:
        # one mistake among others: those of the files are told as well
        unreachable = Problem(path=_CONFIG, where="source", message=error.message, hint=error.hint)
        found = [unreachable]
    return [_placed(problem, loaded) for problem in found]


def in_memory(workspace: Workspace) -> Workspace:
    """The same without the workbench's file, which only a tick may hold and change."""
    return replace(workspace, source=replace(workspace.source, workbench=None))


def _placed(problem: Problem, loaded: Loaded) -> Problem:
    """A finding about the data, at the line of the YAML that named it."""
    if problem.line:
        return problem
    line, column = loaded.locate(problem.path, problem.where)
    return replace(problem, line=line, column=column)
