"""When a message is tried again, for how long a repeat is safe, and when its fate is asked for."""

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

# since it may have left; a report that is not there after a day does not come
LOOK_UPS = (
    timedelta(minutes=1),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
)
_UNANSWERED = timedelta(hours=6)  # between look-ups of a vendor that cannot be asked …
_UNANSWERED_LONGEST = timedelta(days=3)  # … for so long

# between the look at a message and the end of its request: never longer than its lease
MARGIN = timedelta(minutes=15)


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


def key_holds(window: timedelta | None, since: datetime, at: datetime) -> bool:
    """Whether what may have left at `since` can be sent at `at` under the same idempotency key.

    `window` is how long the vendor knows a key, None for never; the margin is ours.
    """
    return window is not None and at + MARGIN <= since + window


def look_up_after(since: datetime, at: datetime, *, answered: bool) -> datetime | None:
    """When a vendor is asked next about a message that may have left at `since`; None: never.

    After 1 and 10 minutes, 1, 6 and 24 hours. A vendor that could not be asked (`answered` is
    false) is asked every six hours beyond that, up to three days.
    """
    for wait in LOOK_UPS:
        if since + wait > at:
            return since + wait
    if not answered and at < since + _UNANSWERED_LONGEST:
        return at + _UNANSWERED
    return None
