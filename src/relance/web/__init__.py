"""HTTP: what relance answers to others. Loopback only unless told otherwise."""

from relance.web.health import health_app, serving

__all__ = ["health_app", "serving"]
