"""The pages behind the links: only a press of the button changes anything, and it can be undone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
import structlog

from front_fakes import PublicSide
from relance.domain.workspace import Topic
from relance.logs import Action

ONE_CLICK = b"List-Unsubscribe=One-Click"
MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
)
TOPICS = {
    "news": Topic(name="news", titles={"fr": "Nouveautés", "en": "What is new"}),
    "sales": Topic(name="sales", titles={"fr": "Soldes"}),
}


class Form(HTMLParser):
    """The first form of a page as a browser would send it back: its fields, its choices."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self.boxes: dict[str, bool] = {}
        self.actions: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        got = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.actions.append(got["action"])
        if tag == "input" and got["type"] == "checkbox":
            self.boxes[got["value"]] = "checked" in got
        if tag == "input" and got["type"] == "hidden":
            self.fields.append((got["name"], got["value"]))

    def filled(self, *ticked: str, **more: str) -> list[tuple[str, str]]:
        boxes = [("tick", name) for name in ticked]
        return [*self.fields, *boxes, ("do", "save"), *more.items()]


@pytest.fixture
def side() -> PublicSide:
    return PublicSide(topics=TOPICS)


# -- unsubscribing


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_link_scanner_that_opens_everything_changes_nothing(side: PublicSide, method: str):
    for path in (side.unsubscribe_path(), side.preferences_path()):
        assert (await side.call(method, path)).status_code == 200
    undo = await side.call(method, side.unsubscribe_path() + "/undo")
    assert undo.status_code == 405
    assert side.state.consents == []
    assert side.state.pauses == []


@pytest.mark.parametrize(
    ("locale", "lang", "button"),
    [("fr", "fr", "Me désabonner"), ("fr-BE", "fr", "Me désabonner"), ("en", "en", "Unsubscribe"),
     ("EN_us", "en", "Unsubscribe"), ("de", "fr", "Me désabonner"), (None, "fr", "Me désabonner")],
)  # fmt: skip
async def test_the_page_says_who_writes_in_the_customers_language_or_the_workspaces(
    side: PublicSide, locale: str | None, lang: str, button: str
):
    page = (await side.call("GET", side.unsubscribe_path(locale))).text
    assert f'<html lang="{lang}">' in page
    assert f">{button}</button>" in page
    assert "La Boutique" in page


async def test_the_button_unsubscribes_and_can_be_taken_back(side: PublicSide):
    page = (await side.call("GET", side.unsubscribe_path())).text
    done = await side.call("POST", Form(page).actions[0])
    assert "Désabonnement enregistré" in done.text
    assert side.state.consents == [("c1", "email", "", False, "link")]
    undone = await side.call("POST", Form(done.text).actions[0])
    assert "Réabonnement enregistré" in undone.text
    assert side.state.consents[1:] == [("c1", "email", "", True, "link")]


async def test_once_more_changes_nothing_and_the_page_remembers(side: PublicSide):
    for _ in range(3):
        await side.call("POST", side.unsubscribe_path())
    assert len(side.state.consents) == 1
    assert "Désabonnement enregistré" in (await side.call("GET", side.unsubscribe_path())).text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", ONE_CLICK),
        (
            "multipart/form-data; boundary=b",
            MULTIPART,
        ),
    ],
)
async def test_one_click_of_a_mail_program_unsubscribes(side: PublicSide, kind: str, body: bytes):
    answer = await side.call(
        "POST", side.unsubscribe_path(), headers={"Content-Type": kind}, body=body
    )
    assert answer.status_code == 200
    assert side.state.consents == [("c1", "email", "", False, "one-click")]


async def test_an_undo_without_an_unsubscription_grants_nothing(side: PublicSide):
    await side.call("POST", side.unsubscribe_path() + "/undo")
    assert side.state.consents == []


async def test_the_channel_of_the_message_is_the_one_that_ends(side: PublicSide):
    path = side.unsubscribe_path("en", channel="sms")
    assert "by text message" in (await side.call("GET", path)).text
    await side.call("POST", path)
    assert side.state.consents == [("c1", "sms", "", False, "link")]


# -- choosing


async def preferences(side: PublicSide, locale: str = "en") -> Form:
    return Form((await side.call("GET", side.preferences_path(locale))).text)


async def test_topics_are_named_in_the_readers_language_or_in_any(side: PublicSide):
    page = (await side.call("GET", side.preferences_path("en"))).text
    assert "What is new" in page
    assert "Soldes" in page
    assert (await preferences(side)).boxes == {
        "channel:email": True, "topic:news": True, "topic:sales": True,
    }  # fmt: skip


async def test_what_is_unticked_is_refused_and_what_is_ticked_again_is_granted(side: PublicSide):
    path = side.preferences_path("en")
    form = await preferences(side)
    saved = await side.form(path, *form.filled("channel:email", "topic:sales"))
    assert "Saved." in saved.text
    assert side.state.consents == [("c1", "", "news", False, "preferences")]
    assert (await preferences(side)).boxes["topic:news"] is False
    await side.form(path, *form.filled("topic:news", "topic:sales"))
    assert side.state.consents[1:] == [
        ("c1", "email", "", False, "preferences"),
        ("c1", "", "news", True, "preferences"),
    ]


async def test_saving_without_a_change_writes_nothing(side: PublicSide):
    form = await preferences(side)
    await side.form(side.preferences_path(), *form.filled(*form.boxes))
    assert side.state.consents == []
    assert side.state.pauses == []


async def test_a_topic_that_the_page_did_not_show_is_not_refused(side: PublicSide):
    fields = [("shown", "topic:sales"), ("do", "save")]
    await side.form(side.preferences_path(), *fields)
    assert side.state.consents == [("c1", "", "sales", False, "preferences")]


async def test_a_channel_that_was_refused_by_another_link_is_shown(side: PublicSide):
    assert "channel:sms" not in (await preferences(side)).boxes
    await side.call("POST", side.unsubscribe_path(channel="sms"))
    assert (await preferences(side)).boxes["channel:sms"] is False


@pytest.mark.parametrize("body", [b"", b"x=1", b"tick=topic:news", b"\xff\xfe&&&=%zz"])
async def test_a_post_that_is_not_the_form_changes_nothing(side: PublicSide, body: bytes):
    answer = await side.call("POST", side.preferences_path(), body=body)
    assert answer.status_code == 400
    assert side.state.consents == []


PARIS_DAY = datetime(2026, 3, 9, tzinfo=UTC) - timedelta(hours=1)  # midnight in Paris


@pytest.mark.parametrize(
    ("pause", "until"),
    [
        ({"pause": "week"}, PARIS_DAY),
        ({"pause": "month"}, datetime(2026, 4, 1, 22, tzinfo=UTC)),  # summer time
        ({"pause": "quarter"}, datetime(2026, 6, 1, 22, tzinfo=UTC)),
        ({"pause": "until", "until": "2026-03-09"}, PARIS_DAY),
        ({"pause": "keep", "until": "2026-03-09"}, PARIS_DAY),
        ({"pause": "until", "until": "2027-03-03"}, datetime(2027, 3, 2, 23, tzinfo=UTC)),
    ],
)
async def test_a_break_ends_at_the_start_of_a_day_and_can_be_ended_now(
    side: PublicSide, pause: dict[str, str], until: datetime
):
    path = side.preferences_path("en")
    form = await preferences(side)
    saved = await side.form(path, *form.filled(*form.boxes, **pause))
    assert side.state.pauses == [("c1", until, "preferences")]
    assert "No messages before" in saved.text
    await side.form(path, *form.filled(*form.boxes, pause="resume"))
    assert side.state.pauses[1:] == [("c1", None, "preferences")]


@pytest.mark.parametrize(
    "day", ["", "2026-03-02", "2020-01-01", "2027-03-04", "tomorrow", "9" * 99]
)
async def test_a_day_that_cannot_be_is_said_beside_the_field_and_nothing_is_saved(
    side: PublicSide, day: str
):
    form = await preferences(side)
    answer = await side.form(side.preferences_path("en"), *form.filled(pause="until", until=day))
    assert answer.status_code == 400
    assert "Choose a date between 3 March 2026 and 3 March 2027." in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert side.state.consents == []
    assert side.state.pauses == []


async def test_nothing_at_all_ends_every_channel(side: PublicSide):
    saved = await side.form(side.preferences_path("en"), ("do", "nothing"))
    assert "Saved." in saved.text
    assert [(c, granted) for _, c, _, granted, _ in side.state.consents] == [
        ("email", False), ("sms", False), ("whatsapp", False),
    ]  # fmt: skip
    await side.form(side.preferences_path("en"), ("do", "nothing"))
    assert len(side.state.consents) == 3


# -- what protects them


@pytest.mark.parametrize("kind", ["u", "p"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_link_that_is_not_ours_is_a_polite_page_and_changes_nothing(
    side: PublicSide, kind: str, method: str
):
    answer = await side.call(method, f"/{kind}/{'x' * 60}", body=ONE_CLICK)
    assert answer.status_code == 404
    assert "Ce lien ne fonctionne pas" in answer.text
    assert side.state.consents == []


async def test_a_token_of_one_page_opens_no_other(side: PublicSide):
    token = side.unsubscribe_path().removeprefix("/u/")
    assert (await side.call("GET", f"/p/{token}")).status_code == 404


async def test_every_page_is_kept_by_nobody_found_by_nobody_and_runs_nothing(side: PublicSide):
    for path in (side.unsubscribe_path(), side.preferences_path(), "/u/none"):
        answer = await side.call("GET", path)
        headers = answer.headers
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert "noindex" in headers["x-robots-tag"]
        assert "set-cookie" not in headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "script" not in answer.text
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", answer.text)


async def test_a_name_in_the_yaml_is_text_on_the_page(side: PublicSide):
    topic = Topic(name="x", titles={"en": '<img src=x onerror="alert(1)">'})
    side = PublicSide(topics={"news": topic})
    page = (await side.call("GET", side.preferences_path("en"))).text
    assert "<img" not in page
    assert "&lt;img" in page


async def test_a_form_without_end_is_refused(side: PublicSide):
    body = b"a" * 65_000
    for path in (side.unsubscribe_path(), side.preferences_path()):
        assert (await side.call("POST", path, body=body)).status_code == 413
    many = b"&".join(b"a=1" for _ in range(1_001))
    assert (await side.call("POST", side.preferences_path(), body=many)).status_code == 400
    assert side.state.consents == []


async def test_while_the_state_is_away_a_person_is_told_to_try_again(side: PublicSide):
    path = side.unsubscribe_path()
    side.state.away = True
    with structlog.testing.capture_logs() as lines:
        answer = await side.call("POST", path, body=ONE_CLICK)
    assert answer.status_code == 503
    assert "Merci de réessayer" in answer.text
    assert [line["action"] for line in lines] == [Action.PAGE_FAILED]


async def test_the_log_names_the_message_and_never_the_customer():
    side = PublicSide(topics=TOPICS)
    path = side.unsubscribe_path(customer="camille@shop.example")
    with structlog.testing.capture_logs() as lines:
        await side.call("POST", path)
        await side.call("POST", path + "/undo")
    assert [line["action"] for line in lines] == [Action.UNSUBSCRIBED, Action.RESUBSCRIBED]
    assert {line["message"] for line in lines} == {"m00001"}
    assert "camille" not in str(lines)
