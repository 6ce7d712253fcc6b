"""What the pipeline needs from other rooms, in its own words.

Large sets cross as Arrow. The columns of each table are part of the contract. Customers are
text everywhere, whatever type the source's key has.
"""

from relance.domain.ledger import Claimed, Standing
from relance.domain.message import Accepted, Outgoing, Rendered
from relance.pipeline.ports.delivery import Links, Provider, Queue, Receipts, Renderer
from relance.pipeline.ports.ledger import Ledger, SpellChange, TickRecord
from relance.pipeline.ports.picture import Changes, Engine, Picture
from relance.pipeline.ports.report import Reader, Tally

__all__ = [
    "Accepted",
    "Changes",
    "Claimed",
    "Engine",
    "Ledger",
    "Links",
    "Outgoing",
    "Picture",
    "Provider",
    "Queue",
    "Reader",
    "Receipts",
    "Rendered",
    "Renderer",
    "SpellChange",
    "Standing",
    "Tally",
    "TickRecord",
]
