"""What an answer to a text message means."""

from __future__ import annotations

import pytest

from relance.domain.stop import wants_start, wants_stop


@pytest.mark.parametrize(
    "text",
    [
        "STOP", "stop", " Stop. ", "STOP!", "stop sms", "STOPSMS", "STOP 36180", "Arrêt", "ARRET",
        "arrêtez !", "Please STOP texting me", "unsubscribe", "Désabonner", "se désinscrire svp",
        "opt-out", "END", "quit", "ＳＴＯＰ", "stop\nmerci", "«STOP»",
    ],
)  # fmt: skip
def test_a_person_who_says_stop_is_heard(text: str) -> None:
    assert wants_stop(text)


@pytest.mark.parametrize(
    "text",
    [
        "nonstop", "Ouvert NONSTOP ?", "non-stop", "non stop", "stopped by yesterday", "stopper",
        "", "merci", "at the end of the week", "I cannot cancel my order", "bus-stops", "!!!",
        "le quitus", "unstop",
    ],
)  # fmt: skip
def test_other_answers_do_not_unsubscribe(text: str) -> None:
    assert not wants_stop(text)


@pytest.mark.parametrize("text", ["START", "start.", "Unstop", "reprendre"])
def test_a_person_may_ask_for_messages_again(text: str) -> None:
    assert wants_start(text)
    assert not wants_stop(text)


@pytest.mark.parametrize("text", ["starting when?", "do not start", "STOP START"])
def test_a_start_inside_a_sentence_asks_for_nothing(text: str) -> None:
    assert not wants_start(text)
