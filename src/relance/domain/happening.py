"""What happened outside relance and may have moved customers: a price change, a new shop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    """One line of config/events.yaml. Both days are whole, and the last belongs to it."""

    name: str
    first: date
    last: date
    description: str = ""

    def touches(self, begin: date, until: date) -> bool:
        """Whether some day of it lies between two days, both included."""
        return self.first <= until and self.last >= begin
