"""Options that commands share, and how they are read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple
from zoneinfo import ZoneInfo

import typer

from relance.errors import UsageError

if TYPE_CHECKING:
    from relance.wiring import Relance

_CLOCK_SKEW = timedelta(minutes=5)

WorkspaceOption = Annotated[
    Path,
    typer.Option(
        "--workspace", "-w", envvar="RELANCE_WORKSPACE", metavar="DIR", exists=True,
        file_okay=False, help="The workspace's folder.", show_default="the current folder",
    ),
]  # fmt: skip
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="INSTANT",
        help="The instant to act as of, such as 2026-03-01 or 2026-03-01T09:00 (in the"
        " workspace's time zone unless it names one).",
        show_default="now",
    ),
]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="INSTANT",
        help="The instant to look at, such as 2026-03-01 or 2026-03-01T09:00; now is this moment.",
        show_default="the last tick; now where there was none",
    ),
]
_YEARS = (1900, 2199)  # a slip of the finger beyond them would end time: it only goes forward
AheadOption = Annotated[
    bool, typer.Option("--ahead", help="Allow an --at in the future, for rehearsals.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


def read_instant(text: str | None, zone: ZoneInfo, *, option: str = "--at") -> datetime:
    """`--at` as an aware UTC instant; now where it is not given. Raises UsageError."""
    if text is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {text!r} is not an instant", hint="write 2026-03-01 or 2026-03-01T09:00"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    if not _YEARS[0] <= moment.year <= _YEARS[1]:
        raise UsageError(
            f"{option} {text!r} is too far away", hint=f"years from {_YEARS[0]} to {_YEARS[1]}"
        )
    return moment.astimezone(UTC)


def read_acting_instant(text: str | None, zone: ZoneInfo, *, ahead: bool) -> datetime:
    """`--at` of a command that changes the state. Raises UsageError for one in the future.

    A tick there would block every tick before it, a delivery would send before its time.
    """
    moment = read_instant(text, zone)
    if not ahead and moment > datetime.now(UTC) + _CLOCK_SKEW:
        raise UsageError(
            f"--at {text!r} is in the future, and the state only goes forward",
            hint="for a rehearsal on a state of its own say --ahead",
        )
    return moment


class AsOf(NamedTuple):
    """The instant that is looked at; `note` says which it is, where nobody asked for it."""

    at: datetime
    note: str | None = None


def read_as_of(text: str | None, relance: Relance) -> AsOf:
    """`--at` of a command that only looks. Without it the last tick, so that what is told goes with
    the segments' members, and with data that may end there; now where there was no tick.

    Raises UsageError.
    """
    zone = relance.workspace.zone
    now = read_instant(None, zone)
    if text == "now":
        return AsOf(now)
    if text is not None:
        return AsOf(read_instant(text, zone))
    last = relance.last_tick()
    if last is None:
        return AsOf(now)
    days = (now - last).days
    ago = f", {days} days ago; --at now looks at this moment" if days > 1 else ""
    return AsOf(last, f"As of the last tick, {local(last, zone)}{ago}.")


def local(moment: datetime | date, zone: ZoneInfo) -> str:
    """An instant for people: in the workspace's time zone, to the minute."""
    if isinstance(moment, datetime):
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")
    return moment.isoformat()
