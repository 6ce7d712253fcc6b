"""What a wave of messages asks the engine: goals reached, memberships, `if` and `unless`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from relance.domain.condition import (
    Aggregate,
    Comparison,
    Condition,
    EventIs,
    Measure,
    NoneOf,
    OfAccount,
    Op,
    SegmentIs,
    Window,
)
from relance.domain.ledger import Claimed, Sibling
from relance.domain.trigger import Goal, OnExit, Step, Trigger
from relance.domain.workspace import Workspace

_SINCE_ENTRY = Window(since_entry=True)


class Steps:
    """Finds the step that a message was made for, as the YAML has it now."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._known: dict[tuple[str, int, str, str], Step | None] = {}

    def of(self, message: Claimed | Sibling) -> Step | None:
        """The step, or None where the trigger, the step or its channel is gone.

        A step moved by an insertion before it is found by its channel and template.
        """
        key = (message.trigger, message.step, message.channel, message.template)
        if key not in self._known:
            self._known[key] = self._find(message)
        return self._known[key]

    def _find(self, message: Claimed | Sibling) -> Step | None:
        trigger = self._workspace.triggers.get(message.trigger)
        if trigger is None or message.channel not in self._workspace.channels:
            return None
        same = [
            step
            for step in trigger.steps
            if step.channel == message.channel and step.template == message.template
        ]
        in_place = [step for step in same if step.index == message.step]
        return next(iter(in_place or same), None)


def goal_condition(goal: Goal, deadline: datetime | None) -> EventIs:
    """A goal event since the entry; with a deadline, the first one at or before it."""
    if deadline is None:
        counted = Aggregate(goal.event, Measure.COUNT, window=_SINCE_ENTRY, where=goal.where)
        return EventIs(counted, (Comparison(Op.AT_LEAST, 1),))
    first = Aggregate(goal.event, Measure.FIRST, window=_SINCE_ENTRY, where=goal.where)
    return EventIs(first, (Comparison(Op.BEFORE, deadline),))


def _goal_of(trigger: Trigger, asked: EventIs) -> Condition:
    """Where an account entered, an event of any contact of it counts."""
    return OfAccount(asked) if trigger.of_accounts else asked


def still_member(trigger: Trigger) -> Condition:
    """What `while_member` asks: whether the transition that let the customer in still stands.

    A move's segment is the one it led to. For `on: exit` it is not being back in the segment.
    """
    member = SegmentIs(trigger.segment)
    return NoneOf((member,)) if isinstance(trigger.on, OnExit) else member


@dataclass(frozen=True, kw_only=True, slots=True)
class _Columns:
    goal: str | None
    member: str | None
    only_if: str | None
    unless: str | None


class Questions:
    """The distinct conditions of one wave, and how to read the answers per message.

    `asked` maps a column name to its condition. Messages of one trigger share its questions;
    only a goal whose window has closed asks per instant of entry.
    """

    def __init__(
        self, workspace: Workspace, steps: Steps, messages: Iterable[Claimed], at: datetime
    ) -> None:
        self._workspace = workspace
        self._steps = steps
        self._at = at
        self._columns: dict[str, str] = {}  # by repr: 1, 1.0 and True are equal but not the same
        self._cache: dict[tuple[str, int, str, datetime], _Columns] = {}
        self.asked: dict[str, Condition] = {}
        for message in messages:
            self._of(message)

    def goal_reached(self, message: Claimed, row: Mapping[str, object]) -> bool:
        """Whether the customer did what the trigger is for, within the goal's window."""
        goal = self._of(message).goal
        return goal is not None and bool(row[goal])

    def still_member(self, message: Claimed, row: Mapping[str, object]) -> bool:
        """Whether a step that is only for members still has one."""
        member = self._of(message).member
        return member is None or bool(row[member])

    def step_holds(self, message: Claimed, row: Mapping[str, object]) -> bool:
        """Whether the step's `if` holds and its `unless` does not."""
        columns = self._of(message)
        wanted = columns.only_if is None or bool(row[columns.only_if])
        return wanted and not (columns.unless is not None and bool(row[columns.unless]))

    def _of(self, message: Claimed) -> _Columns:
        key = (message.trigger, message.step, message.template, message.entry_at)
        if key not in self._cache:
            self._cache[key] = self._columns_of(message)
        return self._cache[key]

    def _columns_of(self, message: Claimed) -> _Columns:
        trigger = self._workspace.triggers[message.trigger]
        goal = trigger.goal
        step = self._steps.of(message)
        members_only = step is not None and step.while_member
        return _Columns(
            goal=self._ask(_goal_of(trigger, self._goal(goal, message.entry_at)) if goal else None),
            member=self._ask(still_member(trigger) if members_only else None),
            only_if=self._ask(step.only_if if step else None),
            unless=self._ask(step.unless if step else None),
        )

    def _goal(self, goal: Goal, entry_at: datetime) -> EventIs:
        deadline = goal.within.after(entry_at, self._workspace.zone)
        return goal_condition(goal, deadline if deadline < self._at else None)

    def _ask(self, condition: Condition | None) -> str | None:
        if condition is None:
            return None
        column = self._columns.setdefault(repr(condition), f"q{len(self._columns)}")
        self.asked[column] = condition
        return column
