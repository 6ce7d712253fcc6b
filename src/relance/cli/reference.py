"""docs/cli.md, written from the commands themselves, so that the two cannot drift."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperArgument, TyperOption

_HEAD = """\
<!-- Written by `make docs` from src/relance/cli; edit the commands instead. -->
# Command line

`relance [OPTIONS] COMMAND …`. {about}

{root}
Documents of `--json` are described in [json.md](json.md), the service in [running.md](running.md).

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | the workspace has mistakes; all of them are shown, each where it is |
| 2 | wrong usage |
| 3 | something outside relance failed: the data, the state, a disk, a port; nothing is half done |
"""


def command_reference() -> str:
    """Every command with its arguments and options, as Markdown."""
    from relance.cli.app import app  # the app's commands import this module

    group: Any = typer.main.get_command(app)  # its class is private to Typer
    context: Any = typer.Context(group)
    parts = [_HEAD.format(about=group.help, root="\n".join(_options(group)) + "\n")]
    for name in group.list_commands(context):
        for path, command in _leaves(name, group.commands[name]):
            parts.append("\n".join(_command(path, command)) + "\n")
    return "\n".join(parts)


def _leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """A command, or the commands of a group, by what one types."""
    for below, each in getattr(command, "commands", {}).items():
        yield f"{name} {below}", each
    if not hasattr(command, "commands") and not command.hidden:
        yield name, command


def _command(name: str, command: Any) -> Iterator[str]:
    arguments = [each for each in command.params if isinstance(each, TyperArgument)]
    usage = " ".join(["relance", name, *map(_usage, arguments)])
    yield f"## `{usage}`"
    yield ""
    yield from (line.strip() for line in command.help.splitlines())
    if arguments:
        yield from ("", "| argument | meaning |", "| --- | --- |")
        for each in arguments:
            yield f"| `{each.metavar}` | {_meaning(each)} |"
    yield ""
    yield from _options(command)


def _usage(argument: TyperArgument) -> str:
    return f"{argument.metavar}" if argument.required else f"[{argument.metavar}]"


def _options(command: Any) -> Iterator[str]:
    yield "| option | meaning |"
    yield "| --- | --- |"
    for each in command.params:
        if isinstance(each, TyperOption) and not each.hidden:
            yield f"| {_names(each)} | {_meaning(each)} |"


def _names(option: TyperOption) -> str:
    value = "" if option.is_flag else f" {option.metavar or _choices(option)}"
    long_first = sorted(option.opts, key=len, reverse=True)
    return ", ".join(f"`{name}{value}`" for name in long_first)


def _choices(option: TyperOption) -> str:
    """The words of an option that takes one of a few."""
    words: tuple[str, ...] = getattr(option.type_descriptor.annotation, "__args__", ())
    return "\\|".join(map(str, words))


def _meaning(parameter: TyperOption | TyperArgument) -> str:
    parts = [str(parameter.help)]
    default = _default(parameter)
    if default is not None:
        parts.append(f"Default: {default}.")
    if parameter.envvar:
        parts.append(f"Also `{parameter.envvar}` in the environment.")
    return " ".join(parts)


def _default(parameter: TyperOption | TyperArgument) -> str | None:
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    flag = isinstance(parameter, TyperOption) and parameter.is_flag
    if flag or parameter.default is None:
        return None
    return f"`{parameter.default}`"
