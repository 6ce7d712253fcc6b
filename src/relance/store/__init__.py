"""The state: what was evaluated, who entered, what was sent. The only code that touches it."""

from relance.store.desk import Desk
from relance.store.ledger import SqlLedger
from relance.store.live import LiveStore
from relance.store.queue import SqlQueue
from relance.store.reader import Reader
from relance.store.receipts import SqlReceipts
from relance.store.state import State, open_state
from relance.store.views import (
    Attempted,
    ConsentNote,
    History,
    MemberList,
    MessageNote,
    PauseNote,
    Preferences,
    Reported,
    Spell,
    Stay,
    Suppressed,
    SuppressionNote,
    Tally,
    UnknownMessage,
    VersionSpan,
    together,
)

__all__ = [
    "Attempted",
    "ConsentNote",
    "Desk",
    "History",
    "LiveStore",
    "MemberList",
    "MessageNote",
    "PauseNote",
    "Preferences",
    "Reader",
    "Reported",
    "Spell",
    "SqlLedger",
    "SqlQueue",
    "SqlReceipts",
    "State",
    "Stay",
    "Suppressed",
    "SuppressionNote",
    "Tally",
    "UnknownMessage",
    "VersionSpan",
    "open_state",
    "together",
]
