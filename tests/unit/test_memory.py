"""A process that runs for weeks gives back what it no longer needs."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

import pytest

FILL_AND_FREE = """
import gc, os, sys
from pathlib import Path
from relance import memory
{thrifty}
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
big = [bytes(20_000_000)]; big.clear()  # glibc takes this for a sign that large blocks are usual
before = resident()
blocks = [bytes(1_000_000 + n) for n in range(60)]
kept = bytes(200_000)
blocks.clear(); gc.collect()
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc and mallopt are Linux's")
def test_freed_memory_goes_back_to_the_system() -> None:
    program = FILL_AND_FREE.format(thrifty="memory.be_thrifty()")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert int(done.stdout) < 5_000_000


SCATTERED = """
import gc, os
from pathlib import Path
from relance import memory
memory.be_thrifty()
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
blocks = [b"x" * (100_000 + n) for n in range(1_000)]
before = resident()
blocks = blocks[::20]; gc.collect()  # what stays keeps the heap's end where it is
kept = resident()
memory.give_back()
print(before - kept, before - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc and malloc_trim are Linux's")
def test_what_lies_free_between_blocks_in_use_goes_back_when_asked() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCATTERED], capture_output=True, text=True, timeout=60, check=True
    )
    kept, given = map(int, done.stdout.split())
    assert kept < 20_000_000 < 80_000_000 < given


def clean() -> dict[str, str]:
    """The environment without what a service in this process may have said already."""
    names = ("ARROW_DEFAULT_MEMORY_POOL", "DUCKDB_JE_MALLOC_CONF")
    return {name: value for name, value in os.environ.items() if name not in names}


ALLOCATORS = """
from relance.memory import be_thrifty; be_thrifty()
import os, pyarrow
print(pyarrow.default_memory_pool().backend_name, os.environ["DUCKDB_JE_MALLOC_CONF"])
"""


@pytest.mark.parametrize("theirs", [{}, {"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}])
def test_the_libraries_are_thrifty_too_unless_the_environment_says_otherwise(
    theirs: dict[str, str],
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALLOCATORS],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=clean() | theirs,
    )
    pool = theirs.get("ARROW_DEFAULT_MEMORY_POOL", "system")
    assert done.stdout.split() == [pool, "dirty_decay_ms:0,muzzy_decay_ms:0"]


SERVICE = """
import sys
from pathlib import Path
from relance.cli import service
def pool(*arguments):
    import pyarrow
    print(pyarrow.default_memory_pool().backend_name, "duckdb" in sys.modules)
service._run = pool
service.{command}(Path(), {options})
"""


@pytest.mark.parametrize(("command", "options"), [("run", "roles='deliver'"), ("web", "")])
def test_a_service_is_thrifty_before_it_loads_what_is_large(command: str, options: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVICE.format(command=command, options=options)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=clean(),
    )
    assert done.stdout.split() == ["system", "False"]


AGGREGATED = """
import os
from pathlib import Path
from relance import memory
{thrifty}
import duckdb
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
connection = duckdb.connect()
before = resident()
connection.execute("SELECT range AS k, count(*) FROM range(2000000) GROUP BY k").fetchone()
connection.execute("SELECT 1").fetchall()  # the result before is gone
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only DuckDB's builds for Linux have jemalloc")
def test_duckdb_keeps_less_of_what_a_query_has_used() -> None:
    left = []
    for thrifty in ("memory.be_thrifty()", ""):
        done = subprocess.run(
            [sys.executable, "-c", AGGREGATED.format(thrifty=thrifty)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env=clean(),
        )
        left.append(int(done.stdout))
    assert left[0] + 30_000_000 < left[1]


def test_what_is_loaded_is_left_in_peace_and_what_comes_later_is_not() -> None:
    from relance.memory import leave_in_peace

    try:
        leave_in_peace()
        frozen = gc.get_freeze_count()
        assert frozen > 10_000
        leave_in_peace()  # a reload
        assert gc.get_freeze_count() < 2 * frozen
    finally:
        gc.unfreeze()
