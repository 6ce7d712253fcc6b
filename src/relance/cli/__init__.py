"""The command line: each command parses, calls one thing in wiring, and prints."""

from __future__ import annotations

from relance.cli.app import app, main

__all__ = ["app", "main"]
