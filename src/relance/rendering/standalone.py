"""Jinja2 for relance's own HTML (the report, customers' pages): autoescaped, strict, unsandboxed.

Their templates are ours; a workspace's are in environment.py.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import jinja2

_SPLITS = re.compile(r" (?=[%:;?!»])|(?<=«) |(?<=[,;]) (?=[+−]\d)")


@lru_cache(maxsize=8)
def standalone(folder: Path, name: str) -> jinja2.Template:
    """A template in one of our own folders."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_glue,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def _glue(value: object) -> object:
    """Keep a number with its sign, an interval, and French punctuation on one line."""
    if type(value) is not str:  # numbers, and markup that is finished
        return value
    return _SPLITS.sub("\N{NO-BREAK SPACE}", value)
