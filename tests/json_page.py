"""docs/json.md as a test reads it: the example of each document, and what may be null in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

PAGE = (Path(__file__).parents[1] / "docs/json.md").read_text(encoding="utf-8")


def documented(document: str) -> tuple[Any, set[str]]:
    """The page's example of a document, and the keys that may be null."""
    heading = re.escape(f"## `relance {document} --json`")
    section = re.search(rf"^{heading}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert section, document
    example = re.search(r"```json\n(.*?)```", section[1], re.S)
    assert example, document
    nullable = re.search(r"May be null: (.*?)\.$", section[1], re.M | re.S)
    return json.loads(example[1]), set(re.findall(r"`(\w+)`", nullable[1])) if nullable else set()


# a reason, a state or a name, and how many
TALLIES = {"refused", "skipped", "by_state", "by_kind", "by_event", "not_taken"}
NAMED = {"withheld"}  # a number that is missing, and the name of the reason
FREE = {"numbers"}  # whatever a finding is about: numbers and names


def differences(value: Any, example: Any, nullable: set[str], key: str = "") -> Iterator[str]:
    """How a value differs in shape from an example."""
    if value is None or example is None:
        if key not in nullable:
            yield f"{key} is null"
    elif isinstance(example, dict) and isinstance(value, dict):
        if key in TALLIES:
            yield from (f"{key}.{name} is no count" for name, n in value.items() if not whole(n))
            return
        if key in NAMED:
            yield from (f"{key}.{name} has no name" for name, why in value.items() if not why)
            return
        if key in FREE:
            yield from (f"{key}.{name} is nothing" for name, one in value.items() if one is None)
            return
        yield from (f"{key}.{name} only on one side" for name in value.keys() ^ example.keys())
        for name in value.keys() & example.keys():
            yield from differences(value[name], example[name], nullable, name)
    elif isinstance(example, list) and isinstance(value, list):
        for each in value:
            yield from differences(each, example[0], nullable, key)
    elif not alike(value, example):
        yield f"{key}: {value!r} is not like {example!r}"


def whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def alike(value: object, example: object) -> bool:
    if isinstance(example, float):
        return isinstance(value, float) or whole(value)
    if isinstance(example, str) and re.match(r"\d{4}-\d\d-\d\dT", example):
        return datetime.fromisoformat(str(value)).tzinfo is not None
    return type(value) is type(example)
