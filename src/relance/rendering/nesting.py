"""A bound on how deep elements nest, for the parsers behind us: they recurse in native code,
where a stack that overflows ends the process instead of raising.
"""

from __future__ import annotations

import re

from relance.rendering.plaintext import VOID

DEEPEST = 100  # the parsers hold 1,000 and more; a message needs a few dozen

_TAG = re.compile(
    r"<!--.*?-->|<(?P<close>/?)(?P<name>[A-Za-z][\w:-]*)"
    r"(?P<attributes>(?:[^>\"']|\"[^\"]*\"|'[^']*')*+)>",
    re.DOTALL,
)
# HTML ends these by itself: without one of the others between them they never nest
_LOOSE = frozenset(
    ["p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "colgroup"]
)


def too_deep(markup: str) -> bool:
    """Whether elements of HTML or MJML nest more than DEEPEST levels deep."""
    stack: list[str] = []
    depth = 0
    for match in _TAG.finditer(markup):
        name = (match["name"] or "").lower()
        if not name or name in VOID:
            continue
        if match["close"]:
            depth -= _close(stack, name)
        elif not _closes_itself(name, match["attributes"]):
            stack.append(name)
            depth += name not in _LOOSE
        if depth > DEEPEST:
            return True
    return False


def _close(stack: list[str], name: str) -> int:
    """Take an element and all in it from the stack; how many of them count."""
    counted = 0
    while name in stack:
        last = stack.pop()
        counted += last not in _LOOSE
        if last == name:
            break
    return counted


def _closes_itself(name: str, attributes: str) -> bool:
    """`<mj-image/>` does; in HTML the slash means nothing."""
    return name.startswith("mj-") and attributes.endswith("/")
