"""The files of a new workspace, as texts that `relance init` writes and the docs show."""

from __future__ import annotations

import json
from importlib import resources

# where each file of this folder goes in a workspace
FILES = {
    "relance.yaml": "config/relance.yaml",
    "segments.yaml": "config/segments.yaml",
    "welcome.yaml": "triggers/welcome.yaml",
    "email.html": "templates/welcome/email.html",
    "gitignore": ".gitignore",
}
_NAME = "NAME-OF-THE-WORKSPACE"


def text(file: str, name: str) -> str:
    """One file for a workspace of this name."""
    raw = resources.files(__name__).joinpath(file).read_text(encoding="utf-8")
    return raw.replace(_NAME, json.dumps(name, ensure_ascii=False))
