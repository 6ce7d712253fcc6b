"""A variant ready to be filled: ahead where that is proven to give the same, else step by step."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from babel import Locale
from jinja2 import TemplateSyntaxError

from relance.domain.message import Rendered
from relance.rendering.ahead import Protected, Unprovable
from relance.rendering.environment import FAILURES, Program, Setting, referenced
from relance.rendering.html import HtmlError, inline_css, normal_form, with_language, with_preheader
from relance.rendering.mjml import MjmlError, to_html
from relance.rendering.plaintext import tidy, to_text
from relance.rendering.source import Source

Scope = Mapping[str, object]
Case = tuple[Scope, Callable[[], Setting]]  # values to try a template with

_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# no-break spaces are typography elsewhere, and a message of half the length in an SMS
_PLAIN_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " "})

_DEARER = 1.1  # how much longer references may make an e-mail: a Greek one would be thrice as long


class Compiled(Protocol):
    """A variant that can be filled."""

    def render(self, scope: Scope, setting: Setting) -> Rendered:
        """One message. Raises one of environment.FAILURES."""


def one_line(text: str) -> str:
    """Text for a header: whatever a value holds, no line break or control character is left."""
    return _BREAKS.sub(" ", text).strip()


class PlainText:
    """A message that is only text."""

    def __init__(self, source: Source) -> None:
        self._text = _program(source, "text", escape=False)
        self._spaces = _PLAIN_SPACES if source.file.channel == "sms" else {}
        self._content = source.content

    def render(self, scope: Scope, setting: Setting) -> Rendered:
        text = self._text.render(scope, setting)
        return Rendered(text=tidy(text.translate(self._spaces)).rstrip("\n"), content=self._content)


class _Headers:
    """What both kinds of e-mail share."""

    def __init__(self, source: Source) -> None:
        self.sender = source.sender
        self._subject = _program(source, "subject", escape=False)

    def subject(self, scope: Scope, setting: Setting) -> str:
        return one_line(self._subject.render(scope, setting))


class SteppedEmail:
    """Jinja, then MJML, CSS inlining and plain text for every message (some milliseconds)."""

    def __init__(self, source: Source, language: Locale) -> None:
        self._headers = _Headers(source)
        self._preheader = _program(source, "preheader", escape=True)
        self._html = _program(source, "html", escape=True)
        self._text = _program(source, "text", escape=False) if "text" in source.parts else None
        self._mjml = source.file.suffix == "mjml"
        self._language = language

    def render(self, scope: Scope, setting: Setting) -> Rendered:
        preheader = one_line(self._preheader.render(scope, setting))
        markup = self._html.render(scope, setting)
        inlined = inline_css(to_html(markup) if self._mjml else markup)
        html = with_preheader(with_language(inlined, self._language), preheader)
        text = tidy(self._text.render(scope, setting)) if self._text else to_text(inlined)
        return Rendered(
            text=text,
            subject=self._headers.subject(scope, setting),
            html_parts=(html,),
            sender=self._headers.sender,
        )


class AheadEmail:
    """Everything but the values done once, when the template is loaded (under 0.1 ms each).

    With `refer` its HTML is ASCII, as far as that is possible without making it much longer.
    """

    def __init__(self, source: Source, language: Locale, *, refer: bool = True) -> None:
        """Raises Unprovable, MjmlError, HtmlError or TemplateSyntaxError."""
        self._headers = _Headers(source)
        protected = Protected(source.parts["html"])
        mjml = source.file.suffix == "mjml"
        markup = to_html(protected.text) if mjml else protected.text
        inlined = inline_css(markup)
        html = with_language(protected.html(markup, inlined), language)
        preheader = source.parts.get("preheader")
        html = with_preheader(html, preheader.text if preheader else "")
        own = source.parts.get("text")
        text = own.text if own else protected.plain(inlined)
        name, brand = source.file.path, source.brand or {}
        refer = refer and len(referenced(html)) <= _DEARER * len(html.encode())
        self._html = Program(html, f"{name} (html)", escape=True, brand=brand, refer=refer)
        self._text = Program(text, f"{name} (text)", escape=False, brand=brand)

    def render(self, scope: Scope, setting: Setting) -> Rendered:
        return Rendered(
            text=tidy(self._text.render(scope, setting)),
            subject=self._headers.subject(scope, setting),
            html_parts=self._html.parts(scope, setting),
            sender=self._headers.sender,
        )


def _program(source: Source, part: str, *, escape: bool) -> Program:
    flat = source.parts.get(part)
    text = flat.text if flat else ""
    return Program(text, f"{source.file.path} ({part})", escape=escape, brand=source.brand or {})


def compile_source(source: Source, language: Locale, cases: Sequence[Case]) -> Compiled:
    """The quickest way that gives the right text. Raises TemplateSyntaxError.

    The way ahead is taken only if it gives the same as the long way on every case. References
    do not where text is not HTML: in a style sheet, a script or a comment.
    """
    if source.file.channel != "email":
        return PlainText(source)
    stepped = SteppedEmail(source, language)
    for refer in (True, False):
        try:
            ahead = AheadEmail(source, language, refer=refer)
        except (Unprovable, TemplateSyntaxError, MjmlError, HtmlError):
            return stepped
        if all(_agree(ahead, stepped, case) for case in cases):
            return ahead
    return stepped


def _agree(ahead: Compiled, stepped: Compiled, case: Case) -> bool:
    return _outcome(ahead, case) == _outcome(stepped, case)


def _outcome(compiled: Compiled, case: Case) -> object:
    scope, setting = case
    try:
        rendered = compiled.render(scope, setting())
    except FAILURES as error:
        return type(error)
    return (rendered.subject, normal_form(rendered.html), rendered.text.split(), rendered.sender)
