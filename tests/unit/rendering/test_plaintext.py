"""The plain-text part reads like a letter."""

import pytest

from relance.rendering.plaintext import to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a</p><p>b</p>", "a\n\nb\n"),
        ("<div>a</div><div>b</div>", "a\nb\n"),
        ("a<br>b<br><br>c<br><br><br>d", "a\nb\n\nc\n\nd\n"),
        ("<p>  much \n white\tspace </p>", "much white space\n"),
        ("<b>bold</b> and <i>it</i>alic", "bold and italic\n"),
        ('<a href="https://x.example">here</a>.', "here (https://x.example).\n"),
        ('<a href="https://x.example">https://x.example</a>', "https://x.example\n"),
        ('<a href="mailto:a@x.example">a@x.example</a>', "a@x.example\n"),
        ('<a href="#top">top</a>', "top\n"),
        ('<a href="https://x.example"><img alt=""></a>', "https://x.example\n"),
        ('<a href="https://x.example"><img alt="Logo"></a>', "Logo (https://x.example)\n"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b\n"),
        ('<ol start="3"><li>a</li><li>b</li></ol>', "3. a\n4. b\n"),
        ("a<hr>b", "a\n\n---\n\nb\n"),
        ('<div style="display: none">x</div><p hidden>y</p>z', "z\n"),
        ("<head><title>t</title><style>p{}</style></head><script>s</script>a", "a\n"),
        ("<!-- c --><!--[if mso]><p>outlook</p><![endif]-->a", "a\n"),
        ("<table><tr><th>a</th><td>1</td></tr><tr><th>b</th><td>2</td></tr></table>", "a 1\nb 2\n"),
        ('<table role="presentation"><tr><td>a</td></tr><tr><td>b</td></tr></table>', "a\n\nb\n"),
        ("12\u00a0€ &amp; 3&nbsp;%", "12\u00a0€ & 3\u00a0%\n"),
        ("<p>a</p><td>&nbsp;</td><p>&#8202;</p><p>b</p>", "a\n\nb\n"),
        ("<p>مرحبا</p><p>👋🏽</p>", "مرحبا\n\n👋🏽\n"),
        ("</p></div>a</b>", "a\n"),
        ("", "\n"),
    ],
)
def test_html_becomes_readable_text(html, text):
    assert to_text(html) == text
