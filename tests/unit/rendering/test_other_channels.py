"""WhatsApp, Slack and webhook texts, and the links that lead a customer back to us."""

import pytest

from relance.domain.channel import CHANNELS
from relance.rendering.values import LINK_NAMES, sample_links, sample_values

SID = "HX0123456789abcdef0123456789abcdef"
TEXTS = [name for name in CHANNELS if name != "email"]
VALUES = {"customer": {"first_name": "Zoé"}, "order": {"sum": 1234.5}}


@pytest.mark.parametrize("channel", TEXTS)
def test_each_channel_has_a_text_of_its_own(make, channel):
    templates = make({
        f"note/{channel}.txt": "Hello {{ customer.first_name }}\n",
        f"note/{channel}.fr.txt": "Bonjour {{ customer.first_name }}\n",
    })  # fmt: skip
    assert templates.check() == []
    assert templates.texts().keys() == {("note", channel)}
    assert templates.locales("note", channel) == ("", "fr")
    assert templates.names("note", channel) == {"customer.first_name"}
    said = [
        templates.render("note", channel, locale=locale, values=VALUES)
        for locale in ("fr-CH", "en")
    ]
    assert [each.text for each in said] == ["Bonjour Zoé", "Bonjour Zoé"]
    assert said[0].content is None


def test_no_break_spaces_become_plain_where_they_would_cost_money(make):
    templates = make({f"note/{channel}.txt": "{{ order.sum|money }} !" for channel in TEXTS})
    texts = {c: templates.render("note", c, locale="fr", values=VALUES).text for c in TEXTS}
    assert texts["sms"] == "1 234,50 € !"
    for channel in ("whatsapp", "slack", "webhook"):
        assert texts[channel] == "1\u202f234,50\u00a0€ !"


def test_only_a_text_message_is_warned_of_for_its_length(make):
    templates = make({f"note/{channel}.txt": "ê" * 300 for channel in TEXTS})
    assert [problem.path for problem in templates.check()] == ["templates/note/sms.txt"]


@pytest.mark.parametrize("channel", ["slack", "webhook"])
def test_what_the_company_s_own_people_read_is_not_escaped_here(make, channel):
    templates = make({f"note/{channel}.txt": "{{ customer.first_name }} <3"})
    said = templates.render(
        "note", channel, locale=None, values={"customer": {"first_name": "A&B"}}
    )
    assert said.text == "A&B <3"


def test_a_file_of_no_channel_is_told_with_those_there_are(make):
    (problem,) = make({"note/slak.txt": "x"}).check()
    assert "email.txt, sms.txt, whatsapp.txt, slack.txt or webhook.txt" in problem.message
    assert problem.hint == "did you mean slack.txt?"


# -- approved texts of WhatsApp


def whatsapp(body: str, sid: str = SID) -> dict[str, str]:
    return {"note/whatsapp.txt": f"---\ncontent_sid: {sid}\n---\n{body}"}


def test_an_approved_text_is_named_and_its_variables_are_given_values(make):
    templates = make(whatsapp(
        "{# the first name, or a word for it #}\n"
        "{% if customer.first_name %}\n"
        "1: {{ customer.first_name }}\n"
        "{% else %}\n"
        "1: vous\n"
        "{% endif %}\n"
        "\n"
        "total: {{ order.sum\n  |money }}\n"
    ))  # fmt: skip
    assert templates.check() == []
    said = templates.render("note", "whatsapp", locale="fr", values=VALUES)
    assert said.content == SID
    assert [line for line in said.text.splitlines() if line] == [
        "1: Zoé",
        "total: 1\u202f234,50\u00a0€",
    ]


def test_a_value_cannot_smuggle_in_a_variable(make):
    templates = make(whatsapp("1: {{ customer.first_name }}\n"))
    values = {"customer": {"first_name": "Zoé\n2: free"}}
    said = templates.render("note", "whatsapp", locale=None, values=values)
    assert said.text == "1: Zoé 2: free"


def test_an_approved_text_without_variables_has_no_lines(make):
    templates = make(whatsapp(""))
    assert templates.check() == []
    assert templates.render("note", "whatsapp", locale=None, values={}).content == SID


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "Bonjour {{ customer.first_name }}\n",
            "4:1: this line is not `name: value` (with content_sid a file",
        ),
        ("1: a\n\n  Bonjour\n", "6:3: this line is not `name: value`"),
        ("1: a\n{{ customer.first_name }}: b\n", "5:1: this line is not `name: value`"),
        ("1:\n", "4:1: this line is not `name: value`"),
        ("1: a\n1: b\n", "4:1: the variable 1 is given twice"),
    ],
)
def test_a_line_that_gives_no_value_is_a_mistake(make, body, expected):
    problems = [str(problem) for problem in make(whatsapp(body)).check()]
    assert len(problems) == 1
    assert problems[0].startswith(f"templates/note/whatsapp.txt:{expected}")


@pytest.mark.parametrize("sid", ["HX123", "MG0123456789abcdef0123456789abcdef", "welcome"])
def test_an_approved_text_is_named_by_its_id(make, sid):
    (problem,) = make(whatsapp("1: a\n", sid)).check()
    assert str(problem).startswith(
        "templates/note/whatsapp.txt:2:14: content_sid: not the id of an approved text (HX and 32"
    )


def test_only_whatsapp_has_approved_texts(make):
    (problem,) = make({"note/sms.txt": f"---\ncontent_sid: {SID}\n---\nx"}).check()
    assert "content_sid: unknown key" in str(problem)


def test_another_approved_text_is_another_version(make):
    one = make(whatsapp("1: a\n")).fingerprint("note", "whatsapp")
    other = make(whatsapp("1: a\n", SID.replace("0", "f")))
    assert other.fingerprint("note", "whatsapp") != one


# -- links back to us

EMAIL = '---\nsubject: x\n---\n<p><a href="{{ message.unsubscribe_url }}">Stop</a></p>'


def test_a_template_says_which_links_it_uses(make):
    templates = make({
        "note/email.html": EMAIL,
        "note/email.en.html": EMAIL.replace("unsubscribe_url", "preferences_url"),
        "note/sms.txt": "{{ message.id }}",
    })  # fmt: skip
    assert templates.message_names("note", "email") == LINK_NAMES
    assert templates.message_names("note", "sms") == {"message.id"}
    assert templates.names("note", "email") == frozenset()


def test_the_links_of_a_message_are_printed(make):
    templates = make({"note/email.html": EMAIL})
    url = "https://crm.shop.example/u/a.b-c_d"
    said = templates.render(
        "note", "email", locale=None, values={"message": {"unsubscribe_url": url}}
    )
    assert f'href="{url}"' in said.html
    assert url in said.text


def test_links_are_known_only_where_there_is_a_way_back(make):
    templates = make({"note/email.html": EMAIL})
    assert templates.check(LINK_NAMES) == []
    (problem,) = templates.check(set())
    assert str(problem) == (
        "templates/note/email.html:4:16: 'message.unsubscribe_url' leads nowhere: no web.public_url"
        " is set (set web.public_url and web.secret in config/relance.yaml)"
    )


@pytest.mark.parametrize("known", [None, frozenset(), LINK_NAMES])
@pytest.mark.parametrize("channel", ["slack", "webhook"])
def test_a_customer_s_links_are_not_for_other_eyes(make, channel, known):
    templates = make({f"note/{channel}.txt": "stop: {{ message.unsubscribe_url }}"})
    (problem,) = templates.check(known)
    assert str(problem) == (
        f"templates/note/{channel}.txt:1:10: 'message.unsubscribe_url' has no place here: the"
        " customer does not read this (it is for e-mail and text messages)"
    )


def test_a_misspelt_link_is_told_with_the_right_one(make):
    (problem,) = make({"note/sms.txt": "{{ message.unsubscribe }}"}).check()
    assert "(did you mean message.unsubscribe_url?)" in str(problem)


def test_samples_have_links_that_open_nothing():
    links = sample_links("https://crm.shop.example")
    assert links.keys() == LINK_NAMES
    assert all(url.startswith("https://crm.shop.example/") for url in links.values())
    message = sample_values(())["message"]
    assert {f"message.{name}" for name in message} > LINK_NAMES
