"""Rows of the table in docs/measurement.md, and their place there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "measurement.md"
BEGIN, END = "<!-- simulations: written by make simulate -->", "<!-- end of simulations -->"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One promise tried out. `held` is None for what is shown for comparison only."""

    what: str
    measured: str
    limit: str = ""
    held: bool | None = None


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    marks = {True: "yes", False: "**no**", None: ""}
    lines = [f"| {row.what} | {row.measured} | {row.limit} | {marks[row.held]} |" for row in rows]
    return "\n".join(
        ["| tried out | found | promised | held |", "| --- | --- | --- | --- |", *lines]
    )


def write(rows: Sequence[Row], page: Path = PAGE) -> None:
    """Replace the table between its two marks."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{table(rows)}\n\n{END}{after}", encoding="utf-8")
