"""Who is meant by a customer's key, an e-mail address, a phone number or a digest.

An address is turned into its digest here and goes no further; no message repeats it.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from relance.domain.channel import CHANNELS
from relance.domain.receipt import recipient_digest

_EMAIL = re.compile(r"[^\s@,;<>\"]+@[^\s@,;<>\"]+\.[^\s@,;<>\"]+")
_DIGEST = re.compile(r"[0-9a-f]{32}")
_PERSONAL = tuple(name for name, kind in CHANNELS.items() if kind.personal)


@dataclass(frozen=True, kw_only=True, slots=True)
class Who:
    """A customer, or an address by its `recipient_digest`; one of the two."""

    customer: str | None = None
    recipient: str | None = None


def who(kind: str, value: str, region: str | None) -> Who:
    """Read `customer`, `email`, `phone` or `recipient`. Raises ValueError with a sentence.

    `region` (ISO 3166) reads national phone numbers: the number is kept as it is sent to.
    """
    text = value.strip()
    if not text:
        raise ValueError("is empty")
    if kind == "customer":
        return Who(customer=text)
    if kind == "email":
        if not _EMAIL.fullmatch(text):
            raise ValueError("not one e-mail address")
        return Who(recipient=recipient_digest(text))
    if kind == "phone":
        return Who(recipient=recipient_digest(_number(text, region)))
    if not _DIGEST.fullmatch(text):
        raise ValueError("not a digest, which is 32 hex digits, as export writes them")
    return Who(recipient=text)


def _number(text: str, region: str | None) -> str:
    from relance.pipeline.addresses import to_e164

    number = to_e164(text, region)
    if number is None:
        raise ValueError("not a valid phone number; write it with its country: +33…")
    return number


def personal_channel(name: str) -> str:
    """A channel that reaches the customer. Raises ValueError with a sentence."""
    if name in _PERSONAL:
        return name
    near = difflib.get_close_matches(name, _PERSONAL, n=1)
    known = f"did you mean {near[0]}?" if near else f"there are: {', '.join(_PERSONAL)}"
    raise ValueError(f"no channel of that name reaches customers; {known}")


def plain_reason(text: str) -> str:
    """A reason as it is kept and shown. Raises ValueError where an address stands in it."""
    if "@" in text or sum(each.isdigit() for each in text) > 8:
        raise ValueError("a reason is shown to anybody, and holds no address or number")
    return text.strip()


def channels_for(kind: str, channel: str | None) -> tuple[str, ...]:
    """The channels that a suppression is about: the one named, or all that the address serves."""
    if kind == "recipient" and channel is None:
        raise ValueError("a digest needs its channel")
    fitting = {
        name
        for name in _PERSONAL
        if kind in {"customer", "recipient"} or CHANNELS[name].address == kind
    }
    if channel is None:
        return tuple(name for name in _PERSONAL if name in fitting)
    if channel not in fitting:
        raise ValueError(f"{channel} does not go to such an address")
    return (channel,)
