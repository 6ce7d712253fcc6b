"""The shop that is put through it: a few hundred customers, two triggers of two steps each.

Everything follows from the instant alone, so that every life of it has the same entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

BASELINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
DAYS = 4  # daily ticks after the baseline
PAUSE = timedelta(days=1)  # between the two steps of an entry
CUSTOMERS = 240

_CONFIG = """\
version: 1
name: chaos
timezone: UTC
locale: en
currency: EUR
state: {state}
source: {data}
workbench: state/workbench.duckdb
customers:
  table: customers
  key: customer_id
  email: email
  phone: mobile
  region: FR
  consent: {{email: true, sms: true}}
  attributes: [first_name, code]
events:
  order: {{table: orders, customer: customer_id, at: ordered_at, amount: total}}
channels:
  email: {{{email}, from: Shop <shop@shop.example>, timeout: {timeout}, base_url: "{vendor}"}}
  sms: {{provider: twilio, account: AC0, token: "${{TOKEN}}", from: "+33700000000",
        rate: 40, timeout: {timeout}, base_url: "{vendor}"}}
"""
_EMAIL = {
    "postmark": 'provider: postmark, token: "${TOKEN}", rate: 3',
    "resend": 'provider: resend, token: "${TOKEN}"',
    # what certainly did not leave by the first goes by the second
    "resend, else postmark": """provider: resend, token: "${TOKEN}", fallback: {provider: postmark,
      token: "${TOKEN}", from: Shop <shop@shop.example>, timeout: %(timeout)s,
      base_url: "%(vendor)s"}""",
}
_BUYERS = """\
version: 1
name: buyers
segment: {event: order, count: {at_least: 1}}
on: enter
schedule: "0 9 * * *"
priority: 80
steps:
  - send: {channel: email, template: thanks}
  - wait: 1 day
  - unless: {event: order, count: {at_least: 1}, since: entry}
    send: {channel: sms, template: thanks}
holdout: 20%
goal: {event: order, within: 30 days}
"""
_FIRST_NAMES = """\
version: 1
name: names
segment:
  all:
    - {customer: first_name, in: [Camille, Chloe]}
    - {event: order, count: {at_least: 1}}
on: schedule
schedule: "0 9 * * *"
priority: 20
expires: 30 hours
steps:
  - send: {channel: sms, template: names}
  - wait: 1 day
  - send: {channel: email, template: names}
holdout: 10%
goal: {event: order, within: 2 hours}
"""
# what a vendor is told is enough to know which message it is: who, and which text
_EMAIL_TEXT = """\
---
subject: "{name} {{{{ customer.code }}}}"
---
<p>Dear {{{{ customer.first_name }}}}</p>
"""
_SMS_TEXT = "{name} {{{{ customer.code }}}}\n"
_NAMES = ("Camille", "Chloe", "Dominique", "Noa", "Sacha")


def customer(number: int) -> str:
    """The key of a customer."""
    return f"c{number:04}"


def _arrival(number: int) -> timedelta:
    """When a customer first orders, from the baseline on."""
    return timedelta(days=number // 5 % (DAYS + 1), hours=-2)


REACHING = frozenset(customer(number) for number in range(0, CUSTOMERS, 7))
"""Who orders again a minute before the second step falls due."""


def _orders() -> list[str]:
    """First orders, of all but a few; one in seven orders again just before the second step."""
    lines = []
    for number in range(CUSTOMERS):
        if number % 6 == 5:
            continue
        first = BASELINE + _arrival(number)
        lines.append(f"{customer(number)},{first:%Y-%m-%d %H:%M:%S},9.5")
        if customer(number) in REACHING:
            again = BASELINE + _arrival(number) + timedelta(hours=2) + PAUSE - timedelta(minutes=1)
            lines.append(f"{customer(number)},{again:%Y-%m-%d %H:%M:%S},9.5")
    return lines


@dataclass(frozen=True, kw_only=True, slots=True)
class Shop:
    """A shop on a disk: its data, and one workspace per worker, as if on machines of their own."""

    folder: Path
    state: str  # URL
    email: str  # the vendor of the e-mails

    def workspace(self, worker: int) -> Path:
        """The folder of one worker's workspace."""
        return self.folder / f"machine-{worker}"

    def write(self, *, vendor: str, workers: int, timeout: float) -> None:
        """Write the data and as many workspaces as there are workers."""
        data = self.folder / "data"
        data.mkdir(parents=True)
        people = [
            f"{customer(n)},{customer(n)}@customer.example,+336{n:08},{_NAMES[n % 5]},{customer(n)}"
            for n in range(CUSTOMERS)
        ]
        _write(data / "customers.csv", "customer_id,email,mobile,first_name,code", people)
        _write(data / "orders.csv", "customer_id,ordered_at,total", _orders())
        config = _CONFIG.format(
            state=self.state,
            data=data,
            email=_EMAIL[self.email] % {"timeout": timeout, "vendor": vendor},
            vendor=vendor,
            timeout=timeout,
        )
        for worker in range(workers):
            self._write_workspace(self.workspace(worker), config)

    def _write_workspace(self, root: Path, config: str) -> None:
        files = {
            "config/relance.yaml": config,
            "config/segments.yaml": "version: 1\nsegments: {}\n",
            "triggers/buyers.yaml": _BUYERS,
            "triggers/names.yaml": _FIRST_NAMES,
            "templates/thanks/email.html": _EMAIL_TEXT.format(name="thanks"),
            "templates/thanks/sms.txt": _SMS_TEXT.format(name="thanks"),
            "templates/names/email.html": _EMAIL_TEXT.format(name="names"),
            "templates/names/sms.txt": _SMS_TEXT.format(name="names"),
        }
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def _write(path: Path, header: str, lines: list[str]) -> None:
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
