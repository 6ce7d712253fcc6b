"""Turn a template into finished HTML before Jinja runs, so that a message costs only its values.

Jinja's tags are replaced by tokens that MJML and CSS inlining leave alone, and put back after.
Where it cannot be proven that every tag came back in its place, `Unprovable` is raised and the
template is rendered the long way round: Jinja first, then MJML and inlining for each message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from relance.rendering.pieces import Flat, Kind, Piece
from relance.rendering.plaintext import VOID, to_text

TOKEN = re.compile(r"zq([es])(\d+)zq")
_RAW_TEXT = frozenset({"style", "script", "mj-style"})
_ONLY_TEXT = frozenset({"title", "textarea", "mj-title", "mj-preview"})
# between the children of these MJML elements a comment may stand, wrapped in mj-raw
_TAKES_RAW = frozenset({"mj-body", "mj-column"})
_CLOSED = frozenset(
    [
        "mjml",
        "mj-head",
        "mj-attributes",
        "mj-wrapper",
        "mj-section",
        "mj-group",
        "mj-hero",
        "mj-accordion",
        "mj-accordion-element",
        "mj-carousel",
        "mj-navbar",
        "mj-social",
    ]
)
# which siblings there are depends on the customer: their CSS cannot be inlined ahead
_SIBLING_CSS = re.compile(
    r":(?:first|last|nth|only|empty|has|not)\b|(?<=[\w\])])\s*[+~]\s*(?=[\w.#\[*])"
)
_OPENERS = frozenset({"if", "for", "with"})
_LEXED = re.compile(r"<!--|<(?P<tag>/?[A-Za-z][\w:-]*)|(?P<quote>[\"'])|(?P<end>/?>)")


class Unprovable(Exception):
    """The template has to be rendered the long way round; the message says why."""


@dataclass(slots=True)
class _Position:
    """Where in the markup a text ends: in an element, a tag, an attribute's value, a comment."""

    stack: list[str] = field(default_factory=list)
    tag: str = ""  # the tag that is being read, with its slash where it closes
    quote: str = ""  # the quote of the attribute value that is being read
    comment: bool = False

    def feed(self, text: str) -> None:
        """Read on."""
        offset = 0
        while offset < len(text):
            offset = self._step(text, offset)

    def _step(self, text: str, offset: int) -> int:
        if self.comment:
            return self._until(text, offset, "-->", self._leave_comment)
        if self.quote:
            return self._until(text, offset, self.quote, self._leave_quote)
        if not self.tag and self.stack and self.stack[-1] in _RAW_TEXT | _ONLY_TEXT:
            end = text.find(f"</{self.stack[-1]}", offset)
            if end < 0:
                return len(text)
            self.tag = f"/{self.stack[-1]}"
            return end + 1 + len(self.tag)
        match = _LEXED.search(text, offset)
        if match is None:
            return len(text)
        self._lex(match)
        return match.end()

    def _lex(self, match: re.Match[str]) -> None:
        if self.tag:
            if match["quote"]:
                self.quote = match["quote"]
            elif match["end"]:
                self._end_tag(empty=match["end"] == "/>")
        elif match["tag"]:
            self.tag = match["tag"].lower()
        elif match[0] == "<!--":
            self.comment = True

    def _until(self, text: str, offset: int, mark: str, leave: Callable[[], None]) -> int:
        end = text.find(mark, offset)
        if end < 0:
            return len(text)
        leave()
        return end + len(mark)

    def _leave_comment(self) -> None:
        self.comment = False

    def _leave_quote(self) -> None:
        self.quote = ""

    def _end_tag(self, *, empty: bool) -> None:
        name = self.tag.removeprefix("/")
        if not self.tag.startswith("/"):
            if not empty and name not in VOID:
                self.stack.append(name)
        elif name in self.stack:
            while self.stack.pop() != name:
                pass
        self.tag = ""

    @property
    def parent(self) -> str:
        return self.stack[-1] if self.stack else ""


class Protected:
    """A flattened template whose Jinja tags are tokens."""

    def __init__(self, flat: Flat) -> None:
        """Raises Unprovable where a tag stands in a place that no token can hold."""
        if TOKEN.search(flat.text):
            raise Unprovable("the text looks like a token")
        self._expressions: dict[str, int] = {}
        self._statements: list[Piece] = []
        self._pairs: set[tuple[int, int]] = set()  # expression, and how many statements precede
        self.text = "".join(self._protect(flat))
        self._groups = _groups(self._statements)

    def _protect(self, flat: Flat) -> Iterator[str]:
        position = _Position()
        for piece in flat.pieces:
            if piece.kind is Kind.TEXT:
                position.feed(piece.text)
                yield piece.text
            elif piece.kind is Kind.EXPRESSION:
                yield self._expression(piece, position)
            elif piece.kind is Kind.STATEMENT:
                yield self._statement(piece, position)

    def _expression(self, piece: Piece, at: _Position) -> str:
        bare = not at.quote and not at.comment
        if bare and (at.tag or at.parent in _CLOSED | _TAKES_RAW | {""}):
            raise Unprovable("a value stands between attributes or elements")
        number = self._expressions.setdefault(piece.text, len(self._expressions))
        self._pairs.add((number, len(self._statements)))
        return f"zqe{number}zq"

    def _statement(self, piece: Piece, at: _Position) -> str:
        token = f"zqs{len(self._statements)}zq"
        self._statements.append(piece)
        if at.quote or at.parent in _ONLY_TEXT:
            return token
        if at.comment or at.tag or at.parent in _CLOSED | _RAW_TEXT:
            raise Unprovable("a statement stands where no comment can")
        return f"<mj-raw><!--{token}--></mj-raw>" if at.parent in _TAKES_RAW else f"<!--{token}-->"

    def html(self, markup: str, finished: str) -> str:
        """Jinja source again, from the HTML before and after inlining. Raises Unprovable."""
        if self._statements and _SIBLING_CSS.search("".join(_styles(markup))):
            raise Unprovable("the CSS depends on which elements there are")
        found = _Tokens()
        found.feed(finished)
        found.close()
        self._prove(found.order)
        if len(found.homes) != len(self._statements):
            raise Unprovable("a statement is lost or doubled")
        for group in self._groups:
            if len({found.homes[number] for number in group}) != 1:
                raise Unprovable("a statement and its end are in different elements")
        return self._restore(finished)

    def plain(self, finished: str) -> str:
        """Jinja source of the plain-text part, from the finished HTML. Raises Unprovable."""
        text = to_text(finished, marker=TOKEN)
        order = [(match[1], int(match[2])) for match in TOKEN.finditer(text)]
        statements = [number for kind, number in order if kind == "s"]
        present = set(statements)
        if statements != sorted(present):
            raise Unprovable("the statements of the text are out of order")
        if any(present & group and not group <= present for group in self._groups):
            raise Unprovable("a statement of the text has lost its end")
        return self._restore(text)

    def _prove(self, order: list[tuple[str, int]]) -> None:
        seen = 0
        pairs = set()
        for kind, number in order:
            if kind == "e":
                pairs.add((number, seen))
            elif number != seen:
                raise Unprovable("the statements are out of order")
            else:
                seen += 1
        if pairs != self._pairs:
            raise Unprovable("a value is lost or moved across a statement")

    def _restore(self, text: str) -> str:
        expressions = list(self._expressions)
        # braces of the text itself must not become tags (`@media print{#logo{…}}`)
        text = re.sub(r"\{(?=[{%#])", '{{ "{" }}', text)

        def tag(match: re.Match[str]) -> str:
            number = int(match[2])
            if match[1] == "e":
                return expressions[number]
            return self._statements[number].text

        text = re.sub(rf"<!--({TOKEN.pattern})-->", lambda match: match[1], text)
        return TOKEN.sub(tag, text)


def _groups(statements: list[Piece]) -> list[set[int]]:
    """Statements that belong together: an `if` with its `elif`, `else` and `endif`."""
    groups: list[set[int]] = []
    open_groups: list[set[int]] = []
    for number, piece in enumerate(statements):
        word = piece.keyword
        if word in _OPENERS or (word == "set" and "=" not in piece.text):
            open_groups.append({number})
            groups.append(open_groups[-1])
        elif word == "set":
            groups.append({number})
        elif open_groups:
            open_groups[-1].add(number)
            if word.startswith("end"):
                open_groups.pop()
    return groups


def _styles(html: str) -> Iterator[str]:
    for match in re.finditer(r"<style[^>]*>(.*?)</style>", html, re.DOTALL):
        yield match[1]


class _Tokens(HTMLParser):
    """The tokens of a document in order, and which element or attribute each statement is in."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.order: list[tuple[str, int]] = []
        self.homes: dict[int, tuple[int, str]] = {}
        self._stack: list[tuple[str, int]] = []
        self._elements = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._elements += 1
        for name, value in attrs:
            self._note(value or "", (self._elements, name), statements=True)
        if tag not in VOID:
            self._stack.append((tag, self._elements))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if any(name == tag for name, _ in self._stack):
            while self._stack.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        only_text = bool(self._stack) and self._stack[-1][0] in _ONLY_TEXT
        self._note(data, self._home, statements=only_text)

    def handle_comment(self, data: str) -> None:
        alone = bool(TOKEN.fullmatch(data))
        self._note(data, self._home, statements=alone)

    @property
    def _home(self) -> tuple[int, str]:
        return (self._stack[-1][1] if self._stack else 0, "")

    def _note(self, text: str, home: tuple[int, str], *, statements: bool) -> None:
        for match in TOKEN.finditer(text):
            kind, number = match[1], int(match[2])
            self.order.append((kind, number))
            if kind == "s":
                if not statements:
                    raise Unprovable("a statement is hidden in a comment or in text")
                self.homes[number] = home
