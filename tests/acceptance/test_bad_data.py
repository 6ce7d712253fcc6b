"""Customer data as it really comes: told clearly, nobody lost, nobody harmed by it."""

from __future__ import annotations

from html import unescape

import pytest

from desk import BOUGHT, DAYS, Desk, at_desk
from stage import CUSTOMER, RELANCE, TEMPLATE

desk = pytest.fixture(at_desk)

HEADER = ",".join(CUSTOMER) + "\n"
ANN = "ann,ann@example.com,+33612345678,Europe/Paris,true,Zoé,FR,1990-06-15\n"
ORDERS = "customer,at,total\nann,2026-02-01,10\n"
RICH = "{event: order, sum: {at_least: 100}}"

# what a file may hold: the line that check tells, and the sentence that ends a tick
REFUSED: dict[str, tuple[str, str | bytes, str, str]] = {
    "a customer without a key": (
        "customers", HEADER + ANN + ANN.replace("ann,", ",", 1),
        "config/relance.yaml:8:8: customers.key: ", "customers.id: 1 row without a key",
    ),
    "a key twice": (
        "customers", HEADER + ANN + ANN,
        "config/relance.yaml:8:8: customers.key: ",
        "customers.id: 1 row with the key of another row (each customer needs a key of its own)",
    ),
    "amounts with commas": (
        "orders", ORDERS + 'bob,2026-02-01,"1,234.50"\nbob,2026-02-02,"12,50"\n',
        "config/relance.yaml:16:62: events.order.amount: ",
        "orders.total: 2 rows are text that is not a number (numbers have a point and no",
    ),
    "amounts with a currency": (
        "orders", ORDERS + "bob,2026-02-01,€ 12\n",
        "config/relance.yaml:16:62: events.order.amount: ",
        "orders.total: 1 row is text that is not a number",
    ),
    "dates that are none": (
        "orders", ORDERS + "bob,31/31/2026,1\nbob,soon,1\nbob,2026-02-30,1\n",
        "config/relance.yaml:16:50: events.order.at: ",
        "orders.at: 3 rows are text that is not a date (dates are written 2026-11-21 or",
    ),
    "another name for a column": (
        "orders", ORDERS.replace("total", "totl"),
        "config/relance.yaml:16:62: events.order.amount: ",
        "table orders has no column 'total' (did you mean totl?)",
    ),
    "no header": (
        "customers", ANN * 3, "config/relance.yaml:8:8: customers.key: ",
        "table customers has no column 'id'",
    ),
    "an empty file": (
        "customers", "", "config/relance.yaml:8:8: customers.key: ",
        "table customers has no column 'id'",
    ),
    "rows of different lengths": (
        "orders", ORDERS + "bob,2026-02-01\n", "config/relance.yaml:5:9: source: ",
        "data/: table 'orders': the CSV cannot be read (it needs a header line, UTF-8, ",
    ),
    "bytes that are no text": (
        "customers", b"\x00\xff\xfe\x01" * 1000, "config/relance.yaml:5:9: source: ",
        "data/: table 'customers': the CSV cannot be read",
    ),
    "Latin-1": (
        "customers", (HEADER + ANN).encode("latin-1"), "config/relance.yaml:5:9: source: ",
        "data/: table 'customers': the CSV cannot be read",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_data_that_cannot_be_read_is_told_and_the_next_tick_catches_up(
    desk: Desk, case: str
) -> None:
    table, content, place, sentence = REFUSED[case]
    desk.trigger("rich", segment=RICH)
    desk.opened()
    desk.data(table, content)
    checked = desk.call("check")
    assert checked.code == 1
    assert any(line.startswith(place + sentence) for line in checked.out.splitlines()), checked.out
    desk.fails_whole(f"error: {sentence}")
    desk.publish()
    desk.catches_up()


def test_a_missing_table_is_told_with_the_one_that_is_meant(desk: Desk) -> None:
    desk.opened()
    (desk.root / "data/orders.csv").rename(desk.root / "data/order.csv")
    checked = desk.call("check", "--json")
    assert checked.code == 1
    (problem,) = checked.json()
    assert problem["where"] == "events.order.table"
    assert (problem["line"], problem["column"]) == (16, 18)
    assert problem["message"] == "data/: there is no table 'orders'"
    assert problem["hint"] == "did you mean order?"
    desk.fails_whole("there is no table 'orders' (did you mean order?)")
    (desk.root / "data/order.csv").rename(desk.root / "data/orders.csv")
    desk.catches_up()


def test_customers_that_are_all_gone_are_an_unfinished_export_and_no_farewell(desk: Desk) -> None:
    desk.opened()
    desk.data("customers", HEADER)
    checked = desk.call("check")
    assert checked.code == 0
    assert "customers.table: warning: table customers has no rows" in checked.out
    desk.fails_whole("table customers has no rows: everybody would leave every segment")
    desk.publish()
    desk.catches_up()


def test_tables_without_rows_are_no_mistake_before_anybody_is_there(desk: Desk) -> None:
    desk.data("customers", HEADER)
    desk.data("orders", "customer,at,total\n")
    assert desk.call("check").code == 0
    first = desk.call("tick", "--at", DAYS[0], "--json").json()
    assert first["triggers"][0]["members"] == 0
    desk.orders.clear()
    desk.order("bob")
    desk.publish()
    desk.catches_up()


# -- people


def let_in(desk: Desk, *triggers: str) -> None:
    """Everybody who is there orders, enters, and is written to."""
    for name, channel in zip(triggers, ("email", "sms"), strict=False):
        desk.trigger(
            name, segment=BOUGHT, steps=f"[{{send: {{channel: {channel}, template: hello}}}}]"
        )
    newcomers = [name for name in desk.customers if name != "ann"]
    assert desk.call("tick", "--at", DAYS[0]).code == 0
    desk.order(*newcomers)
    desk.publish()
    assert desk.call("tick", "--at", DAYS[1]).code == 0
    assert desk.call("deliver", "--at", DAYS[1]).code == 0


def test_nobody_without_an_address_or_a_consent_is_written_to_and_each_learns_why(
    desk: Desk,
) -> None:
    desk.arrive("silent", email="")
    desk.arrive("spaces", email="   ")
    desk.arrive("words", email="ask me later")
    desk.arrive("several", email="a@example.com, b@example.com")
    desk.arrive("named", email='"Zoé" <zoe@example.com>')
    desk.arrive("refuses", optin="false")
    desk.arrive("unasked", optin="")
    desk.arrive("unclear", optin="peut-être")
    let_in(desk, "hello")
    assert list(desk.mails()) == ["bob@example.com"]
    for who, reason in {
        "silent": "unreachable", "spaces": "unreachable", "words": "unreachable",
        "several": "unreachable", "named": "unreachable", "refuses": "no_consent",
        "unasked": "no_consent", "unclear": "no_consent",
    }.items():  # fmt: skip
        (refusal,) = desk.call("why", who, "--json").json()["refusals"]
        assert refusal["reason"] == reason
    checked = desk.call("check")
    assert checked.code == 0
    assert "customers.optin: 1 row say neither yes nor no (they count as no consent)" in checked.out


NUMBERS = {
    "06 12 34 56 78": "+33612345678",
    "(0)6.12.34.56.79": "+33612345679",
    "0033 6 12 34 56 80": "+33612345680",
    "+32 470 12 34 56": "+32470123456",
    "123": None,
    "call me": None,
    "06 12 34\n56 81": None,
    "+33612345678\r\nBcc: x": None,
    "": None,
}


def test_national_phone_numbers_are_read_in_their_region_and_odd_ones_are_refused(
    desk: Desk,
) -> None:
    desk.delete("bob")
    for place, number in enumerate(NUMBERS):
        desk.arrive(f"c{place}", mobile=number)
    let_in(desk, "mail", "text")
    sent = sorted(text.splitlines()[1].removeprefix("To: ") for text in desk.texts())
    assert sent == sorted(number for number in NUMBERS.values() if number)
    for place, number in enumerate(NUMBERS.values()):
        refusals = desk.call("why", f"c{place}", "--json").json()["refusals"]
        told = [(refusal["trigger"], refusal["reason"]) for refusal in refusals]
        assert told == ([] if number else [("text", "unreachable")])


ADDRESSES = (
    "eve@example.com\nBcc: all@example.com",
    "eve@example.com\r\nBcc: all@example.com\r\n\r\nBuy",
    "eve@example.com%0ABcc:all@example.com\x0b",
    "eve\r@example.com",
    "eve@example.com\u2028Bcc: all@example.com",
    "eve@exam\x00ple.com",
    "<eve@example.com>\tBcc",
)
NAMES = (
    "Eve\nBcc: all@example.com",
    "Eve\r\nBcc: all@example.com\r\n\r\nBuy now",
    "Eve\u2028Bcc: all@example.com\u2029\x0b\x0c\x1b[31m\x85X",
    "=?utf-8?q?Eve=0ABcc:_all@example.com?=",
    '"><script>alert(1)</script>{{ 7 * 7 }}{% for x in y %}',
    "x" * 3000,
)


def test_no_address_and_no_name_can_write_a_header(desk: Desk) -> None:
    desk.write("templates/hello/email.html", TEMPLATE.replace("\n---\n<", "\npreheader: "
               "{{ customer.first_name }}\n---\n<"))  # fmt: skip
    for place, address in enumerate(ADDRESSES):
        desk.arrive(f"a{place}", email=address)
    for place, name in enumerate(NAMES):
        desk.arrive(f"n{place}", first_name=name)
    let_in(desk, "hello")
    assert set(desk.mails()) == {
        "bob@example.com", *(f"n{place}@example.com" for place in range(len(NAMES))),
    }  # fmt: skip
    usual = {
        "from", "to", "subject", "message-id", "x-relance-message", "date", "mime-version",
        "content-type",
    }  # fmt: skip
    for path in desk.outbox():
        head = path.read_bytes().partition(b"\r\n\r\n")[0]
        lines = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").split(b"\r\n")
        assert {line.partition(b":")[0].decode().lower() for line in lines} <= usual, head
        assert not {b"\r", b"\n", b"\0"} & {bytes([b]) for line in lines for b in line}
        assert b"\n" not in head.replace(b"\r\n", b"")
        assert max(map(len, path.read_bytes().split(b"\r\n"))) <= 998  # RFC 5322, 2.1.1


def test_no_name_can_write_html(desk: Desk) -> None:
    desk.arrive("eve", first_name=NAMES[4])
    let_in(desk, "hello")
    part = desk.mails()["eve@example.com"].get_body(("html",))
    assert part is not None
    assert "&lt;script&gt;alert(1)" in part.get_content()
    assert "<script" not in part.get_content()
    assert "{{ 7 * 7 }}" in part.get_content()


def test_emoji_and_right_to_left_names_arrive_as_they_are(desk: Desk) -> None:
    names = ("Zoé 🎉👩‍👩‍👧", "שלום עמר", "مُحَمَّد", "Ναυσικᾶ", "Ngọc 🇻🇳", "山田 太郎", "O’Brien & Søn")
    for place, name in enumerate(names):
        desk.arrive(f"n{place}", first_name=name)
    let_in(desk, "hello")
    mails = desk.mails()
    for place, name in enumerate(names):
        mail = mails[f"n{place}@example.com"]
        assert not mail.defects
        assert mail["Subject"] == f"Bonjour {name}"
        for kind in ("plain", "html"):
            part = mail.get_body((kind,))
            assert part is not None
            content = part.get_content()
            read = unescape(content) if kind == "html" else content  # HTML's references
            assert f"Bonjour {name}" in read


# -- time


def test_orders_before_1970_count_like_any_other(desk: Desk) -> None:
    desk.trigger("moon", segment="{event: order, first: {before: 1970-01-01}}")
    desk.opened()
    desk.data("orders", "customer,at,total\nann,2026-02-01,1\nbob,1969-07-20 20:17:40,5\n")
    assert desk.call("check").code == 0
    ticked = desk.call("tick", "--at", DAYS[1], "--json").json()
    assert {one["name"]: one["entered"] for one in ticked["triggers"]} == {"hello": 1, "moon": 1}
    assert desk.call("members", "trigger/moon", "--json").json()["customers"] == ["bob"]


def test_whoever_was_born_before_1970_has_a_birthday_too(desk: Desk) -> None:
    desk.trigger(segment="{customer: country, is: FR}", on="{date: birth_date}")
    for who, born in {"ann": "1899-03-02", "bob": "1969-03-02"}.items():
        desk.change(who, birth_date=born)
    desk.arrive("eve", birth_date="1969-03-09")
    desk.arrive("sam", birth_date="")
    desk.publish()
    assert desk.call("check").code == 0
    assert desk.call("tick", "--at", DAYS[0]).code == 0
    assert desk.call("tick", "--at", DAYS[1]).code == 0
    assert desk.call("deliver", "--at", DAYS[1]).code == 0
    assert set(desk.mails()) == {"ann@example.com", "bob@example.com"}


def test_a_birthday_that_is_no_date_is_told_and_costs_nobody_else_theirs(desk: Desk) -> None:
    desk.trigger(segment="{customer: country, is: FR}", on="{date: birth_date}")
    desk.change("bob", birth_date="1990-03-02")
    desk.publish()
    assert desk.call("tick", "--at", DAYS[0]).code == 0
    desk.change("ann", birth_date="the fifteenth of June")
    desk.publish()
    told = "customers.birth_date: 1 row is text that is not a date"
    checked = desk.call("check")
    assert checked.code == 1
    assert f"triggers/hello.yaml:3:12: on.date: {told}" in checked.out
    desk.fails_whole(f"error: {told}")
    desk.change("ann", birth_date="1990-06-15")
    desk.publish()
    desk.catches_up(DAYS[2])


def test_a_letter_that_needs_a_value_nobody_gave_is_not_sent_and_says_where(desk: Desk) -> None:
    desk.write("templates/hello/email.html", TEMPLATE.replace(' | default("vous")', ""))
    desk.arrive("eve", first_name="")
    let_in(desk, "hello")
    assert list(desk.mails()) == ["bob@example.com"]
    (message,) = desk.call("why", "eve", "--json").json()["messages"]
    assert (message["state"], message["reason"]) == ("skipped", "template")


def test_a_column_that_is_not_there_is_told_with_the_one_that_is_meant(desk: Desk) -> None:
    desk.write("config/relance.yaml", RELANCE.replace("email: email", "email: mail"))
    checked = desk.call("check")
    assert checked.code == 1
    assert checked.out.startswith(
        "config/relance.yaml:9:10: customers.email: table customers has no column 'mail'"
        " (did you mean email?)"
    )
