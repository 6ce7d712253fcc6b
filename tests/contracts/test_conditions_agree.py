"""Every engine gives the members that the plain-Python reading of the conditions gives."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from engine_shop import moves
from pools import ACCOUNT_SQL_LEAVES, SQL_LEAVES, Pools
from relance.domain.condition import Condition
from relance.domain.fits import LIFECYCLE, RFM, Breakpoints, Fits, Rhythm, TopFit
from relance.engine import open_engine
from relance.engine.reference import evaluate, fit_lifecycle, fit_rfm, fit_top
from relance.engine.reference_shop import Shop
from shops import workspace, write_parquet, write_postgres, write_sqlite
from strategies import MODELS, SCORE_SPECS, Case, cases, questions

Members = Mapping[str, set[str]]


def often(examples: int) -> settings:
    """So many examples; the time they take is the database's, not a fault.

    They are not shrunk, which takes minutes: a failure notes the segment and the customers.
    """
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
    )


def agree(case: Case, location: str, *, at_source: bool = False) -> None:
    """The engine and the oracle name the same members, now and since an earlier picture."""
    root = Path(tempfile.gettempdir())
    segments = list(case.segments.values())
    names = list(case.segments)
    with closing(open_engine(workspace(case, location, root, at_source=at_source))) as engine:
        with engine.picture(case.earlier, segments, [], Fits()) as picture:
            before = {name: members(picture.members(name)) for name in names}
            fits_before = picture.fits
            picture.keep()
        with engine.picture(case.at, segments, [], Fits()) as picture:
            now = {name: members(picture.members(name)) for name in names}
            fits = picture.fits
            counts = dict(picture.counts())
            changes = moves(picture.changes(case.earlier, names))

    same_cutoffs(fits_before, case, case.earlier)
    same_cutoffs(fits, case, case.at)
    note(f"fits at the earlier picture {fits_before}, now {fits}")
    same_members(before, expected(case, case.earlier, fits_before), case)
    same_members(now, expected(case, case.at, fits), case)
    assert counts == {name: len(now[name]) for name in names}
    assert changes == {
        (name, who, who in now[name]) for name in names for who in now[name] ^ before[name]
    }


def expected(case: Case, at: datetime, fits: Fits) -> Members:
    shop = answered(case.shop, at)
    return {
        name: evaluate(segment.condition, shop, at, segments=case.segments, fits=fits)
        for name, segment in case.segments.items()
    }


def answered(shop: Shop, at: datetime) -> Shop:
    """The shop with what each `sql` leaf returns as of an instant."""
    every = {**SQL_LEAVES, **ACCOUNT_SQL_LEAVES}
    return replace(shop, answers={query: ask(shop, at) for query, ask in every.items()})


def members(batches: Iterable[pa.RecordBatch]) -> set[str]:
    found = [who for batch in batches for who in batch.column("customer").to_pylist()]
    assert len(found) == len(set(found)), "a customer is a member once"
    return set(found)


def same_members(found: Members, wanted: Members, case: Case) -> None:
    wrong = sorted(name for name in wanted if found[name] != wanted[name])
    for name in wrong:
        note(f"{name}: {case.segments[name].condition}")
        note(
            f"  engine only {found[name] - wanted[name]}, oracle only {wanted[name] - found[name]}"
        )
    for who in {who for name in wrong for who in found[name] ^ wanted[name]}:
        tell(case.shop, who)
    assert not wrong


def tell(shop: Shop, key: str) -> None:
    """Everything that a failing example knows about one customer."""
    note(str([who for who in shop.customers if who.key == key]))
    for name, events in shop.events.items():
        for event in events:
            if event.customer == key:
                note(f"  {name} {event.at}: {event.fields}")


def same_cutoffs(fits: Fits, case: Case, at: datetime) -> None:
    """As near as two orders of floating-point arithmetic may come."""
    same_lengths(fits, case, at)
    for name, fit in fits.named.items():
        if isinstance(fit, TopFit):
            _, score, share = name.split("/")
            model = MODELS[SCORE_SPECS[score].model]
            top = fit_top(case.shop, at, score, float(share), model)
            assert top is not None
            assert fit.cutoff == pytest.approx(top.cutoff, abs=1e-9)
    found = fits.find(RFM, Breakpoints)
    if found is None:  # no rfm leaf was asked, or nobody has the event
        return
    wanted = fit_rfm(case.shop, at)
    assert wanted is not None
    assert found.recency == pytest.approx(wanted.recency, abs=1e-6)
    assert found.frequency == pytest.approx(wanted.frequency)
    assert found.monetary == pytest.approx(wanted.monetary)


def same_lengths(fits: Fits, case: Case, at: datetime) -> None:
    found = fits.find(LIFECYCLE, Rhythm)
    if found is not None:
        wanted = fit_lifecycle(case.shop, at)
        assert found.gaps == pytest.approx(wanted.gaps, abs=1e-5)
        assert replace(found, of="", gaps=()) == replace(wanted, gaps=())


@given(case=cases())
@often(25)
def test_conditions_over_parquet_agree_with_the_oracle(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        agree(case, write_parquet(case, Path(folder)))


@given(case=cases())
@often(6)
def test_conditions_over_sqlite_agree_with_the_oracle(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        agree(case, write_sqlite(case, Path(folder)))


@pytest.mark.parametrize("at_source", [False, True], ids=["workbench", "at_source"])
@given(case=cases())
@often(6)
def test_conditions_over_postgresql_agree_with_the_oracle(
    postgres_database: str, at_source: bool, case: Case
) -> None:
    agree(case, write_postgres(case, postgres_database), at_source=at_source)


@pytest.mark.slow
@given(case=cases())
@often(400)
def test_many_more_conditions_over_parquet_agree_with_the_oracle(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        agree(case, write_parquet(case, Path(folder)))


@pytest.mark.slow
@given(case=cases())
@often(200)
def test_many_more_conditions_over_sqlite_agree_with_the_oracle(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        agree(case, write_sqlite(case, Path(folder)))


@pytest.mark.slow
@pytest.mark.parametrize("at_source", [False, True], ids=["workbench", "at_source"])
@given(case=cases())
@often(200)
def test_many_more_conditions_over_postgresql_agree_with_the_oracle(
    postgres_database: str, at_source: bool, case: Case
) -> None:
    agree(case, write_postgres(case, postgres_database), at_source=at_source)


# -- questions about entries


@st.composite
def interviews(draw: st.DrawFn) -> tuple[Case, dict[str, Condition], list[tuple[str, datetime]]]:
    """A shop, questions that may look at what came since the entry, and entries."""
    case = draw(cases(segments=0))
    pools = Pools.of(case.at, case.shop.zone.key)
    asked = questions(pools)
    people = [who.key for who in case.shop.customers]
    entry = st.tuples(st.sampled_from([*people, "0"]), pools.instants)
    return case, {f"q{n}": draw(asked) for n in range(12)}, draw(st.lists(entry, max_size=20))


def answer_by_hand(
    case: Case, asked: Mapping[str, Condition], entries: list[tuple[str, datetime]]
) -> dict[str, dict[str, bool]]:
    shop = answered(case.shop, case.at)
    known = {who.key for who in shop.customers}
    return {
        str(number): {
            name: who in evaluate(question, shop, case.at, entry_at=dict.fromkeys(known, entry_at))
            for name, question in asked.items()
        }
        for number, (who, entry_at) in enumerate(entries)
        if who in known
    }


def answer_by_engine(
    case: Case, location: str, asked: Mapping[str, Condition], entries: list[tuple[str, datetime]]
) -> dict[str, dict[str, bool]]:
    cohort = pa.table(
        {
            "id": pa.array([str(number) for number in range(len(entries))], pa.string()),
            "customer": pa.array([who for who, _ in entries], pa.string()),
            "entry_at": pa.array([at for _, at in entries], pa.timestamp("us", "UTC")),
        }
    )
    with closing(open_engine(workspace(case, location, Path(tempfile.gettempdir())))) as engine:
        rows = engine.ask(cohort, asked, [], case.at).to_pylist()
    assert len(rows) == len({row["id"] for row in rows})
    return {row["id"]: {name: row[name] for name in asked} for row in rows}


@given(interview=interviews())
@often(15)
def test_questions_since_the_entry_agree_with_the_oracle_over_parquet(
    interview: tuple[Case, dict[str, Condition], list[tuple[str, datetime]]],
) -> None:
    case, asked, entries = interview
    with tempfile.TemporaryDirectory() as folder:
        found = answer_by_engine(case, write_parquet(case, Path(folder)), asked, entries)

    assert found == answer_by_hand(case, asked, entries)


@given(interview=interviews())
@often(5)
def test_questions_since_the_entry_agree_with_the_oracle_over_postgresql(
    postgres_database: str,
    interview: tuple[Case, dict[str, Condition], list[tuple[str, datetime]]],
) -> None:
    case, asked, entries = interview
    found = answer_by_engine(case, write_postgres(case, postgres_database), asked, entries)

    assert found == answer_by_hand(case, asked, entries)
