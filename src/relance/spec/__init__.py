"""The YAML front door: files in, a workspace or every mistake at its place out."""

from relance.spec.load import Loaded, load

__all__ = ["Loaded", "load"]
