"""The report's colours: told apart by eyes that see little, in light, in the dark and on paper."""

from __future__ import annotations

import re

import pytest

from report_reading import contrast, page

# after WCAG 2.2: text 4.5 (1.4.3), large text and marks 3 (1.4.11)
TEXT = [("ink", "paper"), ("ink", "card"), ("soft", "paper"), ("soft", "card"), ("teal", "paper"),
        ("teal", "card"), ("ink", "teal-soft"), ("ink", "rust-soft"), ("ink", "amber-soft"),
        ("ink", "grey-soft"), ("card", "amber"), ("card", "rust")]  # fmt: skip
MARKS = [(tone, ground) for tone in ("teal", "rust", "grey", "grey-ink", "amber")
         for ground in ("paper", "card")]  # fmt: skip


def palettes() -> dict[str, dict[str, str]]:
    """The named colours of each scheme, in the order of the style sheet."""
    found = re.findall(r":root \{(.*?)\}", page(), flags=re.S)
    colours = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", block)) for block in found]
    return dict(zip(("light", "dark", "print"), colours, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
def test_text_and_marks_stand_out_from_their_ground(scheme: str):
    colours = palettes()[scheme]
    weak = [
        (one, ground, round(contrast(colours[one], colours[ground]), 2))
        for pairs, least in ((TEXT, 4.5), (MARKS, 3.0))
        for one, ground in pairs
        if contrast(colours[one], colours[ground]) < least
    ]
    assert weak == []


def test_every_scheme_names_every_colour():
    light, dark, printed = palettes().values()
    assert set(light) == set(dark) == set(printed)
