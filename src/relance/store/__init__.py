"""The state: what was evaluated, who entered, what was sent. The only code that touches it."""

from relance.store.ledger import SqlLedger
from relance.store.queue import SqlQueue
from relance.store.reader import Reader
from relance.store.state import State, open_state
from relance.store.views import (
    Attempted,
    ConsentNote,
    History,
    MemberList,
    MessageNote,
    Stay,
    SuppressionNote,
    Tally,
    UnknownMessage,
    VersionSpan,
)

__all__ = [
    "Attempted",
    "ConsentNote",
    "History",
    "MemberList",
    "MessageNote",
    "Reader",
    "SqlLedger",
    "SqlQueue",
    "State",
    "Stay",
    "SuppressionNote",
    "Tally",
    "UnknownMessage",
    "VersionSpan",
    "open_state",
]
