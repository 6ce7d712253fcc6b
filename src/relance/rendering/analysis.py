"""What a template says, read from its syntax tree: the names it uses and the mistakes in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from jinja2 import TemplateSyntaxError, nodes

from relance.errors import Problem, RenderError
from relance.rendering.environment import FILTERS, PLAIN
from relance.rendering.hints import did_you_mean
from relance.rendering.pieces import Flat
from relance.rendering.values import LINK_NAMES, MEASURES, MESSAGE_NAMES

_GROUPS = ("customer", "account", "message", "brand")
_FILTER_HINTS = {"safe": "values are always escaped; markup belongs into the template"}
_OWN_FUNCTIONS = ("range", "loop.cycle", "loop.changed")
_DOT = r"(?:\s*\.\s*|\s*\[\s*[\"'])"
_UNNAMED = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Use:
    """A dotted name where it is used; `line` counts in the flattened text."""

    name: str
    line: int

    @property
    def root(self) -> str:
        return self.name.partition(".")[0]

    def pattern(self) -> str:
        """Finds the name in the text, however its dots are spaced."""
        dotted = _DOT.join(re.escape(part) for part in self.name.split("."))
        return rf"(?<![\w.]){dotted}(?!\w)"


@dataclass(frozen=True, slots=True)
class Analysis:
    """`names` are the data names (neither brand nor message); `uses` is every name."""

    uses: tuple[Use, ...]
    problems: tuple[Problem, ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(use.name for use in self.uses if use.root not in ("brand", "message"))

    @property
    def message_names(self) -> frozenset[str]:
        return frozenset(use.name for use in self.uses if use.root == "message")

    @property
    def brand_names(self) -> frozenset[str]:
        return frozenset(use.name for use in self.uses if use.root == "brand")


def parse(flat: Flat) -> nodes.Template:
    """The syntax tree. Raises RenderError at the line of a syntax error."""
    try:
        return PLAIN.parse(flat.text)
    except TemplateSyntaxError as error:
        place = flat.find(error.lineno or 1)
        raise place.error(_sentence(error.message or "this is not a template")) from None
    except RecursionError:
        raise flat.place(0).error("statements or brackets are nested too deep") from None


def _sentence(message: str) -> str:
    return message[:1].lower() + message[1:].rstrip(".")


def analyse(flat: Flat, brand: Mapping[str, object] | None) -> Analysis:
    """Names and mistakes of a flattened template. Syntax errors are among the mistakes."""
    try:
        tree = parse(flat)
    except RenderError as error:
        return Analysis((), (error.problem,))
    try:
        reader = _Reader(flat, brand, _stored(tree))
        reader.walk(tree)
    except RecursionError:
        return Analysis((), (flat.place(0).problem("brackets are nested too deep"),))
    return Analysis(tuple(reader.uses), tuple(reader.problems))


def _stored(tree: nodes.Template) -> frozenset[str]:
    """Names that the template itself gives a value (`set`, `for`, `with`)."""
    stored = {name.name for name in tree.find_all(nodes.Name) if name.ctx in ("store", "param")}
    return frozenset(stored | {"loop"} if next(tree.find_all(nodes.For), None) else stored)


class _Reader:
    """Walks a tree once; chains of attributes are read as one dotted name."""

    def __init__(
        self, flat: Flat, brand: Mapping[str, object] | None, local: frozenset[str]
    ) -> None:
        self.flat = flat
        self.brand = brand
        self.local = local
        self.uses: list[Use] = []
        self.problems: list[Problem] = []

    def walk(self, node: nodes.Node) -> None:
        """Check a node and everything in it."""
        if isinstance(node, nodes.Call):
            self._call(node)
            return
        if isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Name):
            self._access(node)
            return
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            self._mistake(
                node,
                rf"\|\s*{re.escape(node.name)}\b",
                f"|{node.name}: unknown filter",
                _FILTER_HINTS.get(node.name) or did_you_mean(node.name, FILTERS),
            )
        if isinstance(node, nodes.Test) and node.name not in PLAIN.tests:
            hint = did_you_mean(node.name, PLAIN.tests)
            self._mistake(node, rf"\bis\s+(not\s+)?{node.name}", f"{node.name}: unknown test", hint)
        if isinstance(node, nodes.NSRef):
            name = f"{node.name}.{node.attr}"
            self._mistake(node, Use(name, 0).pattern(), f"{name}: this name cannot be set")
        if isinstance(node, nodes.For) and node.recursive:
            self._mistake(node, r"\brecursive\b", "a loop cannot be recursive")
        for child in node.iter_child_nodes():
            self.walk(child)

    def _call(self, node: nodes.Call) -> None:
        name = _chain(node.node) or "this"
        if name not in _OWN_FUNCTIONS or (name == "range" and "range" in self.local):
            method = name.rpartition(".")[2]
            hint = f"use the filter |{method}" if method in FILTERS else None
            pattern = Use(name, 0).pattern() if _UNNAMED.match(name) else None
            self._mistake(node, pattern, f"{name}(): a template cannot call anything", hint)
        for child in (*node.args, *node.kwargs):
            self.walk(child)

    def _access(self, node: nodes.Getattr | nodes.Getitem | nodes.Name) -> None:
        name = _chain(node)
        if name is None:
            for child in node.iter_child_nodes():
                self.walk(child)
            self._odd_access(node)
            return
        if isinstance(node, nodes.Name) and node.ctx != "load":
            self._store(node)
            return
        use = Use(name, node.lineno)
        if any(part.startswith("_") for part in name.split(".")):
            secret = next(part for part in name.split(".") if part.startswith("_"))
            self._mistake(node, re.escape(secret), f"{secret}: names do not begin with '_'")
        elif use.root not in self.local:
            self._name(use, node)

    def _odd_access(self, node: nodes.Node) -> None:
        """An attribute of something computed: only private ones are mistakes here."""
        attribute = getattr(node, "attr", None) or _constant(getattr(node, "arg", None))
        if isinstance(attribute, str) and attribute.startswith("_"):
            self._mistake(node, re.escape(attribute), f"{attribute}: names do not begin with '_'")
        root = next(iter(node.find_all(nodes.Name)), None)
        if isinstance(node, nodes.Getitem) and _is_group(root, self.local):
            self._mistake(node, r"\[", "a value is named as group.name, not computed")

    def _store(self, node: nodes.Name) -> None:
        if node.name in _GROUPS or node.name.startswith("_"):
            self._mistake(
                node, rf"\b{re.escape(node.name)}\b", f"{node.name}: this name cannot be set"
            )

    def _name(self, use: Use, node: nodes.Node) -> None:
        message, hint = self._judge(use)
        if message:
            self._mistake(node, use.pattern(), message, hint)
        else:
            self.uses.append(use)

    def _judge(self, use: Use) -> tuple[str, str | None]:
        """What is wrong with a name that the template does not set itself."""
        root, dot, rest = use.name.partition(".")
        if not dot:
            return self._judge_bare(root)
        if root == "brand":
            return _judge_brand(use.name, rest, self.brand)
        if "." in rest:
            first, _, more = rest.partition(".")
            hint = f"write {root}.{first}|{more}" if more in FILTERS else None
            if root == "account" and more in MEASURES:
                hint = f"write account.{first}_{more}"
            elif root not in ("customer", "account") and first == "last":
                hint = f"write {root}.last_{more}"
            return f"'{use.name}' goes too deep: a value is group.name", hint
        if root in ("customer", "account"):
            return "", None
        known = MESSAGE_NAMES if root == "message" else MEASURES
        if rest in known or (root != "message" and rest.startswith("last_")):
            return "", None  # whether the event has such a field is for the YAML to say
        likely = (f"customer.{rest}", f"brand.{rest}", *(f"{root}.{name}" for name in known))
        hint = did_you_mean(use.name, likely) or f"{root} has {', '.join(known)}"
        return f"'{use.name}' is not defined", hint

    def _judge_bare(self, root: str) -> tuple[str, str | None]:
        if root in _GROUPS:
            return f"'{root}' holds several values", f"write {root}.name"
        near = did_you_mean(root, (*_GROUPS, *self.local))
        return f"'{root}' is not defined", near or f"did you mean customer.{root}?"

    def _mistake(
        self, node: nodes.Node, pattern: str | None, message: str, hint: str | None = None
    ) -> None:
        self.problems.append(self.flat.find(node.lineno, pattern).problem(message, hint=hint))


def _judge_brand(
    name: str, rest: str, brand: Mapping[str, object] | None
) -> tuple[str, str | None]:
    if brand is None:
        return "", None
    value: object = brand
    for part in rest.split("."):
        if not isinstance(value, Mapping) or part not in value:
            known = [f"brand.{key}" for key in brand]
            hint = did_you_mean(name, known) or "set it under `brand:` in config/relance.yaml"
            return f"'{name}' is not defined", hint
        value = value[part]
    return "", None


def _chain(node: nodes.Node) -> str | None:
    """`a.b.c` (or `a["b"]`) as a dotted name; None for anything computed."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        inner = _chain(node.node)
        return f"{inner}.{node.attr}" if inner else None
    if isinstance(node, nodes.Getitem):
        inner, key = _chain(node.node), _constant(node.arg)
        return f"{inner}.{key}" if inner and isinstance(key, str) else None
    return None


def _constant(node: object) -> object:
    return node.value if isinstance(node, nodes.Const) else None


def _is_group(root: nodes.Name | None, local: Collection[str]) -> bool:
    return root is not None and root.name not in local


def unknown_names(flat: Flat, analysis: Analysis, known: Collection[str]) -> Iterator[Problem]:
    """Uses of data names that the workspace's data does not have, and of links back to us where
    there is no way back."""
    for use in analysis.uses:
        if use.name in known or (use.root in ("brand", "message") and use.name not in LINK_NAMES):
            continue
        place = flat.find(use.line, use.pattern())
        if use.name in LINK_NAMES:
            message = f"'{use.name}' leads nowhere: no web.public_url is set"
            hint = "set web.public_url and web.secret in config/relance.yaml"
            yield place.problem(message, hint=hint)
        else:
            yield place.problem(f"'{use.name}' is not defined", hint=did_you_mean(use.name, known))


def nobodys_links(flat: Flat, analysis: Analysis) -> Iterator[Problem]:
    """Uses of a customer's links in a text that the customer never sees."""
    for use in analysis.uses:
        if use.name in LINK_NAMES:
            place = flat.find(use.line, use.pattern())
            yield place.problem(
                f"'{use.name}' has no place here: the customer does not read this",
                hint="it is for e-mail and text messages",
            )
