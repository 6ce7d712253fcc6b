"""What the public side is given of an open workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from typing import TYPE_CHECKING, Protocol

from relance.domain.receipt import Receipt
from relance.domain.workspace import BouncePolicy, Workspace
from relance.links import LinkMaker
from relance.providers import Provider

if TYPE_CHECKING:
    from relance.web.live import Desk


class Preferences(Protocol):
    """What one customer said here. A channel or topic that is not named was never decided on."""

    @property
    def channels(self) -> Mapping[str, bool]: ...

    @property
    def topics_refused(self) -> frozenset[str]: ...

    @property
    def paused_until(self) -> datetime | None: ...


class Receipts(Protocol):
    """The state, as providers' reports see it."""

    def record(
        self, channel: str, receipts: Sequence[Receipt], at: datetime, bounces: BouncePolicy
    ) -> int: ...


class People(Protocol):
    """The state, as customers' own pages see it. Everything may raise StateError."""

    def preferences(self, customer: str, at: datetime) -> Preferences:
        """What one customer has said here, pauses that are over aside."""

    def record_consent(
        self,
        channel: str,
        customer: str,
        at: datetime,
        source: str,
        *,
        granted: bool,
        topic: str = "",
    ) -> None:
        """Note a consent given or taken back, of a channel or of a topic (channel '')."""

    def pause(self, customer: str, until: datetime | None, at: datetime, source: str) -> None:
        """Write to a customer no sooner than `until`; None ends a pause."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Front:
    """One open workspace, as the outside meets it. `links` only where it has a public URL, `live`
    only where it takes live events."""

    workspace: Workspace
    providers: Mapping[str, Sequence[Provider]]  # by channel
    receipts: Receipts
    people: People
    links: LinkMaker | None
    live: Desk | None = None

    @property
    def public_url(self) -> str | None:
        """Where the outside finds us, without a slash at its end."""
        return (self.workspace.web.public_url or "").rstrip("/") or None

    @property
    def writer(self) -> str:
        """The name under which the workspace writes to people."""
        brand = self.workspace.brand.get("name")
        if isinstance(brand, str) and brand:
            return brand
        email = self.workspace.channels.get("email")
        return (parseaddr(email.sender)[0] if email else "") or self.workspace.name

    def reporting(self, channel: str, vendor: str) -> Sequence[Provider]:
        """The providers of a channel, the fallback too, that may report under this name."""
        return [p for p in self.providers.get(channel, ()) if p.name == vendor and p.can.events]
