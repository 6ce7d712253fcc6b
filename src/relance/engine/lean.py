"""What libraries would load for uses that nobody here has; called before they are asked.

A worker that only delivers has a budget of 300 MB, libraries' code included.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.util import find_spec
from types import ModuleType

import pyarrow as pa

_COMPILERS = "ibis.backends.sql.compilers"


class _NoPandas(MetaPathFinder):
    """Says that pandas is not installed."""

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(name=fullname)


def without_pandas() -> None:
    """Keep pyarrow from importing pandas, where that is installed, with its first array: a second
    and 67 MB for data frames that nobody here has. It asks once and remembers."""
    if "pandas" in sys.modules:
        return
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)


class _Compilers(ModuleType):
    """Ibis' package of SQL compilers, which loads each when it is named."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        module = import_module(f"{_COMPILERS}.{name.removesuffix('Compiler').lower()}")
        return getattr(module, name) if name.endswith("Compiler") else module


def without_other_engines() -> None:
    """Keep Ibis from loading the SQL of twenty engines with its first query: 20 MB for those that
    are not the source."""
    if _COMPILERS in sys.modules:
        return
    parent = find_spec("ibis.backends.sql")
    if parent is None or not parent.submodule_search_locations:
        return
    package = _Compilers(_COMPILERS)
    package.__path__ = [f"{place}/compilers" for place in parent.submodule_search_locations]
    sys.modules[_COMPILERS] = package
