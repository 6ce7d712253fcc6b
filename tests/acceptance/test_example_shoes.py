"""The shoe shop of examples/shoes: its data is made here, the command line does the rest."""

from __future__ import annotations

import csv
import email
import random
import shutil
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from email import policy
from pathlib import Path

import pytest

from newcomer import call

EXAMPLE = Path(__file__).parents[2] / "examples/shoes"
BASELINE, BEFORE_LOGIN, AFTER_LOGIN, MERGED = (f"2026-03-0{day}T08:00" for day in (2, 3, 4, 6))
Rows = list[dict[str, str]]


def write(folder: Path, name: str, rows: Rows) -> None:
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def customer(key: str, name: str, lang: str = "en", *, newsletter: str = "yes") -> dict[str, str]:
    return {"customer_id": key, "email": f"{name.lower()}@customers.example", "lang": lang,
            "newsletter": newsletter, "first_name": name}  # fmt: skip


def visit(who: str, at: str, category: str, size: str) -> dict[str, str]:
    return {"visitor_or_customer": who, "seen_at": at, "category": category, "size": size}


def twice(who: str, day: str, size: str) -> Rows:
    return [visit(who, f"{day} 18:0{n}", "hiking", size) for n in (1, 7)]


def passers_by(rows: int) -> tuple[Rows, Rows]:
    """Some hundred others who look at other shoes, and buy."""
    draw = random.Random(43)
    visits, orders = [], []
    for _ in range(rows):
        at = datetime(2026, 1, 1, 9) + timedelta(minutes=draw.randrange(60 * 24 * 60))  # noqa: DTZ001
        who = draw.choice((f"web-{draw.randrange(400)}", f"C{1000 + draw.randrange(200)}"))
        visits.append(visit(who, f"{at}", draw.choice(("running", "town", "sandals")), "41"))
        if who.startswith("C"):
            orders.append({"customer_id": who, "ordered_at": f"{at}", "total": "79.90",
                           "category": "running"})  # fmt: skip
    return visits, orders


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shoes") / "shop"
    shutil.copytree(EXAMPLE, root)
    data = root / "data"
    data.mkdir()
    visits, orders = passers_by(600)
    write(data, "customers", [
        customer("C0043", "Hugo"),
        customer("C0044", "Lena", "fr"),
        customer("C0045", "Paul"),
        customer("C0046", "Quentin", newsletter="no"),
        customer("C0047", "Rosa"),
        customer("C0048", "Rosa"),
        *(customer(f"C{1000 + n}", f"Someone{n}") for n in range(200)),
    ])  # fmt: skip
    write(data, "web_visits", [
        *twice("web-hugo", "2026-03-02", "43"),
        *twice("web-lena", "2026-03-02", "38"),
        visit("C0044", "2026-03-03 19:00", "hiking", "39"),  # logged in by then
        *twice("web-paul", "2026-03-02", "44"),
        *twice("web-quentin", "2026-03-02", "42"),
        *twice("C0047", "2026-03-02", "37"),
        *visits,
    ])  # fmt: skip
    write(data, "orders", [
        {"customer_id": "C0045", "ordered_at": "2026-03-03 20:00", "total": "149.00",
         "category": "hiking"},
        *orders,
    ])  # fmt: skip
    write(data, "logins", [
        {"visitor": f"web-{name}", "customer_id": key, "logged_in_at": "2026-03-03 12:00"}
        for name, key in (("hugo", "C0043"), ("lena", "C0044"), ("paul", "C0045"),
                          ("quentin", "C0046"))
    ])  # fmt: skip
    write(data, "merged_customers", [{"old_id": "C0999", "kept_id": "C0998"}])
    return root


def run(shop: Path, *words: str) -> Mapping[str, object]:
    answer = call(*words, "--workspace", str(shop), "--json")
    assert answer.code == 0, answer.err
    return answer.json()


def entered(shop: Path, at: str) -> int:
    (trigger,) = run(shop, "tick", "--at", at)["triggers"]
    return trigger["treated"]


def letters(shop: Path, before: Iterable[Path] = ()) -> dict[str, tuple[str, str]]:
    """To whom each letter goes: its subject and its text."""
    found = {}
    for path in sorted(set((shop / "outbox").rglob("*.eml")) - set(before)):
        message = email.message_from_bytes(path.read_bytes(), policy=policy.default)
        text = message.get_body(("plain",)).get_content()
        found[message["To"]] = (message["Subject"], " ".join(text.split()))
    return found


def test_who_looked_before_the_login_hears_about_those_shoes_in_that_size(shop: Path) -> None:
    told = [p["message"] for p in run(shop, "check") if not p["warning"]]
    assert told == []
    assert entered(shop, BASELINE) == 0
    assert entered(shop, BEFORE_LOGIN) == 1  # Rosa, who was logged in from the beginning
    assert entered(shop, AFTER_LOGIN) == 2  # Hugo and Lena: Paul bought, Quentin said no
    call("deliver", "--workspace", str(shop), "--at", AFTER_LOGIN)
    sent = letters(shop)
    assert set(sent) == {f"{name}@customers.example" for name in ("hugo", "lena", "rosa")}
    subject, text = sent["hugo@customers.example"]
    assert subject == "Your hiking shoes in size 43"
    assert "Hello Hugo, you looked at hiking shoes in size 43 on 2 March." in text
    subject, text = sent["lena@customers.example"]
    assert subject == "Vos chaussures hiking en 39"  # the last visit's size, and her language
    assert "3 mars" in text

    # Rosa has two accounts, which the shop now merges: she has had her letter
    rows = [{"old_id": "C0047", "kept_id": "C0048"}]
    write(shop / "data", "merged_customers", rows)
    before = list((shop / "outbox").rglob("*.eml"))
    assert entered(shop, MERGED) == 0
    call("deliver", "--workspace", str(shop), "--at", MERGED)
    assert letters(shop, before) == {}
    history = run(shop, "why", "C0048")
    assert history["also"] == ["C0047"]
    assert [entry["trigger"] for entry in history["entries"]] == ["looked_at_shoes"]


def test_the_data_map_of_the_shop_names_what_the_letters_need(shop: Path) -> None:
    found = run(shop, "data-map")
    uses = {
        (each["table"], each["column"]): {(u["kind"], u["name"]) for u in each["used_by"]}
        for each in found["columns"]
    }
    template = ("template", "looked_at_shoes (email)")
    assert template in uses["web_visits", "size"]
    assert uses["web_visits", "category"] >= {
        template, ("segment", "looked_at_hiking_shoes"), ("trigger", "looked_at_shoes"),
    }  # fmt: skip
    assert uses["logins", "visitor"] == {("identity", "")}
    assert not any(each["unused"] for each in found["columns"])
