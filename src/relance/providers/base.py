"""What every provider is, and the one way in which HTTP vendors send."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, Self, TypeVar

import orjson

from relance.domain.message import Outgoing, Packed, Sendable
from relance.domain.receipt import Doubtful, Inbound, Receipt
from relance.domain.vendor import Capabilities, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import Problem, Refused, SendError, Unverified, WorkspaceError
from relance.providers.options import problem
from relance.providers.rate import Sleep, Take, own
from relance.providers.wire import Answer, Request, Response, encodable, garbled, screen
from relance.settings import Secret

if TYPE_CHECKING:
    from relance.providers.http import Client

M = TypeVar("M", bound=Outgoing)

GARBLED = (UnicodeEncodeError, orjson.JSONEncodeError)
"""What building a request raises for a text that no encoding has bytes for."""


class Provider(ABC):
    """One vendor's way out, opened for one channel.

    `send` answers per message, in order: Accepted, or the SendError that befell it alone. It
    raises NotSent, Unsure or Paused where they befell the whole request.
    """

    spec: ClassVar[VendorSpec]
    kind: ClassVar[type[Outgoing] | tuple[type[Outgoing], ...]]

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def can(self) -> Capabilities:
        """What this one can do; its options or its channel may take something from `spec.can`."""
        return self.spec.can

    @property
    def batch_size(self) -> int:
        """Messages that one call may carry."""
        return self.can.batch

    @property
    def idempotent(self) -> bool:
        """Whether the same message id sent twice is sent once, for a while."""
        return self.can.idempotent_for is not None

    def pack(self, message: Outgoing) -> Sendable:
        """The message in the vendor's own words, where a request joins those of many; else, and
        where `send` will refuse it, the message itself."""
        return message

    async def send(self, messages: Sequence[Sendable]) -> Sequence[Answer]:
        """Send at most `batch_size` messages, packed or not."""
        if len(messages) > self.batch_size:
            raise ValueError(f"{self.name} takes at most {self.batch_size} messages at a time")
        refused = [self._screen(message) for message in messages]
        clean = [m for m, no in zip(messages, refused, strict=True) if no is None]
        # a packed one stands where the kind stood that it was packed from
        answers = iter(await self._send(clean) if clean else ())  # type: ignore[arg-type]
        return [no or next(answers) for no in refused] if any(refused) else list(answers)

    def _screen(self, message: Sendable) -> Refused | None:
        if isinstance(message, Packed):
            return None  # screened before it was
        if not isinstance(message, self.kind):
            return Refused("wrong_channel", detail=f"{self.name} does not carry this kind")
        return screen(message) or self._garbled(message)

    def _garbled(self, message: Outgoing) -> Refused | None:
        return None if encodable(message) else garbled()

    @abstractmethod
    async def _send(self, messages: Sequence[Outgoing]) -> Sequence[Answer]:
        """Send clean messages of the right kind, and what `pack` made of them."""

    async def look_up(self, doubtful: Doubtful) -> Receipt | None:  # noqa: ARG002  vendors' own
        """What the vendor knows of a message that may have been sent; None: nothing (yet).

        Raises SendError where the vendor cannot be asked. Only where `can.look_up`.
        """
        raise Refused("no_look_up", detail=f"{self.name} cannot be asked about a message")

    async def events(self, call: Inbound, at: datetime) -> Sequence[Receipt]:  # noqa: ARG002
        """What a request to our webhook reports, believed only once it is verified.

        `at` is the instant of its arrival. Raises Unverified or Unreadable; an event that is
        genuine and not known is a Receipt of kind UNKNOWN. Only where `can.events`.
        """
        raise Unverified("no_events")

    def reply(self, call: Inbound) -> Reply:  # noqa: ARG002
        """What the vendor wants to hear once its report is written down."""
        return Reply()

    async def close(self) -> None:
        """Let go of connections. The provider may be used again afterwards."""
        return


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A successful answer to a webhook."""

    status: int = 200
    body: bytes = b""
    media_type: str = "text/plain"


class Open(Protocol):
    """Opens a vendor for a channel. Raises WorkspaceError; nothing is connected yet.

    `root` is the workspace's folder; `sleep` waits between tries and for the rate limit;
    `take` waits until so many messages may leave (by default the channel's own rate, for this
    process alone).
    """

    def __call__(
        self,
        channel: ChannelSpec,
        root: Path,
        *,
        sleep: Sleep = asyncio.sleep,
        take: Take | None = None,
    ) -> Provider: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Vendor:
    """One entry of the registry. `settings` reads and checks a channel's options, no more."""

    spec: VendorSpec
    settings: Callable[[ChannelSpec, Path], object]
    open: Open

    def problems(self, channel: ChannelSpec, root: Path) -> list[Problem]:
        """What is wrong with a channel's options, beyond their names and types, and what it asks
        for that this vendor cannot do."""
        problems = list(self._inexpressible(channel))
        try:
            self.settings(channel, root)
        except WorkspaceError as error:
            problems += error.problems
        return problems

    def _inexpressible(self, channel: ChannelSpec) -> Iterator[Problem]:
        can, name = self.spec.can, self.spec.name
        asked = (
            ("reply_to", bool(channel.reply_to), can.reply_to, "an address for replies"),
            ("headers", bool(channel.headers), can.headers, "headers of your own"),
            ("tags", bool(channel.tags), can.tags, "tags"),
        )
        for key, wanted, able, words in asked:
            if wanted and not able:
                yield problem(channel, key, f"{name} takes no {words.removeprefix('an ')}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """Where a vendor's API is and the headers that say who we are there.

    `sign` is given the request, its whole URL and the present.
    """

    base_url: str = field(repr=False)  # some vendors' address is itself the secret
    credentials: Mapping[str, Secret]
    timeout: float  # seconds
    # headers that depend on the request and the instant, for vendors who want it signed
    sign: Callable[[Request, str, datetime], Mapping[str, str]] | None = None


class Reachable(Protocol):
    """The settings of an HTTP vendor, whatever else they hold."""

    @property
    def endpoint(self) -> Endpoint: ...

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Self:
        """Read a channel's options. Raises WorkspaceError."""


S = TypeVar("S", bound=Reachable)


class HttpProvider(Provider, Generic[M, S]):
    """Sends by `build` and `read`; retries what certainly did not leave; isolates a refusal."""

    settings: ClassVar[type[Reachable]]  # the S of the vendor

    def __init__(self, settings: S, sleep: Sleep, take: Take) -> None:
        # the client libraries take 0.3 s to import, which `relance --help` need not pay
        from relance.providers.http import Client
        from relance.providers.retry import Retry

        self._settings = settings
        self._client: Client = Client(settings.endpoint)
        self._take = take
        self._retry = Retry(sleep)

    @classmethod
    def open(
        cls,
        channel: ChannelSpec,
        root: Path,
        *,
        sleep: Sleep = asyncio.sleep,
        take: Take | None = None,
    ) -> Self:
        """Open the vendor for a channel, as `Open` says."""
        settings = cls.settings.of(channel, root)
        return cls(settings, sleep, own(take, channel.rate, sleep))  # type: ignore[arg-type]  # an S

    @abstractmethod
    def build(self, messages: Sequence[M]) -> Request:
        """The request that carries these messages."""

    @abstractmethod
    def read(self, response: Response, messages: Sequence[M]) -> Sequence[Answer]:
        """What became of each message. Raises SendError for the whole request."""

    async def _send(self, messages: Sequence[Outgoing]) -> Sequence[Answer]:
        return await self._deliver(messages)  # type: ignore[arg-type]  # screened by `kind`

    async def _deliver(self, messages: Sequence[M]) -> Sequence[Answer]:
        try:
            return await self._retry(self._once, messages)
        except Refused as error:
            if len(messages) == 1:
                return [error]
        # a refused batch left nothing behind, and one bad message must not take its neighbours
        # along (nor a batch too large for the vendor everything in it)
        return [answer for half in _halves(messages) for answer in await self._half(half)]

    async def _half(self, messages: Sequence[M]) -> Sequence[Answer]:
        try:
            return await self._deliver(messages)
        except SendError as error:
            return [error] * len(messages)

    def _garbled(self, message: Outgoing) -> Refused | None:  # noqa: ARG002
        return None  # building the request finds out without looking at every text twice

    async def _once(self, messages: Sequence[M]) -> Sequence[Answer]:
        try:
            request = self.build(messages)
        except GARBLED:
            raise garbled() from None  # the error itself holds the text
        await self._take(len(messages))
        return self.read(await self._client.call(request), messages)

    async def ask(self, request: Request) -> Response:
        """One question to the vendor's API; what certainly did not arrive is asked again."""
        return await self._retry(self._client.call, request)

    async def close(self) -> None:
        await self._client.close()


class Named(Protocol):
    """What answers need of a message, packed or not."""

    @property
    def message_id(self) -> str: ...


class BatchProvider(HttpProvider[M, S]):
    """A vendor whose batch is a list of messages, each written down on its own."""

    @abstractmethod
    def write(self, message: M) -> tuple[bytes, ...]:
        """One message in the vendor's own words. Raises what `garbled` stands for."""

    @abstractmethod
    def wrap(self, messages: Sequence[Packed]) -> Request:
        """The request that carries these messages."""

    def pack(self, message: Outgoing) -> Sendable:
        if self._screen(message) is not None:
            return message
        try:
            return self._packed(message)  # type: ignore[arg-type]  # screened by `kind`
        except GARBLED:
            return message

    def build(self, messages: Sequence[M]) -> Request:
        given: Sequence[M | Packed] = messages
        return self.wrap([m if isinstance(m, Packed) else self._packed(m) for m in given])

    def _packed(self, message: M) -> Packed:
        return Packed(message_id=message.message_id, pieces=self.write(message))


def _halves(messages: Sequence[M]) -> Iterator[Sequence[M]]:
    middle = len(messages) // 2
    yield messages[:middle]
    yield messages[middle:]
