"""What a customer receives."""

# ruff: noqa: E501  a template and what it becomes read best on one line each

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape

import pytest

from relance.errors import RenderError

HEAD = "---\nsubject: Bonjour\n---\n"
HELLO = "Bonjour{% if customer.first_name %} {{ customer.first_name }}{% endif %},"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("fr-CH", "suisse"),
        ("fr_ch", "suisse"),
        ("FR-BE", "francais"),
        ("en-GB", "english"),
        ("es", "francais"),  # the workspace's locale
        (None, "francais"),
        ("not a locale", "francais"),
    ],
)
def test_a_customer_gets_the_nearest_locale(make, wanted, expected):
    files = {"fr-CH": "suisse", "fr": "francais", "en": "english"}
    templates = make({f"a/sms.{locale}.txt": text for locale, text in files.items()})
    assert templates.render("a", "sms", locale=wanted, values={}).text == expected
    assert templates.locales("a", "sms") == ("en", "fr", "fr-CH")


def test_without_the_workspace_s_locale_the_file_that_names_none_is_taken_then_any(make):
    templates = make({"a/sms.txt": "neutral", "a/sms.en.txt": "english", "b/sms.de.txt": "deutsch"})
    assert templates.render("a", "sms", locale="es", values={}).text == "neutral"
    assert templates.render("b", "sms", locale="es", values={}).text == "deutsch"


def test_a_missing_value_stops_the_message_and_never_prints_none(sms):
    with pytest.raises(RenderError) as caught:
        sms("Bonjour {{ customer.first_name }}", customer={"first_name": None})
    assert str(caught.value) == (
        "templates/note/sms.txt:1:12: 'customer.first_name' has no value for this customer "
        '(write customer.first_name|default("…") or {% if customer.first_name %})'
    )


@pytest.mark.parametrize("missing", [None, "", "   ", float("nan")])
def test_a_template_can_say_what_to_do_without_a_value(sms, missing):
    text = HELLO + ' {{ customer.first_name|default("vous") }}'
    assert sms(text, customer={"first_name": missing}) == "Bonjour, vous"
    assert sms(text, customer={"first_name": "Zoé"}) == "Bonjour Zoé, Zoé"


@pytest.mark.parametrize("filter_", ["money", "number", "percent", "date", "datetime", "upper"])
def test_a_missing_value_says_so_through_every_filter(sms, filter_):
    with pytest.raises(RenderError, match=r"'order.last' has no value"):
        sms(f"{{{{ order.last|{filter_} }}}}", order={"last": None})


@pytest.mark.parametrize("test", ["> 1", "< 1", "== 1", "== 'x'", ">= 0", "<= 0"])
def test_a_missing_value_fails_every_comparison_as_in_conditions(sms, test):
    text = f"{{% if order.average {test} %}}yes{{% else %}}no{{% endif %}}"
    assert sms(text, order={"average": None}) == "no"


def test_a_value_that_was_not_handed_over_is_reported_with_the_nearest_name(sms):
    with pytest.raises(RenderError) as caught:
        sms("Bonjour\n{{ customer.first_nam }}", customer={"first_name": "Zoé"})
    assert str(caught.value) == (
        "templates/note/sms.txt:2:4: 'customer.first_nam' is not defined "
        "(did you mean customer.first_name?)"
    )


def test_default_does_not_hide_a_misspelt_name(sms):
    with pytest.raises(RenderError, match=r"'customer.nick' is not defined"):
        sms("{{ customer.nick|default('x') }}", customer={"first_name": "Zoé"})


def test_values_may_be_nested_or_dotted(sms):
    text = "{{ customer.first_name }} {{ order.count }}"
    assert sms(text, customer={"first_name": "Zoé"}, order={"count": 3}) == "Zoé 3"
    assert sms(text, **{"customer.first_name": "Zoé", "order.count": 3}) == "Zoé 3"


def test_an_email_has_subject_html_text_and_sender(make):
    templates = make(
        {
            "a/email.html": "---\n"
            "subject: Merci {{ customer.first_name }}\n"
            "preheader: À lire {{ customer.first_name }}\n"
            "from: La Boutique <bonjour@boutique.example>\n"
            "---\n"
            "<style>p{color:red} a:hover{color:blue}</style>"
            '<p>Bonjour {{ customer.first_name }}</p><a href="{{ brand.url }}">Voir</a>'
        }
    )
    got = templates.render("a", "email", locale="fr", values={"customer.first_name": "D&D"})
    assert got.subject == "Merci D&D"
    assert got.sender == "La Boutique <bonjour@boutique.example>"
    assert '<p style="color: red;">Bonjour D&amp;D</p>' in got.html
    assert "a:hover" in got.html
    assert got.html.index("À lire D&amp;D") < got.html.index("Bonjour")
    assert got.text == "Bonjour D&D\n\nVoir (https://boutique.example)\n"


def test_html_says_its_language_direction_and_character_set(make):
    templates = make(
        {"a/email.ar.html": f"{HEAD}<p>مرحبا 👋</p>", "a/email.fr.html": f"{HEAD}<p>Ça va</p>"}
    )
    arabic = templates.render("a", "email", locale="ar", values={})
    french = templates.render("a", "email", locale="fr", values={})
    assert arabic.html.startswith('<!DOCTYPE html><html lang="ar" dir="rtl">')
    assert '<meta charset="utf-8">' in arabic.html
    assert '<html lang="fr" dir="ltr">' in french.html
    assert arabic.text == "مرحبا 👋\n"


def test_mjml_says_its_language_too(make):
    mjml = "<mjml><mj-body><mj-section><mj-column><mj-text>שלום</mj-text></mj-column></mj-section></mj-body></mjml>"
    got = make({"a/email.he.mjml": HEAD + mjml}).render("a", "email", locale="he", values={})
    assert '<html lang="he" dir="rtl"' in got.html
    assert 'lang="und"' not in got.html
    assert "שלום" in unescape(got.html)


@pytest.mark.parametrize(
    "evil", ["x\r\nBcc: spy@evil.example", "x\nBcc: y", "x\u2028y", "x\x00\x0by"]
)
def test_no_value_can_add_a_header(make, evil):
    templates = make(
        {
            "a/email.html": "---\nsubject: Bonjour {{ customer.first_name }}\n"
            "preheader: P {{ customer.first_name }}\n---\n<p>x</p>"
        }
    )
    got = templates.render("a", "email", locale=None, values={"customer": {"first_name": evil}})
    assert got.subject.startswith("Bonjour x ")
    assert len(got.subject.splitlines()) == 1
    assert not any(ord(character) < 32 for character in got.subject)


def test_a_subject_of_several_lines_becomes_one(make):
    templates = make({"a/email.html": "---\nsubject: {{ 'a\\nb\\r\\nc' }}\n---\n<p>x</p>"})
    assert templates.render("a", "email", locale=None, values={}).subject == "a b c"


def test_values_cannot_bring_markup_or_jinja(make):
    evil = "<script>alert(1)</script>{{ 7 * 7 }}{% endif %}"
    templates = make(
        {"a/email.html": f"{HEAD}<p title='{{{{ customer.x }}}}'>{{{{ customer.x }}}}"}
    )
    got = templates.render("a", "email", locale=None, values={"customer.x": evil})
    assert "<script" not in got.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}{% endif %}" in got.html
    assert evil in got.text


def test_a_value_in_quotes_stays_in_its_attribute(make):
    templates = make({"a/email.html": f'{HEAD}<a href="{{{{ customer.x }}}}">go</a>'})
    values = {"customer.x": '" onmouseover="alert(1)'}
    got = templates.render("a", "email", locale=None, values=values)
    assert 'onmouseover="' not in got.html


def test_a_hand_written_text_part_goes_before_the_made_one(make):
    templates = make(
        {
            "a/email.fr.html": f"{HEAD}<p>made</p>",
            "a/email.fr.txt": "Bonjour {{ customer.first_name }} & co\n\n\n\n\nfin  \n",
            "a/email.en.html": f"{HEAD}<p>made</p>",
        }
    )
    values = {"customer.first_name": "D'Arc"}
    assert (
        templates.render("a", "email", locale="fr", values=values).text
        == "Bonjour D'Arc & co\n\nfin\n"
    )
    assert templates.render("a", "email", locale="en", values=values).text == "made\n"


def test_amounts_and_dates_are_written_as_the_customer_writes_them(sms):
    text = "{{ order.sum|money }}|{{ order.last|date }}|{{ order.last|datetime('short') }}|{{ order.average|percent(1) }}|{{ order.count|number }}"
    values = {
        "sum": Decimal("1234.5"),
        "last": datetime(2026, 1, 31, 23, 30, tzinfo=UTC),
        "average": 0.125,
        "count": 12345,
    }
    assert sms(text, locale="fr", order=values) == (
        "1 234,50 €|1 février 2026|01/02/2026 00:30|12,5 %|12 345"
    )
    assert sms(text, locale="en-US", order=values).startswith("€1,234.50|February 1, 2026|")


def test_a_day_is_the_day_on_the_customer_s_calendar(sms):
    last = "2026-01-31T23:30:00+00:00"
    text = "{{ order.last|date('d MMM') }}"
    assert sms(text, order={"last": last}) == "1 févr."
    tokyo = {"timezone": "America/New_York"}
    assert sms(text, order={"last": last}, customer=tokyo) == "31 janv."
    assert sms(text, order={"last": last}, customer={"timezone": "Mars/Base"}) == "1 févr."


def test_dates_before_1970_and_text_from_json_are_written_too(sms):
    assert sms("{{ customer.born|date }}", customer={"born": date(1931, 5, 7)}) == "7 mai 1931"
    assert sms("{{ customer.born|date }}", customer={"born": "1931-05-07"}) == "7 mai 1931"
    assert sms("{{ order.sum|money('usd') }}", order={"sum": "12.345"}, locale="en") == "$12.34"


def test_an_sms_has_no_no_break_spaces_that_would_halve_it(sms):
    assert sms("{{ order.sum|money }}\u00a0!", order={"sum": 1234}) == "1 234,00 € !"


def test_layouts_and_snippets_are_filled_by_block_include_and_extends(make):
    templates = make(
        {
            "layouts/base.html": "<h1>{% block title %}Titre{% endblock %}</h1>"
            "{% block content %}{% endblock %}{% include 'snippets/end.html' %}",
            "layouts/mid.html": "{% extends 'layouts/base.html' %}"
            "{% block title %}[{{ super() }}]{% endblock %}",
            "snippets/end.html": "<i>fin</i>",
            "snippets/end.en.html": "<i>end</i>",
            "a/email.fr.html": "---\nsubject: x\nlayout: base\n---\n<p>corps</p>",
            "a/email.en.html": "---\nsubject: x\n---\n{% extends 'layouts/mid.html' %}"
            "{% block title %}{{ super() }}!{% endblock %}{% block content %}<p>body</p>{% endblock %}",
        }
    )
    assert templates.check() == []
    french = templates.render("a", "email", locale="fr", values={})
    english = templates.render("a", "email", locale="en", values={})
    assert french.text == "Titre\n\ncorps\n\nfin\n"
    assert english.text == "[Titre]!\n\nbody\n\nend\n"


def test_names_come_from_every_locale_layout_and_snippet_without_brand_and_message(make):
    templates = make(
        {
            "layouts/base.html": "{{ brand.name }}{{ order.last|date }}{% block content %}{% endblock %}",
            "snippets/hi.html": "{% if customer.first_name %}{{ customer['first_name'] }}{% endif %}",
            "a/email.fr.html": "---\nsubject: '{{ order.count }}'\nlayout: base\n---\n{% include 'snippets/hi.html' %}",
            "a/email.en.html": f"{HEAD}{{{{ message.id }}}}{{% for n in range(3) %}}{{{{ n }}}}{{% endfor %}}",
            "a/email.en.txt": "{{ order.sum|money }}",
        }
    )
    assert templates.names("a", "email") == {
        "order.last", "customer.first_name", "order.count", "order.sum",
    }  # fmt: skip


def test_the_fingerprint_changes_with_anything_that_can_be_sent_and_nothing_else(make):
    files = {
        "layouts/base.html": "{% block content %}{% endblock %}{{ brand.name }}",
        "layouts/other.html": "{% block content %}{% endblock %}",
        "a/email.html": "---\nsubject: x\nlayout: base\n---\n<p>a</p>",
        "b/email.html": "---\nsubject: x\n---\n<p>b</p>",
    }
    before = make(files).texts()
    assert set(before) == {("a", "email"), ("b", "email")}
    unused = make({**files, "layouts/other.html": "changed"}).texts()
    assert unused == before
    layout = make({**files, "layouts/base.html": "new {% block content %}{% endblock %}"}).texts()
    assert layout["a", "email"] != before["a", "email"]
    assert layout["b", "email"] == before["b", "email"]
    comment = make({**files, "b/email.html": "---\nsubject: x\n---\n<p>b</p>{# note #}"}).texts()
    assert comment == before
    subject = make({**files, "b/email.html": "---\nsubject: y\n---\n<p>b</p>"}).texts()
    assert subject["b", "email"] != before["b", "email"]


def test_a_template_that_does_not_exist_is_named_with_the_nearest(make):
    templates = make({"welcome/sms.txt": "x"})
    with pytest.raises(RenderError) as caught:
        templates.render("welcom", "sms", locale=None, values={})
    assert str(caught.value) == (
        "templates/welcom: there is no sms template of this name (did you mean welcome?)"
    )


def test_neither_the_error_nor_a_repr_shows_a_value(make: Callable):
    templates = make(
        {"a/sms.txt": "{{ customer.secret|money }}", "b/sms.txt": "{{ customer.secret }}"}
    )
    values = {"customer.secret": "0612345678"}
    with pytest.raises(RenderError) as caught:
        templates.render("a", "sms", locale=None, values={"customer.secret": "Jeanne"})
    assert "Jeanne" not in str(caught.value)
    assert "money needs a number" in str(caught.value)
    assert "0612345678" not in repr(templates.render("b", "sms", locale=None, values=values))
