"""`relance unknown`: messages that may have been sent, and what a person decides about them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relance.cli import show
from relance.cli.app import group
from relance.cli.asking import ask
from relance.cli.options import JsonOption, WorkspaceOption, local, read_instant
from relance.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relance.store import UnknownMessage
    from relance.wiring import Relance

app = group(
    "unknown",
    "Settle messages that may have been sent.",
)

IdsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="ID…", help="Messages, by their id.")
]
AllOption = Annotated[
    bool, typer.Option("--all", help="All of them, or all that the other options leave.")
]
TriggerOption = Annotated[
    str | None, typer.Option("--trigger", metavar="NAME", help="Only those of this trigger.")
]
ProviderOption = Annotated[
    str | None, typer.Option("--provider", metavar="NAME", help="Only those given to this one.")
]
BeforeOption = Annotated[
    str | None,
    typer.Option(
        "--before", metavar="INSTANT", help="Only those that became unknown before this instant."
    ),
]


@app.command("list")
def list_(
    workspace: WorkspaceOption = Path(),
    trigger: TriggerOption = None,
    provider: ProviderOption = None,
    before: BeforeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show messages that may have been sent, the oldest first."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        found = _found(relance, trigger, provider, before)
        zone = relance.workspace.zone
    if as_json:
        show.print_json([_document(message) for message in found])
        return
    if not found:
        typer.echo("no message is unknown")
        return
    columns = ["message", "customer", "trigger", "channel", "provider", "since", "reason", "asked"]
    rows = [
        [m.id, m.customer, m.trigger, m.channel, m.provider, local(m.since, zone), m.reason,
         f"{m.look_ups} times"]
        for m in found
    ]  # fmt: skip
    show.print_table("May have been sent", columns, rows)


@app.command()
def resend(
    ids: IdsArgument = None,
    workspace: WorkspaceOption = Path(),
    all_: AllOption = False,
    trigger: TriggerOption = None,
    provider: ProviderOption = None,
    before: BeforeOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Send them again at the next delivery. The customers may get them twice, so it asks."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        chosen = _chosen(relance, ids, trigger, provider, before, all_=all_)
        if chosen and not yes:
            typer.echo(
                f"{len(chosen):,} message{'s' if len(chosen) != 1 else ''} may have been sent"
                " already: who got one gets it a second time.",
                err=True,
            )
            ask("Send again?", otherwise="nothing is sent again", err=True)
        relance.state.desk.unknown_resend(chosen, _now())
    if as_json:
        show.print_json({"resent": chosen})
    else:
        typer.echo(f"{len(chosen):,} to be sent again, by `relance deliver` or the worker")


@app.command()
def drop(
    ids: IdsArgument = None,
    workspace: WorkspaceOption = Path(),
    all_: AllOption = False,
    trigger: TriggerOption = None,
    provider: ProviderOption = None,
    before: BeforeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Leave them as they are for good: never sent again, whether they were sent or not."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        chosen = _chosen(relance, ids, trigger, provider, before, all_=all_)
        relance.state.desk.unknown_drop(chosen, _now())
    if as_json:
        show.print_json({"dropped": chosen})
    else:
        typer.echo(f"{len(chosen):,} dropped")


def _found(
    relance: Relance, trigger: str | None, provider: str | None, before: str | None
) -> list[UnknownMessage]:
    earlier = None
    if before is not None:
        earlier = read_instant(before, relance.workspace.zone, option="--before")
    return relance.state.desk.unknown_list(trigger=trigger, provider=provider, before=earlier)


def _chosen(
    relance: Relance,
    ids: Sequence[str] | None,
    trigger: str | None,
    provider: str | None,
    before: str | None,
    *,
    all_: bool,
) -> list[str]:
    """Which messages are meant. Raises UsageError where that is not clear."""
    narrowed = any(each is not None for each in (trigger, provider, before))
    if bool(ids) == all_ or (ids and narrowed):
        raise UsageError(
            "say which messages: their ids, or --all",
            hint="--trigger, --provider and --before narrow --all; `relance unknown list` shows"
            " the ids",
        )
    if ids:
        return list(dict.fromkeys(ids))
    return [message.id for message in _found(relance, trigger, provider, before)]


def _document(message: UnknownMessage) -> dict[str, object]:
    return {
        "id": message.id,
        "customer": message.customer,
        "trigger": message.trigger,
        "step": message.step,
        "channel": message.channel,
        "provider": message.provider,
        "since": message.since.isoformat(),
        "reason": message.reason,
        "look_ups": message.look_ups,
        "look_up_at": message.look_up_at.isoformat() if message.look_up_at else None,
    }


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
