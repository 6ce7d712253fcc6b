"""The YAML front door: files in, a workspace or every mistake at its place out."""

from relance.spec.load import Loaded, load
from relance.spec.reference import reference
from relance.spec.scaffold import scaffold, schema_text
from relance.spec.schema import json_schemas

__all__ = ["Loaded", "json_schemas", "load", "reference", "scaffold", "schema_text"]
