"""The outbox: messages become files. The dry run, the demo, and a way out for tests."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

from relance.domain.channel import CHANNELS
from relance.domain.message import Accepted, Email, Notice, Outgoing, Sms
from relance.domain.vendor import Capabilities, OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent
from relance.providers.base import Provider
from relance.providers.mime import to_bytes
from relance.providers.options import Options
from relance.providers.rate import Sleep, Take, own
from relance.providers.wire import Answer

SPEC = VendorSpec(
    name="outbox",
    channels=frozenset(CHANNELS),
    description="Files in a folder instead of messages: nobody is written to.",
    options=(
        OptionSpec(
            name="folder",
            kind=OptionKind.FOLDER,
            description="Where the files go: <folder>/<day>/<message id>.eml or .txt.",
            default="outbox",
        ),
    ),
    can=Capabilities(
        batch=100,  # one hop into a thread writes them all
        idempotent_for=timedelta(days=3650),
        tags=True,
        headers=True,
        reply_to=True,
        message_id=True,
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The outbox's options, checked."""

    folder: Path

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Settings:
        """Read a channel's options. Raises WorkspaceError."""
        return cls(folder=Options(SPEC, channel, root).folder("folder"))


def build(message: Outgoing) -> tuple[Path, bytes]:
    """The file below the folder, and what is in it."""
    day = Path(message.at.date().isoformat() if message.at else "undated")
    if isinstance(message, Email):
        return day / f"{message.message_id}.eml", to_bytes(message)
    return day / f"{message.message_id}.txt", _text(message)


def _text(message: Sms | Notice) -> bytes:
    if isinstance(message, Notice):
        lines = [f"About: {message.customer}"]
    else:
        lines = [f"From: {message.sender}", f"To: {message.to}"]
        lines += [f"Content: {message.content}"] if message.content else []
    if message.at:
        lines.append(f"Date: {format_datetime(message.at)}")
    return "\n".join([*lines, "", message.text, ""]).encode()


def read(error: OSError) -> NotSent:
    """What a failed write means. A file appears whole or not at all, so nothing was sent."""
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    # the error's own text holds the path, which is the reader's business but not the log's
    return NotSent("disk_full" if full else "not_written", detail=os.strerror(error.errno or 0))


class Outbox(Provider):
    """Writes each file under a temporary name and renames it: the same message, the same file.

    Files are not synced to disk: after a power cut the last ones may be missing.
    """

    spec = SPEC
    kind = (Email, Sms, Notice)

    def __init__(self, settings: Settings, take: Take) -> None:
        self._folder = settings.folder
        self._take = take

    @classmethod
    def open(
        cls,
        channel: ChannelSpec,
        root: Path,
        *,
        sleep: Sleep = asyncio.sleep,
        take: Take | None = None,
    ) -> Outbox:
        return cls(Settings.of(channel, root), own(take, channel.rate, sleep))

    async def _send(self, messages: Sequence[Outgoing]) -> Sequence[Answer]:
        await self._take(len(messages))
        return await asyncio.to_thread(lambda: [self._write(message) for message in messages])

    def _write(self, message: Outgoing) -> Answer:
        below, content = build(message)
        path = self._folder / below
        try:
            _replace(path, content)
        except OSError as error:
            refusal = read(error)
            refusal.__cause__ = error
            return refusal
        return Accepted(message_id=message.message_id, provider_id=below.as_posix())


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, making its folder where it is missing."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            partial.write_bytes(content)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(content)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
