"""A segment of accounts has the members and the movements that plain Python gives it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from engine_shop import members, moves
from pools import ACCOUNT_SQL_LEAVES, Pools
from relance.domain.accounts import own_segment
from relance.domain.fits import Fits
from relance.domain.trigger import WriteTo
from relance.domain.workspace import Segment
from relance.engine import open_engine
from relance.engine.reference import evaluate
from relance.engine.reference_shop import accounts_of
from relance.engine.service import RelanceEngine
from shops import workspace, write_parquet, write_postgres, write_sqlite
from strategies import Case, account_leaves, cases, nested


@st.composite
def of_accounts(draw: st.DrawFn) -> Case:
    """A case whose segments are about accounts; one is about customers beside them."""
    case = draw(cases(segments=1))
    asked = nested(account_leaves(Pools.of(case.at, case.shop.zone.key), since_entry=False))
    theirs = {
        name: Segment(name=name, condition=draw(asked), version=name, of_accounts=True)
        for name in ("a0", "a1", "a2", "a3", "a4", "a5")
    }
    return replace(case, segments={**case.segments, **theirs})


def often(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
    )


def agree(case: Case, location: str, *, at_source: bool = False) -> None:
    shop = case.shop
    answers = {query: ask(shop, case.at) for query, ask in ACCOUNT_SQL_LEAVES.items()}
    accounts = accounts_of(replace(shop, answers=answers))
    theirs = {name: one for name, one in case.segments.items() if one.of_accounts}
    found = workspace(case, location, Path(tempfile.gettempdir()), at_source=at_source)
    with closing(open_engine(found)) as engine:
        with engine.picture(case.earlier, list(case.segments.values()), [], Fits()) as picture:
            before = {name: members(picture, name) for name in theirs}
            picture.keep()
        with engine.picture(case.at, list(case.segments.values()), [], Fits()) as picture:
            now = {name: members(picture, name) for name in theirs}
            changes = moves(picture.changes(case.earlier, list(case.segments)))
            asked = pa.array([each.key for each in shop.accounts], pa.string())
            contacts = picture.contacts(asked, WriteTo()).to_pylist()
            alone = picture.rows(named(asked), [])
        stand_ins = asked_alone(engine, case, theirs)
    for at, seen in ((case.earlier, before), (case.at, now)):
        for name, segment in theirs.items():
            wanted = evaluate(own_segment(segment).condition, accounts, at)
            assert seen[name] == wanted, segment.condition
    assert {change for change in changes if change[0] in theirs} == {
        (name, who, who in now[name]) for name in theirs for who in now[name] ^ before[name]
    }
    known = {each.key for each in shop.accounts}
    assert dict(zip(*(alone[c].to_pylist() for c in ("customer", "account")), strict=True)) == {
        f"account:{key}": key for key in known
    }
    assert stand_ins == now
    assert {(row["customer"], row["account"]) for row in contacts} == {
        (who.key, who.account) for who in shop.customers if who.account in known
    }


def named(accounts: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise("account:", accounts, "")


def asked_alone(
    engine: RelanceEngine, case: Case, segments: Mapping[str, Segment]
) -> dict[str, set[str]]:
    """Of which accounts a segment holds, asked of each as one that nobody is picked from."""
    keys = pa.array([each.key for each in case.shop.accounts], pa.string())
    cohort = pa.table(
        {
            "id": keys,
            "customer": named(keys),
            "entry_at": pa.array([case.earlier] * len(keys), pa.timestamp("us", tz="UTC")),
        }
    )
    questions = {name: segment.condition for name, segment in segments.items()}
    rows = engine.ask(cohort, questions, [], case.at).to_pylist()
    return {name: {row["id"] for row in rows if row[name]} for name in questions}


@given(case=of_accounts())
@often(10)
def test_accounts_over_parquet_agree_with_the_oracle(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        agree(case, write_parquet(case, Path(folder)))


@given(case=of_accounts())
@often(4)
def test_accounts_over_sqlite_agree_with_the_oracle(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        agree(case, write_sqlite(case, Path(folder)))


@pytest.mark.parametrize("at_source", [False, True], ids=["workbench", "at_source"])
@given(case=of_accounts())
@often(3)
def test_accounts_over_postgresql_agree_with_the_oracle(
    postgres_database: str, at_source: bool, case: Case
) -> None:
    agree(case, write_postgres(case, postgres_database), at_source=at_source)
