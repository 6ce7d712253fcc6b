"""HTTP: what relance answers to others. Loopback only unless told otherwise."""

from relance.web.app import web_app
from relance.web.front import Front
from relance.web.metrics import Measures
from relance.web.serve import serving

__all__ = ["Front", "Measures", "serving", "web_app"]
