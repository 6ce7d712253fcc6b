"""The JSON Schemas of the kinds of file, made from the same keys that are checked."""

from __future__ import annotations

from collections.abc import Mapping

from relance.domain.vendor import VendorSpec
from relance.spec.channels import channel_schemas
from relance.spec.conditions import condition_schema
from relance.spec.events_file import EventsFileYaml
from relance.spec.record import Record, record_schema
from relance.spec.relance_file import RelanceYaml
from relance.spec.segments_file import DESCRIPTION, SegmentsYaml
from relance.spec.shapes import JsonSchema
from relance.spec.trigger_file import TriggerYaml

_DIALECT = "http://json-schema.org/draft-07/schema#"


def json_schemas(vendors: Mapping[str, VendorSpec]) -> Mapping[str, JsonSchema]:
    """File name → JSON Schema (draft 7, which editors' YAML support knows best).

    Without vendors any provider with any options passes.
    """
    condition = {"condition": condition_schema()}
    segment = {"segment": condition_schema({"description": DESCRIPTION.schema()})}
    return {
        "relance.schema.json": _file(RelanceYaml, "config/relance.yaml", channel_schemas(vendors)),
        "segments.schema.json": _file(
            SegmentsYaml, "config/segments.yaml", {**condition, **segment}
        ),
        "events.schema.json": _file(EventsFileYaml, "config/events.yaml", {}),
        "trigger.schema.json": _file(TriggerYaml, "triggers/NAME.yaml", condition),
    }


def _file(
    record: type[Record[object]], title: str, definitions: Mapping[str, JsonSchema]
) -> JsonSchema:
    return {
        "$schema": _DIALECT,
        "title": title,
        "description": (record.__doc__ or "").strip(),
        **record_schema(record.keys()),
        "definitions": dict(definitions),
    }
