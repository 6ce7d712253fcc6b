"""How long a text message is, as operators count and bill it (3GPP TS 23.038, TS 23.040)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from relance.domain.gsm import BASIC, EXTENDED


class Encoding(StrEnum):
    """The two alphabets of a text message."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


# units in a lone message, and in each part of a longer one (its header takes the rest)
_ROOM = {Encoding.GSM_7: (160, 153), Encoding.UCS_2: (70, 67)}


@dataclass(frozen=True, kw_only=True, slots=True)
class SmsLength:
    """A text's length. `units` are septets (GSM-7) or 16-bit units (UCS-2).

    `culprits` are the characters that GSM-7 lacks, each once, in the order of the text.
    """

    encoding: Encoding
    units: int
    segments: int
    culprits: tuple[str, ...]


def sms_length(text: str) -> SmsLength:
    """Count a text's units and the segments that will be billed."""
    culprits = tuple(dict.fromkeys(c for c in text if c not in BASIC and c not in EXTENDED))
    encoding = Encoding.UCS_2 if culprits else Encoding.GSM_7
    if culprits:
        widths = [2 if ord(character) > 0xFFFF else 1 for character in text]
    else:
        widths = [2 if character in EXTENDED else 1 for character in text]
    alone, part = _ROOM[encoding]
    units = sum(widths)
    segments = 1 if units <= alone else _segments(widths, part)
    return SmsLength(encoding=encoding, units=units, segments=segments, culprits=culprits)


def _segments(widths: Iterable[int], room: int) -> int:
    """Parts needed when no character of two units may be cut in half."""
    segments, used = 1, 0
    for width in widths:
        if used + width > room:
            segments, used = segments + 1, 0
        used += width
    return segments
