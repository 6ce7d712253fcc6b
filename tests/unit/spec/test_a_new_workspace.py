"""What `relance init` writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from relance.errors import OutsideError, UsageError
from relance.providers import vendor_specs
from relance.spec import load, scaffold

WELCOME = {("welcome", "email"): "text"}


def test_a_new_workspace_checks_clean(tmp_path: Path) -> None:
    files = scaffold(tmp_path / "my shop", "My #1 “shop”", vendor_specs())
    assert [file.relative_to(tmp_path / "my shop").as_posix() for file in files] == [
        "config/relance.yaml", "config/segments.yaml", "triggers/welcome.yaml",
        "templates/welcome/email.html", ".gitignore", "schemas/relance.schema.json",
        "schemas/segments.schema.json", "schemas/events.schema.json",
        "schemas/trigger.schema.json",
    ]  # fmt: skip
    loaded = load(tmp_path / "my shop", env={}, vendors=vendor_specs(), texts=WELCOME)
    assert [str(problem) for problem in loaded.problems] == []
    assert loaded.workspace.name == "My #1 “shop”"
    assert loaded.workspace.channels["email"].provider == "outbox"
    assert list(loaded.workspace.triggers) == ["welcome"]


def test_the_commented_parts_of_a_new_workspace_would_check_clean(tmp_path: Path) -> None:
    scaffold(tmp_path, "shop", vendor_specs())
    path = tmp_path / "config/relance.yaml"
    text = re.sub(r"^# (web:|topics:|report:|  \w+: )", r"\1", path.read_text(), flags=re.MULTILINE)
    path.write_text(text)
    env = {"RELANCE_SECRET": "0" * 32}
    loaded = load(tmp_path, env=env, vendors=vendor_specs(), texts=WELCOME)
    assert [str(problem) for problem in loaded.problems] == []
    assert loaded.workspace.web.public_url == "https://crm.shop.example"
    assert loaded.workspace.report.email_to == ("crm@shop.example",)
    assert loaded.workspace.topics["news"].titles == {"fr": "Nouveautés", "en": "News"}


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/segments.yaml").write_text("mine")
    with pytest.raises(UsageError, match=r"already has config/segments\.yaml; nothing was written"):
        scaffold(tmp_path, "shop")
    assert (tmp_path / "config/segments.yaml").read_text() == "mine"
    assert not (tmp_path / "triggers").exists()


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("")
    with pytest.raises(UsageError, match="is not a folder"):
        scaffold(tmp_path / "shop", "shop")


def test_a_disk_that_refuses_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("")
    with pytest.raises(OutsideError, match="cannot be written"):
        scaffold(tmp_path, "shop")
