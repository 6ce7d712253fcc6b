"""What somebody who answers a text message wants: no more of them, or them again."""

from __future__ import annotations

import re
import unicodedata

# Anywhere in the answer: nobody writes these to a shop and means something else.
_STOP = re.compile(
    r"(?<!\bnon )(?<!\bnon-)\b(?:stop|stopall|stopsms|unsubscribe|desabonner|desabonnement"
    r"|desinscrire|desinscription|optout|opt-out)\b"
)
# Only as the whole answer: "at the end of the week" is no farewell.
_STOP_ALONE = frozenset({
    "arret", "arreter", "arretez", "cancel", "end", "quit", "revoke", "remove me",
})  # fmt: skip
_START_ALONE = frozenset({"start", "unstop", "restart", "reprendre", "reprise", "subscribe"})


def wants_stop(text: str) -> bool:
    """Whether an answer asks for no more messages, in French or English, as a whole word.

    "nonstop" and "non stop" do not; where a person would be unsure, it does.
    """
    plain = _plain(text)
    return plain in _STOP_ALONE or _STOP.search(plain) is not None


def wants_start(text: str) -> bool:
    """Whether an answer is one word that asks for messages again."""
    return _plain(text) in _START_ALONE


def _plain(text: str) -> str:
    """Lower case, no accents, one space between words, no punctuation at the ends."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(each for each in decomposed if not unicodedata.combining(each))
    return re.sub(r"\s+", " ", bare).strip(" .!?,;:\"'«»()[]-")
