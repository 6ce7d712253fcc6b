"""The state, the providers and the templates, as delivery sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from relance.domain.consent import Said
from relance.domain.ledger import Budget, Claimed, Mark, Marked, Outcome, Sibling
from relance.domain.message import Accepted, Outgoing, Rendered, Sendable
from relance.domain.receipt import Doubtful, Receipt
from relance.domain.vendor import Capabilities
from relance.domain.workspace import BouncePolicy


class Queue(Protocol):
    """The state, as delivery sees it."""

    @property
    def in_process(self) -> bool:
        """Whether its calls keep this process's interpreter busy; a server's do not."""

    def claim(
        self,
        at: datetime,
        limit: int,
        lease_until: datetime,
        worker: str,
        channel: str | None = None,
    ) -> list[Claimed]:
        """Take due messages, the most urgent first: priority, then expiry, then due_at.

        With a channel only that channel's: a slow or paused one never holds up another.
        """

    def release_expired(self, at: datetime, repeatable: Mapping[str, timedelta]) -> tuple[int, int]:
        """Expired claims go back to the queue; expired `sending` becomes unknown, or goes back as
        doubtful where its provider is among the repeatable ones (name → how long the same
        idempotency key holds). How many went back, and how many became unknown.
        """

    def sending(
        self,
        marks: Sequence[Mark],
        at: datetime,
        worker: str,
        budgets: Sequence[Budget] = (),
        unspent: Sequence[Budget] = (),
    ) -> Marked:
        """Mark claimed messages as about to go on the wire, as many as every budget has left.

        A message that is `sending` already, by this worker, only changes its provider: it did
        not leave by the first, which is given back what is `unspent`.
        """

    def reserve(self, name: str, messages: int, gap: float, at: datetime) -> datetime:
        """When the next messages may leave under a rate that all workers share.

        `gap` is in seconds between two messages. A batch takes as many places as it has
        messages and leaves at the first.
        """

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Move messages to their next state, write the attempts and give back what budgets were
        spent in vain, in one transaction."""

    def blocked(self, channel: str, customers: Sequence[str]) -> set[str]:
        """Of these customers, those suppressed on a channel."""

    def blocked_addresses(self, channel: str, recipients: Sequence[str]) -> set[str]:
        """Of these recipients (`recipient_digest`), those suppressed on a channel."""

    def consents(self, channel: str, customers: Sequence[str]) -> Mapping[str, bool]:
        """Of these customers, the consent recorded here, where there is any."""

    def said(self, channel: str, customers: Sequence[str]) -> Sequence[Said]:
        """Of these customers, their latest words about a channel and about every topic."""

    def siblings(self, customers: Sequence[str], triggers: Sequence[str]) -> Sequence[Sibling]:
        """Every message of these customers by these triggers, those that went nowhere aside."""

    def topics_refused(self, customers: Sequence[str]) -> set[tuple[str, str]]:
        """Of these customers, who does not want to hear of what: (customer, topic)."""

    def paused(self, customers: Sequence[str], at: datetime) -> Mapping[str, datetime]:
        """Of these customers, who asked not to be written to, and until when."""

    def doubtful(self, at: datetime, limit: int) -> list[Claimed]:
        """Unknown messages whose look-up is due, each with its provider and `doubtful_at`."""

    def taken(self, provider: str, provider_ids: Sequence[str]) -> set[str]:
        """Of these ids of a provider, those that already belong to a message."""

    def look_again(self, messages: Sequence[str], at: datetime | None) -> None:
        """When these unknown messages are looked up next; None: never by itself."""

    def pending(self) -> int:
        """Messages queued, claimed or sending."""


class Receipts(Protocol):
    """The state, as providers' reports see it."""

    def record(
        self, channel: str, receipts: Sequence[Receipt], at: datetime, bounces: BouncePolicy
    ) -> int:
        """Write down each event once, move its message, suppress where it says so: one
        transaction. How many were new."""


class Provider(Protocol):
    """One vendor's way out. Raises SendError's children for a whole request."""

    @property
    def name(self) -> str: ...

    @property
    def can(self) -> Capabilities: ...

    @property
    def batch_size(self) -> int:
        """How many messages one call may carry."""

    @property
    def idempotent(self) -> bool:
        """Whether a repeated send with the same message id is sent once, for a while."""

    def pack(self, message: Outgoing) -> Sendable:
        """The message in the vendor's own words where batches hold those; else as it is."""

    async def send(self, messages: Sequence[Sendable]) -> Sequence[Accepted | Exception]:
        """Send; one answer per message in the same order: Accepted or a SendError."""

    async def look_up(self, doubtful: Doubtful) -> Receipt | None:
        """What the vendor knows of a message; None: it has none such (yet). Raises SendError."""

    async def close(self) -> None: ...


class Links(Protocol):
    """Signed links back to us."""

    def unsubscribe(self, message: Claimed, locale: str | None) -> str:
        """Where one click unsubscribes from the message's channel."""

    def preferences(self, message: Claimed, locale: str | None) -> str:
        """Where the customer chooses topics and pauses."""


class Renderer(Protocol):
    """Templates, as delivery sees them."""

    def names(self, template: str, channel: str) -> frozenset[str]:
        """The dotted names a template uses, over all locales (`customer.first_name`)."""

    def message_names(self, template: str, channel: str) -> frozenset[str]:
        """The names of the message's own that a template uses (`message.unsubscribe_url`)."""

    def fingerprint(self, template: str, channel: str) -> str:
        """Changes with any text that the template can send."""

    def render(
        self, template: str, channel: str, *, locale: str | None, values: Mapping[str, object]
    ) -> Rendered:
        """One message's text. Raises RenderError with a located problem; never half a text."""
