"""Postmark's wire: what it receives, and what each of its answers means."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from loopback import Answer, Loopback, Seen
from relance.domain.message import Accepted, Email
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unsure, WorkspaceError
from relance.providers.postmark import Postmark, Settings, build, read
from relance.providers.wire import Request, Response
from relance.settings import Secret

EMAIL = Email(
    message_id="abc1",
    trigger="winback",
    to="chloe@example.com",
    sender="La Boutique été <bonjour@boutique.example>",
    subject="Vous nous manquez 💌",
    html_parts=("<p>Bonjour</p>",),
    text="Bonjour",
)


def emails(count: int) -> list[Email]:
    return [replace(EMAIL, message_id=f"id{n}", to=f"c{n}@example.com") for n in range(count)]


async def no_nap(seconds: float) -> None:
    """Time does not pass here."""


def channel(url: str, **options: object) -> ChannelSpec:
    options = {"token": Secret("tok"), "base_url": url, **options}
    return ChannelSpec(
        name="email", provider="postmark", sender="", options=options, path="relance.yaml:3:1"
    )


def postmark(url: str) -> Postmark:
    return Postmark.open(channel(url), Path("/nowhere"), sleep=no_nap)


def sent(request: Request) -> object:
    return json.loads(request.body)


def test_one_message_is_posted_with_exactly_these_fields() -> None:
    request = build([EMAIL], stream="")
    assert request.path == "/email"
    assert request.headers["Content-Type"] == "application/json"
    assert sent(request) == {
        "From": "La Boutique été <bonjour@boutique.example>",
        "To": "chloe@example.com",
        "Subject": "Vous nous manquez 💌",
        "HtmlBody": "<p>Bonjour</p>",
        "TextBody": "Bonjour",
        "Tag": "winback",
        "Metadata": {"relance_message": "abc1"},
        "Headers": [
            {"Name": "X-Relance-Message", "Value": "abc1"},
            {"Name": "Message-ID", "Value": "<abc1@boutique.example>"},
            {"Name": "X-PM-KeepID", "Value": "true"},
        ],
    }


def test_stream_reply_to_and_extra_headers_are_passed_on() -> None:
    message = replace(EMAIL, reply_to="help@boutique.example", headers={"List-Unsubscribe": "<x>"})
    body = sent(build([message], stream="broadcast"))
    assert isinstance(body, dict)
    assert body["MessageStream"] == "broadcast"
    assert body["ReplyTo"] == "help@boutique.example"
    assert {"Name": "List-Unsubscribe", "Value": "<x>"} in body["Headers"]


def test_several_messages_go_in_one_batch_in_their_order() -> None:
    request = build(emails(3), stream="")
    assert request.path == "/email/batch"
    body = sent(request)
    assert isinstance(body, list)
    assert [email["To"] for email in body] == ["c0@example.com", "c1@example.com", "c2@example.com"]


def ok(number: int) -> dict[str, object]:
    return {"ErrorCode": 0, "Message": "OK", "MessageID": f"pm{number}"}


def batch_of(*results: object) -> Response:
    return Response(status=200, body=json.dumps(results).encode())


def test_one_bad_address_does_not_fail_its_neighbours() -> None:
    inactive = {"ErrorCode": 406, "Message": "You tried to send to c1@example.com"}
    answers = read(batch_of(ok(0), inactive, ok(2)), emails(3))
    assert answers[0] == Accepted(message_id="id0", provider_id="pm0")
    assert answers[2] == Accepted(message_id="id2", provider_id="pm2")
    refused = answers[1]
    assert isinstance(refused, Refused)
    assert refused.unsubscribe
    assert "example.com" not in str(refused)


@pytest.mark.parametrize(
    ("code", "message", "decision"),
    [
        (10, "", Paused),
        (100, "", NotSent),
        (300, "Invalid 'To' address: 'x'.", Refused),
        (300, "Invalid 'From' address: 'x'.", Paused),
        (400, "", Paused),
        (401, "", Paused),
        (402, "", Refused),
        (405, "", Paused),
        (406, "", Refused),
        (411, "", Refused),
        (412, "", Paused),
        (413, "", Paused),
        (429, "", NotSent),
        (1235, "", Paused),
        (9999, "", Refused),
    ],
)
def test_each_error_code_has_its_decision(
    code: int, message: str, decision: type[SendError]
) -> None:
    result = {"ErrorCode": code, "Message": message}
    (in_batch, _) = read(batch_of(result, ok(1)), emails(2))
    assert type(in_batch) is decision
    with pytest.raises(decision) as alone:
        read(Response(status=422, body=json.dumps(result).encode()), [EMAIL])
    assert str(code) in str(alone.value)


def test_only_an_inactive_recipient_is_unsubscribed() -> None:
    (invalid, _) = read(batch_of({"ErrorCode": 300}, ok(1)), emails(2))
    assert isinstance(invalid, Refused)
    assert not invalid.unsubscribe


@pytest.mark.parametrize("results", [[], [ok(0)], [ok(0), ok(1), ok(2)], {"ErrorCode": 0}])
def test_a_batch_answer_of_the_wrong_length_leaves_all_unsure(results: object) -> None:
    with pytest.raises(Unsure):
        read(Response(status=200, body=json.dumps(results).encode()), emails(2))


def test_a_hole_in_a_batch_answer_is_unsure_for_that_message_only() -> None:
    (known, unknown) = read(batch_of(ok(0), None), emails(2))
    assert isinstance(known, Accepted)
    assert isinstance(unknown, Unsure)


async def test_a_batch_too_large_for_postmark_is_halved_until_it_fits() -> None:
    sizes = []

    def at_most_two(request: Seen) -> Answer:
        body = json.loads(request.body)
        count = len(body) if isinstance(body, list) else 1
        sizes.append(count)
        if count > 2:
            return Answer(status=413)
        results = [ok(n) for n in range(count)]
        return Answer(body=json.dumps(results if isinstance(body, list) else results[0]).encode())

    async with Loopback(at_most_two) as vendor:
        provider = postmark(vendor.url)
        answers = await provider.send(emails(5))
        await provider.close()
    assert [type(answer) for answer in answers] == [Accepted] * 5
    assert [a.message_id for a in answers if isinstance(a, Accepted)] == [
        f"id{n}" for n in range(5)
    ]
    assert sizes == [5, 2, 3, 1, 2]


async def test_a_vendor_that_breaks_half_way_leaves_the_first_half_accepted() -> None:
    answers: list[Answer] = [
        Answer(status=413),
        Answer(body=json.dumps([ok(0), ok(1)]).encode()),
        Answer(status=500),
    ]
    async with Loopback(lambda _: answers.pop(0)) as vendor:
        provider = postmark(vendor.url)
        became = await provider.send(emails(4))
        await provider.close()
    assert [type(answer) for answer in became] == [Accepted, Accepted, Unsure, Unsure]


async def test_a_poisoned_message_is_held_back_and_the_others_go() -> None:
    def count(request: Seen) -> Answer:
        return Answer(
            body=json.dumps([ok(n) for n, _ in enumerate(json.loads(request.body))]).encode()
        )

    poisoned = replace(EMAIL, subject="Bonjour\r\nBcc: everyone@example.com")
    messages: Sequence[Email] = [*emails(2), poisoned, *emails(1)]
    async with Loopback(count) as vendor:
        provider = postmark(vendor.url)
        became = await provider.send(messages)
        await provider.close()
    assert [type(answer) for answer in became] == [Accepted, Accepted, Refused, Accepted]
    assert b"everyone" not in vendor.seen[0].body


async def test_nothing_is_posted_where_no_message_is_clean() -> None:
    async with Loopback(lambda _: Answer()) as vendor:
        provider = postmark(vendor.url)
        (became,) = await provider.send([replace(EMAIL, to="a@x.example,b@x.example")])
        await provider.close()
    assert isinstance(became, Refused)
    assert vendor.seen == []


async def test_more_than_a_batch_is_a_mistake_of_the_caller() -> None:
    provider = postmark("http://127.0.0.1:1")
    with pytest.raises(ValueError, match="at most 500"):
        await provider.send(emails(501))


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("token", None, "needs token"),
        ("token", Secret(""), "empty"),
        ("token", Secret("tok\nen"), "line break"),
        ("base_url", "api.postmarkapp.com", "not a web address"),
        ("base_url", "https://user:pass@api.postmarkapp.com", "credentials"),
        ("timeout", 0, "above 0"),
        ("timeout", True, "above 0"),
    ],
)
def test_a_wrong_option_is_told_where_it_stands(option: str, value: object, message: str) -> None:
    spec = channel("https://api.postmarkapp.com", **{option: value})
    with pytest.raises(WorkspaceError, match=message) as raised:
        Settings.of(spec, Path("/nowhere"))
    (problem,) = raised.value.problems
    assert problem.where == f"channels.email.{option}"
    assert "tok" not in problem.message.replace("token", "")
