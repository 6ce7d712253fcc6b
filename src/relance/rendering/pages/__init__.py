"""The pages that links in messages lead to: unsubscribing, and the choice of what to receive.

One self-contained HTML document each: no script, cookie, font, image or network.
"""

from relance.rendering.pages.page import (
    CHANNEL_WORDS,
    PAUSES,
    POLICY,
    Box,
    Choices,
    asks,
    choices_page,
    language,
    missing,
    resubscribed,
    unsubscribed,
)

__all__ = [
    "CHANNEL_WORDS",
    "PAUSES",
    "POLICY",
    "Box",
    "Choices",
    "asks",
    "choices_page",
    "language",
    "missing",
    "resubscribed",
    "unsubscribed",
]
