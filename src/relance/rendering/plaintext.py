"""The plain-text part of an e-mail, made from its HTML.

Links become `text (url)`, lists get dashes or numbers, hidden parts are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html.parser import HTMLParser

Attributes = Sequence[tuple[str, str | None]]

_SILENT = frozenset({"head", "style", "script", "title", "noscript", "template"})
VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
    ]
)
_PARAGRAPHS = frozenset(
    [
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "blockquote",
        "section",
        "header",
        "footer",
        "article",
    ]
)
_LINES = frozenset(["div", "li", "dt", "dd", "address", "pre", "figure", "caption"])
_SPACES = re.compile(r"[ \t\n\r\f]+")  # not the no-break space: typography is kept
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_UNTIDY = ("  ", " \n", "\n ", "\n\n\n")  # four searches, each twenty times quicker than one of all
_TIDY = re.compile(r" *\n[ \n]*|  +")


def to_text(html: str, *, marker: re.Pattern[str] | None = None) -> str:
    """Readable text. Comments that match `marker` are kept, where they stand, as their name."""
    reader = _Reader(marker)
    reader.feed(html)
    reader.close()
    return reader.text()


def tidy(text: str) -> str:
    """At most one empty line in a row, no spaces at line ends, none doubled."""
    if any(pattern in text for pattern in _UNTIDY):
        text = _TIDY.sub(_tidied, text)
    return text.strip() + "\n"


def _tidied(match: re.Match[str]) -> str:
    lines = match[0].count("\n")
    return "\n" * min(lines, 2) if lines else " "


class _Reader(HTMLParser):
    """Writes text with pending breaks, so that empty elements leave no empty lines."""

    def __init__(self, marker: re.Pattern[str] | None) -> None:
        super().__init__(convert_charrefs=True)
        self._marker = marker
        self._out: list[str] = []
        self._breaks = 0
        self._space = False
        self._done = 2  # breaks that stand at the end of what is written
        self._stack: list[tuple[str, bool]] = []  # open elements, and whether each is silent
        self._links: list[tuple[str, int]] = []
        self._lists: list[int | None] = []
        self._data_tables: list[bool] = []

    def text(self) -> str:
        return tidy("".join(self._out))

    @property
    def _silent(self) -> bool:
        return bool(self._stack) and self._stack[-1][1]

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        given = dict(attrs)
        silent = self._silent or tag in _SILENT or _is_hidden(given)
        if tag not in VOID:
            self._stack.append((tag, silent))
        if not silent:
            self._open(tag, given)

    def handle_startendtag(self, tag: str, attrs: Attributes) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if not any(name == tag for name, _ in self._stack):
            return
        silent = self._silent
        while self._stack.pop()[0] != tag:
            pass
        if not silent:
            self._close(tag)

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        # no-break and hair spaces alone are how HTML holds something open: nothing to read
        words = _SPACES.sub(" ", data) if not data.isspace() else " "
        if words.startswith(" "):
            self._space = True
        if stripped := words.strip(" "):
            self._write(stripped)
            self._space = words.endswith(" ")

    def handle_comment(self, data: str) -> None:
        if self._silent or self._marker is None or not self._marker.fullmatch(data):
            return
        # what is pending belongs before the marker: a loop would repeat it with every turn
        self._settle()
        self._out.append(data)

    def _write(self, text: str) -> None:
        self._settle()
        self._out.append(text)
        self._done = 0

    def _settle(self) -> None:
        """Write the pending breaks or space, unless a marker has already had them written."""
        if self._breaks > self._done:
            self._out.append("\n" * (self._breaks - self._done))
            self._done = self._breaks
        elif self._space and not self._done:
            self._out.append(" ")
        self._breaks, self._space = 0, False

    def _break(self, lines: int) -> None:
        if lines:
            self._breaks = max(self._breaks, lines)
            self._space = False

    def _open(self, tag: str, given: dict[str, str | None]) -> None:
        if tag == "br":
            self._breaks = min(self._breaks + 1, 2)
            self._space = False
        elif tag == "hr":
            self._break(2)
            self._write("---")
            self._break(2)
        elif tag == "img":
            if alt := (given.get("alt") or "").strip():
                self._write(alt)
        elif tag == "a":
            self._links.append(((given.get("href") or "").strip(), len(self._out)))
        elif tag == "table":
            self._data_tables.append(given.get("role") not in ("presentation", "none"))
            self._break(2)
        else:
            self._open_block(tag, given)

    def _open_block(self, tag: str, given: dict[str, str | None]) -> None:
        self._break(_height(tag, data_table=self._in_data_table))
        if tag in ("ul", "ol"):
            start = given.get("start") or "1"
            self._lists.append((int(start) if start.isdigit() else 1) if tag == "ol" else None)
        elif tag == "li":
            self._write(self._bullet())
            self._space = True

    def _bullet(self) -> str:
        number = self._lists[-1] if self._lists else None
        if number is None:
            return "-"
        self._lists[-1] = number + 1
        return f"{number}."

    @property
    def _in_data_table(self) -> bool:
        return bool(self._data_tables) and self._data_tables[-1]

    def _close(self, tag: str) -> None:
        if tag == "a" and self._links:
            self._close_link(*self._links.pop())
        elif tag == "table" and self._data_tables:
            self._data_tables.pop()
            self._break(2)
        elif tag in ("td", "th") and self._in_data_table:
            self._space = True
        else:
            if tag in ("ul", "ol") and self._lists:
                self._lists.pop()
            self._break(_height(tag, data_table=self._in_data_table))

    def _close_link(self, address: str, start: int) -> None:
        label = "".join(self._out[start:]).strip()
        plain = address.removeprefix("mailto:").removeprefix("tel:")
        if not address or address.startswith("#") or plain == label:
            return
        if self._space:
            self._space = False
        if label:
            self._space = True
            self._write(f"({plain})")
        else:
            self._write(plain)


def _is_hidden(given: dict[str, str | None]) -> bool:
    return "hidden" in given or bool(_HIDDEN.search(given.get("style") or ""))


def _height(tag: str, *, data_table: bool) -> int:
    """How many line breaks an element puts around itself."""
    if tag in _PARAGRAPHS:
        return 2
    if tag == "tr":
        return 1 if data_table else 2
    if tag in ("td", "th"):
        return 0 if data_table else 1
    return 1 if tag in _LINES else 0
