"""The small notations inside values: lengths, shares, caps, rates, zones, money."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError
from babel.core import get_global

from relance.domain.duration import Duration, Unit
from relance.domain.workspace import FrequencyCap
from relance.spec.shapes import Parsed
from relance.spec.spot import close

_LENGTH = "a length of time"
_UNITS = [f"{unit.value}s" for unit in Unit]
_UNIT_PATTERN = "(minute|hour|day|week|month|year)s?"
_SHARE_STEP = Decimal("0.0001")  # one of the 10,000 buckets that customers are hashed into
_LONGEST_SECONDS = 10 * 366 * 86400


def duration(text: str) -> Duration:
    """`14 days`, up to ten years either way."""
    try:
        length = Duration.parse(text)
    except ValueError:
        raise ValueError(_duration_hint(text)) from None
    if abs(length.rough_seconds) > _LONGEST_SECONDS:
        raise ValueError("the longest is 10 years")
    return length


def _duration_hint(text: str) -> str:
    words = re.findall(r"[^\W\d]+", text)
    meant = close(words[-1], _UNITS) if words and words[-1] not in _UNITS else None
    return meant or "write it like 14 days or 2 hours"


def positive(text: str) -> Duration:
    """A duration longer than nothing."""
    length = duration(text)
    if length.count <= 0:
        raise ValueError("it must be longer than nothing")
    return length


def _days(text: str) -> Duration:
    length = duration(text)
    if length.unit in {Unit.MINUTE, Unit.HOUR}:
        raise ValueError("count it in days, weeks, months or years")
    return length


LENGTH = Parsed(f"{_LENGTH} such as `14 days`", positive, rf"\s*\d{{1,6}}\s*{_UNIT_PATTERN}\s*")
OFFSET = Parsed(
    f"{_LENGTH} in days or more, such as `-7 days`", _days,
    r"\s*-?\d{1,6}\s*(day|week|month|year)s?\s*",
)  # fmt: skip


def share(most: str) -> Parsed[float]:
    """`10%` or `0.1`, up to `most` (in per cent), in hundredths of a per cent."""
    pattern = r"\d{1,3}(\.\d{1,6})?(\s*%)?"
    return Parsed(f"a share from 0% to {most}%", lambda text: read_share(text, most), pattern)


def read_share(text: str, most: str) -> float:
    """See `share`. Raises ValueError with a sentence for the reader."""
    match = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)(\s*%)?", text)
    if match is None:
        raise ValueError("write it like 10%")
    value = Decimal(match[1]) / (100 if match[2] else 1)
    if value >= 1 and not match[2]:
        raise ValueError(f"write {match[1]}% if that is what you mean")
    if value * 100 > Decimal(most):
        raise ValueError(f"at most {most}%")
    if value % _SHARE_STEP:
        raise ValueError("the finest step is 0.01%")
    return float(value)


def frequency_cap(text: str) -> FrequencyCap:
    """`3 per 7 days`, `1 per day`."""
    match = re.fullmatch(rf"(\d{{1,6}})\s+per\s+(?:(\d{{1,6}})\s+)?{_UNIT_PATTERN}", text)
    if match is None:
        raise ValueError("write it like 3 per 7 days or 1 per day")
    count, number, unit = int(match[1]), int(match[2] or 1), Unit(match[3])
    if count < 1 or number < 1:
        raise ValueError("both numbers must be at least 1")
    return FrequencyCap(count=count, per=positive(f"{number} {unit}"))


_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True, slots=True)
class Pace:
    """So many messages per second, minute, hour or day."""

    count: float
    per: str

    @property
    def per_second(self) -> float:
        """Messages per second."""
        return self.count / _SECONDS[self.per]


def pace(text: str) -> Pace:
    """`10 per second`, `600 per minute`, `5000 per day`, or a number per second."""
    pattern = rf"(\d{{1,9}}(?:\.\d{{1,6}})?)(?:\s+per\s+({'|'.join(_SECONDS)}))?"
    match = re.fullmatch(pattern, text)
    if match is None or not (number := float(match[1])):
        raise ValueError("write it like 10 per second, 600 per minute or 5000 per day")
    return Pace(number, match[2] or "second")


def zone(text: str) -> ZoneInfo:
    """A time zone of the IANA database."""
    if text not in _zones():
        raise ValueError(close(text, _zones()) or "write it like Europe/Paris")
    return ZoneInfo(text)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def locale(text: str) -> str:
    """A locale that texts can be formatted in: `fr`, `fr_CH`, `fr-CH`; returned with `_`."""
    try:
        return str(Locale.parse(text.replace("-", "_")))
    except (UnknownLocaleError, ValueError, TypeError):
        raise ValueError("write it like fr or fr_CH") from None


def currency(text: str) -> str:
    """An ISO 4217 code."""
    known = get_global("all_currencies")
    if text not in known:
        raise ValueError(close(text, known) or "write its ISO 4217 code, such as EUR")
    return text


def instant(text: str, local: ZoneInfo) -> date | datetime | None:
    """A date or a date with a time; a time without a zone is in `local`. None: it is neither."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.{0,24}", text):
            return None
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=local)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


ZONE = Parsed("an IANA time zone such as `Europe/Paris`", zone)
LOCALE = Parsed("a locale such as `fr` or `fr_CH`", locale)
CURRENCY = Parsed("a currency such as `EUR`", currency, "[A-Z]{3}")
CAP = Parsed("a limit such as `3 per 7 days`", frequency_cap)
PACE = Parsed("a rate such as `10 per second`", pace)
HOLDOUT = share("90")
GLOBAL_HOLDOUT = share("20")
