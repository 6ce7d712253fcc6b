"""A template can neither hang the worker, nor fill its memory, nor reach out of its values."""

import pytest

from relance.errors import RenderError


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in range(100000) %}x{% endfor %}",
        "{% for a in range(20000) %}{% for b in range(20000) %}{% endfor %}{% endfor %}",
        "{% for a in range(1000000000) %}{% endfor %}",
        "{% for a in range(9000) %}" + "y" * 1000 + "{% endfor %}",
        "{% set a = 'xxxxxxxxxxxxxxxx' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
        "{% set a = 'xxxxxxxxxxxxxxxx' %}" + "{% set a = a + a %}" * 40 + "{{ a }}",
        "{% set a = ['xxxxxxxxxxxxxxxx']|join %}" + "{% set a = [a, a]|join %}" * 40 + "{{ a }}",
        "{% set a = 'xxxxxxxxxxxxxxxx' %}" + "{% set a = a|replace('x', a) %}" * 9,
        "{% set a = 9 %}" + "{% set a = a * a %}" * 40,
        "{{ 9 ** 9 ** 9 }}",
        "{{ 'a' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ '%1000000000d' % 1 }}",
    ],
)
def test_a_template_that_would_run_or_grow_without_end_is_stopped(make, text):
    templates = make({"a/sms.txt": "ok\n" + text})
    problems = templates.check()
    assert problems
    assert all(problem.line == 2 for problem in problems)
    with pytest.raises(RenderError, match=r"a/sms\.txt:2:"):
        templates.render("a", "sms", locale=None, values={})


def test_a_value_of_a_megabyte_is_not_sent(sms):
    with pytest.raises(RenderError, match="longer than 1,000,000 characters"):
        sms("{{ customer.x }}{{ customer.x }}", customer={"x": "a" * 600_000})


def test_ordinary_loops_and_arithmetic_work(sms):
    text = (
        "{% set total = order.sum * 2 + 1 %}{{ total }} "
        "{% for n in range(3) %}{{ loop.index }}{% if not loop.last %}, {% endif %}{% endfor %} "
        "{{ 7 % 4 }} {{ 'a' ~ 1 ~ 'b' }} {{ ['x', 'y']|join('-') }} {{ 2 ** 5 }}"
        "{% for c in [] %}{% else %} none{% endfor %}"
    )
    assert sms(text, order={"sum": 10}) == "21 1, 2, 3 3 a1b x-y 32 none"


@pytest.mark.parametrize(
    "text",
    [
        "{{ cycler('a') }}", "{{ lipsum() }}", "{{ dict() }}", "{{ namespace() }}", "{{ self }}",
        "{{ customer.x.format(1) }}", "{{ 'a'.join(['b']) }}", "{{ range.mro() }}",
        "{{ customer|attr('x') }}", "{{ customer|map('x') }}", "{% macro f() %}{% endmacro %}",
        "{% include ['a'] %}", "{% from 'a' import b %}",
        "{% autoescape false %}{% endautoescape %}",
    ],
)  # fmt: skip
def test_what_jinja_has_beyond_text_and_values_is_not_there(mistakes, text):
    assert mistakes(text)


@pytest.mark.parametrize("name", ["keys", "items", "values", "get", "name", "update"])
def test_a_value_s_name_never_reaches_python_s_own_methods(sms, name):
    assert sms(f"{{{{ customer.{name} }}}}", customer={name: "mine"}) == "mine"
    with pytest.raises(RenderError, match="is not defined"):
        sms(f"{{{{ customer.{name} }}}}", customer={"x": "y"})


def test_escaping_holds_through_concatenation_and_join(make):
    templates = make(
        {
            "a/email.html": "---\nsubject: x\n---\n<p>{{ '<' ~ customer.x }}</p>"
            "<p>{{ [customer.x, '>']|join('&') }}</p><p>{{ customer.x|replace('a', '<i>') }}</p>"
        }
    )
    html = templates.render("a", "email", locale=None, values={"customer.x": "<a>"}).html
    assert "<p>&lt;&lt;a&gt;</p><p>&lt;a&gt;&amp;&gt;</p><p>&lt;&lt;i&gt;&gt;</p>" in html


def test_an_inline_if_without_else_gives_nothing(sms):
    text = "a{{ ' lot' if order.count > 3 }}"
    assert sms(text, order={"count": 1}) == "a"
    assert sms(text, order={"count": 5}) == "a lot"


def test_a_value_of_the_wrong_kind_is_reported_without_the_value(sms):
    with pytest.raises(RenderError) as caught:
        sms("{{ customer.x + 1 }}", customer={"x": "secret"})
    assert str(caught.value).endswith("cannot be computed with the customer's values (TypeError)")
