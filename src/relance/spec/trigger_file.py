"""triggers/NAME.yaml: which transition, which messages, which limits, which holdout."""

from __future__ import annotations

from dataclasses import dataclass

from relance.domain.condition import Condition
from relance.domain.duration import Duration, Unit
from relance.domain.trigger import (
    Goal,
    On,
    OnDate,
    OnEnter,
    OnEvent,
    OnExit,
    OnMove,
    OnSchedule,
    OnStay,
    Reentry,
    Schedule,
    Step,
    WriteTo,
)
from relance.spec.accounts import WHOSE, AccountAttribute, check_accounts, has_accounts
from relance.spec.conditions import CONDITION
from relance.spec.cron import SCHEDULE
from relance.spec.event_leaf import WHERE, check_field
from relance.spec.names import ATTRIBUTE, EVENT, SEGMENT
from relance.spec.notations import HOLDOUT, LENGTH, OFFSET
from relance.spec.record import Key, Of, Record, optional, required
from relance.spec.shapes import (
    NAME,
    VERSION,
    Choice,
    Either,
    Flag,
    JsonSchema,
    Shape,
    Text,
    Whole,
    made,
)
from relance.spec.spot import Broken, Spot, near
from relance.spec.steps import EXPIRY, Expiry, Planned, Steps, resolve
from relance.spec.write_to import WriteToYaml
from relance.uplift.verdict import MIN_MATURE

_YEAR_SECONDS = 366 * 86400
_MOST_ENTRANTS = 1_000_000_000


class MoveYaml(Record[On]):
    """From one segment into another."""

    what = "a mapping such as {from: active, to: at_risk}"
    from_ = required(SEGMENT, "The segment that the customer was in at the previous run.")
    to = required(SEGMENT, "The segment that the customer is in now, and was not in then.")

    def build(self) -> On:
        source, target = self.from_, self.to
        if source == target:
            raise self.below("to").broken("is the segment that the move begins in")
        return OnMove(source, target)


class StayYaml(Record[On]):
    """In the segment without a break for this long."""

    what = "a mapping such as {stay: 30 days}"
    stay = required(LENGTH, "How long the customer has been in the segment without a break.")

    def build(self) -> On:
        return OnStay(self.stay)


class DateAttribute(Shape[str]):
    """An attribute of who enters."""

    says = "the name of an attribute"
    _account = AccountAttribute()

    def read(self, spot: Spot) -> str:
        return (self._account if spot.of_accounts else ATTRIBUTE).read(spot)

    def schema(self) -> JsonSchema:
        return ATTRIBUTE.schema()


class DateYaml(Record[On]):
    """A date of the customer's comes round."""

    what = "a mapping such as {date: birth_date}"
    date = required(DateAttribute(), "An attribute that is a date.")
    offset = optional(
        OFFSET, "How long after that date; negative for before.",
        default=Duration(0, Unit.DAY), shown="0 days",
    )  # fmt: skip
    repeat = optional(
        Choice("yearly", "once"), "Every year, or only on the date itself.",
        default="yearly", shown="yearly",
    )  # fmt: skip

    def build(self) -> On:
        yearly = self.repeat == "yearly"
        if yearly and abs(self.offset.rough_seconds) > _YEAR_SECONDS:
            raise self.below("offset").broken("is more than a year", "or write repeat: once")
        return OnDate(self.date, self.offset, yearly=yearly)


class HappenedYaml(Record[On]):
    """An event of the customer's that nothing followed: a cart, and no order in the four hours
    after it. Each event counts once, at the first tick after its time is over."""

    what = "a mapping such as {event: cart_abandoned, unless: order, within: 4 hours}"
    event = required(EVENT, "The event that begins it.")
    unless = optional(
        EVENT, "The event that ends it: who has one after the first, up to the tick, does not "
        "enter.",
        shown="none",
    )  # fmt: skip
    within = optional(LENGTH, "How long after the event the customer enters.", shown="at once")
    where = optional(WHERE, "Count only events whose fields compare so.", default=())

    def build(self) -> On:
        if self.unless == self.event:
            raise self.below("unless").broken("is the event that begins it")
        for test in self.where:
            check_field(self.below("where", test.field), self.event, test.field)
        return OnEvent(self.event, self.unless, self.within, self.where)


_WORDS: dict[str, On] = {"enter": OnEnter(), "exit": OnExit(), "schedule": OnSchedule()}
_FORMS: dict[str, type[Record[On]]] = {
    "from": MoveYaml, "to": MoveYaml, "stay": StayYaml, "date": DateYaml, "event": HappenedYaml,
    "unless": HappenedYaml, "within": HappenedYaml,
}  # fmt: skip


class OnForms(Shape[On]):
    """The transitions that need more than a word."""

    says = "{from: …, to: …}, {stay: …}, {date: …} or {event: …}"

    def read(self, spot: Spot) -> On:
        fields = spot.fields(self.says)
        for key, _ in fields.pairs:
            if key.text in _FORMS:
                return _FORMS[key.text](spot).build()
        for key, _ in fields.pairs:
            spot.at(key.text, key).note("unknown key", near(key.text, _FORMS))
        if not fields.pairs:
            spot.note(f"is empty, not {self.says}")
        raise Broken

    def schema(self) -> JsonSchema:
        return {"anyOf": [Of(form).schema() for form in dict.fromkeys(_FORMS.values())]}


_ON = Either(made(Choice(*_WORDS), lambda _spot, word: _WORDS[word]), OnForms())


class AfterYaml(Record[Reentry]):
    """Again, after a while."""

    what = "a mapping such as {after: 180 days}"
    after = required(LENGTH, "How long after the latest entry a customer may enter again.")

    def build(self) -> Reentry:
        return Reentry(allowed=True, after=self.after)


_REENTRY = Either(
    made(Choice("never", "always"), lambda _spot, word: Reentry(allowed=word == "always")),
    Of(AfterYaml),
)


class GoalYaml(Record[Goal]):
    """What "retained" means: such an event after the entry."""

    what = "a mapping such as {event: order, within: 30 days}"
    event = required(EVENT, "The event that counts.")
    within = required(LENGTH, "How long after the entry it may happen.", example="within: 30 days")
    where = optional(WHERE, "Count only events whose fields compare so.", default=())

    def build(self) -> Goal:
        for test in self.where:
            check_field(self.below("where", test.field), self.event, test.field)
        if self.event in self.spot.scope.account_events and not self.spot.of_accounts:
            self.below("event").note(
                f"{self.event} names accounts and no customer", "let accounts enter"
            )
        return Goal(event=self.event, within=self.within, where=self.where)


_SEGMENT: Shape[str | Condition] = Either[str | Condition](SEGMENT, CONDITION)


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggerFile:
    """What a trigger's file says; `segment` is a name, a condition of its own, or left out."""

    path: str
    name: str
    description: str
    segment: str | Condition | None
    on: On
    schedule: Schedule
    reentry: Reentry
    priority: int
    steps: tuple[Step, ...]
    holdout: float
    goal: Goal | None
    read_out: int | None
    topic: str | None
    enabled: bool
    of_accounts: bool
    write_to: WriteTo


class TopicName(Shape[str]):
    """The name of a topic of relance.yaml."""

    says = "a topic's name"

    def read(self, spot: Spot) -> str:
        name, topics = NAME.read(spot), spot.scope.topics
        if topics is not None and not topics:
            raise spot.broken(f"there is no topic {name!r}", "add topics: to config/relance.yaml")
        return spot.known(name, topics, "topic")

    def schema(self) -> JsonSchema:
        return NAME.schema()


class TriggerYaml(Record[TriggerFile]):
    """A trigger: who, when, what, and how it is measured."""

    what = "a mapping with version, name, on and steps"
    version = required(VERSION, "The version of this format.", example="version: 1")
    name = required(NAME, "The trigger's name: the file's own, without `.yaml`.")
    description = optional(Text(), "What it is for, in a sentence.", default="")
    segment = optional(
        _SEGMENT,
        "Who: a segment's name, or a condition. Not for `on: {from, to}`; "
        "with `on: {date}` and `on: {event}` it may be left out and means everybody.",
    )
    enters = optional(
        WHOSE, "Who enters: customers, or the accounts that they are contacts of.",
        default="customers", shown="customers",
    )  # fmt: skip
    write_to = optional(
        Of(WriteToYaml), "With `enters: accounts`: whom of the account's contacts to write to.",
        default=WriteTo(), shown="whoever was active last",
    )  # fmt: skip
    on = required(_ON, "Which transition starts it.", example="on: enter")
    schedule = optional(
        SCHEDULE, "When it is looked at: a cron line in the workspace's time zone, "
        "or `every 15 minutes`.",
        default=Schedule(cron="0 9 * * *"), shown='"0 9 * * *"',
    )  # fmt: skip
    reentry = optional(
        _REENTRY, "Whether a customer may enter again.", default=Reentry(), shown="never"
    )
    priority = optional(
        Whole(0, 100), "Who comes first where the limits leave one place: the higher one.",
        default=50, shown="50",
    )  # fmt: skip
    topic = optional(
        TopicName(), "What it is about, of the `topics` in relance.yaml: who does not want to hear "
        "of that does not enter.",
        shown="none",
    )  # fmt: skip
    steps: Key[tuple[Planned, ...]] = required(Steps(), "What is sent, in this order.")
    while_member = optional(
        Flag(), "Send only to who is still in the segment when the message falls due.",
        default=False, shown="false",
    )  # fmt: skip
    expires = optional(
        EXPIRY, "How long after a message fell due it is still of use; later it is not sent.",
        default=Expiry(), shown="never",
    )  # fmt: skip
    holdout = optional(
        HOLDOUT, "The share of entries that gets no message, for comparison.",
        default=0.0, shown="0%",
    )  # fmt: skip
    goal = optional(Of(GoalYaml), "What counts as success.")
    read_out = optional(
        Whole(1, _MOST_ENTRANTS), "The planned read-out: the verdict is read of so many entrants, "
        "and an earlier one has to pass a stricter test. Decide it before launch (`relance power` "
        "proposes a number): another one is a new version.",
        shown="none, every look is judged by the stricter test",
    )  # fmt: skip
    enabled = optional(
        Flag(), "false: the file is checked, but nothing happens.", default=True, shown="true"
    )

    def __init__(self, spot: Spot) -> None:
        super().__init__(spot.about_accounts() if has_accounts(spot.node, "enters") else spot)

    def build(self) -> TriggerFile:
        self._check()
        self._check_accounts()
        steps = resolve(self.steps, while_member=self.while_member, expires=self.expires)
        return TriggerFile(
            path=self.spot.notes.path, name=self.name, description=self.description,
            segment=self.segment, on=self.on, schedule=self.schedule, reentry=self.reentry,
            priority=self.priority, steps=steps, holdout=self.holdout, goal=self.goal,
            read_out=self.read_out, topic=self.topic, enabled=self.enabled,
            of_accounts=self.enters == "accounts", write_to=self.write_to,
        )  # fmt: skip

    def _check(self) -> None:
        """What only shows when several keys are seen together."""
        stem = self.spot.notes.path.rpartition("/")[2].removesuffix(".yaml")
        if self.sound("name") and self.name != stem:
            self.below("name").note(f"must be the file's name, {stem}", "rename one of the two")
        if self.sound("on"):
            self._check_segment(self.on)
        if self.sound("while_member") and self.while_member and not self._has_members():
            self.below("while_member").warn("everybody is a member", "name a segment:")
        if self.sound("holdout") and self.holdout > 0 and not self.has("goal"):
            self.below("holdout").warn(
                "people are held out, but nothing is measured", "add a goal:"
            )
        if self.has("read_out"):
            self._check_read_out()

    def _check_read_out(self) -> None:
        """A planned read-out compares two arms by a goal, and both arms have to be large enough."""
        spot = self.below("read_out")
        if not self.has("goal"):
            spot.note("there is nothing to read without a goal", "add a goal:")
        if not self.sound("holdout") or not self.sound("read_out"):
            return
        smaller = round(min(self.holdout, 1 - self.holdout) * (self.read_out or 0))
        if not self.holdout:
            spot.note("there is nobody to compare with", "add a holdout:")
        elif smaller < MIN_MATURE:
            spot.warn(
                f"about {smaller} of them will be in the smaller arm, and no verdict is given "
                f"below {MIN_MATURE}",
                "await more, or hold more out; see relance power",
            )

    def _check_accounts(self) -> None:
        """Who enters, and whose the segments are, go together."""
        if not self.sound("enters"):
            return
        of_accounts = self.enters == "accounts"
        if of_accounts:
            check_accounts(self.below("enters"))
        elif self.has("write_to"):
            self.below("write_to").note(
                "customers enter, and are written to", "or enters: accounts"
            )
        for where, name in self._named_segments():
            if (name in self.spot.scope.account_segments) is not of_accounts:
                whose, other = (
                    ("customers", "accounts") if of_accounts else ("accounts", "customers")
                )
                self.below(*where).note(
                    f"{name} is a segment of {whose}, and {other} enter",
                    None if of_accounts else "add enters: accounts",
                )

    def _named_segments(self) -> list[tuple[tuple[str, ...], str]]:
        if self.sound("on") and isinstance(self.on, OnMove):
            return [(("on", "from"), self.on.source), (("on", "to"), self.on.target)]
        if self.sound("segment") and isinstance(self.segment, str):
            return [(("segment",), self.segment)]
        return []

    def _has_members(self) -> bool:
        """Whether there is a segment that somebody can have left."""
        return (
            self.has("segment") or not self.sound("on") or not isinstance(self.on, OnDate | OnEvent)
        )

    def _check_segment(self, on: On) -> None:
        if isinstance(on, OnMove) and self.has("segment"):
            self.below("segment").note("does not go with on: {from, to}", "the segment is `to`")
        if not isinstance(on, OnMove | OnDate | OnEvent) and not self.has("segment"):
            self.spot.at("segment", self.spot.node).note(
                "is missing", "who: a name from config/segments.yaml, or a condition"
            )
