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
CUSTOMERS = 2_500
# what the messages of each trigger do; all of them go to the same customers
EFFECTS: Mapping[str, float] = {"miss_you": 0.25, "rate_us": -0.25, "thanks": 0.0}
BUYING = BgNbd(r=1.2, alpha=3.0, a=0.4, b=6.0)  # more often than CDNOW's: every few weeks
REACH = timedelta(days=10)
ROUNDS = (time(9),)

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
    "templates/letter/email.html": "---\nsubject: Bonjour\n---\n<p>Bonjour</p>\n",
    # a second letter for those whom the first did not bring back
    "triggers/miss_you.yaml": """\
version: 1
name: miss_you
segment: {event: order, last: {before: 10 days}}
on: enter
schedule: "0 9 * * *"
steps:
  - send: {channel: email, template: letter}
  - wait: 4 days
  - unless: {event: order, since: entry}
    send: {channel: email, template: letter}
holdout: 40%
goal: {event: order, within: 14 days}
""",
    "triggers/rate_us.yaml": """\
version: 1
name: rate_us
segment: {event: order, count: {at_least: 1}, within: 7 days}
on: enter
schedule: "0 9 * * *"
steps:
  - send: {channel: email, template: letter}
holdout: 40%
goal: {event: order, within: 14 days}
""",
    "triggers/thanks.yaml": """\
version: 1
name: thanks
segment: {event: order, sum: {at_least: 60}, within: 30 days}
on: enter
schedule: "0 9 * * *"
steps:
  - wait: 1 day
  - send: {channel: email, template: letter}
holdout: 40%
goal: {event: order, within: 14 days}
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
    """One shop from its opening to its report, a tick and a delivery a day."""
    memory = Path("/dev/shm")  # noqa: S108  a state in memory, where there is such a folder
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder,
        played(Path(folder), seed) as (worker, shop),
    ):
        return found(worker, shop, worker.report(END))


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
    write(root)
    shop = Shop(
        root / "data", seed=seed, customers=customers, start=START, effects=EFFECTS,
        reach=REACH, buying=BUYING,
    )  # fmt: skip
    shop.open()
    opened = load_relance(root, env={})
    with closing(Posting(opened.workspace, opened.templates)) as relance:
        worker = DemoWorker(relance)
        for day in range(DAYS):
            live_day(worker, shop, START + timedelta(days=day), ROUNDS)
        yield worker, shop


def write(root: Path) -> None:
    """The workspace's files."""
    for name, text in WORKSPACE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
