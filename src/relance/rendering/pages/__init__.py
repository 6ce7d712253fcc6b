"""The pages that links in messages lead to: unsubscribing, and the choice of what to receive.

One self-contained HTML document each: no script, cookie, font, image or network.
"""

from relance.rendering.pages.page import (
    PAUSES,
    POLICY,
    Box,
    Choices,
    asks,
    channel_box,
    choices_page,
    language,
    later,
    missing,
    resubscribed,
    unsubscribed,
)

__all__ = [
    "PAUSES",
    "POLICY",
    "Box",
    "Choices",
    "asks",
    "channel_box",
    "choices_page",
    "language",
    "later",
    "missing",
    "resubscribed",
    "unsubscribed",
]
