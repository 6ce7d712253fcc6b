"""The HTML of an e-mail is ASCII wherever character references say the same."""

from html import unescape

import pytest

HEAD = "---\nsubject: Été\n---\n"


def page(body: str, style: str = "") -> str:
    return f"{HEAD}<html><head><style>{style}</style></head><body>{body}</body></html>"


@pytest.fixture
def html(make):
    def rendered(text: str, **customer: object) -> str:
        templates = make({"a/email.html": text})
        return templates.render("a", "email", locale="fr", values={"customer": customer}).html

    return rendered


def test_text_and_values_are_written_with_references(html):
    got = html(page("<p>Chère {{ customer.first_name }},</p>"), first_name="Zoë <b>&")
    assert got.isascii()
    assert "<p>Ch&#232;re Zo&#235; &lt;b&gt;&amp;,</p>" in got


def test_what_a_filter_or_an_expression_makes_is_written_with_references(html):
    got = html(page('<p>{{ customer.city|default("où ?") }} {{ 1.5|money }}</p>'), city=None)
    assert got.isascii()
    assert "où ? 1,50\u00a0€" in unescape(got)


def test_an_attribute_says_the_same_with_references(html):
    got = html(page('<img alt="Été de {{ customer.first_name }}">'), first_name="Zoë")
    assert 'alt="&#201;t&#233; de Zo&#235;"' in got


@pytest.mark.parametrize(
    "text",
    [
        page("<p>{{ customer.first_name }}</p>", '@media print { p::before { content: "é"; } }'),
        page("<!-- é --><p>{{ customer.first_name }}</p>"),
    ],
    ids=["a style sheet", "a comment"],
)
def test_where_references_mean_nothing_the_letters_stay(html, text):
    got = html(text, first_name="Zoë")
    assert "é" in got
    assert "&#233;" not in got
    assert "<p>Zoë</p>" in got


def test_a_text_that_would_become_much_longer_keeps_its_letters(html):
    got = html(page("<p>Καλημέρα, {{ customer.first_name }}</p>" * 20), first_name="Ζωή")
    assert "<p>Καλημέρα, Ζωή</p>" in got


def test_subject_and_plain_text_keep_their_letters(make):
    templates = make({"a/email.html": page("<p>Chère Zoë</p>")})
    got = templates.render("a", "email", locale="fr", values={})
    assert (got.subject, got.text) == ("Été", "Chère Zoë\n")
