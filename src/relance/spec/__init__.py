"""The YAML front door: files in, a workspace or every mistake at its place out."""

from relance.spec.load import Loaded, load
from relance.spec.reference import reference
from relance.spec.scaffold import scaffold, schema_text
from relance.spec.schema import json_schemas
from relance.spec.score_file import document as score_document
from relance.spec.score_file import quality_document
from relance.spec.score_file import write as write_score
from relance.spec.score_files import read_score

__all__ = [
    "Loaded",
    "json_schemas",
    "load",
    "quality_document",
    "read_score",
    "reference",
    "scaffold",
    "schema_text",
    "score_document",
    "write_score",
]
