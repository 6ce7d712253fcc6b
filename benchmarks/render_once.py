"""The limit of batch delivery: rendering the same messages in a loop. Prints JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from benchmarks.queued import ENV, values
from relance.wiring import open_relance


def main(root: Path, messages: int) -> None:
    with open_relance(root, env=ENV) as relance:
        templates = relance.templates
        given = [values(index) for index in range(messages)]
        templates.render("welcome", "email", locale="fr", values=given[0])  # compiles it
        started = time.perf_counter()
        for index, each in enumerate(given):
            templates.render("welcome", "email", locale="fr" if index % 3 else "en", values=each)
        seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
