"""The last steps from a template's HTML to one that mail programs show as it was meant."""

from __future__ import annotations

import re

import css_inline
from babel import Locale

from relance.rendering.nesting import DEEPEST, too_deep

_INLINER = css_inline.CSSInliner(
    keep_style_tags=True,  # what cannot be inlined stays: media queries, :hover
    keep_at_rules=True,
    remove_inlined_selectors=True,
    load_remote_stylesheets=False,  # nothing is fetched, neither from the net nor from disk
)
_REWRITER = css_inline.CSSInliner(
    inline_style_tags=False,
    keep_style_tags=True,
    keep_link_tags=True,
    load_remote_stylesheets=False,
)
_HTML = re.compile(r"<html\b[^>]*>", re.IGNORECASE)
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_CHARSET = re.compile(r"<meta\b[^>]*charset", re.IGNORECASE)
_EMPTY_STYLE = re.compile(r"<style[^>]*>\s*</style>")
_DEFAULT_LANGUAGE = 'lang="und" dir="auto"'  # what mrml writes where <mjml> names none
# invisible filler, so that the in-box shows the preheader alone and not what follows it
_FILLER = "\u034f\u2007" * 60
_HIDDEN = (
    "display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden"
)


class HtmlError(ValueError):
    """This HTML is not one that css-inline can read. The message holds none of the text."""


def inline_css(html: str) -> str:
    """The document with its CSS in `style` attributes. Raises HtmlError."""
    if too_deep(html):
        raise HtmlError(f"the elements are nested more than {DEEPEST} levels deep")
    try:
        inlined = _INLINER.inline(html)
    except css_inline.InlineError:
        raise HtmlError("the CSS cannot be inlined") from None
    return _EMPTY_STYLE.sub("", inlined)


def with_language(html: str, locale: Locale) -> str:
    """Say the language, the direction, the character set and that it is HTML 5."""
    direction = "rtl" if locale.character_order == "right-to-left" else "ltr"
    language = str(locale).replace("_", "-")
    html = html.replace(_DEFAULT_LANGUAGE, f'lang="{language}" dir="{direction}"')
    html = _add_attribute(html, "dir", direction)
    html = _add_attribute(html, "lang", language)
    if not _CHARSET.search(html):
        html = _HEAD.sub(lambda head: f'{head[0]}<meta charset="utf-8">', html, count=1)
    return html if html[:9].lower() == "<!doctype" else f"<!DOCTYPE html>{html}"


def _add_attribute(html: str, name: str, value: str) -> str:
    tag = _HTML.search(html)
    if tag is None or re.search(rf"\s{name}=", tag[0]):
        return html
    return f'{html[: tag.start() + 5]} {name}="{value}"{html[tag.start() + 5 :]}'


def with_preheader(html: str, preheader: str) -> str:
    """Put the line that the in-box shows beside the subject first into the body, hidden.

    `preheader` is markup already: escaped text, or the Jinja that makes it.
    """
    if not preheader.strip():
        return html
    block = f'<div style="{_HIDDEN}">{preheader}{_FILLER}</div>'
    return _BODY.sub(lambda body: body[0] + block, html, count=1)


def normal_form(html: str) -> str:
    """The document parsed and written again: two spellings of the same become equal."""
    return " ".join(_REWRITER.inline(html).split())
