"""The data map as lines for a terminal, and as one self-contained page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from relance.domain.data_map import DataMap
from relance.rendering.data_map.words import (
    WORDS,
    given_words,
    kept_words,
    use_words,
    uses_lines,
    uses_words,
)
from relance.rendering.standalone import standalone
from relance.uplift.wording import Locale

_HERE = Path(__file__).parent


def data_map_html(found: DataMap, *, at: datetime, locale: Locale) -> str:
    """One HTML page without anything from elsewhere, to be read and printed."""
    words = WORDS[locale]
    return standalone(_HERE, "page.html.j2").render(
        words=words,
        title=words["title"].format(found.workspace),
        locale=locale,
        css=(_HERE / "page.css").read_text(encoding="utf-8"),
        source=found.source,
        day=f"{at:%d.%m.%Y}" if locale == "fr" else f"{at:%Y-%m-%d}",
        rows=[
            {
                "table": each.table,
                "column": each.column,
                "meaning": ", ".join(each.meanings),
                "uses": uses_lines(each, locale),
            }
            for each in found.columns
        ],
        unused=[(each.table, each.column, each.fetched) for each in found.unused],
        queries=[use_words(use, locale) for use in found.queries],
        kept=[kept_words(each, locale) for each in found.kept],
        goes=[
            (each.channel, each.provider, given_words(each, locale), ", ".join(each.triggers))
            for each in found.destinations
        ],
    )


def data_map_lines(found: DataMap) -> Iterator[str]:
    """The same for a terminal, after the table of columns."""
    words = WORDS["en"]
    if found.unused:
        yield f"{words['unused']}:"
        for each in found.unused:
            more = f" ({words['fetched']})" if each.fetched else ""
            yield f"  {each.table}.{each.column}{more}"
    else:
        yield words["none_unused"]
    if found.queries:
        yield f"{words['queries']}: {', '.join(use_words(use, 'en') for use in found.queries)}"
    yield f"{words['kept']}:"
    for storage in found.kept:
        what, how_long = kept_words(storage, "en")
        yield f"  {what}: {how_long}"
    yield f"{words['goes']}:"
    for to in found.destinations:
        yield f"  {to.channel} by {to.provider}: {given_words(to, 'en')}"
    yield words["logs"]


def column_rows(found: DataMap) -> list[tuple[str, str, str, str]]:
    """The rows of the table of columns, in English."""
    return [
        (each.table, each.column, ", ".join(each.meanings), uses_words(each, "en"))
        for each in found.columns
    ]
