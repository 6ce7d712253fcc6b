"""Valid files, damaged at random: the check always answers, and never with a traceback."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PATHS = ("config/relance.yaml", "config/segments.yaml", "triggers/thanks.yaml")
CRUMBS = st.one_of(
    st.sampled_from([
        "\t", "\0", "[", "]", "{", "}", "&a ", "*a", "<<: ",
        "!!x ", "- ", ": ", "\n", "#", "\u2028",
        "'", '"', "|", ">", "%", "@", "---\n", "? ", "${X}", "null", "true", "1e999", "-", "é",
        "\\UFFFFFFFF", "entry", "0 days", "all:", "segment: ", "99999999999999999999", "\ufeff",
    ]),
    st.text(max_size=6),
)  # fmt: skip
CUTS = st.tuples(st.sampled_from(PATHS), st.floats(0, 1), st.integers(0, 12), CRUMBS, st.booleans())


def damage(text: str, place: float, length: int, crumb: str, whole_line: bool) -> str:
    start = int(place * len(text))
    if whole_line:
        start = text.rfind("\n", 0, start) + 1
    return text[:start] + crumb + text[start + length :]


RELANCE = """\
  slack: {provider: outbox}
  whatsapp:
    provider: text
    token: "${X}"
    from: "+33700000000"
    rate: [10 per second, 5000 per day]
    daily_budget: 700
    tags: [a, b]
    fallback: {provider: outbox, from: "+33700000001", rate: 3}
limits:
  quiet_hours: {weekdays: 20:00-08:00, sunday: [00:00-12:00, 13:00-24:00], saturday: all day}
web: {public_url: "https://crm.shop.example", secret: "${X}", previous_secrets: ["${X}"], port: 80}
topics: {news: {fr: Nouveautés, en: News}, tips: Tips}
bounces: {soft: 3 per 30 days}
"""
TRIGGER = """\
  - wait: 5 days
  - send: {channel: sms, template: thanks, while_member: false, expires: never}
topic: news
while_member: true
expires: 3 days
"""


@pytest.fixture
def full_shop(shop):
    """A workspace that says most of what can be said."""
    shop.env = {"X": "0123456789abcdef"}
    more = "headers: {X-A: b, Precedence: bulk}, reply_to: a@b.example"
    shop.edit(PATHS[0], "  email: {provider", f"  email: {{{more}, provider")
    shop.add(PATHS[0], RELANCE)
    shop.add(PATHS[2], TRIGGER)
    return shop


def test_what_is_damaged_was_whole(full_shop) -> None:
    assert full_shop.problems() == []


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(CUTS, min_size=1, max_size=4))
def test_a_damaged_workspace_is_answered_with_problems(full_shop, cuts) -> None:
    shop = full_shop
    originals = {path: (shop.root / path).read_text() for path in PATHS}
    try:
        for path, *cut in cuts:
            text = damage((shop.root / path).read_bytes().decode(), *cut)
            shop.write(path, text.encode("utf-8", "replace"))
        loaded = shop.load()
        errors = [problem for problem in loaded.problems if not problem.warning]
        assert (loaded.workspace is None) == bool(errors)
        for problem in loaded.problems:
            assert problem.path in {*PATHS, "triggers"}
            assert problem.message
            assert str(problem).isprintable()
            lines = (shop.root / problem.path).read_bytes().count(b"\n") + 2
            assert 0 <= problem.line <= lines + 5
    finally:
        for path, text in originals.items():
            shop.write(path, text)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=200))
def test_any_bytes_are_answered_with_problems(shop, content: bytes) -> None:
    shop.write("triggers/thanks.yaml", content)
    loaded = shop.load()
    assert loaded.workspace is None
    assert loaded.problems
