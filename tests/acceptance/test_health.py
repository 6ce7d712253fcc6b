"""`relance health`: a shop with one bad segment for each mistake, and it finds exactly those."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from json_page import differences, documented
from ward import AT, CUSTOMERS, NAMES, Ward

BAD = {
    "curious": ("few_criteria", "broad"),
    "asked": ("out_of_date", "data_old"),
    "belgian": ("irrelevant", "demographics"),
    "handful": ("over_segmented", "too_small"),
    "bargain": ("never_analysed", "no_holdout"),
}
SAYS = {
    "curious": "hardly more alike than any customers",
    "asked": "Nothing new in table questions for 40 days, and it is looked at every day",
    "belgian": "It looks only at who customers are, and at nothing that they did",
    "handful": "Too small to read what a message does",
    "bargain": "to_bargain holds nobody out, so that nobody will know what it was worth",
}


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Ward:
    return Ward(tmp_path_factory.mktemp("ward") / "shop").tick()


@pytest.fixture(scope="module")
def found(ward: Ward) -> dict[str, Any]:
    return dict(ward.call("health", "--at", AT.isoformat(), "--json").json())


def by_name(found: Mapping[str, Any]) -> dict[str, Any]:
    return {one["segment"]: one for one in found["segments"]}


def mistakes(one: Mapping[str, Any]) -> set[str]:
    return {name for name, outcome in one["mistakes"].items() if outcome == "failed"}


def signs(one: Mapping[str, Any]) -> set[str]:
    return {each["sign"] for each in one["findings"] if each["outcome"] == "failed"}


def test_exactly_the_five_mistakes_are_found_each_where_it_is(found: dict[str, Any]) -> None:
    assert {name: mistakes(one) for name, one in by_name(found).items()} == {
        "regular": set(),
        **{name: {mistake} for name, (mistake, _) in BAD.items()},
    }
    for name, (_, sign) in BAD.items():
        assert sign in signs(by_name(found)[name]), name


@pytest.mark.parametrize("name", BAD)
def test_each_mistake_has_its_sentence_and_its_number(found: dict[str, Any], name: str) -> None:
    _, sign = BAD[name]
    finding = next(one for one in by_name(found)[name]["findings"] if one["sign"] == sign)
    assert SAYS[name] in finding["sentence"]
    numbers = {k: v for k, v in finding["numbers"].items() if isinstance(v, int | float)}
    assert numbers or sign in {"demographics", "no_holdout"}


def test_every_segment_answers_for_all_five(found: dict[str, Any]) -> None:
    for one in found["segments"]:
        assert {each["mistake"] for each in one["findings"]} == {m for m, _ in BAD.values()}
        assert all(each["sentence"].endswith(".") or "?" in each["sentence"]
                   for each in one["findings"])  # fmt: skip


def test_the_document_is_what_the_page_tells(found: dict[str, Any]) -> None:
    example, nullable = documented("health")
    assert list(differences(found, example, nullable)) == []


def test_the_terminal_says_the_same_to_a_person(ward: Ward) -> None:
    answer = ward.call("health", "--at", AT.isoformat())
    assert answer.code == 0
    for sentence in SAYS.values():
        assert sentence in answer.out
    assert "Together they tell" in answer.out
    assert "(a trigger's own)" not in answer.out


def test_it_ends_well_whatever_it_finds_unless_asked_to_be_strict(ward: Ward) -> None:
    strict = ("health", "--at", AT.isoformat(), "--strict")
    assert ward.call(*strict).code == 1
    assert ward.call(*strict, "regular").code == 0


def test_one_segment_is_looked_at_beside_all_others(ward: Ward) -> None:
    found = ward.call("health", "belgian", "--at", AT.isoformat(), "--json").json()
    assert [one["segment"] for one in found["segments"]] == ["belgian"]
    assert {pair["other"] for pair in found["overlaps"]} | {
        pair["one"] for pair in found["overlaps"]
    } > {"belgian", "regular"}


def test_members_who_return_no_more_than_others_say_nothing(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "shop")
    ward.write("config/segments.yaml", (ward.root / "config/segments.yaml").read_text()
               + "  by_chance: {event: visit, where: {page: chance}}\n")  # fmt: skip
    visits = {"customer": list(range(0, CUSTOMERS, 5)), "page": ["chance"] * (CUSTOMERS // 5)}
    at = pa.array([AT - timedelta(days=60)] * (CUSTOMERS // 5), pa.timestamp("us", "UTC"))
    ward.table("visits", {**visits, "at": at})
    found = ward.call("health", "by_chance", "--at", AT.isoformat(), "--json").json()
    (one,) = found["segments"]
    assert {"broad", "no_lift"} <= signs(one)
    low, high = one["cohort"]["lift_ci"]
    assert low < 1 < high


def test_another_outcome_and_another_window_can_be_asked_about(ward: Ward) -> None:
    found = ward.call(
        "health", "--event", "visit", "--within", "60 days", "--at", AT.isoformat(), "--json"
    ).json()
    assert (found["window"]["event"], found["window"]["within"]) == ("visit", "60 days")
    assert found["window"]["returned"] != 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nobody_knows",), "there is no segment 'nobody_knows'"),
        (("--event", "ordr"), "there is no event 'ordr'"),
        (("--within", "soon"), "is not a duration"),
        (("--within", "-3 days"), "is no time"),
        (("--joined", "born"), "there is no attribute 'born'"),
    ],
)
def test_what_cannot_be_asked_is_told(ward: Ward, words: tuple[str, ...], sentence: str) -> None:
    answer = ward.call("health", *words)
    assert (answer.code, answer.out) == (2, "")
    assert sentence in answer.err


def nothing(ward: Ward) -> Any:
    answer = ward.call("health", "--at", AT.isoformat(), "--json")
    assert "NaN" not in answer.out
    assert "Infinity" not in answer.out
    return answer.json()


def test_no_orders_at_all_is_a_reason_and_no_number(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "shop")
    kinds = {"customer": pa.int64(), "total": pa.float64(), "category": pa.string(),
             "at": pa.timestamp("us", "UTC")}  # fmt: skip
    ward.table("orders", {name: pa.array([], kind) for name, kind in kinds.items()})
    found = nothing(ward)
    assert found["window"]["nothing"] == "short_history"
    assert found["omega_squared"] is None
    assert all(one["cohort"]["lift"] is None for one in found["segments"])
    regular = by_name(found)["regular"]
    assert {"data_empty", "empty"} <= signs(regular)


def test_one_customer_is_too_few_for_any_number(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "shop")
    ward.table("customers", {"id": [0], "email": ["a@example.com"], "country": ["BE"],
                             "first_name": ["Zoé"]})  # fmt: skip
    found = nothing(ward)
    assert found["customers"] == 1
    for one in found["segments"]:
        assert (one["cohort"]["alike"], one["cohort"]["lift"]) == (None, None)


def test_customers_who_are_all_the_same_have_nothing_to_compare(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "shop")
    days = [AT - timedelta(days=days) for days in (5, 50, 60, 70)]
    ward.table(
        "orders",
        {
            "customer": [who for who in range(CUSTOMERS) for _ in days],
            "at": pa.array(days * CUSTOMERS, pa.timestamp("us", "UTC")),
            "total": [10.0] * (len(days) * CUSTOMERS),
            "category": ["shoes"] * (len(days) * CUSTOMERS),
        },
    )
    found = nothing(ward)
    assert found["window"]["nothing"] == "everybody_returned"
    assert "too_large" in signs(by_name(found)["regular"])


def test_a_customers_table_without_rows_is_told(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "shop")
    kinds = {"id": pa.int64(), "email": pa.string(), "country": pa.string(),
             "first_name": pa.string()}  # fmt: skip
    ward.table("customers", {name: pa.array([], kind) for name, kind in kinds.items()})
    found = nothing(ward)
    assert found["window"]["nothing"] == "no_customers"
    assert all(one["share"] is None for one in found["segments"])


def test_a_report_that_was_made_since_the_windows_closed_is_a_reading(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "shop").tick(AT - timedelta(days=41)).tick(AT - timedelta(days=40))
    ward.tick()
    later = nothing(ward)
    assert "not_read" in signs(by_name(later)["regular"])
    assert ward.call("report").code == 0
    read = by_name(nothing(ward))["regular"]
    assert "never_analysed" not in mistakes(read)
    assert "analysed" in {one["sign"] for one in read["findings"]}


def test_a_segment_nobody_uses_and_one_used_by_another_are_told_apart(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "shop")
    text = (ward.root / "config/segments.yaml").read_text()
    ward.write(
        "config/segments.yaml",
        text + "  idle: {event: order, count: {at_least: 9}}\n"
        "  helper: {event: order, count: {at_least: 8}}\n"
        "  user: {segment: helper}\n",
    )
    found = by_name(nothing(ward))
    told = {name: {one["sign"] for one in found[name]["findings"]} for name in found}
    assert "unused" in told["idle"]
    assert "used" in told["helper"]
    assert not {"unused", "used"} & told[NAMES[0]]


def test_the_same_customers_twice_are_a_duplicate(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "shop")
    text = (ward.root / "config/segments.yaml").read_text()
    ward.write(
        "config/segments.yaml",
        text + "  again: {event: order, count: {more_than: 2}, within: 365 days}\n",
    )
    found = by_name(nothing(ward))
    assert "duplicate" in signs(found["regular"])
    assert "duplicate" in signs(found["again"])


def test_who_joined_later_was_nobody_before(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "shop")
    settings = (ward.root / "config/relance.yaml").read_text()
    ward.write("config/relance.yaml", settings.replace("first_name]", "first_name, created_at]"))
    joined = [AT - timedelta(days=10 if n < 1_000 else 400) for n in range(CUSTOMERS)]
    people = {"id": list(range(CUSTOMERS)), "email": ["a@example.com"] * CUSTOMERS,
              "country": ["FR"] * CUSTOMERS, "first_name": ["Zoé"] * CUSTOMERS}  # fmt: skip
    ward.table("customers", {**people, "created_at": pa.array(joined, pa.timestamp("us", "UTC"))})
    found = nothing(ward)
    assert found["window"]["customers"] == CUSTOMERS - 1_000
    assert found["customers"] == CUSTOMERS


def test_how_a_segment_moved_is_told_from_both_sides(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "shop").tick(AT - timedelta(days=14)).tick()
    one = by_name(nothing(ward))["regular"]
    since = one["stability"]["since_window"]
    assert since["stayed"] <= min(since["before"], since["now"])
    run = one["stability"]["since_run"]
    assert run["now"] == one["members"]
    sizes = one["history"]["sizes"]
    assert [size["members"] for size in sizes][-1] == one["members"]
    assert len(sizes) == 3  # a fortnight of weeks, and today
    assert json.dumps(one["history"])
