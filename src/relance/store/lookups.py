"""Messages that may have been sent: which are asked about next, and what is known already."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from relance.domain.ledger import Claimed
from relance.store.claims import COLUMNS, claimed
from relance.store.driver import Driver, Statement

_DOUBTFUL = Statement(
    f"SELECT {COLUMNS} FROM message WHERE state = 'unknown' AND look_up_at <= ?"  # noqa: S608
    " ORDER BY look_up_at, n LIMIT ?"
)
_TAKEN = Statement("SELECT provider_id FROM message WHERE provider_id {these} AND provider = ?")
_LOOK_AGAIN = Statement(
    "UPDATE message SET look_up_at = ?, look_ups = look_ups + 1"
    " WHERE id {these} AND state = 'unknown'"
)


def doubtful(driver: Driver, at: datetime, limit: int) -> list[Claimed]:
    """Unknown messages whose look-up is due, the longest due first."""
    return claimed(driver.rows(_DOUBTFUL, driver.instant(at), limit))


def taken(driver: Driver, provider: str, provider_ids: Sequence[str]) -> set[str]:
    """Of a provider's ids, those of messages that are known."""
    rows = driver.rows(_TAKEN, driver.listed(provider_ids), provider)
    return {provider_id for (provider_id,) in rows}


def look_again(driver: Driver, messages: Sequence[str], at: datetime | None) -> None:
    """The next look-up of unknown messages, one having been in vain."""
    when = None if at is None else driver.instant(at)
    driver.run(_LOOK_AGAIN, when, driver.listed(messages))
