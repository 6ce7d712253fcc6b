"""How the reference tells for how long a vendor sends a repeated message once."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).parents[3] / "docs/yaml.md").read_text(encoding="utf-8")


def test_no_vendor_is_said_to_know_a_repeat_for_no_time_at_all() -> None:
    told = re.findall(r"a repeat is sent once(?: within (\d+) (\w+))?;", PAGE)
    assert ("15", "minutes") in told
    assert ("0", "days") not in told
