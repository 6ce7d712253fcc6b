"""Every action is explained, and no log line holds personal data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import structlog

from delivery_fakes import AT, FakeEngine, FakeProvider, FakeRenderer, make_workspace, message
from delivery_queue import FakeQueue, FakeReceipts
from relance import logs
from relance.errors import NotSent, Paused, Refused, Unsure
from relance.logs import Action
from relance.pipeline.deliver import Delivery

ROOT = Path(__file__).parents[2]


def test_docs_logs_explains_every_action_and_no_other():
    page = (ROOT / "docs/logs.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE)
    assert explained == [action.value for action in Action]


def test_every_action_is_used_somewhere():
    code = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "src").rglob("*.py"))
    assert [a.name for a in Action if f"Action.{a.name}" not in code] == []


async def test_whatever_a_provider_answers_no_address_name_or_text_is_logged():
    def fall(outgoing: object) -> Exception:
        raise KeyError("c4@shop.example")

    answers = [NotSent("down"), Refused("inactive"), Unsure("read_timeout"), Paused("unauthorized")]
    with structlog.testing.capture_logs() as lines:
        for answer in [*(lambda m, a=a: a for a in answers), fall]:
            provider = FakeProvider()
            provider.script = answer
            queue = FakeQueue(message(4))
            workspace = make_workspace(channels=("email",))
            delivery = Delivery(
                workspace,
                queue,
                FakeEngine(),
                FakeRenderer(),
                {"email": [provider]},
                "w",
                receipts=FakeReceipts(queue),
            )
            await delivery.run(AT)
    assert len(lines) >= 5
    for personal in ("shop.example", "Camille", "Bonjour"):
        assert personal not in str(lines)


def test_an_error_is_found_by_its_place():
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 / 0
    assert re.fullmatch(r".*test_logs\.py:\d+", logs.where(caught.value))
    assert logs.where(KeyError()) == ""
