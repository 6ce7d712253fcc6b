"""Whole runs of relance over the simulated shop: what the report says beside the truth.

Ticks, deliveries and the report are those of every workspace; only the vendor is a stand-in.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, time, timedelta
from pathlib import Path

from relance.demo.buying import BgNbd
from relance.demo.play import DemoWorker
from relance.demo.run import Treated, closed, live_day
from relance.demo.shop import Shop, opening
from relance.domain.message import Accepted, Outgoing
from relance.errors import Refused
from relance.providers.outbox import Outbox
from relance.providers.wire import Answer
from relance.uplift.proportions import Interval
from relance.uplift.report import TriggerReport
from relance.uplift.verdict import Verdict
from relance.wiring import Providers, Relance, load_relance

START, DAYS = date(2026, 1, 5), 45
END = opening(START + timedelta(days=DAYS))
CUSTOMERS = 4_000
SEEDS = range(400)
# what the messages of each trigger do; all of them go to the same customers
EFFECTS: Mapping[str, float] = {"miss_you": 0.15, "rate_us": -0.25, "thanks": 0.0}
BUYING = BgNbd(r=1.5, alpha=3.0, a=0.15, b=6.0)  # more often than CDNOW's: every few weeks
REACH = timedelta(days=10)
EVERY, ROUNDS = 5, (time(9),)  # a tick and a delivery every fifth morning

WORKSPACE: Mapping[str, str] = {
    "config/relance.yaml": """\
version: 1
name: shop
timezone: Europe/Paris
locale: fr
source: data/
state: sqlite:///state/relance.db
customers:
  table: customers
  key: customer_id
  email: email
  consent: {email: email_optin}
events:
  order: {table: orders, customer: customer_id, at: ordered_at, amount: total}
channels:
  email: {provider: outbox, from: "Shop <shop@boutique.example>"}
""",
    "config/segments.yaml": "version: 1\nsegments: {}\n",
    "templates/letter/email.html": "---\nsubject: Bonjour\n---\n<p>Bonjour {seed}</p>\n",
    # a second letter for those whom the first did not bring back
    "triggers/miss_you.yaml": """\
version: 1
name: miss_you
segment: {event: order, last: {before: 10 days}}
on: enter
schedule: every 5 days
steps:
  - send: {channel: email, template: letter}
  - wait: 5 days
  - unless: {event: order, since: entry}
    send: {channel: email, template: letter}
holdout: 40%
goal: {event: order, within: 14 days}
read_out: 1000
""",
    "triggers/rate_us.yaml": """\
version: 1
name: rate_us
segment: {event: order, count: {at_least: 1}, within: 7 days}
on: enter
schedule: every 5 days
steps:
  - send: {channel: email, template: letter}
holdout: 40%
goal: {event: order, within: 14 days}
read_out: 1000
""",
    "triggers/thanks.yaml": """\
version: 1
name: thanks
segment: {event: order, sum: {at_least: 20}, within: 14 days}
on: enter
schedule: every 5 days
steps:
  - wait: 1 day
  - send: {channel: email, template: letter}
holdout: 40%
goal: {event: order, within: 14 days}
read_out: 1000
""",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What the report of one run said of one trigger, and what is true of it."""

    trigger: str
    truth: float
    difference: Interval | None
    verdict: Verdict

    @property
    def holds(self) -> bool:
        """Whether there is an interval, and the truth in it."""
        found = self.difference
        return found is not None and found.low <= self.truth <= found.high

    @property
    def clear(self) -> bool:
        """Whether the verdict says better or worse."""
        return self.verdict in {Verdict.BETTER, Verdict.WORSE}

    @property
    def wrong_side(self) -> bool:
        """Whether the verdict contradicts the truth."""
        return self.clear and (self.verdict is Verdict.BETTER) != (self.truth > 0)


class Postbox(Outbox):
    """Takes letters without keeping them, and refuses one in twenty for good.

    Whom it refuses is to be written to and never is: analysed as assigned.
    """

    async def _send(self, messages: Sequence[Outgoing]) -> Sequence[Answer]:
        return [self._answer(message) for message in messages]

    def _answer(self, message: Outgoing) -> Answer:
        # the identity of a message is a hash of entry and step, so it may draw
        if int(message.message_id, 16) % 20 == 0:
            return Refused("mailbox_full")
        return Accepted(message_id=message.message_id, provider_id=None)


class Posting(Relance):
    """relance with that vendor."""

    def open_providers(self) -> Providers:
        email = self.workspace.channels["email"]
        return {"email": (Postbox.open(email, self.workspace.root),)}


def run(seed: int) -> list[Found]:
    """One shop from its opening to its report, ticks and deliveries in between."""
    memory = Path("/dev/shm")  # noqa: S108  a state in memory, where there is such a folder
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder,
        played(Path(folder), seed) as (worker, shop),
    ):
        return found(worker, shop, worker.report(END).triggers)


def found(worker: DemoWorker, shop: Shop, reports: Sequence[TriggerReport]) -> list[Found]:
    """What a report says beside the truth about those whose window is closed."""
    treated = worker.treated()
    return [_found(report, shop, treated) for report in reports]


def _found(report: TriggerReport, shop: Shop, treated: Sequence[Treated]) -> Found:
    ours = [one for one in treated if one.trigger == report.trigger]
    windows = closed(ours, report.goal, report.at) if report.goal else []
    return Found(
        trigger=report.trigger,
        truth=shop.truth(report.trigger, windows),
        difference=report.reading.diff_ci,
        verdict=report.reading.verdict,
    )


@contextmanager
def played(root: Path, seed: int, customers: int = CUSTOMERS) -> Iterator[tuple[DemoWorker, Shop]]:
    """A shop that has lived in a folder with relance, up to `END`."""
    write(root, seed)
    shop = Shop(
        root / "data", seed=seed, customers=customers, start=START, effects=EFFECTS,
        reach=REACH, buying=BUYING,
    )  # fmt: skip
    shop.open()
    opened = load_relance(root, env={})
    with closing(Posting(opened.workspace, opened.templates)) as relance:
        worker = DemoWorker(relance)
        for number in range(DAYS):
            day = START + timedelta(days=number)
            if number % EVERY:
                shop.live(day)
            else:
                live_day(worker, shop, day, ROUNDS)
        yield worker, shop


def write(root: Path, seed: int) -> None:
    """The workspace's files. The seed is in the letter: another text, other arms."""
    for name, text in WORKSPACE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{seed}", str(seed)), encoding="utf-8")
