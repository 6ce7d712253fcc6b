"""Who the shop's customers are: names, addresses, consents, time zones. Nobody real.

Addresses end in `.example` (RFC 2606). Mobile numbers are from the ranges reserved for fiction:
06 39 98 in France (Arcep decision 2018-0881, as amended), 07700 900 in the United Kingdom (Ofcom).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple, TypeVar

import numpy as np
import pyarrow as pa

from relance.demo.buying import Ints

_T = TypeVar("_T")

FRENCH = (
    "Adèle", "Aïcha", "Amélie", "Anaïs", "Benoît", "Camille", "Cédric", "Chloé", "Élodie", "Emma",
    "Étienne", "François", "Hélène", "Inès", "Jérôme", "Joël", "Karim", "Léa", "Loïc", "Louise",
    "Maëlle", "Malik", "Manon", "Mathieu", "Noël", "Océane", "Rémi", "Sébastien", "Théo", "Zoé",
)  # fmt: skip
ENGLISH = (
    "Alice", "Amir", "Charlotte", "Daniel", "Emily", "George", "Grace", "Harry", "Isla", "Jack",
    "Megan", "Noah", "Olivia", "Priya", "Samuel", "Siân", "Sophie", "Thomas", "William", "Yusuf",
)  # fmt: skip
SURNAMES = (
    "bernard", "chevalier", "dubois", "durand", "evans", "fontaine", "garnier", "hughes", "jones",
    "lambert", "leroy", "martin", "moreau", "petit", "richard", "roussel", "simon", "taylor",
    "thomas", "vidal",
)  # fmt: skip


class Home(NamedTuple):
    """Where people live, how they are written to, and which share of the customers they are."""

    country: str
    tz: str
    lang: str
    mobiles: bool
    share: float


HOMES = (
    Home("FR", "Europe/Paris", "fr", mobiles=True, share=0.72),
    Home("BE", "Europe/Brussels", "fr", mobiles=False, share=0.08),
    Home("CH", "Europe/Zurich", "fr", mobiles=False, share=0.04),
    Home("FR", "Indian/Reunion", "fr", mobiles=True, share=0.02),
    Home("FR", "America/Martinique", "fr", mobiles=True, share=0.02),
    Home("GB", "Europe/London", "en", mobiles=True, share=0.08),
    Home("FR", "Europe/Paris", "en", mobiles=True, share=0.04),
)
FRENCH_FORMATS = (
    "06 39 98 {:02d} {:02d}", "063998{:02d}{:02d}", "+33 6 39 98 {:02d} {:02d}",
    "+3363998{:02d}{:02d}", "0033 6 39 98 {:02d} {:02d}", "06.39.98.{:02d}.{:02d}",
)  # fmt: skip
# mistakes that every customer table has; none of these can be written to
BROKEN = ("{}@", "{} boutique.example", "@boutique.example", "{}@@boutique.example", "n/a")

EMAIL_OPTIN, SMS_OPTIN = 0.82, 0.38
NO_EMAIL, BROKEN_EMAIL, NO_MOBILE, NO_BIRTHDAY, NO_NAME = 0.03, 0.006, 0.35, 0.2, 0.02
OLDEST, YOUNGEST = date(1940, 1, 1), date(2007, 12, 31)

SCHEMA = pa.schema(
    [
        ("customer_id", pa.string()),
        ("email", pa.string()),
        ("mobile", pa.string()),
        ("lang", pa.string()),
        ("tz", pa.string()),
        ("email_optin", pa.bool_()),
        ("sms_optin", pa.bool_()),
        ("first_name", pa.string()),
        ("country", pa.string()),
        ("birth_date", pa.date32()),
        ("created_at", pa.timestamp("us", tz="UTC")),
    ]
)


def customer_id(index: int) -> str:
    """The key of the shop's n-th customer, counted from 0: C000001 is the first."""
    return f"C{index + 1:06d}"


def customer_index(customer: str) -> int:
    """The inverse of `customer_id`. Raises ValueError for a key that is not the shop's."""
    if not (customer.startswith("C") and customer[1:].isdecimal()):
        raise ValueError(f"{customer!r} is not a customer of the simulated shop")
    return int(customer[1:]) - 1


def customers_table(rng: np.random.Generator, created_at: Ints) -> pa.Table:
    """One row per customer; `created_at` in microseconds since 1970, UTC, ascending."""
    size = len(created_at)
    homes = [HOMES[i] for i in rng.choice(len(HOMES), size, p=[home.share for home in HOMES])]
    names = _first_names(rng, homes)
    keys = [customer_id(index) for index in range(size)]
    columns = [
        keys,
        _emails(rng, names, keys),
        _mobiles(rng, homes),
        [home.lang for home in homes],
        [home.tz for home in homes],
        rng.random(size) < EMAIL_OPTIN,
        rng.random(size) < SMS_OPTIN,
        _blank(rng, names, NO_NAME),
        [home.country for home in homes],
        _blank(rng, _birth_dates(rng, size), NO_BIRTHDAY),
        created_at,
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return pa.table(arrays, schema=SCHEMA)


def _blank(rng: np.random.Generator, values: Sequence[_T], share: float) -> list[_T | None]:
    missing = rng.random(len(values)) < share
    return [None if gone else value for value, gone in zip(values, missing, strict=True)]


def _first_names(rng: np.random.Generator, homes: Sequence[Home]) -> list[str]:
    draws = rng.random(len(homes))
    pools = (FRENCH if home.lang == "fr" else ENGLISH for home in homes)
    return [pool[int(draw * len(pool))] for pool, draw in zip(pools, draws, strict=True)]


def _emails(
    rng: np.random.Generator, names: Sequence[str], keys: Sequence[str]
) -> list[str | None]:
    surnames = rng.choice(len(SURNAMES), len(names))
    broken = rng.random(len(names)) < BROKEN_EMAIL
    mistakes = rng.choice(len(BROKEN), len(names))
    plain = [_ascii(name) for name in names]
    local = [
        f"{name}.{SURNAMES[surname]}.{key[1:].lstrip('0')}"
        for name, surname, key in zip(plain, surnames, keys, strict=True)
    ]
    addresses = [
        BROKEN[mistake].format(part) if bad else f"{part}@clients.example"
        for part, bad, mistake in zip(local, broken, mistakes, strict=True)
    ]
    return _blank(rng, addresses, NO_EMAIL)


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFD", name).encode("ascii", "ignore")
    return plain.decode().lower()


def _mobiles(rng: np.random.Generator, homes: Sequence[Home]) -> list[str | None]:
    formats = rng.choice(len(FRENCH_FORMATS), len(homes))
    tails = rng.integers(0, 100, (len(homes), 2))
    numbers = [
        _mobile(home, FRENCH_FORMATS[shape], *tail)
        for home, shape, tail in zip(homes, formats, tails.tolist(), strict=True)
    ]
    return _blank(rng, numbers, NO_MOBILE)


def _mobile(home: Home, shape: str, first: int, second: int) -> str | None:
    if not home.mobiles:
        return None  # no range is reserved for fiction there
    if home.country == "GB":
        return f"07700 900{(first * 100 + second) % 1000:03d}"
    return shape.format(first, second)


def _birth_dates(rng: np.random.Generator, size: int) -> list[date]:
    days = rng.integers(0, (YOUNGEST - OLDEST).days + 1, size)
    return [OLDEST + timedelta(days=day) for day in days.tolist()]
