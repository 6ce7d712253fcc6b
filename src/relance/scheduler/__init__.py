"""The worker, which runs a workspace as a service.

The only room besides the wiring and the command line that reads the clock.
"""

from relance.scheduler.jobs import ALL_ROLES, Jobs, Loaded, Role, fingerprint, utc_now
from relance.scheduler.worker import Worker

__all__ = ["ALL_ROLES", "Jobs", "Loaded", "Role", "Worker", "fingerprint", "utc_now"]
