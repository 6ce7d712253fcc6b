"""The one rule of consent, for the gates and again at the moment of sending."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """The latest word of one id about a channel or, where one is named, a topic."""

    customer: str
    topic: str
    granted: bool
    at: datetime


def may_write(*, source: bool, recorded: bool | None) -> bool:
    """Whether a customer agreed to be written to on a channel.

    `source` is the consent column of the customer data (missing means no), `recorded` the
    latest consent given or withdrawn here, None where there is none. Which of the two is newer
    cannot be known, so neither may say no.
    """
    return source and recorded is not False
