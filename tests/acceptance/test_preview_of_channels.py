"""`relance preview` of a template that has a text for every channel."""

from __future__ import annotations

import pytest

from desk import Desk, at_desk

desk = pytest.fixture(at_desk)
SID = "HX0123456789abcdef0123456789abcdef"


def test_every_channel_s_text_is_written_as_a_customer_would_get_it(desk: Desk) -> None:
    name = '{{ customer.first_name | default("vous") }}'
    desk.write("templates/hello/whatsapp.txt", f"---\ncontent_sid: {SID}\n---\n1: {name}\n")
    desk.write("templates/hello/slack.txt", f"{name} <is> leaving")
    desk.write("templates/hello/webhook.txt", f"leaving: {name}")
    assert desk.call("check", "--offline").code == 0
    out = desk.root / "preview"
    answer = desk.call("preview", "hello", "--customer", "ann", "--out", str(out), says=True)
    assert answer.code == 0, answer.err
    assert f"values for the approved text {SID}" in answer.out
    texts = {path.name: path.read_text() for path in out.iterdir() if "email" not in path.name}
    assert texts == {
        "hello.sms.txt": "Bonjour, revenez nous voir.",
        "hello.whatsapp.txt": "1: Zoé",
        "hello.slack.txt": "Zoé <is> leaving",
        "hello.webhook.txt": "leaving: Zoé",
    }
