"""`relance init`: a small workspace that checks clean and teaches as it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from relance.domain.vendor import VendorSpec
from relance.errors import OutsideError, UsageError
from relance.spec import starter
from relance.spec.schema import json_schemas
from relance.spec.shapes import JsonSchema

_NO_VENDORS: Mapping[str, VendorSpec] = {}


def scaffold(
    target: Path, name: str, vendors: Mapping[str, VendorSpec] = _NO_VENDORS
) -> list[Path]:
    """Write a new workspace below `target`; returns the files in the order to read them.

    `vendors` lets the schemas complete the providers' options. Raises UsageError where a file
    would be overwritten (nothing is written then), OutsideError where the disk refuses.
    """
    files = {target / path: starter.text(file, name) for file, path in starter.FILES.items()}
    for file, schema in json_schemas(vendors).items():
        files[target / "schemas" / file] = schema_text(schema)
    try:
        _refuse_existing(target, list(files))
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as out:
                out.write(text)
    except OSError as error:
        raise OutsideError(f"{target} cannot be written: {error.strerror or error}") from error
    return list(files)


def _refuse_existing(target: Path, files: list[Path]) -> None:
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is not a folder", hint="name a new or an empty one")
    existing = [path.relative_to(target).as_posix() for path in files if path.exists()]
    if existing:
        raise UsageError(
            f"{target} already has {', '.join(existing)}; nothing was written",
            hint="name a new or an empty folder",
        )


def schema_text(schema: JsonSchema) -> str:
    """A schema as the file that is kept in git."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
