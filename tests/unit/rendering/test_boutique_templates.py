"""La Boutique's letters are fit to be sent."""

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from relance.rendering import Encoding, Templates, sample_values, sms_length

ROOT = Path(__file__).parents[3]
LETTERS = [
    "back_on_their_own", "best_customers_leaving", "big_spender_thanks", "birthday",
    "new_customers_slow", "replenishment", "welcome", "win_back", "win_back_last_call",
]  # fmt: skip
KNOWN = {
    "customer.first_name", "customer.country", "customer.birth_date", "order.count", "order.sum",
    "order.last", "order.first", "order.average",
}  # fmt: skip
BRAND = {
    "name": "La Boutique", "tagline": "Belles choses", "url": "https://boutique.example",
    "address": "12 rue des Lilas", "support_email": "bonjour@boutique.example",
    "unsubscribe_url": "https://boutique.example/preferences",
}  # fmt: skip


@pytest.fixture(scope="module")
def templates() -> Templates:
    return Templates(ROOT, locale="fr", currency="EUR", zone=ZoneInfo("Europe/Paris"), brand=BRAND)


def test_they_check_clean_without_a_warning(templates):
    assert templates.check(KNOWN) == []


def test_every_letter_is_there_in_french_and_english(templates):
    expected = {(name, "email") for name in LETTERS} | {("best_customers_leaving_sms", "sms")}
    assert set(templates.texts()) == expected
    assert all(templates.locales(*key) == ("en", "fr") for key in expected)


@pytest.mark.parametrize("locale", ["fr", "en"])
@pytest.mark.parametrize("name", LETTERS)
def test_a_letter_says_who_writes_how_to_stop_and_greets_without_a_name(templates, name, locale):
    values = sample_values(templates.names(name, "email") | {"customer.first_name"})
    named = templates.render(name, "email", locale=locale, values=values)
    values["customer"]["first_name"] = None
    unnamed = templates.render(name, "email", locale=locale, values=values)
    for letter in (named, unnamed):
        for part in (letter.html, letter.text):
            assert BRAND["unsubscribe_url"] in part
            assert BRAND["address"] in part
            assert not re.search(r"None|zq[es]\d|\{[{%]", part)
        assert f'<html lang="{locale}" dir="ltr"' in letter.html
        assert len(letter.html.encode()) < 102_000  # Gmail cuts longer ones
        assert 5 < len(letter.subject) < 70
    assert not re.search(r" ,|  ", unnamed.text + unnamed.subject)


@pytest.mark.parametrize("locale", ["fr", "en"])
def test_the_text_message_is_billed_once(templates, locale):
    text = templates.render("best_customers_leaving_sms", "sms", locale=locale, values={}).text
    length = sms_length(text)
    assert (length.encoding, length.segments) == (Encoding.GSM_7, 1)
    assert "STOP" in text
