"""The processes that simulations share out their seeds to.

In a module of its own: a process that is spawned does not load the `__main__` of a package, and
would look for a function of it in vain.
"""

from __future__ import annotations

import os
from multiprocessing import get_context
from multiprocessing.pool import Pool

from relance import logs

WORKERS = 2


def crew() -> Pool:
    """Workers that leave the machine to others, and the terminal to the table."""
    return get_context("spawn").Pool(WORKERS, initializer=_quietly)


def _quietly() -> None:
    os.nice(10)
    logs.configure(json=False, level="error")
