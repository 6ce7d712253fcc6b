"""Which e-mail addresses and phone numbers can be written to."""

from __future__ import annotations

import pyarrow as pa
import pytest

from relance.pipeline.addresses import emails_ok, to_e164, to_e164_many


@pytest.mark.parametrize(
    "address",
    [
        "camille@boutique.example",
        "first.last+tag@sub.boutique.example",
        "o'neil@boutique.example",
        "a@müller.example",
        "a@xn--mller-kva.example",
        "a@例え.テスト",
        "x" * 64 + "@b.example",
    ],
)
def test_an_ordinary_address_can_be_written_to(address: str):
    assert emails_ok(pa.array([address])).to_pylist() == [True]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "camille",
        "@boutique.example",
        "camille@localhost",
        "camille@boutique..example",
        "camille@-boutique.example",
        "camille@boutique.example.",
        "camille@127.0.0.1",
        "camille@[127.0.0.1]",
        ".camille@boutique.example",
        "camille.@boutique.example",
        "two@at@boutique.example",
        "a, b@boutique.example",
        '"a b"@boutique.example',
        "Camille <camille@boutique.example>",
        " camille@boutique.example",
        "camille@boutique.example ",
        "camille@boutique.example\n",
        "camille@boutique.example\r\nBcc: x@y.example",
        "camille\n@boutique.example",
        "camille@boutique.example\u202e",
        "cam\u200bille@boutique.example",
        "camille@bou\u00a0tique.example",
        "café@boutique.example",
        "x" * 65 + "@b.example",
        "a@" + "x" * 64 + ".example",
        "a@" + "x." * 130 + "example",
    ],
)
def test_a_broken_or_tricky_address_is_refused(address: str):
    assert emails_ok(pa.array([address])).to_pylist() == [False]


def test_a_column_of_addresses_is_judged_at_once_and_a_missing_one_is_refused():
    column = pa.chunked_array([["a@b.example", None], ["no"], ["c@d.example"]], pa.string())
    assert emails_ok(column).to_pylist() == [True, False, False, True]
    assert emails_ok(pa.array([], pa.string())).to_pylist() == []


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("0033 6 12 34 56 78", "FR", "+33612345678"),
        ("+33 (0)6 12 34 56 78", None, "+33612345678"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("٠٦١٢٣٤٥٦٧٨", "FR", "+33612345678"),
        ("06 12 34 56 78", None, None),
        ("06 12 34 56", "FR", None),
        ("not a number", "FR", None),
        ("", "FR", None),
        ("0612345678", "XX", None),
        ("9" * 300, "FR", None),
    ],
)
def test_a_phone_number_becomes_e164_or_nothing(text: str, region: str | None, number: str | None):
    assert to_e164(text, region) == number


def test_national_numbers_are_read_with_the_region_of_each_customer():
    phones = pa.array(["0612345678", "07400 123456", None, "0612345678"])
    regions = pa.chunked_array([["FR", "GB"], ["FR", None]])
    assert to_e164_many(phones, regions) == ["+33612345678", "+447400123456", None, None]


@pytest.mark.parametrize(
    ("written", "region", "expected"),
    [
        ("06 39 98 12 34", "FR", "+33639981234"),
        ("+44 7700 900123", None, "+447700900123"),
        ("06 39 98 12", "FR", None),
        ("+44 7700 9001234", None, None),
    ],
)
def test_numbers_reserved_for_fiction_can_be_written_to(
    written: str, region: str | None, expected: str | None
) -> None:
    assert to_e164(written, region) == expected
