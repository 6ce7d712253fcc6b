"""Delivery through providers' batch calls, against rendering alone; and memory over a backlog."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks import bulk_vendor
from benchmarks.measure import Result, median, number, run_json, run_together, shares
from benchmarks.queued import afresh, workspace
from benchmarks.shop import SECOND_TICK

ROUNDS = 3
WORKERS = 2  # the machine has two cores, and a worker keeps one busy
MESSAGES = 20_000
BACKLOG = 1_000_000
DRAINED = 100_000
_FROM = 'from: "La Boutique <bonjour@boutique.example>"'
# measured by hand (2026-11-29), in CPU time; the machine's pace changed by a third within the hour
_BATCH = (
    "one worker's CPU a message went from 197 to 125-150 µs by Postmark, from 233 to 135-155 by"
    " Resend; each alone in a loop, rendering takes 20, writing down as JSON 5, links 3, screening"
    " 2, the second look 17; the vendor of this benchmark takes 17 more"
)
_FLOOR = (
    "211 MB stand before the first message, 96 of them libraries' code; delivering held 138 MB"
    " more, now 62: 45 were bodies of e-mails whose common parts are kept once, 28 Arrow's"
    " allocator, 20 DuckDB's, 10 SQLite's pages, 14 messages of a wave that were sent already; a"
    " whole worker, with its web server and its schedules, holds 320 MB"
)
_VENDORS = {
    "postmark": ("Postmark's batch of 500", 'token: "${TOKEN}"'),
    "resend": ("Resend's batch of 100", 'token: "${TOKEN}", batch: true'),
}


def batch_calls(folder: Path) -> list[Result]:
    """20,000 e-mails through each vendor's batch call on loopback."""
    return [result for vendor in _VENDORS for result in _vendor(folder, vendor)]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Round:
    """Seconds for the same messages: by one worker, by a worker for each core, by a bare loop that
    renders and posts, and rendered alone."""

    alone: float
    together: float
    loop: float
    rendering: float
    cpu: str

    def rate(self, name: str) -> float:
        """Messages a second."""
        return MESSAGES / float(getattr(self, name))


def _vendor(folder: Path, vendor: str) -> list[Result]:
    title, options = _VENDORS[vendor]
    root = folder / vendor
    with bulk_vendor.process(vendor) as url:
        _prepare(root, vendor, options, url, MESSAGES, None)
        rounds = [_round(root, vendor, url) for _ in range(ROUNDS)]
    return [_against_a_loop(title, rounds), _against_rendering(title, rounds)]


def _against_a_loop(title: str, rounds: list[_Round]) -> Result:
    ratio = _ratio(rounds, "alone", "loop")
    return Result(
        work=f"delivery through {title}",
        measured=f"{_rate(rounds, 'alone'):,.0f} messages/s",
        limit=f"{_rate(rounds, 'loop'):,.0f} messages/s (a bare loop renders and posts the same,"
        " and keeps nothing)",
        ratio=f"{ratio:.2f} ×",
        budget="at least 0.4 ×",
        held=ratio >= 0.4,
        note=f"{MESSAGES:,} MJML e-mails in two languages; {rounds[0].cpu}; by hand: {_BATCH}",
    )


def _against_rendering(title: str, rounds: list[_Round]) -> Result:
    ratio = _ratio(rounds, "together", "rendering")
    return Result(
        work=f"the same by {WORKERS} workers, against rendering alone",
        measured=f"{_rate(rounds, 'together'):,.0f} messages/s",
        limit=f"{_rate(rounds, 'rendering'):,.0f} texts/s (rendering alone)",
        ratio=f"{ratio:.2f} ×",
        budget="at least 0.4 × (decision 29)",
        held=ratio >= 0.4,
        note=f"{title}; the bare loop, which keeps nothing, reaches"
        f" {_ratio(rounds, 'loop', 'rendering'):.2f} ×, one worker"
        f" {_ratio(rounds, 'alone', 'rendering'):.2f} ×",
    )


def _rate(rounds: list[_Round], name: str) -> float:
    return median([each.rate(name) for each in rounds])


def _ratio(rounds: list[_Round], name: str, limit: str) -> float:
    return median([each.rate(name) / each.rate(limit) for each in rounds])


def _round(root: Path, vendor: str, url: str) -> _Round:
    together = _sent(root, WORKERS)
    loop = run_json("benchmarks.bare_batches", str(root), vendor, url, str(MESSAGES))
    alone = _sent(root, 1)
    rendering = run_json("benchmarks.render_once", str(root), str(MESSAGES))
    return _Round(
        alone=_seconds(alone),
        together=_seconds(together),
        loop=number(loop, "seconds"),
        rendering=number(rendering, "seconds"),
        cpu=shares(alone[0], MESSAGES),
    )


def _sent(root: Path, workers: int) -> list[dict[str, object]]:
    """Everything sent once, by so many workers that share the queue."""
    afresh(root)
    found = run_together(workers, "benchmarks.deliver_once", str(root), SECOND_TICK)
    accepted = sum(int(number(each, "accepted")) for each in found)
    if accepted != MESSAGES:
        raise SystemExit(f"{accepted} of {MESSAGES} messages were accepted")
    return found


def _seconds(found: list[dict[str, object]]) -> float:
    """From the first start to the last end."""
    return max(number(d, "ended") for d in found) - min(number(d, "started") for d in found)


def memory_over_a_backlog(folder: Path, data: Path) -> list[Result]:
    """The worker's memory while a million messages wait, from the first wave to the last."""
    root = folder / "backlog"
    with bulk_vendor.process("postmark") as url:
        _prepare(root, "postmark", _VENDORS["postmark"][1], url, BACKLOG, data)
        ours = run_json("benchmarks.deliver_once", str(root), SECOND_TICK, str(DRAINED))
    peak, early, late = (number(ours, f"{name}_mb") for name in ("peak", "early", "late"))
    waited = int(number(ours, "pending"))
    return [
        Result(
            work=f"memory while {waited:,} messages wait",
            measured=f"{peak:,.0f} MB at most",
            limit="",
            ratio="",
            budget="at most 300 MB",
            held=peak <= 300,
            note=f"{early:,.0f} MB in use after {DRAINED // 10:,} sent, {late:,.0f} MB after"
            f" {DRAINED:,}, {number(ours, 'code_mb'):,.0f} MB of it libraries' code;"
            f" {number(ours, 'accepted') / number(ours, 'seconds'):,.0f} messages/s;"
            f" by hand: {_FLOOR}",
        )
    ]


def _prepare(
    root: Path, vendor: str, options: str, url: str, customers: int, data: Path | None
) -> None:
    workspace(
        root,
        channel="email",
        options=f'provider: {vendor}, {options}, base_url: "{url}", {_FROM}',
        template="welcome",
        customers=customers,
        data=data,
    )
