"""A shop that lives: two years of history, then one day at a time, answering its messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from relance.demo.answers import Answers, Extra, Sent, instant, micros
from relance.demo.buying import (
    CDNOW,
    CDNOW_SPEND,
    BgNbd,
    Floats,
    Ints,
    amounts,
    repeat_purchases,
    spending_rates,
)
from relance.demo.people import customer_id, customer_index, customers_table

ZONE = ZoneInfo("Europe/Paris")
OPENS = time(9)  # a day of the shop runs from nine to nine, as the ticks do
HISTORY = timedelta(days=730)
HORIZON = timedelta(days=366)  # how far the shop can live on
WEEK = micros(timedelta(weeks=1))

CATEGORIES = ("clothing", "shoes", "accessories", "beauty", "home")
POPULARITY = (0.34, 0.18, 0.16, 0.20, 0.12)
FAITHFUL = 0.6  # how often a customer buys in the category they like best
LOOKING, NEVER = 0.2, 0.1  # sign up some time before their first order; sign up and never order
LOOKING_WEEKS = 3.0
# the shop has grown: new customers came at 0.2 times the average pace, now at 1.8 times
EARLY, LATE = 0.2, 1.8

# what La Boutique's messages do: most help, one does nothing, one annoys
EFFECTS: Mapping[str, float] = {
    "back_on_their_own": -0.20,
    "best_customers_leaving": 0.12,
    "big_spender_thanks": 0.0,
    "birthday": 0.10,
    "new_customers_slow": 0.08,
    "replenishment": 0.15,
    "welcome": 0.14,
    "win_back": 0.06,
}
SELLS: Mapping[str, str] = {"replenishment": "beauty"}  # others: what the customer likes best

ORDERS = pa.schema(
    [
        ("order_id", pa.string()),
        ("customer_id", pa.string()),
        ("ordered_at", pa.timestamp("us", tz="UTC")),
        ("total", pa.float64()),
        ("category", pa.string()),
    ]
)


class Window(NamedTuple):
    """The goal's window of one customer who entered a trigger: later than `since`, to `until`."""

    customer: str
    since: datetime
    until: datetime

    def span(self) -> _Span:
        """The same in the shop's own terms."""
        return _Span(customer_index(self.customer), instant(self.since), instant(self.until))


class _Span(NamedTuple):
    customer: int
    since: int  # microseconds since 1970, UTC
    until: int


class Shop:
    """A simulated shop in a folder of Parquet files: `customers.parquet` and `orders/`.

    The same seed, messages and numpy give the same bytes. `customers` is their number on the
    first day; new ones keep arriving. `effects` are true effects by trigger (see `answers`);
    a trigger that is not named has none. `buying` is how customers come back by themselves.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seed: int = 1,
        customers: int = 20_000,
        start: date = date(2026, 1, 5),
        effects: Mapping[str, float] = EFFECTS,
        reach: timedelta = timedelta(days=14),
        buying: BgNbd = CDNOW,
    ) -> None:
        self.folder = folder
        self.start = start
        self._epoch = opening(start)
        self._lived_until = self._epoch
        self._answers = Answers(seed=seed, effects=effects, reach=reach)
        streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(4)]
        created, first = _arrivals(streams[0], customers)
        self._people = customers_table(streams[1], self._instants(created))
        self._book(streams[2], first, buying)
        self._tastes(streams[3], len(created))

    def open(self) -> None:
        """Write the customers and the orders up to the opening of the first day."""
        self._write_customers()
        history = self.orders(self._epoch - HISTORY - timedelta(days=1), self._epoch)
        _write(history, self.folder / "orders" / "history.parquet")

    def live(self, day: date, messages: Sequence[tuple[str, str, datetime]] = ()) -> None:
        """Let one day pass, from its opening to the next; days come one after the other.

        `messages` are those sent on this day: customer, trigger, instant. Writes the day's
        orders, and the customers with those who signed up. Raises ValueError for a day out of
        turn or a message of another day.
        """
        begins, ends = opening(day), opening(day + timedelta(days=1))
        if begins != self._lived_until:
            raise ValueError(f"{day} is out of turn: the next day is {self._lived_until:%Y-%m-%d}")
        if ends > self._epoch + HORIZON:
            raise ValueError(f"the shop's story ends {HORIZON.days} days after {self.start}")
        sent = [Sent(*message) for message in messages]
        if any(not begins <= message.at < ends for message in sent):
            raise ValueError(f"a message was not sent on {day} (from {begins} to {ends})")
        self._answers.tell(sent)
        self._lived_until = ends
        self._write_customers()
        _write(self.orders(begins, ends), self.folder / "orders" / f"{day.isoformat()}.parquet")

    def customers(self, until: datetime) -> pa.Table:
        """Everybody who signed up at `until` or earlier."""
        at = pa.scalar(until.astimezone(UTC), pa.timestamp("us", tz="UTC"))
        return self._people.filter(pc.less_equal(self._people["created_at"], at))

    def orders(self, since: datetime, until: datetime) -> pa.Table:
        """The orders later than `since`, up to and including `until`, in order of time."""
        low, high = instant(since), instant(until)
        organic = self._organic(low, high)
        extra = [e for of in self._answers.extras.values() for e in of if low < e.at <= high]
        table = pa.concat_tables([organic, self._extra_orders(extra)])
        return table.sort_by([("ordered_at", "ascending"), ("order_id", "ascending")])

    def truth(self, trigger: str, windows: Iterable[Window], category: str | None = None) -> float:
        """What a trigger truly did for those who were to be written to, as a fraction of them.

        How many bought within their window, less how many of the same would have, had it not
        written to any of them and all else been as it was. Who was never written to counts, and
        gains nothing. Only windows that are over count, and with a category only purchases in
        it; no window gives 0.
        """
        now = instant(self._lived_until)
        wanted = None if category is None else CATEGORIES.index(category)
        spans = [window.span() for window in windows]
        gains = [self._gain(trigger, span, wanted) for span in spans if span.until <= now]
        return sum(gains) / len(gains) if gains else 0.0

    def _gain(self, trigger: str, span: _Span, category: int | None) -> int:
        if not self._answers.wrote(trigger, span.customer):
            return 0
        without = self._retained(span, category, but=trigger)
        return self._retained(span, category) - without

    def _retained(self, span: _Span, category: int | None, *, but: str = "") -> bool:
        """Whether somebody bought in a span of time, had the trigger `but` not written."""
        who, since, until = span
        brought = any(
            extra.trigger != but and since < extra.at <= until
            for extra in self._answers.extras.get(who, ())
            if category in {None, self._sold(extra.trigger, who)}
        )
        return brought or any(
            not self._answers.given_up(who, order, at, but=but)
            for order, at in self._organic_of(who, since, until, category)
        )

    def _sold(self, trigger: str, who: int) -> int:
        """The category in which a trigger's message brings a purchase."""
        sells = SELLS.get(trigger)
        return int(self._likes[who]) if sells is None else CATEGORIES.index(sells)

    def _instants(self, weeks: Floats) -> Ints:
        """Microseconds since 1970 of times in weeks since the history began."""
        began = instant(self._epoch - HISTORY)
        return began + np.round(weeks * WEEK).astype(np.int64)

    def _book(self, rng: np.random.Generator, first: Floats, buying: BgNbd) -> None:
        """Draw every purchase that will be without messages, in order of time."""
        horizon = micros(HISTORY + HORIZON) / WEEK
        again, times = repeat_purchases(rng, first, horizon, buying)
        started = np.flatnonzero(first <= horizon)
        buyers = np.concatenate([started, again])
        at = self._instants(np.concatenate([first[started], times]))
        order = np.lexsort((buyers, at))
        self._buyers, self._times = buyers[order], at[order]
        self._by_buyer = np.argsort(self._buyers, kind="stable")

    def _tastes(self, rng: np.random.Generator, customers: int) -> None:
        self._rates = spending_rates(rng, customers)
        self._likes = rng.choice(len(CATEGORIES), customers, p=POPULARITY)
        self._totals = amounts(rng, self._rates[self._buyers])
        faithful = rng.random(len(self._buyers)) < FAITHFUL
        other = rng.choice(len(CATEGORIES), len(self._buyers), p=POPULARITY)
        self._bought = np.where(faithful, self._likes[self._buyers], other)

    def _organic(self, low: int, high: int) -> pa.Table:
        begin, end = np.searchsorted(self._times, [low, high], side="right").tolist()
        places = [place for place in range(begin, end) if not self._lost(place)]
        return _orders_table(
            [_order_id(place) for place in places],
            self._buyers[places],
            self._times[places],
            self._totals[places],
            self._bought[places],
        )

    def _lost(self, place: int) -> bool:
        who = int(self._buyers[place])
        return who in self._answers.influences and self._answers.given_up(
            who, _order_id(place), int(self._times[place])
        )

    def _organic_of(
        self, who: int, since: int, until: int, category: int | None
    ) -> list[tuple[str, int]]:
        ends = np.searchsorted(self._buyers, [who, who + 1], sorter=self._by_buyer)
        places = self._by_buyer[slice(*ends.tolist())]
        times = self._times[places]
        inside = (times > since) & (times <= until)
        if category is not None:
            inside &= self._bought[places] == category
        found = places[inside].tolist()
        return [(_order_id(place), int(self._times[place])) for place in found]

    def _extra_orders(self, extras: Sequence[Extra]) -> pa.Table:
        draws = [self._answers.draw(f"total:{extra.key}") for extra in extras]
        buyers = np.array([extra.customer for extra in extras], np.int64)
        times = np.array([extra.at for extra in extras], np.int64)
        categories = np.array([self._sold(e.trigger, e.customer) for e in extras], np.int64)
        # about what the customer usually spends
        usual = CDNOW_SPEND.p / self._rates[buyers] * (0.5 + np.array(draws))
        totals = np.maximum(np.round(usual, 2), 0.01)
        keys = [f"M{int(self._answers.draw(f'id:{extra.key}') * 2**48):012x}" for extra in extras]
        return _orders_table(keys, buyers, times, totals, categories)

    def _write_customers(self) -> None:
        _write(self.customers(self._lived_until), self.folder / "customers.parquet")


def opening(day: date) -> datetime:
    """When the shop opens on a day: nine in the morning in Paris."""
    return datetime.combine(day, OPENS, ZONE)


def _arrivals(rng: np.random.Generator, customers: int) -> tuple[Floats, Floats]:
    """When each customer signs up, and first orders (NaN: never), in weeks; ascending."""
    history, horizon = micros(HISTORY) / WEEK, micros(HORIZON) / WEEK
    # the pace grows in a line over the history: the share come by u is EARLY u + slope u²
    slope = (LATE - EARLY) / 2
    shares = rng.random(customers)
    past = (np.sqrt(EARLY**2 + 4 * slope * shares) - EARLY) / (2 * slope) * history
    later = round(customers * LATE * horizon / history)
    created = np.sort(np.concatenate([past, history + rng.random(later) * horizon]))
    kind = rng.random(len(created))
    waits = np.where(kind < LOOKING, rng.exponential(LOOKING_WEEKS, len(created)), 0.0)
    first = np.where(kind >= 1 - NEVER, np.nan, created + waits)
    return created, first


def _order_id(place: int) -> str:
    return f"O{place + 1:07d}"


def _orders_table(
    keys: Sequence[str], buyers: Ints, times: Ints, totals: Floats, categories: Ints
) -> pa.Table:
    columns = [
        keys,
        [customer_id(buyer) for buyer in buyers.tolist()],
        times,
        totals,
        [CATEGORIES[category] for category in categories.tolist()],
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, ORDERS, strict=True)]
    return pa.table(arrays, schema=ORDERS)


def _write(table: pa.Table, path: Path) -> None:
    """Write beside, then move: a reader sees the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    pq.write_table(table, beside)
    beside.replace(path)
