"""Which addresses can be written to: e-mail syntax, and phone numbers as E.164.

The same rule stands at the gates and again at the moment of sending.
"""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc

# RFC 5321/5322 without what no CRM means: quoted local parts, comments, IP literals, and local
# parts outside ASCII (few servers take them, RFC 6531). Domains may be international.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LETTERS = r"\pL\pM\pN"
_LABEL = rf"[{_LETTERS}](?:[{_LETTERS}-]*[{_LETTERS}])?"
_TOP = rf"\pL[{_LETTERS}-]*[{_LETTERS}]"
_EMAIL = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_TOP}$"  # RE2: `$` is the very end
_TOO_LONG = r"^[^@]{65}|[^.@]{64}[^@]*$"  # a local part over 64, a label over 63
_MAX_OCTETS = 254  # RFC 5321, 4.5.3.1.3

_E164 = re.compile(r"\+[1-9][0-9]{7,14}")

# reserved for fiction, so in nobody's numbering plan; demos and tests may use them safely
# (France: Arcep decision 2018-0881; United Kingdom: Ofcom, as of 2026-11)
_FICTION = ("+3363998", "+447700900")


def emails_ok(emails: pa.Array | pa.ChunkedArray) -> pa.BooleanArray:
    """Which texts are e-mail addresses that can be written to; a null is not."""
    short = pc.and_(
        pc.less_equal(pc.binary_length(emails), _MAX_OCTETS),
        pc.invert(pc.match_substring_regex(emails, _TOO_LONG)),
    )
    shaped = pc.match_substring_regex(emails, _EMAIL)
    return _flat(pc.fill_null(pc.and_(shaped, short), fill_value=False))


@lru_cache(maxsize=65_536)
def to_e164(text: str, region: str | None) -> str | None:
    """A phone number as `+33612345678`; None where it is no valid number.

    `region` (ISO 3166, `FR`) reads national formats; without it the number must begin with
    `+`. Valid means what the numbering plans of libphonenumber say, or reserved for fiction.
    """
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    written = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    if phonenumbers.is_valid_number(number):
        return written
    fictitious = written.startswith(_FICTION) and phonenumbers.is_possible_number(number)
    return written if fictitious else None


def to_e164_many(
    phones: pa.Array | pa.ChunkedArray, regions: pa.Array | pa.ChunkedArray
) -> list[str | None]:
    """Phone numbers as E.164, in the same order; each distinct one is read once."""
    pairs = list(zip(phones.to_pylist(), regions.to_pylist(), strict=True))
    known = {pair: to_e164(*pair) for pair in set(pairs) if pair[0] is not None}
    return [known.get(pair) for pair in pairs]


def to_e164_again(
    phones: pa.Array | pa.ChunkedArray, regions: pa.Array | pa.ChunkedArray
) -> list[str | None]:
    """As `to_e164_many`, at the moment of sending: what is written as E.164 is taken as it is.

    Its plan was looked up at the gate, and looking again is a tenth of what a send costs.
    """
    pairs = zip(phones.to_pylist(), regions.to_pylist(), strict=True)
    return [None if text is None else _again(text, region) for text, region in pairs]


def _again(text: str, region: str | None) -> str | None:
    return text if _E164.fullmatch(text) else to_e164(text, region)


def _flat(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
