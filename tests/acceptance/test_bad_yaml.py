"""Mistakes in the files: each is told at its place, ends with 1, and nothing else happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from desk import BOUGHT, DAYS, Desk, at_desk
from relance.errors import Problem
from stage import RELANCE, TEMPLATE

desk = pytest.fixture(at_desk)

CONFIG, SEGMENTS, TRIGGER = "config/relance.yaml", "config/segments.yaml", "triggers/hello.yaml"
GOOD = f"version: 1\nname: hello\nsegment: {BOUGHT}\non: enter\n"
SEND = "steps: [{send: {channel: email, template: hello}}]\n"
BILLION = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
BROKEN: dict[str, tuple[str, str | bytes, str]] = {
    "an open bracket": (TRIGGER, GOOD + "steps: [{send\n", ":6:1: is not YAML: "),
    "a tab": (
        TRIGGER, GOOD + "steps:\n\t- wait: 1 day\n",
        ":6:1: a tab, where YAML wants spaces (indent with spaces)",
    ),
    "ten megabytes": (
        TRIGGER, "x: " + "y" * 10_000_000,
        ": is larger than 1 MB (a workspace is written by people; is this data?)",
    ),
    "anchors that explode": (TRIGGER, BILLION, ":5:8: more than 20,000 values, aliases counted"),
    "deep brackets": (TRIGGER, GOOD + "steps: " + "[" * 5000, ":5:57: nested more than 50 levels"),
    "an unknown key": (
        TRIGGER, GOOD + "steps: [{send: {channel: email, templat: hello}}]\n",
        ":5:33: steps.0.send.templat: unknown key (did you mean template?)",
    ),
    "a key twice": (
        TRIGGER, GOOD + "on: exit\n" + SEND, ":5:1: on: duplicate key (first on line 4)",
    ),
    "a number for a list": (
        TRIGGER, GOOD + "steps: 7\n", ":5:8: steps: must be a list of steps, not a number",
    ),
    "a word for a length of time": (
        TRIGGER, GOOD + "reentry: {after: soon}\n" + SEND,
        ":5:18: reentry.after: 'soon' is not a length of time such as `14 days`",
    ),
    "a length of time beyond the calendar": (
        TRIGGER, GOOD.replace("enter", "{stay: 9000 years}") + SEND,
        ":4:12: on.stay: '9000 years' is not a length of time",
    ),
    "an unknown segment": (
        TRIGGER, GOOD.replace(BOUGHT, "loial") + SEND,
        ":3:10: segment: there is no segment 'loial'",
    ),
    "an unknown template": (
        TRIGGER, GOOD + SEND.replace("hello", "helo"),
        ":5:43: steps.0.send.template: there is no template 'helo' (did you mean hello?)",
    ),
    "SQL that would change the data": (
        TRIGGER, GOOD.replace(BOUGHT, "{sql: 'drop table customers'}") + SEND,
        ":3:16: segment.sql: 'drop table customers' is not a query that begins with SELECT",
    ),
    "UTF-16": (CONFIG, RELANCE.encode("utf-16"), ": is UTF-16 text (save it as UTF-8)"),
    "Latin-1": (
        CONFIG, RELANCE.replace("Stage <", "Étage <").encode("latin-1"),
        ":18:36: is not UTF-8 text (save it as UTF-8)",
    ),
    "a list for a mapping": (CONFIG, "- version: 1\n", ":1:1: must be a mapping with version, "),
    "a time zone of another world": (
        CONFIG, RELANCE.replace("Europe/Paris\nlocale", "Mars/Olympus\nlocale"),
        ":3:11: timezone: 'Mars/Olympus' is not an IANA time zone such as `Europe/Paris`",
    ),
    "an unknown provider": (
        CONFIG, RELANCE.replace('outbox, from: "S', 'outbux, from: "S'),
        ":18:21: channels.email.provider: there is no provider 'outbux' (did you mean outbox?)",
    ),
    "a channel with what it cannot use": (
        CONFIG, RELANCE + "  slack: {provider: outbox, from: Stage}\n",
        ":20:29: channels.slack.from: has no place in slack (it is for email, sms and whatsapp)",
    ),
    "a header of relance's own": (
        CONFIG, RELANCE.replace("email: {provider", "email: {headers: {Bcc: a}, provider"),
        ":18:21: channels.email.headers.Bcc: is a header that relance writes itself (leave it out)",
    ),
    "a provider that stands in for itself": (
        CONFIG, RELANCE.replace('"+33700000000"}', "S, fallback: {provider: outbox, from: T}}"),
        ":19:46: channels.sms.fallback: is the provider that it stands in for (name another one",
    ),
    "a week without a minute": (
        CONFIG, RELANCE + "limits: {quiet_hours: {weekdays: all day, weekend: all day}}\n",
        ":20:23: limits.quiet_hours: leaves no minute of the week (nothing could ever be sent)",
    ),
    "a web address without a secret": (
        CONFIG, RELANCE + "web: {public_url: https://crm.stage.example}\n",
        ":20:6: web.secret: is missing beside public_url (write secret: ",
    ),
    "a secret in the file": (
        CONFIG, RELANCE + "web: {public_url: https://crm.stage.example, secret: hunter2hunter2}\n",
        ":20:54: web.secret: a secret stands in the file (put it in the environment: ",
    ),
    "a topic in no language": (
        CONFIG, RELANCE + "topics: {news: {french: Nouveautés}}\n",
        ":20:17: topics.news.french: 'french' is not a locale such as `fr` or `fr_CH`",
    ),
    "a policy of bounces": (
        CONFIG, RELANCE + "bounces: {soft: often}\n",
        ":20:17: bounces.soft: 'often' is not a limit such as `3 per 7 days`",
    ),
    "an unknown topic": (
        TRIGGER, GOOD + "topic: news\n" + SEND,
        ":5:8: topic: there is no topic 'news' (add topics: to config/relance.yaml)",
    ),
    "a message that is never of use": (
        TRIGGER, GOOD + "expires: 0 days\n" + SEND,
        ":5:10: expires: '0 days' is not a length of time such as `3 days`, or `never`",
    ),
    "segments in a circle": (
        SEGMENTS, "version: 1\nsegments:\n  a: {segment: b}\n  b: {segment: a}\n",
        ":3:3: segments.a: the segments go in a circle: a → b → a",
    ),
    "a number for a mapping": (
        SEGMENTS, "version: 1\nsegments: 12\n",
        ":2:11: segments: must be a mapping of segments, not a number",
    ),
}  # fmt: skip


def damage(desk: Desk, case: str) -> str:
    """Write a broken file; returns how the line about it begins."""
    path, content, sentence = BROKEN[case]
    (desk.root / path).write_bytes(content.encode() if isinstance(content, str) else content)
    return path + sentence


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_told_at_its_place_and_nothing_begins(desk: Desk, case: str) -> None:
    line = damage(desk, case)
    checked = desk.call("check")
    assert checked.code == 1
    assert checked.out.startswith(line)
    assert checked.out.splitlines()[1:] == ["1 mistake"]
    ticked = desk.call("tick", "--at", DAYS[0])
    assert ticked.code == 1
    assert ticked.out == ""
    assert ticked.err.startswith(line)
    assert not (desk.root / "state").exists()


@pytest.mark.parametrize("case", ["a tab", "ten megabytes", "an unknown key", "Latin-1"])
def test_a_broken_file_is_told_to_programs_in_the_same_words(desk: Desk, case: str) -> None:
    damage(desk, case)
    line = desk.call("check").out.splitlines()[0]
    answer = desk.call("check", "--json")
    assert answer.code == 1
    (found,) = answer.json()
    assert found.pop("warning") is False
    assert str(Problem(**found)) == line


def test_mistakes_of_all_files_are_told_at_once_in_file_order(desk: Desk) -> None:
    desk.settings("globl_holdout: 2%\n")
    desk.segments(active="{event: ordr, count: {at_least: 1}}")
    desk.trigger(segment=BOUGHT, prority="3")
    desk.write("templates/hello/email.html", TEMPLATE + "{{ customer.first_name | titel }}")
    answer = desk.call("check", "--offline")
    assert answer.code == 1
    places = [line.split(": ")[0] for line in answer.out.splitlines()[:-1]]
    assert [place.split(":")[0] for place in places] == [
        CONFIG, SEGMENTS, TRIGGER, "templates/hello/email.html",
    ]  # fmt: skip
    for hint in ("global_holdout", "order", "priority", "title"):
        assert f"did you mean {hint}?" in answer.out
    assert answer.out.splitlines()[-1] == "4 mistakes"


def test_a_mistake_made_between_two_ticks_loses_nobody(desk: Desk) -> None:
    desk.opened()
    before = desk.state()
    good = (desk.root / TRIGGER).read_text()
    desk.write(TRIGGER, good.replace("on: enter", "on: entr"))
    for command in ("tick", "deliver", "report"):
        answer = desk.call(command)
        assert answer.code == 1
        assert "on: entr" not in answer.out
        assert f"{TRIGGER}:3:5: on: " in answer.err
    assert desk.state() == before
    desk.write(TRIGGER, good)
    desk.catches_up()


# -- templates

HEAD = "---\nsubject: Bonjour\n---\n"
TEMPLATES = {
    "a loop without end": ("{% for n in range(10 ** 9) %}x{% endfor %}", "a number or a range"),
    "loops in loops": (
        "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
        "the loops of this template run too long",
    ),
    "growth without end": ("{% set a = 'xxxxxxxxxx' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
                           "this text is longer than 1,000,000 characters"),
    "a power of powers": ("{{ 9 ** 9 ** 9 }}", "too large"),
    "a class": ("{{ customer.first_name.__class__ }}", "__class__: names do not begin with '_'"),
    "a class by its index": ("{{ ''['__class__'].__mro__ }}", "names do not begin with '_'"),
    "a class by a filter": ("{{ ''|attr('__class__') }}", "|attr: unknown filter"),
    "a class by a format": ("{{ '{0.__class__}'.format(1) }}", "a template cannot call anything"),
    "globals": ("{{ cycler.__init__.__globals__.os }}", "names do not begin with '_'"),
    "a macro that calls itself": ("{% macro a() %}{{ a() }}{% endmacro %}", "not a statement"),
    "a file of the machine": ("{% include '/etc/passwd' %}", "there is no templates/"),
    "a file above": ("{% include '../config/relance.yaml' %}", "there is no templates/"),
    "a name that nothing has": ("{{ customer.shoe_size }}", "'customer.shoe_size' is not defined"),
    "an open tag": ("{{ customer.first_name", "the '{{' that opens here is never closed"),
    "a sum of thousands": ("{{ 1" + "+1" * 5000 + " }}", "nested too deep"),
    "thousands of brackets": ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "nested too deep"),
}  # fmt: skip


@pytest.mark.parametrize("case", TEMPLATES)
def test_a_template_that_must_not_run_is_told_at_its_line_and_sends_nothing(
    desk: Desk, case: str
) -> None:
    text, sentence = TEMPLATES[case]
    desk.write("templates/hello/email.html", HEAD + text)
    checked = desk.call("check", "--offline")
    assert checked.code == 1
    line = next(line for line in checked.out.splitlines() if sentence in line)
    assert line.startswith("templates/hello/email.html:4:")
    ticked = desk.call("tick", "--at", DAYS[0])
    assert ticked.code == 1
    assert line in ticked.err
    assert not (desk.root / "state").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("email.html", "<div>" * 30_000),
        ("email.html", "{% for n in range(9000) %}<div>{% endfor %}"),
        ("email.mjml", "<mjml><mj-body>" + "<mj-wrapper>" * 5000 + "</mj-wrapper>" * 5000),
    ],
    ids=["html", "html by a loop", "mjml"],
)
def test_elements_nested_without_end_do_not_take_the_process_down(
    desk: Desk, name: str, text: str
) -> None:
    (desk.root / "templates/hello/email.html").unlink()
    end = "</mj-body></mjml>" if name == "email.mjml" else ""
    desk.write(f"templates/hello/{name}", HEAD + text + end)
    answer = desk.outside("check", "--offline")
    assert answer.code == 1
    assert f"templates/hello/{name}:4:" in answer.out


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\x89PNG\r\n\x1a\n\x00", "not UTF-8 (byte 1); save it as UTF-8"),
        (HEAD.encode() + b"y" * 10_000_000, "larger than 1,000,000 bytes"),
        (b"<p>Bonjour</p>", "an e-mail needs a `subject:` between '---' lines at its top"),
        (b"---\nsubjet: x\n---\n", "subjet: unknown key (did you mean subject?)"),
        (b"---\nsubject: x\n", "the front matter that opens here is never closed with '---'"),
        (
            HEAD.replace("---\n", "---\nfrom: nobody\n", 1).encode(),
            "from: not an address; write Name <name@domain.example>",
        ),
    ],
    ids=["an image", "ten megabytes", "no subject", "a slip", "an open top", "no sender"],
)
def test_a_file_that_is_no_template_is_told_and_nothing_begins(
    desk: Desk, content: bytes, sentence: str
) -> None:
    (desk.root / "templates/hello/email.html").write_bytes(content)
    for answer in (desk.call("check", "--offline"), desk.call("tick", "--at", DAYS[0])):
        assert answer.code == 1
        lines = (answer.out + answer.err).splitlines()
        assert any(
            line.startswith("templates/hello/email.html") and sentence in line for line in lines
        )
    assert not (desk.root / "state").exists()


def test_templates_that_include_each_other_in_a_circle_are_told(desk: Desk) -> None:
    for folder in ("snippets", "layouts"):
        (desk.root / "templates" / folder).mkdir()
    desk.write("templates/snippets/a.html", "{% include 'snippets/b.html' %}")
    desk.write("templates/snippets/b.html", "{% include 'snippets/a.html' %}")
    desk.write("templates/hello/email.html", HEAD + "{% include 'snippets/a.html' %}")
    answer = desk.call("check", "--offline")
    assert answer.code == 1
    assert "snippets/a.html" in answer.out


# -- secrets

TOKEN, ACCOUNT, PASSWORD = "tok-5f3a9c77e1", "AC" + "0a1b2c3d" * 4, "pg-pass-8841"
TWILIO = (
    '  sms: {provider: twilio, account: "${SMS_ACCOUNT}", token: "${SMS_TOKEN}",'
    ' from: "+33700000000", base_url: "http://127.0.0.1:9"}\n'
)


def test_a_secret_that_is_not_in_the_environment_is_named(desk: Desk) -> None:
    text = RELANCE.replace('  sms: {provider: outbox, from: "+33700000000"}\n', TWILIO)
    desk.write(CONFIG, text)
    unset = {"SMS_ACCOUNT": None, "SMS_TOKEN": None}
    for command in ("check", "tick", "deliver"):
        answer = desk.call(command, env=unset)  # type: ignore[arg-type]
        assert answer.code == 1
        shown = answer.out + answer.err
        for name in ("SMS_ACCOUNT", "SMS_TOKEN"):
            assert f"environment variable {name} is not set" in shown
        assert f"{CONFIG}:19:" in shown


def test_a_secret_is_never_shown_nor_stored(desk: Desk) -> None:
    text = RELANCE.replace('  sms: {provider: outbox, from: "+33700000000"}\n', TWILIO)
    desk.write(CONFIG, text)
    desk.trigger(segment=BOUGHT, steps="[{send: {channel: sms, template: hello}}]")
    env = {"SMS_ACCOUNT": ACCOUNT, "SMS_TOKEN": TOKEN}
    desk.secrets += [TOKEN, ACCOUNT]
    assert desk.call("tick", "--at", DAYS[0], env=env).code == 0
    desk.order("bob")
    desk.publish()
    assert desk.call("tick", "--at", DAYS[1], "--json", env=env).json()["triggers"][0]["messages"]
    sent = desk.call("deliver", "--at", DAYS[1], "--json", env=env)  # nobody listens there
    assert sent.json()["accepted"] == 0
    for words in (
        ("check", "--json"), ("report", "--json"), ("why", "bob"),
        ("preview", "hello", "--out", str(desk.root / "preview")),
        ("report", "--html", str(desk.root / "report.html")),
    ):  # fmt: skip
        desk.call(*words, env=env, says=True)
    kept = [path for path in desk.root.rglob("*") if path.is_file()]
    assert {"relance.db", "report.html"} <= {path.name for path in kept}
    for path in kept:
        raw = path.read_bytes()
        assert TOKEN.encode() not in raw, path
        assert ACCOUNT.encode() not in raw, path


@pytest.mark.parametrize("key", ["source", "state"])
def test_the_password_of_a_database_is_never_shown(desk: Desk, key: str) -> None:
    url = "postgresql://crm:${PG_PASSWORD}@127.0.0.1:9/shop"
    text = RELANCE.replace("source: data/\n", "") if key == "source" else RELANCE
    desk.write(CONFIG, f"{text}{key}: {url}\n")
    desk.secrets.append(PASSWORD)
    env = {"PG_PASSWORD": PASSWORD}
    answer = desk.call("tick", "--at", DAYS[0], env=env)
    assert answer.code == 3
    assert "cannot be reached" in answer.err
    assert "127.0.0.1" in answer.err
    desk.call("check", "--json", env=env)
    for path in Path(desk.root).rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes()
