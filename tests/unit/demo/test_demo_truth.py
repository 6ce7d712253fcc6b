"""What the simulated shop calls the truth: the same shop, lived without the trigger, beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from relance.demo.answers import Sent
from relance.demo.buying import BgNbd
from relance.demo.people import customer_id, customer_index
from relance.demo.shop import Shop, Window, opening
from relance.uplift.proportions import newcombe

START = date(2026, 1, 5)
DAYS = 16
OFTEN = BgNbd(r=1.0, alpha=3.0, a=0.3, b=3.0)  # a purchase every three weeks
NEVER = BgNbd(r=1e-6, alpha=1.0, a=1.0, b=1.0)
Letters = Mapping[int, Sequence[Sent]]  # by the day of the story


def opened(folder: Path, **made: object) -> Shop:
    return Shop(folder, **{"seed": 3, "customers": 900, "start": START, "buying": OFTEN, **made})


def lived(folder: Path, letters: Letters, days: int = DAYS, **made: object) -> Shop:
    shop = opened(folder, **made)
    for number in range(days):
        shop.live(START + timedelta(days=number), letters.get(number, ()))
    return shop


def written(day: int, customers: Sequence[int], trigger: str = "test") -> list[Sent]:
    at = opening(START + timedelta(days=day))
    return [Sent(customer_id(who), trigger, at) for who in customers]


def entered(customers: Sequence[int], days: int = 14) -> list[Window]:
    """Windows of people who entered on the first morning."""
    begins = opening(START)
    return [Window(customer_id(who), begins, begins + timedelta(days=days)) for who in customers]


def buyers(shop: Shop, windows: Sequence[Window], category: str | None = None) -> set[int]:
    """Who of them bought in time, read from the shop's orders."""
    orders = shop.orders(windows[0].since, windows[0].until).to_pylist()
    wanted = {one["customer_id"] for one in orders if category in {None, one["category"]}}
    return {customer_index(one.customer) for one in windows if one.customer in wanted}


@pytest.mark.parametrize("category", [None, "beauty"])
@pytest.mark.parametrize("effect", [0.5, 0.0, -0.7])
def test_the_truth_is_the_same_shop_with_and_without_the_trigger(
    tmp_path: Path, effect: float, category: str | None
) -> None:
    first, late, never = range(300), range(200, 500), range(500, 700)
    others = {1: written(1, range(100, 600), "helps") + written(1, range(50), "annoys")}
    ours = {0: written(0, first), 5: written(5, late)}
    effects = {"test": effect, "helps": 0.3, "annoys": -0.9}
    told = {day: [*ours.get(day, []), *others.get(day, [])] for day in range(DAYS)}
    loud = lived(tmp_path / "loud", told, effects=effects)
    quiet = lived(tmp_path / "quiet", others, effects=effects)
    windows = entered([*first, *late[100:], *never])
    more = len(buyers(loud, windows, category)) - len(buyers(quiet, windows, category))
    assert loud.truth("test", windows, category) == pytest.approx(more / len(windows))
    assert np.sign(more) == np.sign(effect)


def test_over_many_shops_the_truth_is_what_the_letters_were_made_to_do(tmp_path: Path) -> None:
    found = []
    for seed in range(8):
        letters = {4: written(4, range(250))}
        shop = lived(
            tmp_path / str(seed), letters, days=12, seed=seed, customers=500, buying=NEVER,
            effects={"test": 0.6}, reach=timedelta(days=14),
        )  # fmt: skip
        found.append(shop.truth("test", entered(range(500), days=11)))
    # half are written to, on the fifth day: seven of the fourteen days of its reach are left
    assert float(np.mean(found)) == pytest.approx(0.5 * 0.6 * 7 / 14, abs=0.03)


def test_over_many_shops_an_annoying_letter_costs_as_often_as_it_says(tmp_path: Path) -> None:
    kept, lost = 0, 0.0
    for seed in range(4):
        told = {0: written(0, range(900))}
        loud = lived(tmp_path / f"{seed}", told, seed=seed, effects={"test": -0.3})
        quiet = opened(tmp_path, seed=seed)
        windows = entered(range(900))
        bought = quiet.orders(windows[0].since, windows[0].until)["customer_id"].to_pylist()
        once = [one for one in windows if bought.count(one.customer) == 1]
        kept += len(once)
        lost -= loud.truth("test", once) * len(once)
    assert kept > 300
    assert lost / kept == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize("effect", [0.3, 0.0, -0.4])
def test_an_experiment_finds_the_true_effect(tmp_path: Path, effect: float) -> None:
    draw = np.random.default_rng(9)
    candidates = list(range(3_000))
    treated = [who for who in candidates if draw.random() < 0.5]
    held_out = sorted(set(candidates) - set(treated))
    told = {0: written(0, treated)}
    shop = lived(tmp_path, told, customers=3_000, effects={"test": effect})
    arms = entered(treated), entered(held_out)
    hits = [number for arm in arms for number in (len(buyers(shop, arm)), len(arm))]
    truth = shop.truth("test", arms[0])
    low, high = newcombe(*hits, level=0.999)
    assert low <= truth <= high
    assert (truth > 0) == (effect > 0)
    assert (truth < 0) == (effect < 0)


def test_who_was_never_written_to_counts_and_gains_nothing(tmp_path: Path) -> None:
    shop = lived(tmp_path, {0: written(0, range(200))}, effects={"test": 0.5})
    reached = shop.truth("test", entered(range(200)))
    assert reached > 0.2
    assert shop.truth("test", entered(range(400))) == pytest.approx(reached / 2)
    assert shop.truth("test", entered(range(200, 400))) == 0.0


def test_two_letters_help_more_than_one(tmp_path: Path) -> None:
    first, second = written(0, range(500)), written(3, range(500))
    once = lived(tmp_path / "once", {0: first}, effects={"test": 0.2})
    twice = lived(tmp_path / "twice", {0: first, 3: second}, effects={"test": 0.2})
    windows = entered(range(500))
    assert twice.truth("test", windows) > 1.3 * once.truth("test", windows) > 0


def test_a_window_still_open_has_no_truth_yet(tmp_path: Path) -> None:
    shop = lived(tmp_path, {0: written(0, range(400))}, effects={"test": 1.0})
    assert shop.truth("test", entered(range(400), days=DAYS + 1)) == 0.0
    assert shop.truth("test", []) == 0.0


def test_a_reminder_of_one_category_does_nothing_for_another(tmp_path: Path) -> None:
    letters = {0: written(0, range(300), "replenishment")}
    shop = lived(tmp_path, letters, effects={"replenishment": 1.0})
    windows = entered(range(300))
    whatever = shop.truth("replenishment", windows)
    assert shop.truth("replenishment", windows, "beauty") > whatever > 0
    assert shop.truth("replenishment", windows, "shoes") == 0.0


def test_a_letter_adds_nothing_for_those_whom_another_one_retained(tmp_path: Path) -> None:
    letters = {0: written(0, range(300)) + written(0, range(150), "other")}
    shop = lived(
        tmp_path, letters, buying=NEVER, days=17, effects={"test": 0.5, "other": 1.0},
    )  # fmt: skip
    windows = entered(range(300), days=15)
    # the other letter brings all of its readers back: half of them all
    assert shop.truth("test", windows) == pytest.approx(0.25, abs=0.06)
    assert shop.truth("test", windows[:150]) == 0.0
