"""`relance describe`: who is in a segment, told of nobody in particular."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from json_page import differences, documented
from ward import AT, CUSTOMERS, Ward


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Ward:
    return Ward(tmp_path_factory.mktemp("ward") / "shop").tick()


def described(ward: Ward, segment: str) -> dict[str, Any]:
    answer = ward.call("describe", segment, "--at", AT.isoformat(), "--json")
    assert "NaN" not in answer.out
    return dict(answer.json())


def test_a_segment_is_told_beside_all_customers(ward: Ward) -> None:
    found = described(ward, "regular")
    example, nullable = documented("describe SEGMENT")
    assert list(differences(found, example, nullable)) == []
    assert found["customers"] == CUSTOMERS
    assert found["share"] == pytest.approx(found["members"] / CUSTOMERS)
    features = {one["feature"]: one for one in found["features"]}
    assert features["frequency"]["members"]["median"] >= 3
    assert features["frequency"]["members"]["score"] > features["frequency"]["customers"]["score"]
    assert any("They come more often" in sentence for sentence in found["sentences"])
    assert ("country", "BE") in {(one["name"], one["value"]) for one in found["differences"]}
    assert {(one["name"], one["event"]) for one in found["values"]} == {
        ("country", None), ("category", "order"), ("page", "visit"),
    }  # fmt: skip


def test_no_name_and_no_address_is_ever_listed(ward: Ward) -> None:
    answer = ward.call("describe", "regular", "--at", AT.isoformat())
    assert "first_name" not in answer.out
    assert "Name7" not in answer.out
    assert "@" not in answer.out


def test_the_terminal_puts_it_in_words(ward: Ward) -> None:
    answer = ward.call("describe", "belgian", "--at", AT.isoformat())
    assert answer.code == 0
    assert "beside all customers" in answer.out
    assert "country BE: 100.0 % of them" in answer.out


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_is_one_file_with_a_picture(ward: Ward, tmp_path: Path, language: str) -> None:
    page = tmp_path / "pages/regular.html"
    answer = ward.call("describe", "regular", "--at", AT.isoformat(), "--html", str(page),
                       "--language", language)  # fmt: skip
    assert f"wrote {page}" in answer.out
    text = page.read_text(encoding="utf-8")
    assert f'<html lang="{language}">' in text
    assert text.count('class="bell"') >= 6
    assert "http" not in text.replace("http-equiv", "")


def test_few_members_are_counted_and_not_described(ward: Ward) -> None:
    found = described(ward, "handful")
    assert found["members"] == 60
    assert found["differences"] == []
    assert any("Too few members" in sentence for sentence in found["sentences"])


def test_of_fewer_than_five_nothing_is_told(ward: Ward) -> None:
    text = (ward.root / "config/segments.yaml").read_text()
    few = "  few: {all: [{segment: belgian}, {customer: first_name, is: Name7}]}\n"
    ward.write("config/segments.yaml", text + few + "  nobody: {customer: country, is: XX}\n")
    for name, sentence in (("few", "about persons"), ("nobody", "Nobody is in it.")):
        found = described(ward, name)
        assert (found["members"] > 0) == (name == "few")
        assert (found["features"], found["values"], found["money"]) == ([], [], None)
        assert any(sentence in each for each in found["sentences"])
    ward.write("config/segments.yaml", text)


def test_a_triggers_own_segment_goes_by_the_triggers_name_and_a_slip_is_told(ward: Ward) -> None:
    answer = ward.call("describe", "regulr")
    assert (answer.code, answer.out) == (2, "")
    assert "there is no segment 'regulr'" in answer.err


def test_without_any_order_there_are_no_features(tmp_path: Path) -> None:
    ward = Ward(tmp_path / "shop")
    kinds = {"customer": pa.int64(), "total": pa.float64(), "category": pa.string(),
             "at": pa.timestamp("us", "UTC")}  # fmt: skip
    ward.table("orders", {name: pa.array([], kind) for name, kind in kinds.items()})
    found = described(ward, "belgian")
    assert found["with_event"] == {"customers": 0, "members": 0}
    assert all(one["members"]["median"] is None for one in found["features"])
    assert found["members"] > 0


def test_the_report_has_the_segments_where_it_is_asked_for(ward: Ward, tmp_path: Path) -> None:
    with_, without = tmp_path / "with.html", tmp_path / "without.html"
    at = ("--at", AT.isoformat())
    assert ward.call("report", *at, "--html", str(with_), "--segments").code == 0
    assert ward.call("report", *at, "--html", str(without)).code == 0
    assert "It looks only at who customers are" in with_.read_text()
    assert 'id="segments"' not in without.read_text()
    settings = (ward.root / "config/relance.yaml").read_text()
    ward.write("config/relance.yaml", settings + "report: {segments: true, language: fr}\n")
    assert ward.call("report", *at, "--html", str(with_), "--language", "fr").code == 0
    assert "Il ne regarde que qui sont les clients" in with_.read_text()
    ward.write("config/relance.yaml", settings)
