"""Mistakes about channels, topics and the way back, as the command line tells them."""

from __future__ import annotations

import pytest

from desk import BOUGHT, Desk, at_desk
from stage import TEMPLATE

desk = pytest.fixture(at_desk)

CONFIG, TRIGGER = "config/relance.yaml", "triggers/hello.yaml"


def test_what_a_channel_lacks_is_told_in_all_files_at_once(desk: Desk) -> None:
    desk.settings(
        "topics: {news: News}\n"
        "web: {public_url: http://crm.stage.example}\n"
        "bounces: {sofft: 3 per day}\n"
        "limits: {quiet_hours: {funday: all day}}\n"
    )
    desk.trigger(
        segment=BOUGHT,
        topic="nws",
        expires="soon",
        while_member="yes",
        steps="[{send: {channel: whatsapp, template: hello}}]",
    )
    desk.write("templates/hello/slack.txt", "{{ message.preferences_url }}")
    answer = desk.call("check", "--offline")
    assert answer.code == 1
    assert [": ".join(line.split(": ")[:2]) for line in answer.out.splitlines()] == [
        f"{CONFIG}:13:12: customers.consent.whatsapp",
        f"{CONFIG}:21:6: web.secret",
        f"{CONFIG}:21:19: web.public_url",
        f"{CONFIG}:22:11: bounces.sofft",
        f"{CONFIG}:23:24: limits.quiet_hours.funday",
        f"{TRIGGER}:4:26: steps.0.send.channel",
        f"{TRIGGER}:4:46: steps.0.send.template",
        f"{TRIGGER}:6:8: topic",
        f"{TRIGGER}:7:10: expires",
        f"{TRIGGER}:8:15: while_member",
        "templates/hello/slack.txt:1:4: 'message.preferences_url' has no place here",
        "11 mistakes",
    ]


def test_a_provider_refuses_by_name_what_it_cannot_do(desk: Desk) -> None:
    """Of the channel and of its fallback; each at its place."""
    text = (desk.root / CONFIG).read_text()
    sms = 'sms: {provider: outbox, from: "+33700000000"}'
    assert sms in text
    twilio = "provider: twilio, account: AC1, token: '${TOKEN}', from: MG1"
    desk.write(
        CONFIG,
        text.replace(sms, f"sms: {{provider: outbox, from: S, fallback: {{{twilio}, tags: x}}}}"),
    )
    answer = desk.call("check", "--offline", env={"TOKEN": "t"})
    assert answer.code == 1
    assert f"{CONFIG}:19:46: channels.sms.fallback.tags: twilio takes no tags" in answer.out


def test_a_link_back_is_refused_until_there_is_a_way_back(desk: Desk) -> None:
    desk.write("templates/hello/email.html", TEMPLATE + "{{ message.unsubscribe_url }}")
    answer = desk.call("check", "--offline")
    assert answer.code == 1
    assert answer.out.startswith(
        "templates/hello/email.html:5:4: 'message.unsubscribe_url' leads nowhere: no web.public_url"
        " is set (set web.public_url and web.secret in config/relance.yaml)"
    )
    secret = "s" * 32
    desk.settings("web: {public_url: https://crm.stage.example, secret: '${SECRET}'}\n")
    assert desk.call("check", "--offline", env={"SECRET": secret}).code == 0
    out = desk.root / "preview"
    answer = desk.call("preview", "hello", "--out", str(out), env={"SECRET": secret}, says=True)
    assert answer.code == 0, answer.err
    assert "https://crm.stage.example/u/preview" in (out / "hello.email.txt").read_text()


def test_what_a_provider_refuses_is_told_beside_every_other_mistake(desk: Desk) -> None:
    """In file order, though another key and a trigger are wrong as well."""
    text = (desk.root / CONFIG).read_text()
    sms = 'sms: {provider: outbox, from: "+33700000000"}'
    twilio = "provider: twilio, account: AC1, token: '${TOKEN}', from: MG1, tags: [x]"
    desk.write(CONFIG, text.replace(sms, f"sms: {{{twilio}}}") + "limit: {}\n")
    desk.trigger(segment=BOUGHT, priority=999)
    answer = desk.call("check", "--offline", env={"TOKEN": "t"})
    assert answer.code == 1
    lines = answer.out.splitlines()
    assert [line.split(": ")[1] for line in lines[:-1]] == [
        "channels.sms.tags",
        "limit",
        "priority",
    ]
    assert "twilio takes no tags" in lines[0]
