"""The alphabet of plain text messages (3GPP TS 23.038)."""

from __future__ import annotations

# section 6.2.1: the default alphabet, without its escape character
BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# the extension table: each takes an escape and a septet
EXTENDED = frozenset("\f^{}\\[~]|€")


def in_gsm(text: str) -> bool:
    """Whether a text can be sent in it; else it takes UCS-2, at 70 characters a part."""
    return all(character in BASIC or character in EXTENDED for character in text)
