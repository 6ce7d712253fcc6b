"""The Typer application: its commands, and the one door through which errors leave."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from relance.errors import RelanceError, WorkspaceError, printable

# in the order in which a newcomer needs them
ORDER = (
    "init", "check", "power", "tick", "deliver", "report", "programme", "health", "describe",
    "trajectories", "run", "web", "members", "stages", "rfm", "scores", "preview", "why",
    "unknown", "suppress", "live", "backfill", "data-map", "schema", "demo",
)  # fmt: skip


class RelanceGroup(TyperGroup):
    """Turns errors into a sentence and an exit code: 1 workspace, 2 usage, 3 outside."""

    # the Context that these two are given is a private class of Typer
    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=ORDER.index)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except RelanceError as error:
            say_error(error)
            raise typer.Exit(error.exit_code) from error
        except BrokenPipeError:
            # the reader of our output has gone (`relance members x | head`)
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except (TyperException, typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if os.environ.get("RELANCE_DEBUG"):
                raise
            say_internal(error)
            raise typer.Exit(3) from error


def say_error(error: RelanceError) -> None:
    """Print an error for a person, on stderr."""
    if isinstance(error, WorkspaceError):
        for problem in error.problems:
            typer.echo(str(problem), err=True)
        mistakes = sum(not problem.warning for problem in error.problems)
        typer.echo(f"{mistakes} mistake{'' if mistakes == 1 else 's'} in the workspace", err=True)
    else:
        typer.echo(f"error: {printable(str(error))}", err=True)


def say_internal(error: Exception) -> None:
    """A bug of ours: name its kind (its text may hold personal data), and say what to do."""
    typer.echo(
        f"error: relance failed where it should not ({type(error).__name__}); nothing half done"
        " was stored. Run again with RELANCE_DEBUG=1 to see where, and report it.",
        err=True,
    )


app = typer.Typer(
    name="relance",
    cls=RelanceGroup,
    help="Watch customers move through their lifecycle, write at the right moment, and measure"
    " what it was worth.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def group(name: str, about: str) -> typer.Typer:
    """A command that has commands of its own."""
    made = typer.Typer(help=about, no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(made, name=name)
    return made


def _version(shown: bool) -> None:
    if shown:
        from relance import __version__

        typer.echo(f"relance {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Show the log on stderr."),
    version: bool = typer.Option(  # noqa: ARG001  handled by its callback
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    from relance import logs

    logs.configure(json=not sys.stderr.isatty(), level="info" if verbose else "error")


def main() -> None:
    """Run the command line; the console script's entry."""
    app()


# each module adds its commands to `app`
from relance.cli import (  # noqa: E402
    data_map,  # noqa: F401
    demo,  # noqa: F401
    describe,  # noqa: F401
    evaluate,  # noqa: F401
    health,  # noqa: F401
    live,  # noqa: F401
    messages,  # noqa: F401
    power,  # noqa: F401
    programme,  # noqa: F401
    reports,  # noqa: F401
    scores,  # noqa: F401
    service,  # noqa: F401
    standings,  # noqa: F401
    suppress,  # noqa: F401
    trajectories,  # noqa: F401
    unknown,  # noqa: F401
    workspace,  # noqa: F401
)
