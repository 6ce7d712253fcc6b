"""Puts words and a customer's choices into the pages."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from babel.dates import format_date

from relance.rendering.pages.words import WORDS
from relance.rendering.standalone import standalone
from relance.uplift.wording import Locale

_FOLDER = Path(__file__).parent
_STYLE = (_FOLDER / "pages.css").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_BABEL: Mapping[Locale, str] = {"en": "en_GB", "fr": "fr"}

POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
"""The Content-Security-Policy of every page: the one style sheet in it, and nothing else."""

PAUSES = ("week", "month", "quarter", "until")
"""The breaks that a customer may choose."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """One thing to tick: the form's name for it, and the reader's."""

    name: str
    title: str
    ticked: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """What the preference page shows. `paused_until` is the first day with messages again;
    `first` and `last` bound the days that may be chosen."""

    channels: Sequence[Box]
    topics: Sequence[Box]
    paused_until: date | None
    first: date
    last: date
    saved: bool = False
    wrong_date: bool = False


def language(*wanted: str | None) -> Locale:
    """The first of these locales that the pages are written in; English otherwise."""
    for each in wanted:
        match (each or "").lower().replace("_", "-").split("-")[0]:
            case "fr":
                return "fr"
            case "en":
                return "en"
    return "en"


def channel_box(channel: str, locale: Locale, *, ticked: bool) -> Box:
    """The box of a channel that reaches the customer."""
    title = WORDS[locale].get(f"{channel}_name", channel)
    return Box(name=f"channel:{channel}", title=title, ticked=ticked)


def asks(
    writer: str, channel: str, locale: Locale, *, action: str, preferences: str, topic: str | None
) -> str:
    """Who writes, and a button that ends it. Opening the page ends nothing."""
    words = _Words(locale, writer, channel)
    lines = [words("ask"), words("ask_more")]
    return _notice(
        words,
        "ask",
        lines,
        button=(action, words("ask_button"), True),
        note=words("ask_topic", topic=topic) if topic else "",
        link=(preferences, words("preferences_link")),
    )


def unsubscribed(writer: str, channel: str, locale: Locale, *, undo: str, preferences: str) -> str:
    """It is done; a way back, and a way to choose."""
    words = _Words(locale, writer, channel)
    return _notice(
        words,
        "done",
        [words("done"), words("done_more")],
        note=words("undo_question"),
        button=(undo, words("undo_button"), False),
        link=(preferences, words("preferences_link")),
    )


def resubscribed(
    writer: str, channel: str, locale: Locale, *, unsubscribe: str, preferences: str
) -> str:
    """It is undone."""
    words = _Words(locale, writer, channel)
    return _notice(
        words,
        "undone",
        [words("undone")],
        button=(unsubscribe, words("again_link"), False),
        link=(preferences, words("preferences_link")),
    )


def missing(writer: str, locale: Locale) -> str:
    """The link is none of ours."""
    words = _Words(locale, writer, "email")
    return _notice(words, "missing", [words("missing")])


def later(writer: str, locale: Locale) -> str:
    """Nothing could be changed just now."""
    words = _Words(locale, writer, "email")
    return _notice(words, "later", [words("later")])


def choices_page(
    choices: Choices, writer: str, channel: str, locale: Locale, *, action: str
) -> str:
    """Channels, topics and a break, as a form that works without a script."""
    words = _Words(locale, writer, channel)
    template = standalone(_FOLDER, "choices.html.j2")
    pause = choices.paused_until
    return template.render(
        locale=locale,
        style=_STYLE,
        writer=writer,
        words=words,
        title=words("preferences_title"),
        action=action,
        choices=choices,
        pauses=PAUSES,
        paused=words("pause_now", date=_day(pause, locale)) if pause else "",
        date_wrong=words(
            "date_wrong", first=_day(choices.first, locale), last=_day(choices.last, locale)
        ),
    )


class _Words:
    """The words of one page, with the writer and the channel filled in."""

    def __init__(self, locale: Locale, writer: str, channel: str) -> None:
        self.locale = locale
        self.writer = writer
        self._words = WORDS[locale]
        self._values = {"writer": writer, "how": self._words.get(channel, "")}

    def __call__(self, name: str, **values: str | None) -> str:
        return self._words[name].format_map({**self._values, **values})


def _notice(
    words: _Words,
    kind: str,
    lines: Sequence[str],
    *,
    button: tuple[str, str, bool] | None = None,  # where to, its words, whether it is the point
    note: str = "",
    link: tuple[str, str] | None = None,
) -> str:
    template = standalone(_FOLDER, "notice.html.j2")
    return template.render(
        locale=words.locale,
        style=_STYLE,
        writer=words.writer,
        title=words(f"{kind}_title"),
        lines=lines,
        button=button,
        note=note,
        link=link,
    )


def _day(day: date, locale: Locale) -> str:
    return str(format_date(day, "d MMMM y", locale=_BABEL[locale]))
