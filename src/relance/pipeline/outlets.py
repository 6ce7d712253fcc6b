"""A channel's ways out: its provider, then its fallback, each behind a circuit breaker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from relance import logs
from relance.domain.breaker import Breaker, Cause, Gate
from relance.domain.ledger import Budget, Claimed
from relance.domain.retry import MARGIN, key_holds
from relance.domain.workspace import ChannelSpec, Workspace, day_start
from relance.errors import Paused, SendError
from relance.logs import Action
from relance.pipeline.outcomes import KEY_EXPIRED, PROVIDER_GONE
from relance.pipeline.pace import Pace, pace
from relance.pipeline.ports import Provider

BUDGET = "daily_budget"
_MOMENT = timedelta(seconds=20)  # sooner than anything that did not leave is tried again

log = logs.get("delivery")


def specs(channel: ChannelSpec) -> Iterator[ChannelSpec]:
    """A channel's own provider, then its fallback."""
    yield channel
    if channel.fallback is not None:
        yield channel.fallback


def place_name(channel: ChannelSpec, number: int) -> str:
    """Under which name a provider's limits are shared by all workers; `number` counts the ways
    out of a channel from 0."""
    return f"provider/{channel.name}/{channel.provider}" + ("/fallback" if number else "")


class Outlet:
    """One provider of a channel. It outlives the runs of a delivery, and so does its breaker."""

    def __init__(self, spec: ChannelSpec, provider: Provider, number: int, zone: ZoneInfo) -> None:
        self.spec = spec
        self.provider = provider
        self.pace: Pace = pace(provider.batch_size, spec.rate)
        self.breaker = Breaker()
        self._name = place_name(spec, number)
        self._zone = zone
        self._over_at: datetime | None = None
        self._probing = False

    # -- the breaker

    def gate(self, at: datetime) -> Gate:
        return self.breaker.gate(at)

    def enter(self, at: datetime) -> bool:
        """Whether a request may leave now; the one that tries a half-open breaker holds it until
        `leave`."""
        gate = self.gate(at)
        if gate is Gate.PROBE and not self._probing:
            self._probing = True
            return True
        return gate is Gate.CLOSED

    def leave(self) -> None:
        """A request is over, whatever became of it."""
        self._probing = False

    def succeeded(self, at: datetime) -> None:
        """The vendor answered a request."""
        self._become(self.breaker.succeeded(at), at)

    def failed(self, error: SendError, at: datetime) -> None:
        """A request failed as a whole, or the vendor refuses us."""
        if isinstance(error, Paused):
            self._become(self.breaker.paused(error.reason, at), at)
        else:
            self._become(self.breaker.failed(error.reason, at, error.retry_after), at)

    def _become(self, breaker: Breaker, at: datetime) -> None:
        before, self.breaker = self.breaker, breaker
        if breaker.opened_at is not None and breaker.openings > before.openings:
            self._tell_opened(breaker, at)
        elif before.opened_at is not None and breaker.opened_at is None:
            log.info(
                "The provider takes messages again",
                action=Action.PROVIDER_RESUMED,
                provider=self.provider.name,
                channel=self.spec.name,
            )

    def _tell_opened(self, breaker: Breaker, at: datetime) -> None:
        seconds = round((breaker.until - at).total_seconds()) if breaker.until else 0
        if breaker.cause is Cause.PROVIDER_PAUSED:
            sentence = "The provider refuses us; everything of its channel stays queued"
            action = Action.PROVIDER_PAUSED
        else:
            sentence = "The provider fails; it is left alone for a while"
            action = Action.CIRCUIT_OPENED
        log.error(
            sentence,
            action=action,
            provider=self.provider.name,
            channel=self.spec.name,
            reason=breaker.reason,
            retry_seconds=seconds,
        )

    # -- the day's budgets

    def budgets(self, channel: ChannelSpec, at: datetime, *, again: bool = False) -> list[Budget]:
        """What may leave by this provider today. A message that was counted for its channel by
        another provider is not counted `again`."""
        day = at.astimezone(self._zone).date()
        found = []
        if self.spec.daily is not None:
            found.append(Budget(name=self._name, day=day, limit=self.spec.daily))
        if channel.budget is not None and not again:
            found.append(Budget(name=f"channel/{channel.name}", day=day, limit=channel.budget))
        return found

    def owns(self, budget: Budget) -> bool:
        """Whether it is this provider's own, not its channel's."""
        return budget.name == self._name

    def found(self, at: datetime, *, over: bool) -> None:
        """What marking found: whether something was over a budget."""
        self._over_at = at if over else None

    def tomorrow(self, at: datetime) -> datetime:
        """When the budgets are whole again."""
        return day_start(at.astimezone(self._zone).date() + timedelta(days=1), self._zone)

    def used_up(self, at: datetime) -> bool:
        """Whether a budget was found used up a moment ago: not longer, for what does not leave
        is given back."""
        asked = self._over_at
        return asked is not None and asked <= at < min(asked + _MOMENT, self.tomorrow(asked))

    def over(self, at: datetime) -> bool:
        """Whether a budget of today was used up when this provider was last asked to send."""
        return self._over_at is not None and at < self.tomorrow(self._over_at)


class Outlets:
    """The ways out of one channel, in order."""

    def __init__(self, channel: ChannelSpec, providers: Sequence[Provider], zone: ZoneInfo) -> None:
        given = zip(specs(channel), providers, strict=True)
        self.channel = channel
        self.all = [Outlet(spec, each, number, zone) for number, (spec, each) in enumerate(given)]
        self.wave = min(outlet.pace.wave for outlet in self.all)

    def current(self, at: datetime) -> Outlet | None:
        """The first whose breaker lets something pass."""
        return next((outlet for outlet in self.all if outlet.gate(at) is not Gate.OPEN), None)

    def after(self, outlet: Outlet, at: datetime) -> Outlet | None:
        """Where what certainly did not leave by this one goes instead, if anywhere."""
        rest = self.all[self.all.index(outlet) + 1 :]
        return next((each for each in rest if each.gate(at) is not Gate.OPEN), None)

    def owner(self, message: Claimed) -> Outlet | None:
        """The only one that may repeat a message which may have left: the one it left by.

        None where that is gone from the YAML, or two accounts with one vendor share its name.
        """
        named = [outlet for outlet in self.all if outlet.provider.name == message.provider]
        return named[0] if len(named) == 1 else None

    def unrepeatable(self, message: Claimed, at: datetime) -> str | None:
        """Why a message must not be sent again; None where it never left, or where its own
        provider would still notice."""
        if message.doubtful_at is None:
            return None
        owner = self.owner(message)
        if owner is None:
            return PROVIDER_GONE
        window = owner.provider.can.idempotent_for
        return None if key_holds(window, message.doubtful_at, at) else KEY_EXPIRED

    def repeats(self, outlet: Outlet) -> timedelta | None:
        """For how long a message sent again by this provider is sent once."""
        same = sum(each.provider.name == outlet.provider.name for each in self.all)
        return outlet.provider.can.idempotent_for if same == 1 else None

    def trouble(self, at: datetime) -> str | None:
        """Why nothing of the channel leaves now; None where something does."""
        first, current = self.all[0], self.current(at)
        if current is None:
            return f"{first.breaker.cause}: {first.breaker.reason}"
        return BUDGET if current.over(at) else None


def open_outlets(
    workspace: Workspace, providers: Mapping[str, Sequence[Provider]]
) -> dict[str, Outlets]:
    """The ways out of every channel. Raises KeyError where a channel has no provider."""
    return {
        name: Outlets(channel, providers[name], workspace.zone)
        for name, channel in workspace.channels.items()
    }


def repeatable(outlets: Iterable[Outlets]) -> dict[str, timedelta]:
    """For how long each vendor's idempotency keys hold, with our margin; by vendor.

    A vendor with two accounts on one channel is left out: nobody could tell whose key it was.
    """
    found: dict[str, timedelta] = {}
    barred: set[str] = set()
    for one in outlets:
        names = Counter(outlet.provider.name for outlet in one.all)
        barred |= {name for name, times in names.items() if times > 1}
        for outlet in one.all:
            window = outlet.provider.can.idempotent_for
            if window is not None and window > MARGIN:
                found[outlet.provider.name] = window - MARGIN
    return {name: window for name, window in found.items() if name not in barred}
