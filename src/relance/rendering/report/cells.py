"""What stands in a table's cell: a number with its interval, or a mark that leads to the reason."""

from __future__ import annotations

import string
from dataclasses import dataclass, field

from relance.rendering.report.numbers import DASH, Writer, brackets
from relance.uplift.estimate import Estimate, Why, Withheld
from relance.uplift.reasons import reason
from relance.uplift.wording import Locale


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A value, what stands small under it, and the mark of a footnote."""

    main: str
    small: str = ""
    mark: str = ""


NOTHING = Cell(main=DASH)


@dataclass(slots=True)
class Footnotes:
    """The reasons under a table, each once, with its letter."""

    locale: Locale
    texts: list[str] = field(default_factory=list)

    def mark(self, nothing: Withheld) -> str:
        """The letter of a reason; none where there could not be a number at all."""
        if nothing.why is Why.NOT_FOR_THIS:
            return ""
        return self.letter(reason(nothing, self.locale))

    def letter(self, text: str) -> str:
        """The letter of a sentence."""
        if text not in self.texts:
            self.texts.append(text)
        return string.ascii_lowercase[self.texts.index(text)]

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Letter and reason."""
        return list(zip(string.ascii_lowercase, self.texts, strict=False))

    def cell(self, found: Estimate | Withheld, write: Writer) -> Cell:
        """A number with its interval, or a dash with the letter of the reason."""
        if isinstance(found, Withheld):
            return Cell(main=DASH, mark=self.mark(found))
        return estimate_cell(found, write, self.locale)


def estimate_cell(found: Estimate, write: Writer, locale: Locale) -> Cell:
    """A number with its interval."""
    return Cell(main=write(found.value), small=brackets(found.interval, write, locale))
