"""The report's page as its readers have it: rendered, as text, and as an outline."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

import report_samples as samples
from relance.rendering.report import html
from relance.uplift.report import Report, TriggerReport
from report_samples import AT

VOID = {"meta", "br", "wbr", "link", "img", "hr", "input"}


def page(*triggers: TriggerReport, locale: str = "en", **changes: object) -> str:
    return render(samples.report(*triggers, **changes), locale)


def render(report: Report, locale: str = "en") -> str:
    return html(report, workspace="La Boutique", at=AT, locale=locale)


def text(source: str) -> str:
    """What a person reads: no tags, no style, ordinary spaces."""
    body = re.sub(r"<(style|defs)\b.*?</\1>", "", source, flags=re.S)
    bare = re.sub(r"<(?!wbr)[^>]*>", " ", body).replace("<wbr>", "")
    return " ".join(unescape(bare).split())


class Outline(HTMLParser):
    """Collects the open elements, every attribute, and what does not fit."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)


def outline(source: str) -> Outline:
    parsed = Outline()
    parsed.feed(source)
    return parsed


def contrast(one: str, other: str) -> float:
    """Of two colours, 1 to 21 (WCAG 2.2)."""
    lighter, darker = sorted((brightness(one), brightness(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def brightness(colour: str) -> float:
    """Relative luminance of `rgb(…)` or `#rrggbb`, 0 to 1 (WCAG 2.2)."""
    if colour.startswith("#"):
        wide = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        parts = [int(wide[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    else:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
