"""What goes wrong at the vendor, request by request, on a seeded script.

Of each mishap it is fixed whether the messages were taken: a vendor that answers 500 may have
sent them or not, and nobody can tell from the answer.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from loopback import Answer, Fault

HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mishap:
    """One way to go wrong. `spoil` makes what is answered out of what should have been."""

    name: str
    taken: bool
    spoil: Callable[[Answer, str], Answer]  # the second is the vendor's name
    refused: bool = False  # the answer says of each message that it was refused


def _says(status: int, body: bytes = b"{}", **headers: str) -> Callable[[Answer, str], Answer]:
    return lambda _answer, _vendor: Answer(status=status, body=body, headers=headers)


def _breaks(fault: Fault) -> Callable[[Answer, str], Answer]:
    return lambda answer, _vendor: replace(answer, fault=fault)


def _later_by_date(_answer: Answer, _vendor: str) -> Answer:
    now = datetime(2026, 3, 1, tzinfo=UTC)  # only the distance between the two counts
    headers = {
        "Date": format_datetime(now, usegmt=True),
        "Retry-After": format_datetime(now + timedelta(seconds=2), usegmt=True),
    }
    return Answer(status=429, headers=headers)


def _cut(answer: Answer, _vendor: str) -> Answer:
    return replace(answer, body=answer.body[: len(answer.body) // 2])


_ERRORS: Mapping[str, bytes] = {
    "postmark": b'{"ErrorCode": 300, "Message": "Invalid email request"}',
    "twilio": b'{"code": 21211, "message": "Invalid To", "status": 400}',
    "resend": b'{"statusCode": 422, "name": "validation_error", "message": "Invalid to"}',
    "": b'{"error": "unavailable"}',  # a look-up, of any of them
}


def _error_inside(answer: Answer, vendor: str) -> Answer:
    error = _ERRORS[vendor]
    if vendor == "postmark" and answer.body.startswith(b"["):  # a batch: one for each message
        error = b"[" + b",".join([error] * answer.body.count(b"MessageID")) + b"]"
    return replace(answer, status=200, body=error)


def _late(answer: Answer, _vendor: str) -> Answer:
    return replace(answer, delay=0.15)


def _slow(answer: Answer, _vendor: str) -> Answer:
    return replace(answer, pieces=9)


MISHAPS: tuple[Mishap, ...] = (
    Mishap(
        name="429, Retry-After in seconds", taken=False, spoil=_says(429, **{"Retry-After": "1"})
    ),
    Mishap(name="429, Retry-After as a date", taken=False, spoil=_later_by_date),
    Mishap(name="503", taken=False, spoil=_says(503)),
    Mishap(name="500, not taken", taken=False, spoil=_says(500)),
    Mishap(name="500, taken", taken=True, spoil=_says(500)),
    Mishap(name="502 with HTML, not taken", taken=False, spoil=_says(502, HTML)),
    Mishap(name="502 with HTML, taken", taken=True, spoil=_says(502, HTML)),
    Mishap(name="no answer, not taken", taken=False, spoil=_breaks(Fault.HANG)),
    Mishap(name="no answer, taken", taken=True, spoil=_breaks(Fault.HANG)),
    Mishap(name="reset after the request, not taken", taken=False, spoil=_breaks(Fault.RESET)),
    Mishap(name="reset after the request, taken", taken=True, spoil=_breaks(Fault.RESET)),
    Mishap(name="closed without an answer, taken", taken=True, spoil=_breaks(Fault.CLOSE)),
    Mishap(name="reset mid-answer, taken", taken=True, spoil=_breaks(Fault.RESET_MID_ANSWER)),
    Mishap(name="answer cut off, taken", taken=True, spoil=_breaks(Fault.TRUNCATE)),
    Mishap(name="truncated JSON, taken", taken=True, spoil=_cut),
    Mishap(name="not HTTP, taken", taken=True, spoil=_breaks(Fault.GIBBERISH)),
    Mishap(name="200 with an error inside", taken=False, spoil=_error_inside, refused=True),
    Mishap(name="answers out of order", taken=True, spoil=_late),
    Mishap(name="a slow answer", taken=True, spoil=_slow),
)
UNREAD = "reset before it was read"


class Script:
    """What befalls each request: nothing in `health` of all cases.

    It depends on what is asked and how often it was, not on the order in which requests come:
    the same seed gives the same mishaps however fast the workers are.
    """

    def __init__(self, seed: int, health: float) -> None:
        self._seed = seed
        self._health = health
        self._asked: Counter[str] = Counter()

    def next(self, asked: str) -> Mishap | None:
        """What befalls this request."""
        draw = self._draw(asked)
        return None if draw.random() < self._health else draw.choice(MISHAPS)

    def greet(self) -> bool:
        """Whether the next connection is taken at all."""
        return self._draw("").random() < self._health + (1 - self._health) * 0.9

    def _draw(self, asked: str) -> random.Random:
        self._asked[asked] += 1
        return random.Random(f"{self._seed} {asked} {self._asked[asked]}")
