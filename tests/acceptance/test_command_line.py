"""A newcomer's way through the command line, step by step."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

import relance
from newcomer import BACK, BASELINE, NEW, NEXT_DAY, OTHERS, REFUSED, Walk, call
from relance.cli.app import ORDER

pytestmark = pytest.mark.xdist_group("command_line")  # the walk is walked once


def test_a_new_workspace_says_what_comes_next(walk: Walk):
    answer = walk.said["init"]
    assert answer.code == 0
    assert f"relance check --workspace {walk.root}" in answer.out
    assert (walk.root / "config/relance.yaml").is_file()


def test_a_workspace_is_never_written_over_another(walk: Walk):
    before = (walk.root / "config/relance.yaml").read_bytes()
    answer = call("init", str(walk.root))
    assert answer.code == 2
    assert "nothing was written" in answer.err
    assert (walk.root / "config/relance.yaml").read_bytes() == before


def test_check_before_there_is_data_names_the_line_and_the_folder(walk: Walk):
    answer = walk.said["check without data"]
    assert answer.code == 1
    assert re.search(r"config/relance\.yaml:\d+:\d+: source: data/: there is no", answer.out)


def test_check_tells_mistakes_of_files_and_of_the_source_together_and_makes_nothing(
    tmp_path: Path,
):
    root = tmp_path / "shop"
    call("init", str(root))
    template = root / "templates/welcome/email.html"
    template.write_text(template.read_text().replace("brand.name", "brand.nam"))
    answer = call("check", "--workspace", str(root))
    assert "source: data/: there is no such file or folder" in answer.out
    assert "templates/welcome/email.html" in answer.out
    assert not (root / "state").exists()


def test_a_clean_workspace_with_data_checks_clean(walk: Walk):
    assert walk.said["check"].json() == []


def test_the_first_tick_writes_to_nobody(walk: Walk):
    (run,) = walk.said["baseline"].json()["triggers"]
    assert run["baseline"] is True
    assert (run["treated"], run["held_out"], run["messages"], run["refused"]) == (0, 0, 0, {})


def test_a_tick_counts_who_entered_and_what_became_of_them(walk: Walk):
    document = walk.said["tick"].json()
    assert document["at"] == "2026-03-04T08:00:00+00:00"
    (run,) = document["triggers"]
    assert (run["name"], run["baseline"]) == ("welcome", False)
    assert (run["members"], run["entered"], run["left"]) == (10, 10, 0)
    assert run["refused"] == {"no_consent": len(REFUSED)}
    assert run["treated"] + run["held_out"] == 8
    assert run["treated"] == run["messages"] > 0


def test_the_same_instant_again_answers_the_same_and_does_nothing(walk: Walk):
    first, again = walk.said["tick"].json(), walk.said["again"].json()
    assert first["triggers"] == again["triggers"]
    assert "nothing done" in walk.said["again for people"].out


def test_a_message_leaves_when_it_is_due_and_not_before(walk: Walk):
    early = walk.said["not due"].json()
    assert (early["accepted"], early["ghosts"], early["skipped"]) == (0, 0, {})
    (run,) = walk.said["tick"].json()["triggers"]
    sent = walk.said["delivery"].json()
    done = sent["accepted"] + sent["ghosts"] + sum(sent["skipped"].values())
    assert done == run["treated"] + run["held_out"]
    assert sent["skipped"] == {"goal_reached": 1}
    files = list((walk.root / "outbox/2026-03-05").glob("*.eml"))
    assert len(files) == sent["accepted"]


def test_the_report_says_why_it_does_not_judge_yet(walk: Walk):
    (report,) = walk.said["report"].json()
    assert report["entered"] == 10 == report["treated"] + report["held_out"] + len(REFUSED)
    assert report["verdict"] == "not_enough_data"
    assert "each group needs 100" in report["reason"]
    arms = report["arms"]
    assert arms["treated"]["mature"] + arms["holdout"]["mature"] == 8
    assert arms["treated"]["retained"] + arms["holdout"]["retained"] == 1
    assert (walk.root / "r.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_report_for_people_says_the_same(walk: Walk):
    text = walk("report", "--at", NEXT_DAY).out
    assert "welcome" in text
    assert "refused: no_consent 2" in text
    assert "welcome: Too few customers entered: 7 treated and 1 held out" in text


def test_the_report_speaks_the_language_that_is_asked_for(walk: Walk):
    page = walk.root / "en.html"
    for language, word in (("fr", 'lang="fr"'), ("en", 'lang="en"')):
        assert walk("report", "--html", str(page), "--language", language).code == 0
        assert word in page.read_text(encoding="utf-8")
    assert walk("report", "--html", str(page), "--language", "de").code == 2


def test_members_are_those_of_the_last_tick_or_of_an_instant_in_the_past(walk: Walk):
    then = walk("members", "prospect", "--at", BASELINE, "--json").json()
    assert set(NEW) < set(then["customers"])
    assert then["at"] == "2026-03-01T08:00:00+00:00"
    now = walk("members", "prospect", "--json").json()
    assert set(then["customers"]) - set(now["customers"]) == set(NEW)
    assert walk("members", "prospect").out.split() == now["customers"]


def test_members_before_the_first_tick_are_not_made_up(walk: Walk):
    answer = walk("members", "active", "--at", "2020-01-01", "--json")
    assert (answer.code, answer.out) == (2, "")
    assert "evaluated for the first time" in answer.err


def test_a_preview_is_written_for_one_customer_and_sends_nothing(walk: Walk, tmp_path: Path):
    before = sorted((walk.root / "outbox").rglob("*"))
    answer = walk("preview", "welcome", "--customer", NEW[1], "--out", str(tmp_path / "p"))
    assert answer.code == 0
    assert "subject: Thank you, Camille!" in answer.out
    assert "Camille" in (tmp_path / "p/welcome.email.html").read_text(encoding="utf-8")
    assert "Camille" in (tmp_path / "p/welcome.email.txt").read_text(encoding="utf-8")
    assert sorted((walk.root / "outbox").rglob("*")) == before


def test_why_tells_what_happened_to_a_customer_and_what_did_not(walk: Walk):
    back = walk("why", BACK, "--json").json()
    assert [entry["trigger"] for entry in back["entries"]] == ["welcome"]
    (message,) = back["messages"]
    assert (message["state"], message["reason"]) == ("skipped", "goal_reached")
    refused = walk("why", REFUSED[0], "--json").json()
    assert [refusal["reason"] for refusal in refused["refusals"]] == ["no_consent"]
    assert "did not enter welcome: no_consent" in walk("why", REFUSED[0]).out
    assert "nothing happened yet" in walk("why", "C999").out


# -- back-filling


def test_a_back_fill_says_how_many_and_does_nothing_without_a_yes(walk: Walk):
    answer = walk.said["no back-fill"]
    assert answer.code == 0
    done = walk.said["back-fill"].json()
    assert answer.out.startswith(
        f"10 customers are in the segment of hello; {done['treated']} would be written to,"
        f" {done['held_out']} held out. Refused: no_consent 2."
    )
    assert "nobody entered" in answer.err
    assert walk.said["before the back-fill"].json()["entries"] == []


def test_where_nobody_can_answer_a_back_fill_asks_for_yes(walk: Walk):
    answer = walk.said["no answer"]
    assert (answer.code, answer.out) == (2, "")
    assert "10 customers are in the segment" in answer.err
    assert "--yes does not ask" in answer.err


def test_a_back_fill_lets_those_enter_whom_the_baseline_passed_over(walk: Walk):
    baseline = {run["name"]: run for run in walk.said["second baseline"].json()["triggers"]}
    assert baseline["hello"]["baseline"] is True
    done = walk.said["back-fill"].json()
    assert done["candidates"] == 10 == baseline["hello"]["members"]
    assert done["refused"] == {"no_consent": 2}
    assert done["treated"] + done["held_out"] == 8
    sent = walk.said["after the back-fill"].json()
    assert (sent["accepted"], sent["ghosts"]) == (done["treated"], done["held_out"])


def test_a_birthday_needs_no_time_zone_column(walk: Walk):
    runs = {run["name"]: run for run in walk.said["apart"].json()["triggers"]}
    birthday = runs["birthday"]
    reached = birthday["treated"] + birthday["held_out"] + sum(birthday["refused"].values())
    assert reached == 10


@pytest.mark.parametrize("trigger", ["lost", "slipping", "birthday"])
def test_who_left_moved_or_had_a_date_cannot_be_back_filled(walk: Walk, trigger: str):
    answer = walk("backfill", trigger, "--yes", "--json")
    assert (answer.code, answer.out) == (2, "")
    assert "on: enter, on: {stay: …} and on: schedule" in answer.err


# -- every command


@pytest.mark.parametrize("command", ORDER)
def test_every_command_explains_itself(command: str):
    answer = call(command, "--help")
    assert answer.code == 0
    assert re.match(rf"Usage: \S+ {command} ", answer.out)
    assert call(command, "-h").out == answer.out


def test_the_help_shows_each_command_on_one_whole_line():
    text = call("--help").out
    for command in ORDER:
        line = re.search(rf"^  {command} +(\S.*)$", text, re.M)
        assert line, command
        assert line[1].endswith("."), line[1]
        assert not line[1].endswith("..."), line[1]


def test_the_version_is_told():
    assert call("--version").out == f"relance {relance.__version__}\n"


def test_schema_prints_the_schemas_and_writes_them_where_asked(tmp_path: Path):
    schemas = call("schema").json()
    assert set(schemas) == {
        "events.schema.json", "relance.schema.json", "segments.schema.json",
        "trigger.schema.json",
    }  # fmt: skip
    assert call("schema", "--write", str(tmp_path / "schemas")).code == 0
    for name, schema in schemas.items():
        assert json.loads((tmp_path / "schemas" / name).read_text()) == schema


WRONG: Mapping[str, tuple[list[str], int, str]] = {
    "an instant that is none": (["tick", "--at", "yesterday"], 2, "2026-03-01T09:00"),
    "an unknown trigger": (["tick", "--trigger", "welcom"], 2, "there are: "),
    "an unknown segment": (["members", "activ"], 2, "there are: prospect, active"),
    "an unknown template": (["preview", "welcom"], 2, "there are: welcome"),
    "an unknown customer": (["preview", "welcome", "--customer", "X"], 2, "customers table"),
    "an unknown option": (["tick", "--no-such"], 2, "No such option: --no-such"),
    "a port that is none": (["run", "--port", "99999"], 2, "65535"),
    "a tick in the future": (["tick", "--at", "2150-01-01"], 2, "--ahead"),
    "a delivery in the future": (["deliver", "--at", "2150-01-01"], 2, "--ahead"),
    "a period that ends before it begins": (
        ["trajectories", "--from", "2026-03-05", "--to", "2026-03-01"],
        2,
        "--from is the earlier",
    ),
    "a period ahead": (["trajectories", "--from", "2150-01-01"], 2, "not before its end"),
    "a period to come": (
        ["trajectories", "--from", "2149-01-01", "--to", "2150-01-01"],
        2,
        "run `relance tick`",
    ),
    "a period that is none": (["trajectories", "--compare", "March"], 2, "or before"),
    "no segment to move between": (["trajectories", "--segments", ","], 2, "new,active"),
    "a segment that is unknown": (["trajectories", "--segments", "activ"], 2, "there are: "),
    "a past instant": (["tick", "--at", "2026-01-01"], 2, "time goes forward"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_usage_ends_with_2_and_says_what_would_be_right(walk: Walk, what: str):
    words, code, hint = WRONG[what]
    answer = walk(*words)
    assert (answer.code, answer.out) == (code, "")
    assert hint in answer.err


@pytest.mark.parametrize(
    "words",
    [
        ["report", "--html"],
        ["preview", "welcome", "--out"],
        ["schema", "--write"],
        ["trajectories", "--html"],
    ],
)
def test_a_file_that_cannot_be_written_is_named_and_ends_with_3(
    walk: Walk, words: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("RELANCE_WORKSPACE", str(walk.root))
    place = walk.root / "config/relance.yaml/below-a-file"
    answer = call(*words, str(place))
    assert answer.code == 3
    assert f"error: {place}" in answer.err
    assert "cannot be written" in answer.err


def test_a_back_fill_of_nobody_asks_nothing(walk: Walk):
    answer = walk("backfill", "hello", "--at", "2026-04-12")
    assert answer.code == 0
    assert "0 would be written to, 0 held out. Refused: reentry 8, no_consent 2." in answer.out
    assert "Let them enter?" not in answer.out


def test_data_that_is_gone_ends_with_3_and_nothing_on_stdout(tmp_path: Path):
    call("init", str(tmp_path / "shop"))
    answer = call("tick", "--workspace", str(tmp_path / "shop"), "--json")
    assert (answer.code, answer.out) == (3, "")
    assert "data/: there is no such file or folder" in answer.err


def test_mistakes_end_a_tick_with_1_before_anything_runs(tmp_path: Path):
    root = tmp_path / "shop"
    call("init", str(root))
    trigger = root / "triggers/welcome.yaml"
    trigger.write_text(trigger.read_text().replace("on: enter", "on: entre"))
    answer = call("tick", "--workspace", str(root), "--json")
    assert (answer.code, answer.out) == (1, "")
    assert re.search(r"triggers/welcome\.yaml:\d+:\d+: on: ", answer.err)
    assert "1 mistake in the workspace" in answer.err
    assert not (root / "state").exists()


def test_one_document_goes_to_stdout_and_the_log_to_stderr(walk: Walk):
    answer = walk.said["apart"]
    assert len(answer.json()["triggers"]) == 1 + len(OTHERS)
    lines = [json.loads(line) for line in answer.err.splitlines()]
    assert {"tick_started", "tick_finished"} <= {line["action"] for line in lines}
    assert "shop.example" not in answer.err
