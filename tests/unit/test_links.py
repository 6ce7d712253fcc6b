"""Links back: signed for one purpose, opened by every secret that is still kept."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery_fakes import message
from relance.links import Grant, LinkMaker, Purpose
from relance.settings import Secret

OLD, NEW = Secret("an old secret of some length"), Secret("a new secret of some length")
BASE = "https://crm.boutique.example"
LINKS = LinkMaker(BASE, (NEW,), {"winback": "news"})


def token(links: LinkMaker = LINKS, **changes: object) -> str:
    return links.unsubscribe(message(7, **changes), "fr").rpartition("/")[2]


def test_a_link_says_who_where_why_and_in_which_language():
    link = LINKS.unsubscribe(message(7), "fr")
    assert link.startswith(f"{BASE}/u/")
    assert LINKS.open(Purpose.UNSUBSCRIBE, link.rpartition("/")[2]) == Grant(
        customer="c7", channel="email", message="m00007", locale="fr", topic="news"
    )


def test_a_public_address_below_a_path_is_kept():
    links = LinkMaker(BASE + "/crm/", (NEW,))
    link = links.preferences(message(), None)
    assert link.startswith(f"{BASE}/crm/p/")
    grant = links.open(Purpose.PREFERENCES, link.rpartition("/")[2])
    assert grant is not None
    assert links.path(Purpose.PREFERENCES, grant) == link.removeprefix(BASE)


def test_a_token_is_good_for_one_purpose():
    assert LINKS.open(Purpose.PREFERENCES, token()) is None


def test_the_same_message_always_has_the_same_link():
    assert token() == token()
    assert token() != token(customer="c8")


def test_an_older_secret_still_opens_and_a_dropped_one_does_not():
    old = token(LinkMaker(BASE, (OLD,)))
    both = LinkMaker(BASE, (NEW, OLD))
    assert both.open(Purpose.UNSUBSCRIBE, old) is not None
    assert LinkMaker(BASE, (NEW,)).open(Purpose.UNSUBSCRIBE, old) is None


def test_the_newest_secret_signs():
    new = token(LinkMaker(BASE, (NEW, OLD)))
    assert LinkMaker(BASE, (NEW,)).open(Purpose.UNSUBSCRIBE, new) is not None
    assert LinkMaker(BASE, (OLD,)).open(Purpose.UNSUBSCRIBE, new) is None


def test_a_link_without_a_secret_cannot_be_made():
    with pytest.raises(ValueError, match="secret"):
        LinkMaker(BASE, ())


def test_every_character_of_a_token_counts():
    genuine = token()
    for place in range(len(genuine) - 1):  # the last one also holds two bits of nothing
        other = "A" if genuine[place] != "A" else "B"
        forged = genuine[:place] + other + genuine[place + 1 :]
        assert LINKS.open(Purpose.UNSUBSCRIBE, forged) is None, place


@given(st.text(max_size=200) | st.text(string.ascii_letters + string.digits + "._-", max_size=200))
def test_junk_opens_nothing_and_raises_nothing(junk: str):
    assert LINKS.open(Purpose.UNSUBSCRIBE, junk) is None
    assert LINKS.open(Purpose.UNSUBSCRIBE, junk + token()) is None or not junk


def test_a_genuine_token_with_too_much_in_it_is_not_opened():
    assert LINKS.open(Purpose.UNSUBSCRIBE, token(customer="x y z" * 10)) is not None
    assert LINKS.open(Purpose.UNSUBSCRIBE, "A" * 50_000_000) is None


def test_a_customer_of_any_name_can_be_named():
    for customer in ("0", "a b/c?d#e", "é✓", "x" * 300, "camille@shop.example"):
        grant = LINKS.open(Purpose.UNSUBSCRIBE, token(customer=customer))
        assert grant is not None
        assert grant.customer == customer
