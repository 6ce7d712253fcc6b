"""One variant of a template at work: compiled when first needed, its failures located."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property

from babel import Locale
from jinja2 import TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError

from relance.domain.channel import is_personal
from relance.domain.message import Rendered
from relance.errors import Problem, RenderError
from relance.rendering.analysis import Use, nobodys_links, unknown_names
from relance.rendering.compiled import Case, Compiled, Scope, compile_source
from relance.rendering.environment import FAILURES, Program, Setting
from relance.rendering.formats import CannotFormat
from relance.rendering.hints import did_you_mean
from relance.rendering.html import HtmlError
from relance.rendering.mjml import MjmlError
from relance.rendering.pieces import Flat, Place
from relance.rendering.sms import Encoding, SmsLength, sms_length
from relance.rendering.source import Source
from relance.rendering.values import LINK_NAMES, Group, NameUnknown, ValueMissing, dotted
from relance.rendering.variables import given_twice

_ESCAPED = frozenset({"html", "preheader"})


class Variant:
    """A template's file for one locale. `cases` are values to try it with, `[0]` plausible ones."""

    def __init__(
        self, source: Source, language: Locale, cases: Callable[[Source], Sequence[Case]]
    ) -> None:
        self.source = source
        self._language = language
        self._cases = cases
        self._roots = {name.partition(".")[0] for name in source.names} | {"customer", "message"}

    @cached_property
    def compiled(self) -> Compiled:
        """Raises RenderError for a template with mistakes."""
        if self.source.problems:
            raise RenderError(self.source.problems[0])
        try:
            return compile_source(self.source, self._language, self._cases(self.source))
        except TemplateSyntaxError as error:
            _ = self._programs  # raises at the place of the mistake
            raise self._start.error(error.message or "this is not a template") from None

    @cached_property
    def _programs(self) -> list[tuple[Flat, Program]]:
        """The parts as they were written: for finding the line of a failure."""
        return [(flat, self._program(part, flat)) for part, flat in self.source.parts.items()]

    def _program(self, part: str, flat: Flat) -> Program:
        try:
            return Program(flat.text, part, escape=part in _ESCAPED, brand=self.source.brand or {})
        except TemplateSyntaxError as error:
            place = flat.find(error.lineno or 1)
            raise place.error(error.message or "this is not a template") from None

    @property
    def _start(self) -> Place:
        html = self.source.parts.get("html")
        return html.place(0) if html and html.pieces else Place(self.source.file.path, 1, 1)

    def render(self, scope: dict[str, object], setting: Callable[[], Setting]) -> Rendered:
        """One message. Raises RenderError with the place in the template."""
        for root in self._roots:
            if root not in scope:
                scope[root] = Group(root)
        try:
            return self.compiled.render(scope, setting())
        except FAILURES as error:
            raise RenderError(self._locate(error, scope, setting)) from None

    def problems(self, known: Collection[str] | None) -> Iterator[Problem]:
        """Every mistake, and what a person should know before sending this."""
        yield from self.source.problems
        for part, analysis in self.source.analyses.items():
            flat = self.source.parts[part]
            if not is_personal(self.source.file.channel):
                yield from nobodys_links(flat, analysis)
                known = None if known is None else {*known, *LINK_NAMES}
            if known is not None:
                yield from unknown_names(flat, analysis, known)
        if not self.source.problems and self.source.brand is not None:
            yield from self._try()

    def _try(self) -> Iterator[Problem]:
        """Render with plausible values: what fails now would fail for everybody."""
        scope, setting = self._cases(self.source)[0]
        try:
            rendered = self.render(dict(scope), setting)
        except RenderError as error:
            yield error.problem
            return
        if self.source.file.channel == "sms":
            yield from _length_problems(self.source, sms_length(rendered.text))
        if rendered.content is not None and (twice := given_twice(rendered.text)):
            place = self.source.parts["text"].place(0)
            yield place.problem(f"the variable {twice} is given twice")

    def _locate(self, error: Exception, scope: Scope, setting: Callable[[], Setting]) -> Problem:
        """Render the parts as they were written, to find the line that fails."""
        for flat, program in self._programs:
            try:
                program.render(scope, setting())
            except FAILURES as found:
                return _explain(found, flat, program.line_of(found), scope)
        return self._start.problem(_sentence(error))


def _explain(error: Exception, flat: Flat, line: int, scope: Scope) -> Problem:
    pattern = None
    hint = None
    if isinstance(error, NameUnknown):
        pattern = Use(error.name, line).pattern()
        hint = did_you_mean(error.name, dotted(scope))
    elif isinstance(error, ValueMissing):
        pattern = Use(error.name, line).pattern()
        hint = f'write {error.name}|default("…") or {{% if {error.name} %}}'
    return flat.find(line, pattern).problem(_sentence(error), hint=hint)


def _sentence(error: Exception) -> str:
    """What went wrong, without anything that could be a customer's value."""
    if isinstance(error, UndefinedError | SecurityError):
        return error.message or "something here has no value"
    if isinstance(error, CannotFormat | MjmlError | HtmlError):
        return str(error)
    if isinstance(error, RecursionError | MemoryError):
        return "this template takes too much memory"
    if isinstance(error, OverflowError):
        return "a number or a range here is too large"
    return f"this cannot be computed with the customer's values ({type(error).__name__})"


def _length_problems(source: Source, length: SmsLength) -> Iterator[Problem]:
    if length.segments <= 1:
        return
    place = source.parts["text"].place(0)
    message = (
        f"about {length.units} units in {length.encoding}: billed as {length.segments} messages"
    )
    hint = None
    if length.encoding is Encoding.UCS_2:
        shown = ", ".join(f"{c} (U+{ord(c):04X})" for c in length.culprits[:5])
        hint = f"not in GSM-7: {shown}"
    yield place.problem(message, hint=hint, warning=True)
