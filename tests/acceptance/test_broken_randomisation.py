"""Entries are taken from one arm, sorted into the other, or swapped within a week: no number of the
effect is shown anywhere, in any form of the report."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from simulations import shops
from typer.testing import CliRunner

from relance.cli import app
from relance.uplift.gauges import kept
from relance.wiring import open_relance

pytestmark = pytest.mark.xdist_group("broken_randomisation")  # one shop is played for all

TRIGGER, SOUND = "miss_you", "thanks"
AT = shops.END
WINDOW = timedelta(days=14)
State = sqlite3.Connection


# -- ways to break it


def lost(state: State, _buyers: frozenset[str]) -> None:
    """Every second of the held-out is gone."""
    gone = [one for place, (one,) in enumerate(_held_out(state)) if place % 2]
    state.executemany("DELETE FROM message WHERE entry = ?", [(one,) for one in gone])
    state.executemany("DELETE FROM entry WHERE id = ?", [(one,) for one in gone])


def sorted_by_outcome(state: State, buyers: frozenset[str]) -> None:
    """Held-out customers who bought again are counted among the treated."""
    rows = state.execute(
        "SELECT id, customer FROM entry WHERE trigger = ? AND arm = 'holdout'", (TRIGGER,)
    ).fetchall()
    _move(state, [one for one, customer in rows if customer in buyers], "treated")


def swapped_in_a_week(state: State, _buyers: frozenset[str]) -> None:
    """One week's held-out are treated, another week has so many more: in all it comes out even."""
    rows = state.execute("SELECT id, arm, at FROM entry WHERE trigger = ?", (TRIGGER,)).fetchall()
    weeks = Counter(_week(at) for _, _, at in rows)
    first, second = (week for week, _ in weeks.most_common(2))
    freed = [one for one, arm, at in rows if arm == "holdout" and _week(at) == first]
    others = [one for one, arm, at in rows if arm == "treated" and _week(at) == second]
    moved = min(len(freed), len(others) // 2)
    _move(state, freed[:moved], "treated")
    _move(state, others[:moved], "holdout")


WAYS = (lost, sorted_by_outcome, swapped_in_a_week)


def _held_out(state: State) -> list[tuple[str]]:
    return state.execute(
        "SELECT id FROM entry WHERE trigger = ? AND arm = 'holdout' ORDER BY id", (TRIGGER,)
    ).fetchall()


def _move(state: State, entries: list[str], arm: str) -> None:
    state.executemany("UPDATE entry SET arm = ? WHERE id = ?", [(arm, one) for one in entries])


def _week(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1e6, UTC):%G-W%V}"


# -- what the report would show


@dataclass(frozen=True, slots=True)
class Arms:
    """Closed windows and retained customers of both arms, counted by hand."""

    closed: Mapping[str, int]
    retained: Mapping[str, int]

    @property
    def rates(self) -> dict[str, float]:
        return {arm: self.retained[arm] / self.closed[arm] for arm in self.closed}


def counted(root: Path, trigger: str) -> Arms:
    orders: dict[str, list[datetime]] = {}
    table = pq.read_table(root / "data" / "orders", columns=["customer_id", "ordered_at"])
    for customer, at in zip(*(column.to_pylist() for column in table.columns), strict=True):
        orders.setdefault(customer, []).append(at)
    closed_, retained = Counter[str](), Counter[str]()
    with closing(_open(root)) as state:
        rows = state.execute("SELECT customer, arm, at FROM entry WHERE trigger = ?", (trigger,))
        for customer, arm, at in rows:
            entered = datetime.fromtimestamp(at / 1e6, UTC)
            if entered + WINDOW <= AT:
                bought = orders.get(customer, ())
                closed_[arm] += 1
                retained[arm] += any(entered < one <= entered + WINDOW for one in bought)
    return Arms(closed_, retained)


def _open(root: Path) -> State:
    return sqlite3.connect(root / "state" / "relance.db")


# -- the shop, and its breaking


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sound")
    with shops.played(root, seed=5):
        return root


@pytest.fixture(scope="module", params=WAYS, ids=[way.__name__ for way in WAYS])
def broken(
    request: pytest.FixtureRequest, sound: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    way: Callable[[State, frozenset[str]], None] = request.param
    root = tmp_path_factory.mktemp(way.__name__) / "shop"
    shutil.copytree(sound, root)
    table = pq.read_table(root / "data" / "orders", columns=["customer_id", "ordered_at"])
    begun = datetime(2026, 1, 20, tzinfo=UTC)
    buyers = frozenset(
        customer
        for customer, at in zip(*(column.to_pylist() for column in table.columns), strict=True)
        if at > begun
    )
    with closing(_open(root)) as state, state:
        way(state, buyers)
    return root


@cache
def report(root: Path, *options: str) -> str:
    words = ["report", "--workspace", str(root), "--at", f"{AT:%Y-%m-%dT%H:%M}", *options]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return done.stdout


def document(root: Path, trigger: str = TRIGGER) -> dict[str, object]:
    (one,) = [each for each in json.loads(report(root, "--json")) if each["trigger"] == trigger]
    return one


def numbers(value: object, path: str = "") -> Iterator[tuple[str, float]]:
    """Every number in a document, and where it stands."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from numbers(below, f"{path}.{key}")
    elif isinstance(value, list):
        for below in value:
            yield from numbers(below, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, value


# what is about people and messages, about windows, and about the split itself
HARMLESS = re.compile(
    r"\.(runs|entered|treated|held_out|sent|failed|unknown|pending|customers|window_days|read_out"
    r"|compared|holdout_share|srm_p|prebalance_p|(refused|skipped|by_state)\.\w+|findings\.\w+)$"
)


def test_the_sound_shop_has_a_verdict_and_its_numbers_everywhere(sound: Path) -> None:
    one, by_hand = document(sound), counted(sound, TRIGGER)
    assert one["verdict"] == "better"
    assert one["diff"] == pytest.approx(by_hand.rates["treated"] - by_hand.rates["holdout"])
    said, page = spoken(sound)
    assert len(shown_in(said_of(said, TRIGGER), by_hand)) >= 2
    assert len(shown_in(section_of(page, TRIGGER), by_hand)) >= 4


def test_json_says_srm_failed_and_has_no_number_of_the_effect(broken: Path) -> None:
    one, by_hand = document(broken), counted(broken, TRIGGER)
    assert one["verdict"] == "srm_failed"
    found = list(numbers(one))
    assert [path for path, _ in found if not HARMLESS.search(path)] == []
    shown = {round(value, 6) for _, value in found}
    rates = by_hand.rates
    assert not shown & {round(rate, 6) for rate in rates.values()}
    assert round(rates["treated"] - rates["holdout"], 6) not in shown


def test_the_reason_says_that_the_split_is_broken_and_in_which_week(broken: Path) -> None:
    reason = str(document(broken)["reason"])
    assert "split" in reason or "held out" in reason
    if broken.parent.name.startswith("swapped_in_a_week"):
        assert re.search(r"2026-W\d\d", reason)


def test_the_terminal_shows_the_verdict_and_no_rate(broken: Path) -> None:
    said, _ = spoken(broken)
    (row,) = [line for line in said.splitlines() if TRIGGER in line and "srm failed" in line]
    assert not re.search(r"\d\s*%|[+\N{MINUS SIGN}]\d", row)
    assert not shown_in(said_of(said, TRIGGER), counted(broken, TRIGGER))


def said_of(text: str, trigger: str) -> str:
    """The lines about one trigger: its row, its sentence and what is indented below."""
    lines, ours = [], False
    for line in text.splitlines():
        ours = trigger in line or (ours and line.startswith("  "))
        lines += [line] if ours else []
    return "\n".join(lines)


def shown_in(text: str, arms: Arms) -> list[str]:
    """Rates and retained customers of the arms that a text shows, in English or French."""
    rates = arms.rates
    shares = [*rates.values(), abs(rates["treated"] - rates["holdout"])]
    wanted = [f"{share * 100:.1f}" for share in shares]
    wanted += [one.replace(".", ",") for one in wanted]
    wanted += [str(number) for number in arms.retained.values()]
    return [one for one in wanted if re.search(rf"(?<![\d.,]){re.escape(one)}(?![\d.,]?\d)", text)]


def test_the_csv_has_rows_without_a_number_of_the_effect(broken: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(report(broken, "--csv"))))
    ours = [row for row in rows if row["trigger"] == TRIGGER]
    assert {row["verdict"] for row in ours} == {"srm_failed"}
    told = {name for row in ours for name, cell in row.items() if cell}
    assert told <= {
        "at", "trigger", "version", "verdict", "reason", "metric", "window_days", "window",
        "primary", "treated_customers", "holdout_customers", "withheld",
    }  # fmt: skip
    assert any(row["diff"] for row in rows if row["trigger"] == SOUND)


def test_the_page_shows_no_number_of_the_effect(broken: Path) -> None:
    section = section_of(spoken(broken)[1], TRIGGER)
    assert TRIGGER in section
    assert not shown_in(section, counted(broken, TRIGGER))


def spoken(root: Path) -> tuple[str, str]:
    """The terminal's text, and the page that was written with it."""
    path = root.parent / f"{root.name}.html"
    said = report(root, "--html", str(path), "--language", "fr")
    return said, path.read_text(encoding="utf-8")


def section_of(page: str, trigger: str) -> str:
    """The text of everything that the page says of one trigger."""
    sections = re.findall(r"<(section|article)\b(.*?)</\1>", page, re.S)
    ours = [text for _, text in sections if f">{trigger}<" in text]
    return re.sub(r"<style.*?</style>|<[^>]+>", " ", " ".join(ours), flags=re.S)


def test_the_gauges_hold_the_verdict_alone(broken: Path) -> None:
    with open_relance(broken, env={}) as relance:
        relance.keep_figures(relance.report(AT))
        figures = kept(relance.state.notes)
    assert figures is not None
    ours = [one for one in figures.samples if one.labels.get("trigger") == TRIGGER]
    assert {one.name for one in ours} == {"verdict"}
    assert {one.labels["verdict"] for one in ours if one.value} == {"srm_failed"}
    others = [one for one in figures.samples if one.labels.get("trigger") == SOUND]
    assert "retention_difference" in {one.name for one in others}
