"""Pages as a headless Chromium shows them: Debian's `chromium`, or none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def find() -> str | None:
    """The browser's command, where it is installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def run(chromium: str, url: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Open a page without a window and do what `words` say; `folder` is the browser's own."""
    return subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--disable-background-networking", f"--user-data-dir={folder / 'profile'}",
            "--virtual-time-budget=3000", "--enable-logging=stderr", *words, url,
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip


def complaints(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What the browser's console says (of a broken policy, say)."""
    return [line for line in done.stderr.splitlines() if ":CONSOLE" in line]


def show(chromium: str, url: str, folder: Path, *words: str) -> tuple[str, list[str]]:
    """The page's document, and the browser's complaints."""
    done = run(chromium, url, folder, "--dump-dom", *words)
    return done.stdout, complaints(done)
