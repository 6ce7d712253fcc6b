"""The one rule of consent, for the gates and again at the moment of sending."""

from __future__ import annotations


def may_write(*, source: bool, recorded: bool | None) -> bool:
    """Whether a customer agreed to be written to on a channel.

    `source` is the consent column of the customer data (missing means no), `recorded` the
    latest consent given or withdrawn here, None where there is none. Which of the two is newer
    cannot be known, so neither may say no.
    """
    return source and recorded is not False
