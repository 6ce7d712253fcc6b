"""`relance why`: one customer's history, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from relance.cli.options import local
from relance.domain.accounts import account_of
from relance.domain.ledger import Refusal

if TYPE_CHECKING:
    from relance.domain.ledger import EntryRecord, RefusalRecord
    from relance.store import Attempted, History, MessageNote, Reported, Spell

_TRIED = {"queued": "to be tried again", "unknown": "may have been sent"}


def history_document(history: History) -> dict[str, object]:
    """What `why --json` prints; docs/json.md documents it."""
    return {
        "customer": None if history.of_account else history.customer,
        "account": history.customer if history.of_account else None,
        "also": list(history.also),
        "segments": [
            {"segment": s.segment, "since": s.entered_at.isoformat(), "baseline": s.baseline}
            for s in history.segments
        ],
        "stages": [
            {
                "stage": s.segment,
                "since": s.entered_at.isoformat(),
                "until": s.left_at.isoformat() if s.left_at else None,
                "baseline": s.baseline,
            }
            for s in history.stages
        ],
        "entries": [_entry(e) for e in history.entries],
        "messages": [_message(m) for m in history.messages],
        "refusals": [
            {"trigger": r.trigger, "at": r.at.isoformat(), "reason": r.reason, "detail": r.detail}
            for r in history.refusals
        ],
        "suppressions": [
            {
                "channel": s.channel,
                "reason": s.reason,
                "at": s.at.isoformat(),
                "by_address": s.by_address,
            }
            for s in history.suppressions
        ],
        "consents": [
            {
                "channel": c.channel or None,
                "topic": c.topic or None,
                "granted": c.granted,
                "at": c.at.isoformat(),
                "source": c.source,
            }
            for c in history.consents
        ],
        "paused_until": history.pause.until.isoformat() if history.pause else None,
    }


def _entry(entry: EntryRecord) -> dict[str, object]:
    return {
        "trigger": entry.trigger,
        "version": entry.version,
        "at": entry.at.isoformat(),
        "arm": entry.arm,
        "unit": _household(entry),
        "salt": entry.salt or None,
        "hash_version": entry.hash_version or None,
    }


def _household(entry: EntryRecord) -> str | None:
    return entry.unit if entry.unit != entry.customer else None


def _message(message: MessageNote) -> dict[str, object]:
    return {
        "id": message.id,
        "trigger": message.trigger,
        "step": message.step,
        "channel": message.channel,
        "template": message.template,
        "due_at": message.due_at.isoformat(),
        "ghost": message.ghost,
        "state": message.state,
        "reason": message.reason,
        "attempts": len(message.attempts),
        "tries": [
            {
                "at": a.at.isoformat(),
                "provider": a.provider,
                "state": a.state,
                "reason": a.reason,
                "detail": a.detail,
            }
            for a in message.attempts
            if a.provider
        ],
        "reports": [
            {
                "at": r.at.isoformat(),
                "provider": r.provider,
                "kind": r.kind,
                "reason": r.reason,
                "machine": r.machine,
            }
            for r in message.receipts
        ],
    }


def print_history(history: History, zone: ZoneInfo) -> None:
    """In the order of time: what happened, what did not, and why."""
    typer.echo(f"{'Account' if history.of_account else 'Customer'} {history.customer}")
    if history.also:
        typer.echo(f"  also known as {', '.join(history.also)}")
    for stay in history.segments:
        since = "at the baseline" if stay.baseline else f"since {local(stay.entered_at, zone)}"
        typer.echo(f"  in {stay.segment} {since}")
    for note in history.suppressions:
        whose = "address suppressed" if note.by_address else "suppressed"
        typer.echo(f"  {whose} on {note.channel}: {note.reason}")
    if history.pause is not None:
        typer.echo(f"  asked for a pause until {local(history.pause.until, zone)}")
    lines = sorted(_lines(history), key=lambda line: line[0])
    for at, text in lines:
        typer.echo(f"  {local(at, zone)}  {text}")
    if not lines and not history.segments:
        typer.echo("  nothing happened yet: in no segment, met no trigger")
        table = "accounts" if history.of_account else "customers"
        typer.echo(f"  (or is it no key of the {table} table?)")


def _lines(history: History) -> list[tuple[datetime, str]]:
    lines = [(e.at, f"entered {e.trigger}, {e.arm}{_drawn(e)}") for e in history.entries]
    lines += [(s.entered_at, f"{_became(s)} {s.segment}") for s in history.stages]
    for refusal in history.refusals:
        text = f"did not enter {refusal.trigger}: {refusal.reason}{_beside(refusal, history)}"
        lines.append((refusal.at, text))
    for message in history.messages:
        lines += _message_lines(message)
    for consent in history.consents:
        what = f"the topic {consent.topic}" if consent.topic else consent.channel
        word = "agreed to" if consent.granted else "refused"
        lines.append((consent.at, f"{word} {what} ({consent.source})"))
    return lines


def _became(spell: Spell) -> str:
    return "at the baseline already" if spell.baseline else "became"


def _beside(refusal: RefusalRecord, history: History) -> str:
    """Who won, which contacts of the account were stopped, or for which account it was."""
    detail = refusal.detail
    if not detail:
        return ""
    if account := account_of(detail):
        return f" (for the account {account})"
    stopped = history.of_account and refusal.reason is not Refusal.DISPLACED
    return f" ({detail})" if stopped else f" by {detail}"


def _drawn(entry: EntryRecord) -> str:
    """For whom and with what the arm was drawn, as far as that was written down."""
    unit = _household(entry)
    parts = [f"for {unit}"] if unit else []
    if entry.salt:
        parts.append(f"with {entry.salt}, hash {entry.hash_version}")
    return f" (drawn {' '.join(parts)})" if parts else ""


def _message_lines(message: MessageNote) -> Iterator[tuple[datetime, str]]:
    """How it was tried, what was reported of it, and where it stands."""
    name = f"{message.channel} {message.template}"
    yield from ((a.at, f"{name}: {_try(a)}") for a in message.attempts if a.provider)
    kind = "ghost of " if message.ghost else ""
    state = f"{message.state} ({message.reason})" if message.reason else str(message.state)
    yield message.changed_at, f"{kind}{name} of {message.trigger}: {state}"
    yield from ((r.at, f"{name}: {_report(r)}") for r in message.receipts)


def _try(attempt: Attempted) -> str:
    why = f" ({attempt.reason})" if attempt.reason else ""
    return f"tried by {attempt.provider}: {_TRIED.get(attempt.state, attempt.state)}{why}"


def _report(report: Reported) -> str:
    by = " by a machine" if report.machine else ""
    why = f" ({report.reason})" if report.reason else ""
    return f"{report.provider} reported {report.kind}{by}{why}"
