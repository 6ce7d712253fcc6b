"""One customer before us: what the token lets them do, and what they choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from relance import logs
from relance.domain.channel import CHANNELS
from relance.domain.duration import Duration, Unit
from relance.domain.workspace import Topic, day_start
from relance.links import Grant, LinkMaker, Purpose
from relance.logs import Action
from relance.rendering import pages
from relance.web.front import Front, Preferences

_PAUSES = {
    "week": Duration(1, Unit.WEEK),
    "month": Duration(1, Unit.MONTH),
    "quarter": Duration(3, Unit.MONTH),
}
_LONGEST_PAUSE = timedelta(days=366)
_PERSONAL = tuple(name for name, kind in CHANNELS.items() if kind.personal)

log = logs.get("web")


class Answer:
    """The fields of the preference form. Only what it showed can be unticked: a topic that came
    into the YAML since is not refused by a page that did not have it."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        self.ticked = frozenset(fields.get("tick", ()))
        self.shown = frozenset(fields.get("shown", ()))
        self.until = _last(fields, "until")
        pause = _last(fields, "pause") or "keep"
        # who fills in a date means it, whatever the button above it says
        self.pause = "until" if pause == "keep" and self.until else pause
        self.nothing = _last(fields, "do") == "nothing"
        self.save = _last(fields, "do") == "save"


class Visitor:
    """The holder of a genuine token, at an instant. What changes the state blocks, and may raise
    StateError."""

    def __init__(self, front: Front, links: LinkMaker, grant: Grant, at: datetime) -> None:
        self._front = front
        self._links = links
        self._at = at
        self.grant = grant
        self.locale = pages.language(grant.locale, front.workspace.locale)

    # -- unsubscribing

    def said(self) -> Preferences:
        """What this customer has said here."""
        return self._front.people.preferences(self.grant.customer, self._at)

    def is_out(self) -> bool:
        """Whether the customer has unsubscribed from the channel of the message."""
        return self.grant.channel in _refused(self.said())

    def unsubscribe(self, source: str) -> None:
        """No more on the channel of the message. Once more changes nothing."""
        if not self.is_out():
            self._consent(self.grant.channel, source, granted=False)
        self._tell(Action.UNSUBSCRIBED, "A customer unsubscribed", source)

    def subscribe(self) -> None:
        """Take an unsubscription back. The customer data must still agree, as ever."""
        if self.is_out():
            self._consent(self.grant.channel, "link", granted=True)
            self._tell(Action.RESUBSCRIBED, "A customer subscribed again", "link")

    # -- choosing

    def take(self, answer: Answer, said: Preferences, until: datetime | None) -> None:
        """Write down what changed, and nothing else."""
        boxes = [(box, name, "") for box, name in self._channel_boxes(said)]
        boxes += [(box, "", name) for box, name in self._topic_boxes(said)]
        for box, channel, topic in boxes:
            wanted = box.name in answer.ticked
            if box.name in answer.shown and wanted != box.ticked:
                self._consent(channel, "preferences", granted=wanted, topic=topic)
        if answer.pause != "keep":
            self._front.people.pause(self.grant.customer, until, self._at, "preferences")
        self._tell(Action.PREFERENCES_CHANGED, "A customer chose what to receive", "preferences")

    def refuse_everything(self) -> None:
        """No more messages on any channel that reaches the customer."""
        refused = _refused(self.said())
        for channel in _PERSONAL:
            if channel not in refused:
                self._consent(channel, "preferences", granted=False)
        self._tell(Action.UNSUBSCRIBED, "A customer unsubscribed", "preferences")

    def pause_of(self, answer: Answer) -> datetime | None:
        """Until when nothing shall come; None for no pause, or a day that cannot be."""
        zone = self._front.workspace.zone
        if answer.pause in _PAUSES:
            day = _PAUSES[answer.pause].after(self._at, zone).astimezone(zone).date()
            return day_start(day, zone)
        if answer.pause != "until":
            return None
        try:
            day = date.fromisoformat(answer.until)
        except ValueError:
            return None
        first, last = self._days()
        return day_start(day, zone) if first <= day <= last else None

    # -- pages

    def asks(self) -> str:
        """The page with the button."""
        topic = self._front.workspace.topics.get(self.grant.topic or "")
        return pages.asks(
            self._front.writer,
            self.grant.channel,
            self.locale,
            action=self._path(Purpose.UNSUBSCRIBE),
            preferences=self._path(Purpose.PREFERENCES),
            topic=self._title(topic) if topic else None,
        )

    def unsubscribed(self) -> str:
        """The page after the button."""
        return pages.unsubscribed(
            self._front.writer,
            self.grant.channel,
            self.locale,
            undo=self._path(Purpose.UNSUBSCRIBE) + "/undo",
            preferences=self._path(Purpose.PREFERENCES),
        )

    def resubscribed(self) -> str:
        """The page after a change of mind."""
        return pages.resubscribed(
            self._front.writer,
            self.grant.channel,
            self.locale,
            unsubscribe=self._path(Purpose.UNSUBSCRIBE),
            preferences=self._path(Purpose.PREFERENCES),
        )

    def choices(self, said: Preferences, *, saved: bool = False, wrong_date: bool = False) -> str:
        """The page with everything that can be chosen."""
        first, last = self._days()
        until, zone = said.paused_until, self._front.workspace.zone
        shown = pages.Choices(
            channels=[box for box, _ in self._channel_boxes(said)],
            topics=[box for box, _ in self._topic_boxes(said)],
            paused_until=until.astimezone(zone).date() if until and until > self._at else None,
            first=first,
            last=last,
            saved=saved,
            wrong_date=wrong_date,
        )
        return pages.choices_page(
            shown,
            self._front.writer,
            self.grant.channel,
            self.locale,
            action=self._path(Purpose.PREFERENCES),
        )

    # -- parts

    def _channel_boxes(self, said: Preferences) -> list[tuple[pages.Box, str]]:
        """The channel of the message, and those refused here. Of the others the customer data
        may say no, and a ticked box would be a promise."""
        refused = _refused(said)
        known = refused & self._front.workspace.channels.keys() | {self.grant.channel}
        return [
            (pages.channel_box(name, self.locale, ticked=name not in refused), name)
            for name in _PERSONAL
            if name in known
        ]

    def _topic_boxes(self, said: Preferences) -> list[tuple[pages.Box, str]]:
        return [
            (
                pages.Box(
                    name=f"topic:{name}",
                    title=self._title(topic),
                    ticked=name not in said.topics_refused,
                ),
                name,
            )
            for name, topic in self._front.workspace.topics.items()
        ]

    def _days(self) -> tuple[date, date]:
        """The first and the last day that a pause may end on."""
        today = self._at.astimezone(self._front.workspace.zone).date()
        return today + timedelta(days=1), today + _LONGEST_PAUSE

    def _title(self, topic: Topic) -> str:
        """What a topic is called in the reader's language, or else in any."""
        titles = topic.titles
        for wanted in (self.grant.locale, self.locale, self._front.workspace.locale):
            if wanted is not None and wanted in titles:
                return titles[wanted]
        return next(iter(titles.values()), topic.name)

    def _path(self, purpose: Purpose) -> str:
        return self._links.path(purpose, self.grant)

    def _consent(self, channel: str, source: str, *, granted: bool, topic: str = "") -> None:
        self._front.people.record_consent(
            channel, self.grant.customer, self._at, source, granted=granted, topic=topic
        )

    def _tell(self, action: Action, sentence: str, source: str) -> None:
        log.info(
            sentence,
            action=action,
            message=self.grant.message,
            channel=self.grant.channel,
            source=source,
        )


def _last(fields: Mapping[str, Sequence[str]], name: str) -> str:
    return fields[name][-1] if fields.get(name) else ""


def _refused(said: Preferences) -> frozenset[str]:
    return frozenset(channel for channel, granted in said.channels.items() if not granted)
