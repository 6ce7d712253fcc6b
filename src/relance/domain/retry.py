"""When a message that certainly did not leave is tried again, and when that is given up."""

from __future__ import annotations

from datetime import datetime, timedelta

from relance.domain.arm import BUCKETS, bucket

# 8 attempts in about three days: an outage over a week-end loses nobody
WAITS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=25),
    timedelta(hours=2),
    timedelta(hours=8),
    timedelta(hours=24),
    timedelta(hours=36),
)
_LONGEST = timedelta(hours=36)
_SPREAD = 0.2  # a tenth earlier to a tenth later


def retry_at(
    message: str, attempts: int, at: datetime, retry_after: float | None = None
) -> datetime | None:
    """When to try again after a failed attempt at `at`; None once there were enough.

    `attempts` counts the earlier ones, without this. `retry_after` is the number of seconds
    that the vendor asked for: never sooner than that. The waits are spread by the message's id,
    so that a failed wave does not come back as one, and the same message always waits the same.
    """
    if attempts >= len(WAITS):
        return None
    spread = 1 + _SPREAD * (bucket("retry", message) / BUCKETS - 0.5)
    asked = timedelta(seconds=min(retry_after or 0.0, _LONGEST.total_seconds()))
    return at + max(WAITS[attempts], asked) * max(spread, 1.0 if asked else 0.0)
