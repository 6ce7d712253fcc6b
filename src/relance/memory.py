"""How a process that runs for weeks treats memory."""

from __future__ import annotations

import ctypes
import gc

# mallopt(3), malloc.h of glibc
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_LARGE = 512 * 1024  # bytes; a block of that size is the system's again once it is free
# what may lie idle: a page that comes back from the system costs 2.5 µs, and each e-mail of a batch
# would fetch a dozen
_IDLE = 32 * 1024 * 1024


def be_thrifty() -> None:
    """Have freed memory go back to the system, before anything large is loaded.

    glibc keeps an arena for each thread and, once it has seen large blocks, their memory: a
    delivery held 90 MB that it had no use for. Elsewhere (macOS, musl) nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    mallopt(_ARENA_MAX, 1)
    mallopt(_MMAP_THRESHOLD, _LARGE)
    mallopt(_TRIM_THRESHOLD, _IDLE)


def give_back() -> None:
    """Have what lies free between blocks in use go back to the system, too.

    What a wave of messages leaves behind is free but scattered: without this, a delivery of
    100,000 e-mails grew from 360 to 490 MB although it held no more objects than at first.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError, TypeError):
        return


def leave_in_peace() -> None:
    """Tell the collector that what is loaded by now stays: half a million objects that it would
    look through again and again took a twentieth of a delivery's time."""
    gc.unfreeze()  # a workspace that was read anew: the one before may go
    gc.collect()
    gc.freeze()
