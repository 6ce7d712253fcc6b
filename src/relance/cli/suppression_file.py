"""Suppressions as CSV: read with every bad line named, written so that it can be read again."""

from __future__ import annotations

import csv
import difflib
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

from relance.cli.options import read_instant
from relance.cli.who import channels_for, personal_channel, plain_reason, who
from relance.errors import OutsideError, UsageError

if TYPE_CHECKING:
    from relance.domain.workspace import Workspace
    from relance.store import Suppressed

_WHO = ("customer", "email", "phone", "recipient")
_COLUMNS = (*_WHO, "channel", "reason", "at")
_EXPORTED = ("channel", "customer", "recipient", "reason", "at")


@dataclass(frozen=True, kw_only=True, slots=True)
class BadLine:
    """What is wrong with a line (from 1, the header). The message repeats nothing of it."""

    line: int
    message: str


class SuppressionFile:
    """Reads one CSV file. `channel` and `reason` stand where a line names none; instants without
    a zone are in the workspace's. `bad` is filled by `read`."""

    def __init__(
        self, workspace: Workspace, *, channel: str | None, reason: str, now: datetime
    ) -> None:
        self._workspace = workspace
        self._channel = channel
        self._reason = reason
        self._now = now
        self.bad: list[BadLine] = []

    def read(self, file: Path) -> Iterator[Suppressed]:
        """Every suppression that the good lines name. Raises UsageError where the header is not
        one, and OutsideError where the file cannot be read."""
        with _opened(file) as text:
            header = text.readline()
            reader = csv.reader(text, delimiter=_delimiter(header), strict=True)
            columns = _columns(next(csv.reader([header], delimiter=_delimiter(header)), []))
            while True:
                try:
                    cells = next(reader, None)
                except csv.Error:
                    self._wrong(reader.line_num + 1, "not CSV: its quotes do not match")
                    continue
                if cells is None:
                    return
                if any(cell.strip() for cell in cells):
                    yield from self._line(reader.line_num + 1, columns, cells)

    def _line(self, number: int, columns: list[str], cells: list[str]) -> Iterator[Suppressed]:
        if len(cells) > len(columns):
            self._wrong(number, f"{len(cells)} cells, and the header has {len(columns)}")
            return
        if any("\N{REPLACEMENT CHARACTER}" in cell for cell in cells):
            self._wrong(number, "bytes that are no UTF-8: save the file as UTF-8")
            return
        given = {
            name: cell.strip() for name, cell in zip(columns, cells, strict=False) if cell.strip()
        }
        try:
            yield from self._suppressed(given)
        except (ValueError, UsageError) as error:
            self._wrong(number, str(error))

    def _suppressed(self, given: Mapping[str, str]) -> list[Suppressed]:
        from relance.store import Suppressed

        kinds = [kind for kind in _WHO if kind in given]
        if len(kinds) != 1:
            raise ValueError(f"names {len(kinds)} of {', '.join(_WHO)}; one is needed")
        kind = kinds[0]
        channel = personal_channel(given["channel"]) if "channel" in given else self._channel
        try:
            person = who(kind, given[kind], self._workspace.customers.region)
        except ValueError as error:
            raise ValueError(f"{kind}: {error}") from error
        reason = plain_reason(given.get("reason", self._reason))
        at = self._at(given.get("at"))
        return [
            Suppressed(
                channel=each,
                customer=person.customer,
                recipient=person.recipient,
                reason=reason,
                at=at,
            )
            for each in channels_for(kind, channel)
        ]

    def _at(self, text: str | None) -> datetime:
        if text is None:
            return self._now
        return read_instant(text, self._workspace.zone, option="at")

    def _wrong(self, line: int, message: str) -> None:
        self.bad.append(BadLine(line=line, message=message))


@contextmanager
def _opened(file: Path) -> Iterator[IO[str]]:
    # utf-8-sig: what spreadsheets save; a byte that is no UTF-8 makes its own cell bad
    options = {"encoding": "utf-8-sig", "errors": "replace", "newline": ""}
    try:
        if str(file) == "-":
            sys.stdin.reconfigure(**options)  # type: ignore[union-attr]  # a TextIOWrapper
            yield sys.stdin
        else:
            with file.open(**options) as text:  # type: ignore[call-overload]
                yield text
    except OSError as error:
        raise OutsideError(
            f"{file} cannot be read: {error.strerror or type(error).__name__}"
        ) from error


def _delimiter(header: str) -> str:
    """A comma, or the semicolon of spreadsheets where the comma is the decimal point."""
    return ";" if ";" in header and "," not in header else ","


def _columns(header: list[str]) -> list[str]:
    """The names in the header. Raises UsageError."""
    names = [name.strip().lower() for name in header]
    for name in names:
        if name not in _COLUMNS:
            near = difflib.get_close_matches(name, _COLUMNS, n=1)
            known = f"did you mean {near[0]}?" if near else f"there are: {', '.join(_COLUMNS)}"
            raise UsageError("the first line is no header: it has an unknown column", hint=known)
    if len(set(names)) != len(names) or not set(names) & set(_WHO):
        raise UsageError(
            "the first line is no header",
            hint=f"it names each column once, one of {', '.join(_WHO)} among them",
        )
    return names


def write_csv(rows: Iterable[Suppressed], out: Path | None) -> int:
    """Write suppressions, to standard output without a file; how many. Raises OutsideError."""
    if out is None:
        return _write(rows, sys.stdout)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("w", encoding="utf-8", newline="") as text:
            return _write(rows, text)
    except OSError as error:
        raise OutsideError(
            f"{out} cannot be written: {error.strerror or type(error).__name__}",
            hint="check the path and its permissions",
        ) from error


def _write(rows: Iterable[Suppressed], text: IO[str]) -> int:
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_EXPORTED)
    count = 0
    for count, row in enumerate(rows, start=1):  # noqa: B007  the last number is the answer
        at = row.at.astimezone(UTC).isoformat()
        writer.writerow([row.channel, row.customer, row.recipient, row.reason, at])
    return count
