"""HTTP: what relance answers to others. Loopback only unless told otherwise."""

from relance.web.app import web_app
from relance.web.front import Front
from relance.web.inbox import Inbox, InboxFigures
from relance.web.live import Desk
from relance.web.metrics import Measures
from relance.web.serve import serving

__all__ = ["Desk", "Front", "Inbox", "InboxFigures", "Measures", "serving", "web_app"]
