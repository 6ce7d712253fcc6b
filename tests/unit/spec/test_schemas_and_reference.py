"""What editors and readers are told is what is checked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from relance.providers import vendor_specs
from relance.spec import json_schemas, load, reference, schema_text
from relance.spec.nodes import Fields, Items, Node
from relance.spec.parse import parse

ROOT = Path(__file__).parents[3]
FILES = {
    "config/relance.yaml": "relance.schema.json",
    "config/segments.yaml": "segments.schema.json",
    "config/events.yaml": "events.schema.json",
    **{
        f"triggers/{path.name}": "trigger.schema.json"
        for path in sorted((ROOT / "triggers").glob("*.yaml"))
    },
}
TYPES = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict,
    "array": list,
}  # fmt: skip


def plain(node: Node) -> object:
    """What a JSON Schema validator sees."""
    if isinstance(node, Fields):
        return {key.text: plain(value) for key, value in node.pairs}
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return node.value


def typed(value: object, name: str) -> bool:
    return isinstance(value, TYPES[name]) and (not isinstance(value, bool) or name == "boolean")


def wrong(value: object, schema: Mapping, whole: Mapping) -> Iterator[str]:
    """The part of JSON Schema (draft 7) that our schemas use, written without them in mind."""
    if "$ref" in schema:
        yield from wrong(value, whole["definitions"][schema["$ref"].rpartition("/")[2]], whole)
        return
    for each in schema.get("allOf", []):
        yield from wrong(value, each, whole)
    if "anyOf" in schema and all(list(wrong(value, each, whole)) for each in schema["anyOf"]):
        yield f"{value!r} fits none"
    if "const" in schema and value != schema["const"]:
        yield f"{value!r} is not {schema['const']}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{value!r} is not in {schema['enum']}"
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(typed(value, each) for each in types):
        yield f"{value!r} is not {types}"
    elif isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{value!r} does not match"
    elif isinstance(value, list) and len(value) < schema.get("minItems", 0):
        yield "too short"
    if isinstance(value, list) and "items" in schema:
        for each in value:
            yield from wrong(each, schema["items"], whole)
    if isinstance(value, dict) and "object" in types:
        yield from wrong_object(value, schema, whole)


def wrong_object(value: dict, schema: Mapping, whole: Mapping) -> Iterator[str]:
    for name in schema.get("required", []):
        if name not in value:
            yield f"{name} is missing"
    for name, each in value.items():
        if name in schema.get("properties", {}):
            yield from wrong(each, schema["properties"][name], whole)
        elif schema.get("additionalProperties", True) is False:
            yield f"{name} is unknown"
        elif isinstance(schema.get("additionalProperties"), dict):
            yield from wrong(each, schema["additionalProperties"], whole)


@pytest.mark.parametrize("path", FILES)
def test_la_boutique_fits_the_schemas(path: str) -> None:
    schema = json_schemas(vendor_specs())[FILES[path]]
    value = plain(parse((ROOT / path).read_text()))
    assert list(wrong(value, schema, schema)) == []


@pytest.mark.parametrize("path", FILES)
def test_each_example_names_its_schema_on_the_first_line(path: str) -> None:
    first = (ROOT / path).read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema=../schemas/{FILES[path]}"
    assert (ROOT / "schemas" / FILES[path]).exists()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("trigger.schema.json", "{version: 1, name: a, on: entre, steps: [{wait: 1 day}]}"),
        ("trigger.schema.json", "{version: 1, name: a, on: enter, steps: [{wiat: 1 day}]}"),
        ("trigger.schema.json", "{version: 1, name: a, on: enter, steps: [{wait: soon}]}"),
        ("trigger.schema.json", "{version: 2, name: a, on: enter, steps: [{wait: 1 day}]}"),
        ("segments.schema.json", "{version: 1, segments: {a: {evnt: order}}}"),
        ("segments.schema.json", "{version: 1, segments: {a: {all: []}}}"),
        ("segments.schema.json", "{segments: {}}"),
        ("events.schema.json", "{version: 1, events: [{date: soon, name: a}]}"),
        ("events.schema.json", "{version: 1, events: [{date: 2026-03-01}]}"),
    ],
)
def test_an_editor_sees_mistakes_as_they_are_typed(file: str, text: str) -> None:
    schema = json_schemas(vendor_specs())[file]
    assert list(wrong(plain(parse(text)), schema, schema))


def test_every_key_is_explained_to_the_editor() -> None:
    def unexplained(schema: object, whole: Mapping) -> Iterator[str]:
        if isinstance(schema, list):
            for each in schema:
                yield from unexplained(each, whole)
        if isinstance(schema, dict):
            for name, each in schema.get("properties", {}).items():
                if not referred(each, whole).get("description"):
                    yield name
            for each in schema.values():
                yield from unexplained(each, whole)

    for schema in json_schemas(vendor_specs()).values():
        assert list(unexplained(schema, schema)) == []


def referred(schema: Mapping, whole: Mapping) -> Mapping:
    """What a `$ref` leads to."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return whole["definitions"][name] if name else schema


def test_the_committed_schemas_and_reference_are_up_to_date() -> None:
    vendors = vendor_specs()
    for name, schema in json_schemas(vendors).items():
        assert (ROOT / "schemas" / name).read_text() == schema_text(schema), "run make docs"
    assert (ROOT / "docs/yaml.md").read_text() == reference(vendors), "run make docs"


def test_the_reference_tells_every_key_of_every_schema() -> None:
    text = reference(vendor_specs())
    keys = set(re.findall(r'"properties": \{(.*?)\}', json.dumps(json_schemas(vendor_specs()))))
    assert keys
    for schema in json_schemas(vendor_specs()).values():
        for name in properties(schema):
            assert f"`{name}`" in text


def properties(schema: object) -> Iterator[str]:
    for each in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(each, dict | list):
            yield from properties(each)
    if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
        yield from schema["properties"]


def test_la_boutique_has_no_mistake_and_its_eight_triggers() -> None:
    texts = {}
    for path in (ROOT / "triggers").glob("*.yaml"):
        for channel, template in re.findall(r"channel: (\w+), template: (\w+)", path.read_text()):
            texts[template, channel] = "text"
    loaded = load(ROOT, env={}, vendors=vendor_specs(), texts=texts)
    assert [str(problem) for problem in loaded.problems] == []
    assert sorted(loaded.workspace.triggers) == [
        "back_on_their_own", "best_customers_leaving", "big_spender_thanks", "birthday",
        "new_customers_slow", "replenishment", "welcome", "win_back",
    ]  # fmt: skip
    assert all(trigger.goal and trigger.holdout for trigger in loaded.workspace.triggers.values())


def test_the_commented_providers_of_la_boutique_would_check_clean(tmp_path: Path) -> None:
    text = (ROOT / "config/relance.yaml").read_text()
    outbox = re.compile(r"^  (email|sms):\n    provider: outbox\n(    .*\n)+", re.MULTILINE)
    text = re.sub(r"^  # ( *\S)", r"  \1", outbox.sub("", text), flags=re.MULTILINE)
    text = re.sub(r"^  (The outbox|below it|Beside the).*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^# (web:|  \w+: )", r"\1", text, flags=re.MULTILINE)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/relance.yaml").write_text(text)
    (tmp_path / "config/segments.yaml").write_text((ROOT / "config/segments.yaml").read_text())
    env = {"POSTMARK_TOKEN": "a", "TWILIO_ACCOUNT": "AC1", "TWILIO_TOKEN": "b",
           "SLACK_URL": "https://hooks.slack.example/x", "RELANCE_SECRET": "0" * 32}  # fmt: skip
    loaded = load(tmp_path, env=env, vendors=vendor_specs(), texts={})
    assert loaded.workspace, [str(problem) for problem in loaded.problems]
    assert {problem.path for problem in loaded.problems} == {"triggers"}  # it has none here
    assert loaded.workspace.web.public_url == "https://crm.boutique.example"
    channels = loaded.workspace.channels
    assert (channels["email"].daily, channels["email"].reply_to) == (
        100_000,
        "bonjour@boutique.example",
    )
    providers = {name: each.provider for name, each in loaded.workspace.channels.items()}
    assert providers == {"email": "postmark", "sms": "twilio", "slack": "slack"}
