"""Delivery's budget: one message per request, against the bare client."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.measure import Result, median, number, run_json, shares
from benchmarks.queued import afresh, workspace
from benchmarks.shop import SECOND_TICK

ROUNDS = 3
MESSAGES = 20_000
ACCOUNT = "AC00000000000000000000000000000000"
SENDER = "+33700000000"
TEXT = "Bonjour Prénom, merci pour vos commandes. A bientot, La Boutique"


def mobile(index: int) -> str:
    """The number of the generated shop's customer."""
    return f"+336{10_000_000 + index:08d}"


def single_requests(folder: Path) -> list[Result]:
    """20,000 text messages through Twilio's API on loopback."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from loopback import process

    root = folder / "delivery"
    with process("twilio") as url:
        options = (
            f'provider: twilio, account: {ACCOUNT}, token: "${{TOKEN}}", base_url: "{url}",'
            f' from: "{SENDER}"'
        )
        workspace(
            root, channel="sms", options=options, template="bench", customers=MESSAGES, data=None
        )
        rounds = []
        for _ in range(ROUNDS):
            afresh(root)
            ours = run_json("benchmarks.deliver_once", str(root), SECOND_TICK)
            if ours["accepted"] != MESSAGES:
                raise SystemExit(f"{ours['accepted']} of {MESSAGES} messages were accepted")
            bare = run_json("benchmarks.bare_client", url, str(MESSAGES))
            rounds.append((number(ours, "seconds"), number(bare, "seconds"), ours))
    ratio = median([bare / ours for ours, bare, _ in rounds])
    rate = MESSAGES / median([ours for ours, _, _ in rounds])
    limit = MESSAGES / median([bare for _, bare, _ in rounds])
    return [
        Result(
            work="delivery, one message per request",
            measured=f"{rate:,.0f} messages/s",
            limit=f"{limit:,.0f} requests/s (the bare client, the same bodies)",
            ratio=f"{ratio:.2f} ×",
            budget="at least 0.7 ×",
            held=ratio >= 0.7,
            note=f"{MESSAGES:,} messages through Twilio's API on loopback, the second look and the"
            f" state included; peak {number(rounds[0][2], 'peak_mb'):,.0f} MB;"
            f" {shares(rounds[0][2], MESSAGES)}",
        )
    ]
