"""Who is held out: a stable hash, the same in Python, DuckDB and PostgreSQL."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from enum import StrEnum

HASH_VERSION = 1
BUCKETS = 10_000
HOUSEHOLD = "household:"
"""Before a household's key: who is drawn together. A customer without one is drawn alone."""


class Arm(StrEnum):
    """The two sides of a trigger's experiment."""

    TREATED = "treated"
    HOLDOUT = "holdout"


def salt_of(trigger: str, version: str) -> str:
    """What keeps the draws of one version of a trigger apart from all others."""
    return f"{trigger}:{version}"


def bucket(salt: str, unit: str) -> int:
    """A number from 0 to 9,999: sha256 of `salt:unit`, first 15 hex digits, mod 10,000.

    The unit is a customer's key, or `household:` and the key of a household.

    The text is NFC-normalised UTF-8. In DuckDB the same is
    `('0x' || substr(sha256(k), 1, 15))::BIGINT % 10000`.
    """
    key = unicodedata.normalize("NFC", f"{salt}:{unit}")
    # 15 hex digits are 60 bits: the first eight bytes without the last four bits
    return (int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) >> 4) % BUCKETS


def assign(trigger: str, version: str, unit: str, holdout: float) -> Arm:
    """The arm of a unit in one version of a trigger; `holdout` is a share, 0 to 1.

    Raising the share keeps everybody who was held out before.
    """
    return assign_all(trigger, version, [unit], holdout)[0]


def assign_all(trigger: str, version: str, units: Sequence[str], holdout: float) -> list[Arm]:
    """The arms of many units, in the same order; see `assign`."""
    held_out, salt = round(holdout * BUCKETS), salt_of(trigger, version)
    if not held_out:
        return [Arm.TREATED] * len(units)
    return [Arm.HOLDOUT if bucket(salt, unit) < held_out else Arm.TREATED for unit in units]


def in_global_holdout(period: str, unit: str, share: float) -> bool:
    """Whether a unit gets no message of any trigger during a period (`global:<period>`)."""
    return bucket(f"global:{period}", unit) < round(share * BUCKETS)
