"""A mistake in a template is shown where it is, before anything is sent."""

# ruff: noqa: E501  a template and what it becomes read best on one line each

from zoneinfo import ZoneInfo

import pytest

from relance.errors import RenderError
from relance.rendering import Templates

HEAD = "---\nsubject: x\n---\n"
MJML = "<mjml><mj-body>{}</mj-body></mjml>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n  {{ first_name }}", "2:6: 'first_name' is not defined (did you mean customer.first_name?)"),
        ("{{ custmer.first_name }}", "1:4: 'custmer.first_name' is not defined (did you mean customer.first_name?)"),
        ("{{ order.cuont }}", "1:4: 'order.cuont' is not defined (did you mean order.count?)"),
        ("{{ message.trigr }}", "1:4: 'message.trigr' is not defined (did you mean message.trigger?)"),
        ("{{ brand.nmae }}", "1:4: 'brand.nmae' is not defined (did you mean brand.name?)"),
        ("{{ customer }}", "1:4: 'customer' holds several values (write customer.name)"),
        ("{{ customer.first_name.upper }}", "1:4: 'customer.first_name.upper' goes too deep: a value is group.name (write customer.first_name|upper)"),
        ("{{ customer.first_name.upper() }}", "1:4: customer.first_name.upper(): a template cannot call anything (use the filter |upper)"),
        ("é {{ order.sum|monye }}", "1:15: |monye: unknown filter (did you mean money?)"),
        ("{{ customer.x|safe }}", "1:14: |safe: unknown filter (values are always escaped; markup belongs into the template)"),
        ("a\n{% fro x in y %}", "2:1: fro: not a statement of a template (did you mean for?)"),
        ("{% import 'x' as y %}", "1:1: import: not a statement of a template (if, for, set, with, block, extends and include are)"),
        ("{% if a %}{% endif %}", "1:7: 'a' is not defined (did you mean customer.a?)"),
        ("{{ order.firstname }}", "1:4: 'order.firstname' is not defined (did you mean order.first?)"),
        ("\n\n  {{ customer.first_name", "3:3: the '{{' that opens here is never closed"),
        ("a {# b", "1:3: the '{#' that opens here is never closed"),
        ("{{ customer.first_name | }}", "1:1: expected token 'name', got 'end of print statement'"),
        ("x\n{% if customer.a %}\ny", "2:1: unexpected end of template"),
        ("{% if order.count is evenn %}{% endif %}", "1:19: evenn: unknown test (did you mean even?)"),
        ("a\n" + "{% for a in [1] %}" * 25 + "{% endfor %}" * 25, "1:1: statements or brackets are nested too deep"),
        ("{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}", "1:1: "),
        ("a\n{% for x in [1] %}{% set loop = 1 %}{% endfor %}", "2:"),
        ("a\n{% set customer.x = 1 %}", "2:8: customer.x: this name cannot be set"),
        ("{{ order.sum|money(1, 2, 3) }}", "1:1: "),
        ("{% endblock %}", "1:1: {% endblock %} closes nothing"),
        ("{% block a %}", "1:1: block a is never closed with {% endblock %}"),
        ("{% block a-b %}{% endblock %}", "1:1: write it as {% block name %}"),
        ("{% include x %}", '1:1: write it as {% include "path" %}'),
        ('{% include "snippets/fotter.txt" %}', "1:1: there is no templates/snippets/fotter.txt (did you mean snippets/footer.txt?)"),
        ("{% set customer = 1 %}", "1:8: customer: this name cannot be set"),
        ("{% for c in customer.x recursive %}{% endfor %}", "1:24: a loop cannot be recursive"),
        ("{{ customer['first' ~ 'x'] }}", "1:12: a value is named as group.name, not computed"),
        ("{{ order.sum|money('XXQ') }}", "1:1: 'XXQ' is not a currency (ISO 4217)"),
        ("{{ order.sum|number(99) }}", "1:1: the number of digits is 0 to 10"),
    ],
)  # fmt: skip
def test_a_mistake_has_its_line_and_column_and_a_way_out(make, text, expected):
    problems = make({"note/sms.txt": text, "snippets/footer.txt": "x"}).check()
    assert any(str(p).startswith(f"templates/note/sms.txt:{expected}") for p in problems), problems


@pytest.mark.parametrize("name", ["__class__", "_x", "__init__"])
@pytest.mark.parametrize(
    "text",
    ["{{{{ customer.{0} }}}}", "{{{{ customer['{0}'] }}}}", "{{{{ ''.{0} }}}}", "{{{{ customer.a.{0}.b }}}}", "{{{{ ('x')['{0}'] }}}}"],
)  # fmt: skip
def test_a_template_that_reaches_for_internals_is_refused_at_its_place(make, text, name):
    templates = make({"note/sms.txt": "ok\n" + text.format(name)})
    [problem] = templates.check()
    assert problem.line == 2
    assert f"{name}: names do not begin with '_'" in problem.message
    with pytest.raises(RenderError, match="names do not begin with"):
        templates.render("note", "sms", locale=None, values={"customer": {"a": "x"}})


def test_a_mistake_in_a_snippet_or_layout_is_shown_in_that_file(make):
    problems = make(
        {
            "layouts/base.mjml": "<mjml>\n<mj-body>\n{% block content %}{% endblock %}\n"
            "{% include 'snippets/foot.mjml' %}</mj-body></mjml>",
            "snippets/foot.mjml": "<mj-section>\n<mj-column><mj-txet>\n  {{ nope }}"
            "</mj-txet></mj-column></mj-section>",
            "a/email.mjml": "---\nsubject: x\nlayout: base\n---\n",
        }
    ).check()
    assert [str(problem) for problem in problems] == [
        "templates/snippets/foot.mjml:2:12: <mj-txet>: unknown element (did you mean mj-text?)",
        "templates/snippets/foot.mjml:3:6: 'nope' is not defined (did you mean customer.nope?)",
    ]


def test_all_mistakes_of_all_files_come_at_once_in_file_order(make):
    problems = make(
        {
            "a/sms.fr.txt": "{{ nope }} {{ order.sum|monye }}\n{{ brand.x }}",
            "a/sms.en.txt": "{% if %}",
            "b/email.html": "---\nsubjet: x\nsubject: {{ y }}\nsubject: z\nwhat\n---\n<p>",
        }
    ).check()
    assert [str(problem).split(" (")[0] for problem in problems] == [
        "templates/a/sms.en.txt:1:1: expected an expression, got 'end of statement block'",
        "templates/a/sms.fr.txt:1:4: 'nope' is not defined",
        "templates/a/sms.fr.txt:1:24: |monye: unknown filter",
        "templates/a/sms.fr.txt:2:4: 'brand.x' is not defined",
        "templates/b/email.html:2:1: subjet: unknown key",
        "templates/b/email.html:3:13: 'y' is not defined",
        "templates/b/email.html:4:1: subject: given twice",
        "templates/b/email.html:5:1: this line is not `key: value`",
    ]


def test_names_that_the_data_does_not_have_are_mistakes_when_the_data_is_known(make):
    templates = make(
        {"a/sms.txt": "{{ customer.first_nam }}\n{{ visit.last|date }}{{ order.count }}"}
    )
    assert templates.check() == []
    assert [str(p) for p in templates.check({"customer.first_name", "order.count"})] == [
        "templates/a/sms.txt:1:4: 'customer.first_nam' is not defined (did you mean customer.first_name?)",
        "templates/a/sms.txt:2:4: 'visit.last' is not defined",
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (MJML.format("<mj-section>\n<mj-colum></mj-colum></mj-section>"), "5:1: <mj-colum>: unknown element (did you mean mj-column?)"),
        (MJML.format("<mj-section><mj-column></mj-section>"), "4:28: <mj-column> is never closed"),
        (MJML.format("</mj-text>"), "4:16: </mj-text> closes nothing"),
        (MJML.format("<mj-text>x</mj-text>"), "4:16: <mj-text> cannot stand in <mj-body>"),
        (MJML.format("<mj-include path='x' />"), "4:16: mj-include is not read (write {% include"),
        ("<mjml><mj-body>", "4:1: <mjml> is never closed"),
        ("<p>hello</p>", "4:1: an MJML file begins with <mjml> (or use a layout)"),
    ],
)  # fmt: skip
def test_mistakes_in_mjml_are_located(make, body, expected):
    problems = make({"a/email.mjml": HEAD + body}).check()
    assert any(str(p).startswith(f"templates/a/email.mjml:{expected}") for p in problems), problems


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a/email.html": "<p>x"}, "a/email.html:1:1: an e-mail needs a `subject:`"),
        ({"a/email.html": "---\nsubject: x\n<p>x"}, "a/email.html:1:1: the front matter that opens here is never closed"),
        ({"a/email.html": "---\nsubject: x\nfrom: La Boutique\n---\n"}, "a/email.html:3:7: from: not an address"),
        ({"a/email.html": "---\nsubject: x\nlayout: bsae\n---\n", "layouts/base.html": "x"}, "a/email.html:3:9: there is no templates/layouts/bsae.html (did you mean layouts/base.html?)"),
        ({"a/email.html": HEAD, "a/email.mjml": HEAD + MJML}, "a/email.mjml: templates/a/email.html says the same"),
        ({"a/email.txt": "x"}, "a/email.txt: a text part needs email.html or email.mjml"),
        ({"a/emial.html": "x"}, "a/emial.html: warning: not read"),
        ({"a/email.fr.mjm": "x"}, "a/email.fr.mjm: warning: not read"),
        ({"a/b/sms.txt": "x"}, "a/b/sms.txt: a template is a file such as"),
        ({"a/sms.txt": "x" * 1_000_001}, "a/sms.txt: larger than 1,000,000 bytes"),
        ({"a/sms.txt": "---\nsubject: x\n---\nhello"}, "a/sms.txt:2:1: subject: unknown key"),
    ],
)  # fmt: skip
def test_mistakes_in_files_and_front_matter_are_located(make, files, expected):
    problems = make(files).check()
    assert any(str(p).startswith(f"templates/{expected}") for p in problems), problems


def test_a_file_that_is_not_utf_8_is_named(make, tmp_path):
    make({"a/sms.txt": "x"})
    (tmp_path / "templates/a/sms.txt").write_bytes("é".encode("latin-1"))
    [problem] = make({}).check()
    assert str(problem) == "templates/a/sms.txt: not UTF-8 (byte 1); save it as UTF-8"


@pytest.mark.parametrize(
    "files",
    [
        {"snippets/a.txt": "{% include 'snippets/b.txt' %}", "snippets/b.txt": "{% include 'snippets/a.txt' %}"},
        {"snippets/a.txt": "{% include 'snippets/a.txt' %}"},
        {"snippets/a.txt": "x" * 999 + "{% include 'snippets/b.txt' %}" * 40, "snippets/b.txt": "{% include 'snippets/c.txt' %}" * 40, "snippets/c.txt": "y"},
    ],
)  # fmt: skip
def test_snippets_that_include_themselves_or_each_other_without_end_are_refused(make, files):
    [problem] = make({"a/sms.txt": "{% include 'snippets/a.txt' %}", **files}).check()
    assert "includes itself" in problem.message or "200 files" in problem.message


def test_a_block_that_the_layout_does_not_have_is_not_silently_lost(make):
    problems = make(
        {
            "layouts/base.html": "{% block content %}{% endblock %}{% block foot %}{% endblock %}",
            "a/email.html": "---\nsubject: x\nlayout: base\n---\nok\n{% block fot %}lost{% endblock %}",
            "b/email.html": HEAD
            + "{% extends 'layouts/base.html' %}\nlost\n{% block foot %}{% endblock %}",
            "c/email.html": HEAD
            + "{% extends 'layouts/base.html' %}{% block foot %}{% block foot %}{% endblock %}{% endblock %}",
        }
    ).check()
    assert [str(problem).split(" (")[0] for problem in problems] == [
        "templates/a/email.html:6:16: block fot is not in templates/layouts/base.html and would never be shown",
        "templates/b/email.html:5:1: this stands outside of every block and would never be shown",
        "templates/c/email.html:4:50: block foot stands inside itself",
    ]


def test_an_sms_of_several_messages_is_a_warning_that_says_why(make):
    templates = make(
        {
            "short/sms.txt": "à bientôt",
            "long/sms.txt": "a" * 161,
            "wide/sms.txt": "C’est prêt " + "a" * 70,
        }
    )
    assert [str(problem) for problem in templates.check()] == [
        "templates/long/sms.txt:1:1: warning: about 161 units in GSM-7: billed as 2 messages",
        "templates/wide/sms.txt:1:1: warning: about 81 units in UCS-2: billed as 2 messages (not in GSM-7: ’ (U+2019), ê (U+00EA))",
    ]


def test_rendering_a_template_with_mistakes_raises_the_first_one(make):
    templates = make({"a/sms.txt": "hello\n{{ nope }}"})
    with pytest.raises(RenderError) as caught:
        templates.render("a", "sms", locale=None, values={})
    assert caught.value.exit_code == 1
    assert (caught.value.problem.line, caught.value.problem.column) == (2, 4)


def test_while_the_brand_is_not_known_its_names_are_no_mistakes(make, tmp_path):
    make({"a/sms.txt": "{{ brand.anything }} {{ nope }}"})
    unknown = Templates(tmp_path, locale="fr", currency="EUR", zone=ZoneInfo("UTC"), brand=None)
    assert [problem.message for problem in unknown.check()] == ["'nope' is not defined"]
