"""Right before the wire: marks, the budgets that they spend, and the rate that workers share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from relance.domain.ledger import Budget, Mark, Marked
from relance.store.claims import STILL_HELD
from relance.store.driver import Driver, Statement, instant
from relance.store.instants import Stored

PROVIDER_BUDGETS = "provider/"
"""Budgets under such a name are a provider's own: a message that goes to another one spends it."""

_OURS = f"worker = ? AND lease_until >= ? AND {STILL_HELD}"
_HELD = Statement(
    "SELECT id, state FROM message WHERE id {these} AND "  # noqa: S608  conditions only
    + _OURS
    + " ORDER BY n {lock}"
)
_MARK = Statement(
    "UPDATE message SET state = 'sending', changed_at = ?, provider = ?,"  # noqa: S608
    " recipient = ? WHERE id = ? AND " + _OURS
)


def mark(
    driver: Driver,
    marks: Sequence[Mark],
    at: datetime,
    worker: str,
    budgets: Sequence[Budget],
    unspent: Sequence[Budget] = (),
) -> Marked:
    """Mark what this worker holds, first come, as far as every budget reaches.

    A message already `sending` by this worker moves to another provider: it spends that
    provider's budgets only, and gives back the `unspent` ones of the first.
    """
    now = driver.instant(at)
    if not budgets and not unspent:
        return Marked(ours=_mark(driver, marks, now, worker))
    held = _held(driver, marks, now, worker)
    ours = [mark for mark in marks if mark.message in held]
    over: list[Mark] = []
    if unspent:
        _hold(driver, (*budgets, *unspent))
    if budgets and ours:
        ours, over = _spend(driver, ours, held, budgets)
    if unspent:
        moved = sum(held[mark.message] == "sending" for mark in ours)
        give_back(driver, Counter(dict.fromkeys(unspent, moved)))
    return Marked(
        ours=_mark(driver, ours, now, worker) if ours else [],
        over=[mark.message for mark in over],
    )


def _mark(driver: Driver, marks: Sequence[Mark], now: Stored, worker: str) -> list[str]:
    """Mark what is held, and say what was: only where something was not, by asking."""
    changes = [(now, m.provider, m.recipient or None, m.message, worker, now) for m in marks]
    changed = driver.many(_MARK, changes)
    held = None if changed == len(marks) else _held(driver, marks, now, worker)
    return [mark.message for mark in marks if held is None or mark.message in held]


def _held(driver: Driver, marks: Sequence[Mark], now: Stored, worker: str) -> dict[str, str]:
    """The states of those that this worker holds, which stay its own until the end."""
    return dict(driver.rows(_HELD, driver.listed(mark.message for mark in marks), worker, now))


_OPEN_BUDGET = Statement(
    "INSERT INTO spending (name, day, used) VALUES (?, ?, 0) ON CONFLICT DO NOTHING"
)
_USED = Statement("SELECT used FROM spending WHERE name = ? AND day = ? {lock}")
_SPEND = Statement("UPDATE spending SET used = ? WHERE name = ? AND day = ?")


def _spend(
    driver: Driver, marks: list[Mark], held: dict[str, str], budgets: Sequence[Budget]
) -> tuple[list[Mark], list[Mark]]:
    """The marks that every budget has room for, and the others."""
    left = {budget: _left(driver, budget) for budget in sorted(budgets, key=_key)}
    before = dict(left)
    own = [budget for budget in budgets if budget.name.startswith(PROVIDER_BUDGETS)]
    paid: list[Mark] = []
    over: list[Mark] = []
    for one in marks:
        asked: Iterable[Budget] = budgets if held[one.message] == "claimed" else own
        if all(left[budget] > 0 for budget in asked):
            paid.append(one)
            for budget in asked:
                left[budget] -= 1
        else:
            over.append(one)
    for budget, rest in left.items():
        if rest != before[budget]:
            driver.run(_SPEND, budget.limit - rest, *_key(budget))
    return paid, over


_GIVE_BACK = Statement(
    "UPDATE spending SET used = CASE WHEN used > ? THEN used - ? ELSE 0 END"
    " WHERE name = ? AND day = ?"
)


def give_back(driver: Driver, unspent: Counter[Budget]) -> None:
    """Budgets spent on messages that did not leave, each so many times."""
    for budget in sorted(unspent, key=_key):
        driver.run(_GIVE_BACK, unspent[budget], unspent[budget], *_key(budget))


def _hold(driver: Driver, budgets: Iterable[Budget]) -> None:
    for budget in sorted(budgets, key=_key):
        _left(driver, budget)


def _left(driver: Driver, budget: Budget) -> int:
    driver.run(_OPEN_BUDGET, *_key(budget))
    [(used,)] = driver.rows(_USED, *_key(budget))
    return budget.limit - int(used)


def _key(budget: Budget) -> tuple[str, str]:
    # always asked for in this order, so that workers never wait for each other in a circle
    return budget.name, budget.day.isoformat()


_OPEN_RATE = Statement("INSERT INTO rate (name, free_at) VALUES (?, ?) ON CONFLICT DO NOTHING")
_FREE_AT = Statement("SELECT free_at FROM rate WHERE name = ? {lock}")
_RESERVE = Statement("UPDATE rate SET free_at = ? WHERE name = ?")
_AHEAD = timedelta(minutes=15)


def reserve(driver: Driver, name: str, messages: int, gap: float, at: datetime) -> datetime:
    """When so many messages may leave, by GCRA without a burst: one stored instant per name.

    An instant that lies further ahead than any queue of workers explains is not believed: the
    clock has been set back since.
    """
    length = timedelta(seconds=gap * messages)
    driver.run(_OPEN_RATE, name, driver.instant(at))
    [(stored,)] = driver.rows(_FREE_AT, name)
    start = max(at, _believable(instant(stored), at, length))
    driver.run(_RESERVE, driver.instant(start + length), name)
    return start


def _believable(free_at: datetime, at: datetime, length: timedelta) -> datetime:
    return at if free_at > at + _AHEAD + 20 * length else free_at
