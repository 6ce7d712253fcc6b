"""From a folder to a workspace, or to every mistake that stands in its way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from relance.domain.vendor import VendorSpec
from relance.domain.workspace import ChannelSpec, Workspace
from relance.errors import Problem
from relance.spec import events_file, relance_file, segments_file
from relance.spec.accounts import has_accounts
from relance.spec.assemble import assemble
from relance.spec.channels import readable_channels
from relance.spec.crosschecks import check_channels, check_circles, customer_tables
from relance.spec.data import OWN_ATTRIBUTES
from relance.spec.events_file import EventsFileYaml
from relance.spec.lifecycle import stage_names
from relance.spec.nodes import Fields, Node, Scalar, child, names_in
from relance.spec.notations import zone
from relance.spec.relance_file import RelanceYaml
from relance.spec.rfm import cell_names, cell_segment_names
from relance.spec.score_files import Fitted, costs, read_fitted, score_keys
from relance.spec.segments_file import SegmentsYaml
from relance.spec.sheet import Sheet, open_sheet
from relance.spec.spot import Notes, Scope
from relance.spec.trigger_file import TriggerYaml


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """What came of a workspace. `workspace` is None where any problem is more than a warning.

    `problems` are those of all files: relance.yaml, segments.yaml, events.yaml, then the triggers
    by name, each by line. `channels` are those that can be read, whatever is wrong elsewhere.
    """

    workspace: Workspace | None
    problems: tuple[Problem, ...]
    channels: Mapping[str, ChannelSpec]
    places: Mapping[tuple[str, str], tuple[int, int]] = field(repr=False)

    def locate(self, path: str, where: str) -> tuple[int, int]:
        """Line and column of a dotted path in a file, or of its nearest parent; (0, 0) if none.

        `path` is relative to the workspace (`triggers/welcome.yaml`).
        """
        while (path, where) not in self.places and where:
            where = where.rpartition(".")[0]
        return self.places.get((path, where), (0, 0))


def load(
    root: Path,
    *,
    env: Mapping[str, str],
    vendors: Mapping[str, VendorSpec],
    texts: Mapping[tuple[str, str], str],
    with_models: bool = True,
) -> Loaded:
    """Read a workspace's YAML. Never raises for what is in it: see `Loaded.problems`.

    `texts` maps (template, channel) to a fingerprint of what that template can send. Without
    models the files of scores/ are not looked at: what fits them opens the workspace so.
    """
    root = root.absolute()
    main = open_sheet(root, relance_file.PATH, env)
    named = open_sheet(root, segments_file.PATH)
    outside = _open_if_there(root, events_file.PATH)
    folder, triggers = _triggers(root)
    scope = _scope(root, _mapping(main.node), _mapping(named.node), vendors, texts)
    settings = main.read(RelanceYaml, scope)
    segments = named.read(SegmentsYaml, scope)
    happenings = outside.read(EventsFileYaml, scope) or ()
    files = [sheet.read(TriggerYaml, scope) for sheet in triggers]
    check_circles(child(named.node, "segments"), named.notes)
    check_channels(main.node, main.notes, {each.notes.path: each.node for each in triggers})
    fitted = Fitted()
    if with_models and settings and segments:
        fitted = read_fitted(root, scope, settings, segments, [file for file in files if file])
        fitted.tell(named.node, named.notes)
    sheets = [main, named, outside, *fitted.sheets, *triggers]
    problems = [*_in_order(sheets), *folder.problems]
    workspace = None
    if settings and segments and not any(not each.warning for each in problems):
        workspace = assemble(root, settings, segments, [file for file in files if file], texts)
        workspace = replace(workspace, happenings=happenings, models=fitted.models)
    places = dict(place for sheet in sheets for place in sheet.places())
    return Loaded(
        workspace=workspace, problems=tuple(problems), places=places,
        channels=readable_channels(main.node, main.notes.path, scope),
    )  # fmt: skip


def _in_order(sheets: list[Sheet]) -> Iterator[Problem]:
    for sheet in sheets:
        yield from sorted(sheet.notes.problems, key=lambda each: (each.line, each.column))


def _open_if_there(root: Path, path: str) -> Sheet:
    """A file that a workspace may do without."""
    return open_sheet(root, path) if (root / path).exists() else Sheet(Notes(path), None)


def _triggers(root: Path) -> tuple[Notes, list[Sheet]]:
    """The trigger files by name, and what is wrong with their folder."""
    notes = Notes("triggers")
    try:
        names = sorted(path.name for path in (root / "triggers").iterdir())
    except OSError:
        notes.add(None, "", "there is no such folder, so no trigger", warning=True)
        return notes, []
    for name in names:
        if name.endswith(".yml") and not name.startswith("."):
            notes.add(None, "", f"{name!r} is not read", "the name must end in .yaml")
    found = [name for name in names if name.endswith(".yaml") and not name.startswith(".")]
    if not found:
        notes.add(None, "", "there is no trigger yet", warning=True)
    return notes, [open_sheet(root, f"triggers/{name}") for name in found]


def _mapping(node: Node | None) -> Node | None:
    """A file that holds something else defines no names, and no use of a name is blamed for it."""
    return node if isinstance(node, Fields) else None


def _scope(
    root: Path, main: Node | None, named: Node | None, vendors: Mapping[str, VendorSpec],
    texts: Mapping[tuple[str, str], str],
) -> Scope:  # fmt: skip
    """What may be referred to, by its names alone, so that a mistake in one definition is not
    reported again wherever it is used."""
    rfm_event = child(named, "rfm", "event")
    return Scope(
        root=root,
        zone=_zone(main),
        vendors=vendors,
        texts=texts,
        attributes=_attributes(main),
        events=_events(main),
        segments=_segments(named) if named is not None else None,
        cells=cell_names(named) if named is not None else None,
        stages=stage_names(named) if named is not None else None,
        channels=names_in(child(main, "channels")) if main is not None else None,
        topics=names_in(child(main, "topics")) if main is not None else None,
        account_attributes=_account_attributes(main),
        has_roles=child(main, "customers", "role") is not None,
        account_segments=_account_segments(named),
        account_events=_account_events(main),
        rfm_event=rfm_event.text if isinstance(rfm_event, Scalar) else "order",
        scores=score_keys(named),
        costs=costs(main),
    )


def _segments(named: Node) -> list[str]:
    """The segments that are written out, and those of the stages and cells."""
    written = names_in(child(named, "segments"))
    return [*written, *stage_names(named), *cell_segment_names(named)]


def _zone(main: Node | None) -> ZoneInfo:
    node = child(main, "timezone")
    try:
        return zone(node.text) if isinstance(node, Scalar) else ZoneInfo("UTC")
    except ValueError:
        return ZoneInfo("UTC")


def _attributes(main: Node | None) -> list[str] | None:
    if main is None:
        return None
    tables = customer_tables(child(main, "customers"))
    own = [name for table in tables for name in names_in(table) if name in OWN_ATTRIBUTES]
    named = [name for table in tables for name in names_in(child(table, "attributes"))]
    return list(dict.fromkeys([*own, *named]))


def _account_attributes(main: Node | None) -> list[str] | None:
    accounts = child(main, "accounts")
    return None if accounts is None else names_in(child(accounts, "attributes"))


def _account_segments(named: Node | None) -> list[str]:
    segments = child(named, "segments")
    return [name for name in names_in(segments) if has_accounts(child(segments, name), "members")]


def _account_events(main: Node | None) -> list[str]:
    events = child(main, "events")
    return [
        name
        for name in names_in(events)
        if "account" in (keys := names_in(child(events, name))) and "customer" not in keys
    ]


def _events(main: Node | None) -> dict[str, list[str]] | None:
    if main is None:
        return None
    found: dict[str, list[str]] = {}
    for name in names_in(child(main, "events")):
        event = child(main, "events", name)
        amount = ["amount"] if "amount" in names_in(event) else []
        found[name] = [*amount, *names_in(child(event, "fields"))]
    return found
