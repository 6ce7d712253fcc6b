"""MJML to HTML by mrml, and the mistakes in MJML that mrml lets pass without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import mrml

from relance.errors import Problem
from relance.rendering.hints import did_you_mean
from relance.rendering.nesting import DEEPEST, too_deep
from relance.rendering.pieces import Flat

_TAG = re.compile(
    r"<!--.*?-->"
    r"|<(?P<close>/?)(?P<name>mj-?[\w-]*)(?P<attributes>(?:[^>\"']|\"[^\"]*\"|'[^']*')*?)(?P<empty>/?)>",
    re.DOTALL,
)
_CONTENT = frozenset(
    [
        "mj-accordion",
        "mj-button",
        "mj-carousel",
        "mj-divider",
        "mj-image",
        "mj-navbar",
        "mj-raw",
        "mj-social",
        "mj-spacer",
        "mj-table",
        "mj-text",
    ]
)
# which elements each may hold (https://documentation.mjml.io, 2026-11); None: any markup
_HOLDS: dict[str, frozenset[str] | None] = {
    "mjml": frozenset({"mj-head", "mj-body"}),
    "mj-head": frozenset(
        [
            "mj-attributes",
            "mj-breakpoint",
            "mj-font",
            "mj-preview",
            "mj-style",
            "mj-title",
            "mj-raw",
        ]
    ),
    "mj-attributes": None,
    "mj-body": frozenset({"mj-section", "mj-wrapper", "mj-hero", "mj-raw"}),
    "mj-wrapper": frozenset({"mj-section", "mj-hero", "mj-raw"}),
    "mj-section": frozenset({"mj-column", "mj-group", "mj-raw"}),
    "mj-group": frozenset({"mj-column", "mj-raw"}),
    "mj-column": _CONTENT,
    "mj-hero": _CONTENT,
    "mj-accordion": frozenset({"mj-accordion-element", "mj-raw"}),
    "mj-accordion-element": frozenset({"mj-accordion-title", "mj-accordion-text", "mj-raw"}),
    "mj-carousel": frozenset({"mj-carousel-image"}),
    "mj-navbar": frozenset({"mj-navbar-link", "mj-raw"}),
    "mj-social": frozenset({"mj-social-element", "mj-raw"}),
}
_KNOWN = frozenset({*_HOLDS, *(name for names in _HOLDS.values() for name in names or ())}) | {
    "mj-all",
    "mj-class",
}


class MjmlError(ValueError):
    """mrml cannot read this. The message holds none of the text."""


def to_html(source: str) -> str:
    """One HTML document. Raises MjmlError. Nothing is loaded from anywhere."""
    if too_deep(source):
        raise MjmlError(f"the elements are nested more than {DEEPEST} levels deep")
    try:
        return str(mrml.to_html(source).content)
    except OSError as error:
        raise MjmlError(re.sub(r"\s+in root template$", "", str(error))) from None


@dataclass(slots=True)
class _Open:
    name: str
    offset: int


def mjml_problems(flat: Flat) -> Iterator[Problem]:
    """Unknown, misplaced and unclosed elements, at their place."""
    text = flat.blank
    stack: list[_Open] = []
    for match in _TAG.finditer(text):
        name = match["name"]
        if name is None:
            continue
        if match["close"]:
            yield from _close(flat, stack, name, match.start())
            continue
        yield from _judge(flat, stack, name, match.start())
        if not match["empty"]:
            stack.append(_Open(name, match.start()))
    for left in stack:
        yield flat.place(left.offset).problem(f"<{left.name}> is never closed")
    if not text.lstrip().startswith(("<mjml", "<!--")):
        start = len(text) - len(text.lstrip())
        yield flat.place(start).problem("an MJML file begins with <mjml>", hint="or use a layout")


def _judge(flat: Flat, stack: list[_Open], name: str, offset: int) -> Iterator[Problem]:
    if name == "mj-include":
        yield flat.place(offset).problem(
            "mj-include is not read", hint='write {% include "snippets/name.mjml" %}'
        )
    elif name not in _KNOWN:
        hint = did_you_mean(name, _KNOWN)
        yield flat.place(offset).problem(f"<{name}>: unknown element", hint=hint)
    elif stack and (allowed := _HOLDS.get(stack[-1].name)) is not None and name not in allowed:
        yield flat.place(offset).problem(
            f"<{name}> cannot stand in <{stack[-1].name}>",
            hint=f"it holds {', '.join(sorted(allowed))}",
        )


def _close(flat: Flat, stack: list[_Open], name: str, offset: int) -> Iterator[Problem]:
    if stack and stack[-1].name == name:
        stack.pop()
    elif any(opened.name == name for opened in stack):
        inner = stack[-1]
        yield flat.place(inner.offset).problem(f"<{inner.name}> is never closed")
        while stack.pop().name != name:
            pass
    else:
        yield flat.place(offset).problem(f"</{name}> closes nothing")
