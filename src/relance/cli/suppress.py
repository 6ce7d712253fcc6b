"""`relance suppress`: who must not be written to, whatever the customer data says."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relance.cli import show
from relance.cli.app import group
from relance.cli.options import JsonOption, WorkspaceOption, local
from relance.cli.suppression_file import BadLine, SuppressionFile, write_csv
from relance.cli.who import channels_for, personal_channel, plain_reason, who
from relance.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from relance.domain.workspace import Workspace
    from relance.store import Suppressed

app = group(
    "suppress",
    "Say who must never be written to. By customer or by address, which is kept as a digest only.",
)

CustomerOption = Annotated[
    str | None, typer.Option("--customer", metavar="ID", help="A customer, by their key.")
]
EmailOption = Annotated[
    str | None, typer.Option("--email", metavar="ADDRESS", help="An e-mail address.")
]
PhoneOption = Annotated[
    str | None, typer.Option("--phone", metavar="NUMBER", help="A phone number.")
]
ChannelOption = Annotated[
    str | None,
    typer.Option(
        "--channel",
        metavar="CHANNEL",
        help="One channel: email, sms or whatsapp.",
        show_default="every channel that reaches them by what is given",
    ),
]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why, in a word or a few; no address.")
]


@app.command()
def add(
    workspace: WorkspaceOption = Path(),
    customer: CustomerOption = None,
    email: EmailOption = None,
    phone: PhoneOption = None,
    channel: ChannelOption = None,
    reason: ReasonOption = "by hand",
    as_json: JsonOption = False,
) -> None:
    """Never write to a customer or an address again. Of one that is suppressed the first reason
    stays."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        rows = _rows(relance.workspace, customer, email, phone, channel, reason)
        added = relance.state.desk.suppress(rows)
    _tell_added(added, len(rows), as_json=as_json)


@app.command()
def remove(
    workspace: WorkspaceOption = Path(),
    customer: CustomerOption = None,
    email: EmailOption = None,
    phone: PhoneOption = None,
    channel: ChannelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lift a suppression, whatever its reason. Consent is asked for as before."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        rows = _rows(relance.workspace, customer, email, phone, channel, "")
        removed = relance.state.desk.unsuppress(rows)
    if as_json:
        show.print_json({"removed": removed})
    else:
        typer.echo(f"{removed:,} lifted" if removed else "none was suppressed")


@app.command("list")
def list_(
    workspace: WorkspaceOption = Path(),
    channel: ChannelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who is suppressed."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        found = list(relance.state.desk.suppressions(_known(channel)))
        zone = relance.workspace.zone
    if as_json:
        show.print_json([_document(row) for row in found])
        return
    if not found:
        typer.echo("nobody is suppressed")
        return
    rows = [
        [row.channel, row.customer or f"address {row.recipient}", row.reason, local(row.at, zone)]
        for row in found
    ]
    show.print_table("Suppressed", ["channel", "who", "reason", "since"], rows)


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            allow_dash=True,
            help="CSV with a header: customer, email, phone or recipient, and channel, reason,"
            " at; - reads standard input.",
        ),
    ],
    workspace: WorkspaceOption = Path(),
    channel: ChannelOption = None,
    reason: ReasonOption = "import",
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave bad lines out instead of importing none.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Suppress everybody in a CSV file. Names every bad line; imports all of it or nothing."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        source = SuppressionFile(
            relance.workspace, channel=_known(channel), reason=reason, now=_now()
        )
        rows = list(source.read(file))
        _tell_bad(file, source.bad)
        if source.bad and not skip_bad:
            count = len(source.bad)
            raise UsageError(
                f"{count:,} bad line{'s' if count != 1 else ''}; nothing was imported",
                hint="--skip-bad imports the others",
            )
        added = relance.state.desk.suppress(rows)
    if as_json:
        bad = [{"line": each.line, "message": each.message} for each in source.bad]
        show.print_json({"added": added, "already": len(rows) - added, "bad": bad})
    else:
        _tell_added(added, len(rows), as_json=False)


@app.command()
def export(
    workspace: WorkspaceOption = Path(),
    channel: ChannelOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where to write.", show_default="stdout"),
    ] = None,
) -> None:
    """Write the suppressions as CSV, which `import` reads again. Addresses are digests."""
    from relance.wiring import open_relance

    with open_relance(workspace) as relance:
        count = write_csv(relance.state.desk.suppressions(_known(channel)), out)
    if out is not None:
        typer.echo(f"wrote {out}: {count:,} suppressed")


def _rows(
    workspace: Workspace,
    customer: str | None,
    email: str | None,
    phone: str | None,
    channel: str | None,
    reason: str,
) -> list[Suppressed]:
    """One row per channel. Raises UsageError."""
    from relance.store import Suppressed

    given = {"customer": customer, "email": email, "phone": phone}
    named = {kind: value for kind, value in given.items() if value is not None}
    if len(named) != 1:
        raise UsageError("say who: --customer, --email or --phone, one of them")
    [(kind, value)] = named.items()
    with _about(kind):
        person = who(kind, value, workspace.customers.region)
        channels = channels_for(kind, _known(channel))
    with _about("reason"):
        why = plain_reason(reason)
    return [
        Suppressed(
            channel=each,
            customer=person.customer,
            recipient=person.recipient,
            reason=why,
            at=_now(),
        )
        for each in channels
    ]


def _known(channel: str | None) -> str | None:
    with _about("channel"):
        return None if channel is None else personal_channel(channel)


@contextmanager
def _about(option: str) -> Iterator[None]:
    """What is wrong with an option's value is wrong usage."""
    try:
        yield
    except ValueError as error:
        raise UsageError(f"--{option}: {error}") from error


def _tell_added(added: int, asked: int, *, as_json: bool) -> None:
    if as_json:
        show.print_json({"added": added, "already": asked - added})
        return
    already = f", {asked - added:,} already were" if asked > added else ""
    typer.echo(f"{added:,} suppressed{already}")


def _tell_bad(file: Path, bad: Sequence[BadLine]) -> None:
    name = "standard input" if str(file) == "-" else file
    for each in bad:
        typer.echo(f"{name}:{each.line}: {each.message}", err=True)


def _document(row: Suppressed) -> dict[str, object]:
    return {
        "channel": row.channel,
        "customer": row.customer,
        "recipient": row.recipient,
        "reason": row.reason,
        "at": row.at.isoformat(),
    }


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
