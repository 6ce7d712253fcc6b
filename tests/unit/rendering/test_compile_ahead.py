"""Turning a template into HTML ahead gives what doing it for every message gives."""

# ruff: noqa: E501  a template and what it becomes read best on one line each

from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from relance.domain.message import Fixed
from relance.rendering import Templates, sample_values
from relance.rendering.ahead import Protected, Unprovable
from relance.rendering.compiled import AheadEmail, SteppedEmail
from relance.rendering.formats import locale_of
from relance.rendering.html import normal_form
from relance.rendering.pieces import Flat, Place, scan

ROOT = Path(__file__).parents[3]
HEAD = "---\nsubject: x\n---\n"
BRAND = {
    "name": "La Boutique", "tagline": "t", "url": "https://boutique.example", "address": "a & b",
    "support_email": "b@boutique.example", "unsubscribe_url": "https://boutique.example/u?a=1&b=2",
}  # fmt: skip


def both(templates: Templates, name: str, locale: str) -> tuple[AheadEmail, SteppedEmail]:
    source = templates._of(name, "email")[locale].source
    language = locale_of(locale, "fr")
    return AheadEmail(source, language), SteppedEmail(source, language)


@pytest.fixture(scope="module")
def boutique() -> Templates:
    return Templates(ROOT, locale="fr", currency="EUR", zone=ZoneInfo("Europe/Paris"), brand=BRAND)


LETTERS = sorted(path.parent.name for path in ROOT.glob("templates/*/email.fr.mjml"))
FIRST_NAMES = ["Zoé", None, "<b>&\"'</b>", "محمد 👋", "{{ 1 }}{% if %}"]


def agree(templates: Templates, name: str, locale: str, *tried: Mapping[str, object]) -> None:
    ways = both(templates, name, locale)
    for values in tried:
        scope = templates._scope(values)
        ahead, long = (way.render(scope, templates._setting(locale, scope)) for way in ways)
        assert normal_form(ahead.html) == normal_form(long.html)
        assert ahead.text == long.text
        assert (ahead.subject, ahead.sender) == (long.subject, long.sender)


@pytest.mark.parametrize("name", LETTERS)
@pytest.mark.parametrize("locale", ["fr", "en"])
def test_every_letter_of_la_boutique_is_made_ahead_and_is_the_same_both_ways(
    boutique, name, locale
):
    sample = sample_values({*boutique.names(name, "email"), "customer.country"})
    cases = [
        {**sample, "customer": {**sample["customer"], "first_name": first}} for first in FIRST_NAMES
    ]
    agree(boutique, name, locale, *cases)
    assert isinstance(boutique._of(name, "email")[locale].compiled, AheadEmail)


MJML = "<mjml><mj-head>{head}</mj-head><mj-body>{body}</mj-body></mjml>"
SECTION = "<mj-section><mj-column>{}</mj-column></mj-section>"


@pytest.mark.parametrize(
    "body",
    [
        "{% if order.count > 1 %}" + SECTION.format("<mj-text>many</mj-text>") + "{% else %}" + SECTION.format("<mj-text>one</mj-text>") + "{% endif %}",
        SECTION.format("{% for n in range(3) %}<mj-text>{{ n }}</mj-text>{% endfor %}"),
        SECTION.format("<mj-button href='{{ brand.url }}/?a={% if order.count %}1{% else %}2{% endif %}'>Go</mj-button>"),
        SECTION.format("<mj-text>{% set n = order.count %}{% if n %}<b>{{ n }}</b> {% endif %}x</mj-text>"),
        SECTION.format("<mj-text>{ {} {% raw %}{{ raw }} {% x %} {# y #}{% endraw %}</mj-text>"),
        SECTION.format("<mj-text><div>a</div>{% if order.count %}<div>b</div>{% endif %}<div>c</div><ul>{% for n in range(order.count) %}<li>{{ n }}</li>{% endfor %}</ul></mj-text>"),
        SECTION.format("<mj-table><tbody>{% for n in range(2) %}<tr><td>{{ n }}</td></tr>{% endfor %}</tbody></mj-table>"),
    ],
)  # fmt: skip
def test_statements_where_they_are_usual_are_made_ahead_and_agree(make, body):
    templates = make({"a/email.fr.mjml": HEAD + MJML.format(head="", body=body)})
    assert templates.check() == []
    assert isinstance(templates._of("a", "email")["fr"].compiled, AheadEmail)
    agree(templates, "a", "fr", *({"order.count": count} for count in (0, 1, 5)))


@pytest.mark.parametrize(
    ("head", "body"),
    [
        # how many columns there are decides how wide each is
        ("", "<mj-section>{% if order.count %}<mj-column><mj-text>a</mj-text></mj-column>{% endif %}<mj-column><mj-text>b</mj-text></mj-column></mj-section>"),
        # a comment between the rows of a wrapper would end up inside an Outlook comment
        ("", "<mj-wrapper>{% if order.count %}" + SECTION.format("<mj-text>a</mj-text>") + "{% endif %}</mj-wrapper>"),
        # an attribute that is there or not
        ("", SECTION.format("<mj-text><a {% if order.count %}href='/x'{% endif %}>a</a></mj-text>")),
        # a width that MJML computes with
        ("", SECTION.format("<mj-image width='{{ order.count * 50 + 50 }}px' src='x' alt='' />")),
        # which row is the first depends on the customer
        ("<mj-style>p:first-child{color:red}</mj-style>", SECTION.format("<mj-text>{% if order.count %}<p>a</p>{% endif %}<p>b</p></mj-text>")),
        ("<mj-style>p + p{color:red}</mj-style>", SECTION.format("<mj-text>{% if order.count %}<p>a</p>{% endif %}<p>b</p></mj-text>")),
        # a rule that only some customers have
        ("<mj-style>{% if order.count %}p{color:red}{% endif %}</mj-style>", SECTION.format("<mj-text><p>b</p></mj-text>")),
        # the parser puts a tbody around the rows, but not around the loop
        ("", SECTION.format("<mj-table>{% for n in range(order.count) %}<tr><td>{{ n }}</td></tr>{% endfor %}</mj-table>")),
    ],
)  # fmt: skip
def test_what_cannot_be_proven_is_rendered_the_long_way_and_still_right(make, head, body):
    templates = make({"a/email.fr.mjml": HEAD + MJML.format(head=head, body=body)})
    assert templates.check() == []
    assert isinstance(templates._of("a", "email")["fr"].compiled, SteppedEmail)
    long = both_or_long(templates)
    for count in (0, 3):
        got = templates.render("a", "email", locale="fr", values={"order.count": count})
        scope = templates._scope({"order.count": count})
        assert got == long.render(scope, templates._setting("fr", scope))


def both_or_long(templates: Templates) -> SteppedEmail:
    return SteppedEmail(templates._of("a", "email")["fr"].source, locale_of("fr", "fr"))


def test_what_a_template_says_is_the_same_object_in_every_message_and_a_value_never_is(boutique):
    known = boutique.names("welcome", "email")
    letters = []
    for name in ("Zoé", "Z" * 5_000):
        values = {**dict.fromkeys(known), "customer": {"first_name": name}, **sample_values(())}
        letters.append(boutique.render("welcome", "email", locale="fr", values=values))
    first, second = ([part for part in one.html_parts if type(part) is Fixed] for one in letters)
    assert [one is other for one, other in zip(first, second, strict=True)] == [True] * len(first)
    own = [part for part in letters[1].html_parts if type(part) is not Fixed]
    assert any("Z" * 5_000 in part for part in own)
    assert sum(map(len, own)) < 5_000 + 1_000 < sum(map(len, first))


def test_a_letter_rendered_the_long_way_is_nobody_elses(make):
    templates = make(
        {
            "a/email.fr.mjml": HEAD
            + MJML.format(head="", body="<mj-text>" + "x" * 2_000 + "</mj-text>")
        }
    )
    scope = templates._scope({})
    letter = both_or_long(templates).render(scope, templates._setting("fr", scope))
    assert not any(isinstance(part, Fixed) for part in letter.html_parts)


def protect(text: str) -> Protected:
    return Protected(Flat(scan(text, Place("t", 1, 1))))


@pytest.mark.parametrize(
    "damage",
    [
        lambda html: html.replace("zqe0zq", "", 1),  # a value lost
        lambda html: html.replace("<!--zqs0zq-->", ""),  # a statement lost
        lambda html: html.replace("<!--zqs0zq-->", "<!--zqs0zq--><!--zqs0zq-->"),  # doubled
        lambda html: html.replace("zqe0zq", "").replace("</p>", "</p>zqe0zq"),  # moved out
        lambda html: html.replace("<p>", "").replace("<i>", "<p>").replace("</i>", ""),
        lambda html: html.replace("<!--zqs1zq--></p>", "</p><!--zqs1zq-->"),  # end elsewhere
        lambda html: html.replace("<!--zqs0zq-->", "<!--[if mso]><!--zqs0zq-->"),  # swallowed
        lambda html: html.replace("<!--zqs0zq-->", "zqs0zq"),  # shown as text
    ],
)
def test_damage_between_protecting_and_restoring_is_noticed(damage):
    protected = protect("<p>{% if customer.a %}<i>{{ customer.a }}</i>{% endif %}</p>")
    assert "{% if customer.a %}<i>{{ customer.a }}</i>" in protected.html("", protected.text)
    damaged = damage(protected.text)
    assert damaged != protected.text
    with pytest.raises(Unprovable):
        protected.html("", damaged)


@pytest.mark.parametrize(
    "text",
    ["zqe0zq", "<p {{ customer.a }}>", "<p {% if a %}x{% endif %}>", "<style>{% if a %}{% endif %}</style>", "<!-- {% if a %}{% endif %} -->"],
)  # fmt: skip
def test_a_tag_that_no_token_can_stand_for_is_refused(text):
    with pytest.raises(Unprovable):
        protect(text)


def test_a_failure_in_the_ready_template_is_shown_in_the_file_it_came_from(make):
    templates = make(
        {
            "snippets/x.mjml": "<mj-text>\n  ok {{ customer.first_name }}\n</mj-text>",
            "a/email.mjml": HEAD
            + MJML.format(head="", body=SECTION.format("{% include 'snippets/x.mjml' %}")),
        }
    )
    with pytest.raises(Exception, match=r"templates/snippets/x\.mjml:2:9: 'customer\.first_name'"):
        templates.render("a", "email", locale=None, values={"customer.first_name": None})


def test_braces_in_css_are_not_taken_for_tags(make):
    css = "<style>@media print{ #logo{color:red} } .a{ }</style><p class='a'>x</p>"
    templates = make({"a/email.html": HEAD + css})
    html = templates.render("a", "email", locale=None, values={}).html
    assert "@media print{" in html
    assert "#logo{color:red}" in html
