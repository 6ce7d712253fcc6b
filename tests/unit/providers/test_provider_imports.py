"""What the command line pays for knowing the vendors."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("httpx", "aiohttp", "aiosmtplib", "tenacity", "httpx_aiohttp", "idna")


def loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_specs_load_no_client_library() -> None:
    assert loaded_by("from relance.providers import vendor_specs; vendor_specs()") == set()


def test_checking_a_channel_loads_no_client_library() -> None:
    code = """
from pathlib import Path
from relance.domain.workspace import ChannelSpec
from relance.providers import VENDORS
channel = ChannelSpec(name="email", provider="smtp", sender="", options={"host": "localhost"})
assert VENDORS["smtp"].problems(channel, Path()) == []
"""
    assert loaded_by(code) == set()
