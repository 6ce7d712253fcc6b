"""One variant of a message's template, flattened and analysed: what all later steps start from."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parseaddr

from relance.errors import Problem, RenderError
from relance.rendering.analysis import Analysis, analyse
from relance.rendering.flatten import Flattener
from relance.rendering.frontmatter import Document, Entry, read
from relance.rendering.library import Library, TextFile
from relance.rendering.mjml import mjml_problems
from relance.rendering.pieces import Flat, Place, scan
from relance.rendering.variables import not_variables

_EMAIL_KEYS = frozenset({"subject", "preheader", "from", "layout"})
_TEXT_KEYS = frozenset({"layout"})
_CONTENT_KEY = "content_sid"
_KEYS = {"email": _EMAIL_KEYS, "whatsapp": _TEXT_KEYS | {_CONTENT_KEY}}
_CONTENT_SID = re.compile(r"HX[0-9a-f]{32}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A variant's parts. An e-mail has subject, preheader and html, and text where it is given;
    every other channel has text. `content` is the vendor's id of an approved text (WhatsApp); the
    text is then the values of its variables. Parts that have mistakes are left out and the
    mistakes are in `problems`.
    """

    file: TextFile
    parts: Mapping[str, Flat]
    analyses: Mapping[str, Analysis]
    sender: str | None
    content: str | None
    problems: tuple[Problem, ...]
    fingerprint: str
    brand: Mapping[str, object] | None

    @property
    def names(self) -> frozenset[str]:
        """The data names used in any part."""
        return frozenset().union(*(analysis.names for analysis in self.analyses.values()))

    @property
    def message_names(self) -> frozenset[str]:
        """The names of the message's own (`message.unsubscribe_url`) used in any part."""
        return frozenset().union(*(analysis.message_names for analysis in self.analyses.values()))


def read_source(
    file: TextFile, library: Library, brand: Mapping[str, object] | None, workspace_locale: str
) -> Source:
    """Read, flatten and analyse one variant."""
    return _Builder(file, library, brand, workspace_locale).build()


class _Builder:
    def __init__(
        self, file: TextFile, library: Library, brand: Mapping[str, object] | None, locale: str
    ) -> None:
        self.file = file
        self.library = library
        self.brand = brand
        self.flattener = Flattener(library.shared, file.locale, locale)
        self.sender: str | None = None
        self.content: str | None = None
        self.problems: list[Problem] = []
        self.parts: dict[str, Flat] = {}

    def build(self) -> Source:
        keys = _KEYS.get(self.file.channel, _TEXT_KEYS)
        document = read(self.file.path, self.file.text, keys)
        self.problems.extend(document.problems)
        if self.file.channel == "email":
            self._email(document)
        else:
            self._flatten("text", document, "txt")
        self.sender = self._sender(document.entries.get("from"))
        if entry := document.entries.get(_CONTENT_KEY):
            self._approved(entry)
        analyses = {name: analyse(flat, self.brand) for name, flat in self.parts.items()}
        for analysis in analyses.values():
            self.problems.extend(analysis.problems)
        if self.file.suffix == "mjml" and "html" in self.parts:
            self.problems.extend(mjml_problems(self.parts["html"]))
        return Source(
            file=self.file,
            parts=self.parts,
            analyses=analyses,
            sender=self.sender,
            content=self.content,
            problems=tuple(self.problems),
            fingerprint=self._fingerprint(analyses),
            brand=self.brand,
        )

    def _email(self, document: Document) -> None:
        if not document.entries.get("subject", Entry("", document.place)).text:
            missing = Place(self.file.path, 1, 1)
            self.problems.append(
                missing.problem("an e-mail needs a `subject:` between '---' lines at its top")
            )
        for key in ("subject", "preheader"):
            if entry := document.entries.get(key):
                self._scan(key, entry)
        self._flatten("html", document, self.file.suffix)
        if plain := self.library.plain(self.file.template, self.file.locale):
            text = read(plain.path, plain.text, _TEXT_KEYS)
            self.problems.extend(text.problems)
            self._flatten("text", text, "txt")

    def _scan(self, key: str, entry: Entry) -> None:
        try:
            self.parts[key] = Flat(scan(entry.text, entry.place))
        except RenderError as error:
            self.problems.append(error.problem)

    def _flatten(self, part: str, document: Document, suffix: str) -> None:
        try:
            self.parts[part] = self.flattener.flatten(document, suffix)
        except RenderError as error:
            self.problems.append(error.problem)

    def _sender(self, entry: Entry | None) -> str | None:
        if entry is None:
            return None
        address = parseaddr(entry.text)[1]
        if _CONTROL.search(entry.text) or not re.fullmatch(r"[^@\s]+@[^@\s]+", address):
            self.problems.append(
                entry.place.problem("from: not an address; write Name <name@domain.example>")
            )
        return entry.text

    def _approved(self, entry: Entry) -> None:
        """A text approved beforehand: the file gives values to its variables, one a line."""
        self.content = entry.text
        if not _CONTENT_SID.fullmatch(entry.text):
            self.problems.append(
                entry.place.problem(
                    "content_sid: not the id of an approved text",
                    hint="HX and 32 hexadecimal digits, from the vendor's console",
                )
            )
        if flat := self.parts.get("text"):
            self.problems.extend(not_variables(flat))

    def _fingerprint(self, analyses: Mapping[str, Analysis]) -> str:
        """Everything that can be sent: all texts, and the brand's values that they print.

        Comments are not among it. A file with mistakes is taken as it is.
        """
        brand = {
            name: str(_brand_value(self.brand, name))
            for analysis in analyses.values()
            for name in analysis.brand_names
        }
        texts = {name: flat.said for name, flat in self.parts.items()}
        raw = self.file.text if self.problems else ""
        everything = [self.file.suffix, self.sender, texts, brand, raw]
        if self.content is not None:
            everything.append(self.content)
        return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


def _brand_value(brand: Mapping[str, object] | None, name: str) -> object:
    value: object = brand
    for part in name.split(".")[1:]:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def in_file_order(problems: Iterator[Problem]) -> list[Problem]:
    """Each problem once, by path and place."""
    return sorted(dict.fromkeys(problems), key=lambda p: (p.path, p.line, p.column, p.message))
