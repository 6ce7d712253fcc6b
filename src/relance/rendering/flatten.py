"""Layouts and snippets put into the template that uses them, as text, before Jinja sees it.

What is left holds no block, extends or include, so that it can be turned into HTML and have
its CSS inlined once instead of once per message. Every character still knows its own file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from relance.rendering.frontmatter import Document
from relance.rendering.hints import did_you_mean
from relance.rendering.library import FOLDER, preferences
from relance.rendering.pieces import Flat, Kind, Piece, Place, scan

MAX_FILES = 200  # opened for one template: a net of includes can double at every level
MAX_LENGTH = 1_000_000
LOGIC = frozenset(
    {"if", "elif", "else", "endif", "for", "endfor", "set", "endset", "with", "endwith"}
)
_SHAPE = frozenset({"block", "endblock", "extends", "include"})
_TARGET = re.compile(r"""\{%\s*(?:extends|include)\s+(["'])(?P<path>[^"']+)\1\s*%\}$""")
_BLOCK = re.compile(r"\{%\s*block\s+(?P<name>\w+)\s*%\}$")
_SUPER = re.compile(r"\{\{\s*super\(\)\s*\}\}$")


@dataclass(slots=True)
class Block:
    """A named hole in a layout, or what a template puts into it."""

    name: str
    place: Place
    items: list[Item] = field(default_factory=list)


Item = Piece | Block
Overrides = Mapping[str, Sequence[Item]]


class Flattener:
    """Flattens templates of one locale over the shared files of a workspace.

    A shared file may have variants by locale too: `snippets/footer.fr.mjml` goes before
    `snippets/footer.mjml`.
    """

    def __init__(self, shared: Mapping[str, str], locale: str, workspace_locale: str) -> None:
        self._shared = shared
        self._locales = preferences(locale or None, workspace_locale)
        self._opened = 0

    def flatten(self, document: Document, suffix: str) -> Flat:
        """The whole text of a template. Raises RenderError at the place of a mistake."""
        items = _blocks(scan(document.body, document.place))
        parent = _extends(items)
        layout = document.entries.get("layout")
        if layout and parent:
            raise parent.place.error("a template has `layout:` or {% extends %}, not both")
        if layout:
            path = layout.text if "." in layout.text else f"{layout.text}.{suffix}"
            flat = self._fill(f"layouts/{path}", layout.place, _as_content(items))
        else:
            flat = self._extend(items, {}, ())
        pieces: list[Piece] = []
        length = 0
        for piece in flat:
            length += len(piece.text)
            if length > MAX_LENGTH:
                raise piece.place.error(f"with its snippets it is over {MAX_LENGTH:,} characters")
            pieces.append(piece)
        return Flat(pieces)

    def _extend(
        self, items: Sequence[Item], overrides: Overrides, stack: tuple[str, ...]
    ) -> Iterable[Piece]:
        """Fill a file's blocks, going up to the layout that it extends, if any."""
        parent = _extends(items)
        if parent is None:
            return self._resolve(items, overrides, stack)
        own = _only_blocks(items, parent)
        merged = {name: _with_super(overrides.get(name), body) for name, body in own.items()}
        return self._fill(_target(parent), parent.place, {**overrides, **merged}, stack)

    def _fill(
        self, path: str, place: Place, overrides: Overrides, stack: tuple[str, ...] = ()
    ) -> Iterable[Piece]:
        found, text = self._open(path, place, stack)
        items = _blocks(scan(text, Place(f"{FOLDER}/{found}", 1, 1)))
        if _extends(items) is None:
            _refuse_strangers(items, overrides, found)
        return self._extend(items, overrides, (*stack, found))

    def _resolve(
        self, items: Sequence[Item], overrides: Overrides, stack: tuple[str, ...]
    ) -> Iterable[Piece]:
        for item in items:
            if isinstance(item, Block):
                mark = f"block {item.name}"
                if mark in stack:
                    raise item.place.error(f"{mark} stands inside itself")
                body = _with_super(overrides.get(item.name), item.items)
                yield from self._resolve(body, overrides, (*stack, mark))
            elif item.keyword == "include":
                yield from self._include(item, overrides, stack)
            elif item.keyword == "extends":
                raise item.place.error("{% extends %} comes first in a file, and once")
            else:
                yield item

    def _include(
        self, piece: Piece, overrides: Overrides, stack: tuple[str, ...]
    ) -> Iterable[Piece]:
        found, text = self._open(_target(piece), piece.place, stack)
        items = _blocks(scan(text, Place(f"{FOLDER}/{found}", 1, 1)))
        return self._resolve(items, overrides, (*stack, found))

    def _open(self, path: str, place: Place, stack: tuple[str, ...]) -> tuple[str, str]:
        stem, dot, suffix = path.rpartition(".")
        for locale in self._locales:
            name = f"{stem}.{locale}.{suffix}" if locale else path
            if name in stack:
                raise place.error(f"{name} includes itself: {' > '.join((*stack, name))}")
            if name in self._shared:
                self._opened += 1
                if self._opened > MAX_FILES:
                    raise place.error(f"more than {MAX_FILES} files are put into one template")
                return name, self._shared[name]
        hint = did_you_mean(path, self._shared)
        raise place.error(f"there is no {FOLDER}/{path if dot else path + '…'}", hint=hint)


def _blocks(pieces: Sequence[Piece]) -> list[Item]:
    """Pieces with `{% block %}` … `{% endblock %}` folded into blocks."""
    root = Block("", pieces[0].place if pieces else Place("", 0, 0))
    open_blocks = [root]
    for piece in pieces:
        _refuse_unknown_statement(piece)
        if piece.keyword == "block":
            block = Block(_block_name(piece), piece.place)
            open_blocks[-1].items.append(block)
            open_blocks.append(block)
        elif piece.keyword == "endblock":
            if len(open_blocks) == 1:
                raise piece.place.error("{% endblock %} closes nothing")
            open_blocks.pop()
        else:
            open_blocks[-1].items.append(piece)
    if len(open_blocks) > 1:
        block = open_blocks[-1]
        raise block.place.error(f"block {block.name} is never closed with {{% endblock %}}")
    return root.items


def _refuse_unknown_statement(piece: Piece) -> None:
    if piece.kind is not Kind.STATEMENT or piece.keyword in LOGIC | _SHAPE:
        return
    raise piece.place.error(
        f"{piece.keyword or 'this'}: not a statement of a template",
        hint=did_you_mean(piece.keyword, LOGIC | _SHAPE)
        or "if, for, set, with, block, extends and include are",
    )


def _block_name(piece: Piece) -> str:
    match = _BLOCK.match(piece.text)
    if match is None:
        raise piece.place.error("write it as {% block name %}")
    return match["name"]


def _target(piece: Piece) -> str:
    match = _TARGET.match(piece.text)
    if match is None:
        raise piece.place.error(
            f'write it as {{% {piece.keyword} "path" %}}, with the path in quotes and nothing more'
        )
    return match["path"]


def _extends(items: Sequence[Item]) -> Piece | None:
    """The `{% extends %}` that a file begins with."""
    for item in items:
        if isinstance(item, Block):
            return None
        if item.keyword == "extends":
            return item
        if item.kind is not Kind.COMMENT and item.text.strip():
            return None
    return None


def _only_blocks(items: Sequence[Item], parent: Piece) -> dict[str, list[Item]]:
    blocks: dict[str, list[Item]] = {}
    for item in items:
        if isinstance(item, Block):
            if item.name in blocks:
                raise item.place.error(f"block {item.name} is given twice")
            blocks[item.name] = item.items
        elif item is not parent and item.kind is not Kind.COMMENT and item.text.strip():
            lost = item.text[: len(item.text) - len(item.text.lstrip())]
            raise item.place.after(lost).error(
                "this stands outside of every block and would never be shown",
                hint="put it into a {% block %} of the layout",
            )
    return blocks


def _as_content(items: Sequence[Item]) -> dict[str, list[Item]]:
    """A body under `layout:`: its blocks by name, and the rest as the block `content`."""
    blocks: dict[str, list[Item]] = {}
    content: list[Item] = []
    for item in items:
        if isinstance(item, Block) and item.name in blocks:
            raise item.place.error(f"block {item.name} is given twice")
        if isinstance(item, Block):
            blocks[item.name] = item.items
        else:
            content.append(item)
    return {"content": content, **blocks}


def _with_super(body: Sequence[Item] | None, parent: Sequence[Item]) -> Sequence[Item]:
    """A block's own items, `{{ super() }}` in them replaced by the layout's."""
    if body is None:
        return parent
    filled: list[Item] = []
    for item in body:
        if isinstance(item, Piece) and _SUPER.match(item.text):
            filled.extend(parent)
        else:
            filled.append(item)
    return filled


def _refuse_strangers(items: Sequence[Item], overrides: Overrides, layout: str) -> None:
    known = set(_names(items))
    for name, body in overrides.items():
        if name not in known and any(_says_something(item) for item in body):
            raise _place_of(body).error(
                f"block {name} is not in {FOLDER}/{layout} and would never be shown",
                hint=did_you_mean(name, known),
            )


def _names(items: Sequence[Item]) -> Iterable[str]:
    for item in items:
        if isinstance(item, Block):
            yield item.name
            yield from _names(item.items)


def _says_something(item: Item) -> bool:
    return isinstance(item, Block) or (item.kind is not Kind.COMMENT and bool(item.text.strip()))


def _place_of(items: Sequence[Item]) -> Place:
    return next((item.place for item in items if _says_something(item)), items[0].place)
