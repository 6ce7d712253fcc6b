"""How a process that runs for weeks treats memory."""

from __future__ import annotations

import ctypes
import gc
import os

# mallopt(3), malloc.h of glibc
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_LARGE = 512 * 1024  # bytes; a block of that size is the system's again once it is free
# what may lie idle: a page that comes back from the system costs 2.5 µs, and each e-mail of a batch
# would fetch a dozen
_IDLE = 32 * 1024 * 1024
# The libraries' own allocators, which read this once, when they are loaded. DuckDB's jemalloc kept
# what a tick had used (130 MB of 1 million customers), Arrow's mimalloc 30 MB of a delivery.
_LIBRARIES = {
    "DUCKDB_JE_MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}


def be_thrifty() -> None:
    """Have freed memory go back to the system, before anything large is loaded.

    glibc keeps an arena for each thread and, once it has seen large blocks, their memory: a
    delivery held 90 MB that it had no use for. DuckDB and Arrow do the same, each in its way; what
    the environment says of them already stays. A tick takes a tenth longer for it. Where there is
    no such allocator (macOS, musl) nothing happens.
    """
    for name, value in _LIBRARIES.items():
        os.environ.setdefault(name, value)
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
