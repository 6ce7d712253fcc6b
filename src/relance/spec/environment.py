"""`${NAME}` in relance.yaml: filled from the environment, `$${` stands for a plain `${`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from relance.spec.nodes import Items, Node, Scalar, dotted
from relance.spec.spot import Notes

_REFERENCE = re.compile(r"\$(\$?)\{([^}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def fill(node: Node, env: Mapping[str, str], notes: Notes, where: str = "") -> Node:
    """The same tree with every `${NAME}` filled in; unset names become problems."""
    if isinstance(node, Scalar):
        return _filled(node, env, notes, where)
    if isinstance(node, Items):
        items = [fill(item, env, notes, dotted(where, str(i))) for i, item in enumerate(node.items)]
        return replace(node, items=tuple(items))
    pairs = [(key, fill(value, env, notes, dotted(where, key.text))) for key, value in node.pairs]
    return replace(node, pairs=tuple(pairs))


def _filled(node: Scalar, env: Mapping[str, str], notes: Notes, where: str) -> Scalar:
    names = [name for escaped, name in _REFERENCE.findall(node.text) if not escaped]
    unset = [name for name in names if not _set(node, name, env, notes, where)]
    text = _REFERENCE.sub(lambda found: _value(found, env), node.text)
    return replace(node, text=text, filled=bool(names), unset=bool(unset))


def _value(found: re.Match[str], env: Mapping[str, str]) -> str:
    escaped, name = found.groups()
    return "${" + name + "}" if escaped else env.get(name, "")


def _set(node: Scalar, name: str, env: Mapping[str, str], notes: Notes, where: str) -> bool:
    if not _NAME.fullmatch(name):
        notes.add(node, where, "`${…}` must hold the name of an environment variable")
        return False
    if name not in env:
        hint = f"set it before you start relance: export {name}=…"
        notes.add(node, where, f"the environment variable {name} is not set", hint)
        return False
    return True
