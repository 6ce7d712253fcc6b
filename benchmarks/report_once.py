"""One report as a program of its own, so that its peak memory is its own: prints JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from benchmarks.queued import ENV
from relance.engine.service import RelanceEngine
from relance.pipeline import measure
from relance.store.reader import Reader
from relance.uplift.outcomes import Outcomes
from relance.wiring import open_relance

MESSAGES = "counting a million messages in the state"
_SPENT: Counter[str] = Counter()
_FOUND: list[Outcomes] = []


def _timed(name: str, call: Callable[..., object]) -> Callable[..., object]:
    """The same call; what it takes is added up, and outcomes are kept."""

    def timed(*args: object, **more: object) -> object:
        started = time.perf_counter()
        answer = call(*args, **more)
        if isinstance(answer, Iterator):
            answer = iter(list(answer))
        _SPENT[name] += time.perf_counter() - started
        if isinstance(answer, Outcomes):
            _FOUND.append(answer)
        return answer

    return timed


def main(root: Path, at: str) -> None:
    RelanceEngine.study = _timed("engine", RelanceEngine.study)
    for name in ("entries", "tallies", "lateness", "sent_by_channel", "optouts", "draws"):
        part = "reading the entries" if name == "entries" else MESSAGES
        setattr(Reader, name, _timed(part, getattr(Reader, name)))
    measure.assess = _timed("judging", measure.assess)  # type: ignore[assignment]
    with open_relance(root, env=ENV) as relance:
        started = time.perf_counter()
        report = relance.report(datetime.fromisoformat(at))
        seconds = time.perf_counter() - started
    entered: Counter[str] = Counter()
    retained: Counter[str] = Counter()
    for row in _FOUND[0].entered:
        entered[row.trigger] += row.customers
        retained[row.trigger] += row.retained
    print(
        json.dumps(
            {
                "seconds": seconds,
                "parts": dict(_SPENT),
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "triggers": len(report.triggers),
                "sums": {name: [entered[name], retained[name]] for name in sorted(entered)},
                "revenue": sum(one.moments.total for one in _FOUND[0].spend),
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
