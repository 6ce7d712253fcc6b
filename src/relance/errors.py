"""Every error that may reach a person, and the exit code it stands for.

RelanceError
├── WorkspaceError     1  the YAML or a template has mistakes
├── RenderError        1  one message's text cannot be made; the others can
├── UsageError         2  the command was called wrongly
└── OutsideError       3  a database, a disk or a vendor failed
    ├── SourceError       the customer data cannot be read, or is not what the YAML says
    ├── StateError        the state database cannot be used
    └── AlreadyEvaluated  another worker evaluated this instant first

SendError              what became of one send; the class is the decision
├── NotSent               it certainly did not leave: try again later
├── Refused               the vendor said no for good: never again
├── Unsure                it may have left: never repeated without an idempotency key
└── Paused                the provider itself is refused (401, 403): keep everything queued

HookError              why a request to our web server was not taken
├── Unverified            it does not prove who sent it: nothing of it is believed
└── Unreadable            it proves who sent it, and is not what that sender writes
"""

from __future__ import annotations

from dataclasses import dataclass


def printable(text: str) -> str:
    """Text that can be shown anywhere: what a terminal might obey or choke on is escaped."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


class RelanceError(Exception):
    """Base of the errors that end a command with a sentence instead of a traceback."""

    exit_code = 3

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One mistake in the workspace, at the place where it is.

    `line` and `column` count from 1; 0 means that the whole file (or table) is meant.
    `where` is the dotted path inside the file, such as `steps.0.send.template`.
    """

    path: str
    line: int = 0
    column: int = 0
    where: str = ""
    message: str
    hint: str | None = None
    warning: bool = False

    def __post_init__(self) -> None:
        # files and data are quoted in here
        for name in ("path", "where", "message", "hint"):
            text = getattr(self, name)
            if text is not None and not text.isprintable():
                object.__setattr__(self, name, printable(text))

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        parts = [place, self.where, "warning" if self.warning else "", self.message]
        text = ": ".join(part for part in parts if part)
        return f"{text} ({self.hint})" if self.hint else text


class WorkspaceError(RelanceError):
    """The workspace has mistakes; all of them are in `problems`, in file order."""

    exit_code = 1

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class RenderError(RelanceError):
    """One message's text cannot be made from its template; `problem` says where and why.

    The message never holds a value, so that it may be logged and stored.
    """

    exit_code = 1

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class UsageError(RelanceError):
    """The command cannot be carried out as it was asked."""

    exit_code = 2


class OutsideError(RelanceError):
    """Something outside relance failed: a database, a disk, a vendor."""


class SourceError(OutsideError):
    """The customer data cannot be read, or is not what the YAML says it is."""


class StateError(OutsideError):
    """The state database cannot be used."""


class AlreadyEvaluated(OutsideError):
    """Another worker stored a run of this instant first; nothing was stored twice."""


class SendError(Exception):
    """What became of one send. `reason` is a short name without personal data.

    `retry_after` is the number of seconds the vendor asked us to wait, where it did.
    """

    def __init__(
        self, reason: str, *, detail: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.retry_after = retry_after


class NotSent(SendError):
    """The message certainly did not leave; it may be tried again later."""


class Refused(SendError):
    """The vendor refused the message for good; it is never tried again."""

    def __init__(
        self, reason: str, *, detail: str | None = None, unsubscribe: bool = False
    ) -> None:
        super().__init__(reason, detail=detail)
        self.unsubscribe = unsubscribe


class Unsure(SendError):
    """The message may have left; only an idempotency key makes a repeat safe."""


class Paused(SendError):
    """The vendor refuses us, not the message (401, 403): nothing may be lost meanwhile."""


class HookError(Exception):
    """Why a request to our web server was not taken. `reason` is a short name."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unverified(HookError):
    """The request does not prove who sent it, or is a repetition of an old one."""


class Unreadable(HookError):
    """The request is genuine, and not of the form that its sender writes."""
