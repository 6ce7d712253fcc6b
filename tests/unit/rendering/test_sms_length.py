"""How many messages a text is billed as."""

import pytest

from relance.rendering import Encoding, sms_length


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("", "GSM-7", 0, 1),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("à é è ù ì ò ñ Ç £ ¿", "GSM-7", 19, 1),
        ("€" * 80, "GSM-7", 160, 1),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3),  # the escape is not cut off its character
        ("ê" * 70, "UCS-2", 70, 1),
        ("ê" * 71, "UCS-2", 71, 2),
        ("👋" * 35, "UCS-2", 70, 1),
        ("👋" * 67, "UCS-2", 134, 3),  # 33 whole ones fit into each part of 67 units
        ("مرحبا", "UCS-2", 5, 1),
    ],
)
def test_units_and_segments_are_counted_as_operators_do(text, encoding, units, segments):
    length = sms_length(text)
    assert (length.encoding, length.units, length.segments) == (encoding, units, segments)


def test_the_characters_that_halve_a_message_are_named_once_in_order():
    assert sms_length("l’été, ça prêt’").culprits == ("’", "ç", "ê")
    assert sms_length("all of it: {[~]} €").culprits == ()
    assert Encoding.UCS_2 == "UCS-2"
