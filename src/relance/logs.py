"""Structured logs: one sentence for people, one `action` from a closed list for machines.

Logs carry ids and counts. Addresses, phone numbers, tokens and template values never go in.
"""

from __future__ import annotations

import logging
import sys
from enum import StrEnum

import structlog


class Action(StrEnum):
    """Every action that a log line can name. docs/logs.md explains each."""

    WORKER_STARTED = "worker_started"
    WORKER_STOPPING = "worker_stopping"
    WORKER_STOPPED = "worker_stopped"
    TICK_STARTED = "tick_started"
    TICK_FINISHED = "tick_finished"
    TICK_FAILED = "tick_failed"
    TICK_LATE = "tick_late"
    TICK_SKIPPED = "tick_skipped"
    TRIGGER_EVALUATED = "trigger_evaluated"
    SNAPSHOT_REBUILT = "snapshot_rebuilt"
    SNAPSHOT_NOT_KEPT = "snapshot_not_kept"
    FITTED = "fitted"
    DELIVERY_FINISHED = "delivery_finished"
    DELIVERY_FAILED = "delivery_failed"
    MESSAGE_ACCEPTED = "message_accepted"
    MESSAGE_RETRIED = "message_retried"
    MESSAGE_REFUSED = "message_refused"
    MESSAGE_UNKNOWN = "message_unknown"
    MESSAGE_SKIPPED = "message_skipped"
    PROVIDER_PAUSED = "provider_paused"
    CIRCUIT_OPENED = "circuit_opened"
    PROVIDER_RESUMED = "provider_resumed"
    FAILED_OVER = "failed_over"
    LOOKED_UP = "looked_up"
    CLAIMS_EXPIRED = "claims_expired"
    STATE_MIGRATED = "state_migrated"
    REPORT_MADE = "report_made"
    REPORT_FAILED = "report_failed"
    REPORT_UNSENT = "report_unsent"
    HOOK_RECEIVED = "hook_received"
    HOOK_REFUSED = "hook_refused"
    HOOK_FAILED = "hook_failed"
    LIVE_REFUSED = "live_refused"
    LIVE_REJECTED = "live_rejected"
    LIVE_FAILED = "live_failed"
    LIVE_EXPIRED = "live_expired"
    UNSUBSCRIBED = "unsubscribed"
    RESUBSCRIBED = "resubscribed"
    PREFERENCES_CHANGED = "preferences_changed"
    PAGE_FAILED = "page_failed"
    WORKSPACE_RELOADED = "workspace_reloaded"
    WORKSPACE_REJECTED = "workspace_rejected"


Logger = structlog.stdlib.BoundLogger


def get(name: str) -> Logger:
    """A logger bound to a room's name."""
    logger: Logger = structlog.get_logger(name)
    return logger


def where(error: BaseException) -> str:
    """The file and line where an unforeseen error arose: its text may hold personal data."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""


def configure(*, json: bool, level: str = "info") -> None:
    """Send structured logs to stderr, as JSON lines for a service or readable for a person."""
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
