"""From many seeded runs to rows of the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.pool import Pool
from typing import TypeVar

from relance.uplift.proportions import wilson
from simulations import coverage, pools, previews, shops, spending, trials
from simulations.table import Row
from simulations.trials import Outcome, Truth

RUNS = 2_000
REVENUE_RUNS = 10_000  # 2.5 and 3 % are closer than 2,000 comparisons can tell
T = TypeVar("T")


def without_effect(workers: Pool, base: float, runs: int = RUNS) -> list[Row]:
    """What is called clear in trials without any effect, though looked at every day."""
    done = _tries(workers, partial(trials.run, Truth(base=base, rate=base)), runs)
    where = f"no effect, base {base:.0%}, {runs:,} trials"
    return [
        _at_most(f"{where}: verdict ever better or worse", _share(done, "verdict"), 0.05),
        _at_most(f"{where}: alarm ever", _share(done, "alarm"), 0.01),
        _shown(f"{where}: split called broken on some day", _share(done, "split")),
        _shown(f"{where}: usual z-test clear on some day", _share(done, "plain_ever")),
        _shown(f"{where}: usual z-test clear on the last day", _share(done, "plain_end")),
    ]


def power(workers: Pool, base: float, rate: float, runs: int = RUNS) -> list[Row]:
    """What is found of a real effect, beside the usual test that looks only once."""
    done = _tries(workers, partial(trials.run, Truth(base=base, rate=rate)), runs)
    found, plain = _share(done, "verdict"), _share(done, "plain_end")
    where = f"from {base:.0%} to {rate:.1%}, {runs:,} trials"
    rows = [
        _at_least(f"{where}: verdict clear", found, plain - 0.05),
        _shown(f"{where}: usual z-test, last day only", plain),
        _at_most(f"{where}: verdict on the wrong side", _share(done, "wrong_side"), 0.001),
    ]
    if rate < base:
        rows.append(_shown(f"{where}: alarm for harm", _share(done, "harm")))
    return rows


def interval_coverage(workers: Pool, holdout: int, treated: int) -> Row:
    """The worst case of the difference's interval at one size."""
    held = workers.starmap(coverage.exact, coverage.cases(holdout, treated))
    return _at_least(
        f"95 % interval of the difference holds the truth, {holdout:,} held out and {treated:,} "
        f"treated: worst of {len(held)} cases, exact",
        min(held),
        0.94,
    )


def revenue(
    workers: Pool, holdout: int, *, listed: bool = True, runs: int = REVENUE_RUNS
) -> list[Row]:
    """Revenue found where there is none, with real amounts, `listed` or as sums only."""
    compare = partial(spending.compare, holdout, listed=listed)
    done = [one for one in _tries(workers, compare, runs) if one.shown]
    where = f"CDNOW's amounts, {holdout:,} : {9 * holdout:,}, no effect, {runs:,} comparisons"
    where += "" if listed else ", from sums alone"
    return [
        _at_most(f"{where}: false revenue uplift", _share(done, "uplift"), 0.03),
        _at_most(f"{where}: false revenue harm", _share(done, "harm"), 0.03),
        _at_most(f"{where}: capped interval misses zero", _share(done, "capped_missed"), 0.07),
        _shown(f"{where}: Welch's t-test, false uplift", _share(done, "welch_uplift")),
    ]


def preview(workers: Pool, runs: int = RUNS) -> Row:
    """The preliminary interval while windows are open."""
    held = _tries(workers, previews.holds, runs)
    what = f"preliminary 95 % interval (Kaplan-Meier) holds the truth, {runs:,} trials"
    return _at_least(what, sum(held) / len(held), 0.94)


def pooled(workers: Pool, runs: int = RUNS) -> list[Row]:
    """The interval over three versions with small holdouts."""
    held = _tries(workers, pools.holds, runs)
    what = f"95 % interval over three versions with small holdouts holds the truth, {runs:,} pools"
    return [
        _at_least(what, sum(one for one, _ in held) / runs, 0.94),
        _shown("the same by inverse variance", sum(other for _, other in held) / runs),
    ]


def shop(workers: Pool, seeds: Sequence[int] = shops.SEEDS) -> list[Row]:
    """Whole runs of relance: how often the report's interval holds what is true of the shop."""
    done = workers.map(shops.run, seeds, chunksize=1)
    by_trigger = zip(*done, strict=True)
    return [row for found in by_trigger for row in of_trigger(found)]


def of_trigger(found: Sequence[shops.Found]) -> Iterator[Row]:
    """How the runs of one trigger went, and whether that is as promised."""
    effect = shops.EFFECTS[found[0].trigger]
    truth = sum(one.truth for one in found) / len(found)
    where = f"whole runs of a shop, true effect {truth * 100:+.1f} points on average"
    held, clear = sum(one.holds for one in found), sum(one.clear for one in found)
    yield _counted(f"{where}: 95 % interval holds the truth", held, len(found), at_least=0.93)
    if effect:
        yield _counted(f"{where}: verdict clear", clear, len(found))
        wrong = sum(one.wrong_side for one in found)
        yield _counted(f"{where}: verdict on the wrong side", wrong, len(found), at_most=0.001)
    else:
        yield _counted(f"{where}: verdict better or worse", clear, len(found), at_most=0.05)


def _counted(
    what: str, hits: int, runs: int, *, at_least: float | None = None, at_most: float | None = None
) -> Row:
    """So few runs that the share's own interval belongs beside it."""
    share, (low, high) = hits / runs, wilson(hits, runs)
    measured = f"{hits} of {runs}: {share:.1%} [{low:.1%}, {high:.1%}]"
    if at_least is not None:
        limit, held = f"≥ {at_least:.1%}", share >= at_least
    elif at_most is not None:
        limit, held = f"≤ {at_most:.1%}", share <= at_most
    else:
        return Row(what=what, measured=measured)
    return Row(what=what, measured=measured, limit=limit, held=held)


def _tries(workers: Pool, one: Callable[[int], T], runs: int) -> list[T]:
    return workers.map(one, range(runs), chunksize=25)


def _share(done: Sequence[Outcome] | Sequence[spending.Found], name: str) -> float:
    return sum(bool(getattr(one, name)) for one in done) / len(done)


def _at_most(what: str, found: float, limit: float) -> Row:
    return Row(what=what, measured=_percent(found), limit=f"≤ {limit:.1%}", held=found <= limit)


def _at_least(what: str, found: float, limit: float) -> Row:
    return Row(what=what, measured=_percent(found), limit=f"≥ {limit:.1%}", held=found >= limit)


def _shown(what: str, found: float) -> Row:
    return Row(what=what, measured=_percent(found))


def _percent(share: float) -> str:
    return f"{share:.1%}" if share in (0, 1) or share > 0.001 else f"{share:.2%}"
