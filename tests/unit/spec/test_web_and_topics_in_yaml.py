"""web, topics and bounces: the way back to us, what may be chosen, and when we leave off."""

# ruff: noqa: E501  one case, one line
from __future__ import annotations

import pytest

from relance.domain.duration import Duration, Unit
from relance.domain.workspace import BouncePolicy, WebSpec
from relance.settings import Secret

PATH = "config/relance.yaml"
SECRET = "0123456789abcdef"
URL = "public_url: https://crm.shop.example"


@pytest.fixture
def shop_with_secret(shop):
    shop.env |= {"SECRET": SECRET, "OLD": SECRET[::-1], "SHORT": "0123456789abcde", "EMPTY": ""}
    return shop


def test_the_way_back_is_read(shop_with_secret) -> None:
    shop = shop_with_secret
    shop.add(PATH, (
        'web: {public_url: "https://crm.shop.example/r/", secret: "${SECRET}",'
        ' previous_secrets: ["${OLD}"], host: 0.0.0.0, port: 80}\n'
    ))  # fmt: skip
    assert shop.workspace().web == WebSpec(
        public_url="https://crm.shop.example/r",
        secrets=(Secret(SECRET), Secret(SECRET[::-1])),
        host="0.0.0.0",
        port=80,
    )


def test_without_it_there_is_no_way_back_and_the_server_keeps_to_this_machine(shop) -> None:
    assert shop.workspace().web == WebSpec(public_url=None, secrets=(), host="127.0.0.1", port=8377)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8377",
        "http://127.0.0.1:8377",
        "http://[::1]:9/x",
        "https://a.example:8443",
    ],
)
def test_plain_http_is_for_this_machine(shop_with_secret, url: str) -> None:
    shop_with_secret.add(PATH, f'web: {{public_url: "{url}", secret: "${{SECRET}}"}}\n')
    assert shop_with_secret.workspace().web.public_url == url


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{{{URL}}}", "19:6: web.secret: is missing beside public_url (write secret: \"${NAME}\" and put one in the environment)"),
        ('{previous_secrets: "${OLD}"}', "19:6: web.secret: is missing beside previous_secrets"),
        (f"{{{URL}, secret: {SECRET}}}", "web.secret: a secret stands in the file"),
        (f'{{{URL}, secret: "${{SHORT}}"}}', "web.secret: must have at least 16 characters (such as: openssl rand -hex 32)"),
        (f'{{{URL}, secret: "${{EMPTY}}"}}', "web.secret: the environment has nothing in '${EMPTY}'"),
        (f'{{{URL}, secret: "${{UNSET}}"}}', "web.secret: the environment variable UNSET is not set"),
        (f'{{{URL}, secret: "${{SECRET}}", previous_secrets: ["${{SHORT}}"]}}', "web.previous_secrets.0: must have at least 16"),
        ('{public_url: http://crm.shop.example, secret: "${SECRET}"}', "19:19: web.public_url: must be https (links carry"),
        ('{public_url: http://127.0.0.1.evil.example, secret: "${SECRET}"}', "web.public_url: must be https"),
        ('{public_url: crm.shop.example, secret: "${SECRET}"}', "web.public_url: is not a web address (write https://host)"),
        ('{public_url: ftp://crm.shop.example, secret: "${SECRET}"}', "web.public_url: is not a web address"),
        ('{public_url: "https://", secret: "${SECRET}"}', "web.public_url: is not a web address"),
        ('{public_url: "https://[", secret: "${SECRET}"}', "web.public_url: is not a web address"),
        ('{public_url: "https://a.example:99999", secret: "${SECRET}"}', "web.public_url: is not a web address"),
        ('{public_url: "https://a b.example", secret: "${SECRET}"}', "web.public_url: is not a web address"),
        ('{public_url: "https://a.example/?x=1", secret: "${SECRET}"}', "web.public_url: holds more than a host and a path"),
        ('{public_url: "https://a.example/#x", secret: "${SECRET}"}', "web.public_url: holds more than a host and a path"),
        ('{public_url: "https://me@a.example", secret: "${SECRET}"}', "web.public_url: holds more than a host and a path"),
        ("{port: 0}", "web.port: 0 is not a whole number from 1 to 65535"),
        ("{prot: 1}", "web.prot: unknown key (did you mean port?)"),
        ("https://a.example", "web: must be a mapping such as {public_url: https://…, secret: ${NAME}}, not text"),
    ],
)  # fmt: skip
def test_a_mistaken_way_back_says_what_is_wrong(shop_with_secret, text: str, said: str) -> None:
    shop_with_secret.add(PATH, f"web: {text}\n")
    problem = str(shop_with_secret.problem())
    assert said in problem
    assert SECRET not in problem
    assert not shop_with_secret.problem().warning


def test_email_that_offers_no_way_out_is_warned_of(shop_with_secret) -> None:
    shop = shop_with_secret
    shop.edit(
        PATH, "{provider: outbox, from: Shop <", '{provider: post, token: "${SECRET}", from: Shop <'
    )
    problem = shop.problem()
    assert problem.warning
    assert str(problem) == (
        f"{PATH}:17:10: channels.email: warning: no e-mail can offer a link that unsubscribes, and"
        " mailbox providers demand one-click unsubscribe (RFC 8058) of marketing mail"
        " (set web.public_url and web.secret)"
    )
    shop.add(PATH, f'web: {{{URL}, secret: "${{SECRET}}"}}\n')
    assert shop.problems() == []


def test_a_mistake_in_the_way_back_is_not_told_twice(shop_with_secret) -> None:
    shop = shop_with_secret
    shop.edit(
        PATH, "{provider: outbox, from: Shop <", '{provider: post, token: "${SECRET}", from: Shop <'
    )
    shop.add(PATH, 'web: {public_url: http://a.example, secret: "${SECRET}"}\n')
    assert len(shop.problems()) == 1


# -- topics


def test_topics_have_titles_by_locale_or_one_in_the_workspace_s(shop) -> None:
    shop.add(PATH, "topics: {news: {fr: Nouveautés, en-GB: News}, sales: Soldes}\n")
    topics = shop.workspace().topics
    assert list(topics) == ["news", "sales"]
    assert topics["news"].name == "news"
    assert topics["news"].titles == {"fr": "Nouveautés", "en_GB": "News"}
    assert topics["sales"].titles == {"fr": "Soldes"}


def test_a_trigger_is_about_a_topic(shop) -> None:
    shop.add(PATH, "topics: {news: News}\n")
    shop.add("triggers/thanks.yaml", "topic: news\n")
    assert shop.workspace().triggers["thanks"].topic == "news"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{News: News}", "19:10: topics.News: is not a name (lowercase letters"),
        ("{news: {}}", "19:16: topics.news: is empty (give it a title)"),
        ("{news: {xx_yy_zz: News}}", "19:17: topics.news.xx_yy_zz: 'xx_yy_zz' is not a locale such as `fr` or `fr_CH`"),
        ("{news: {fr: [News]}}", "topics.news.fr: must be a title, not a list"),
        ("{news: {fr: News, fr: Neu}}", "topics.news.fr: duplicate key"),
        ("{news: {fr-CH: News, fr_CH: Neu}}", "topics.news: names a locale twice (fr-CH and fr_CH are the same)"),
        ("{news: true}", "topics.news: must be a title, not true or false"),
        ("[news]", "topics: must be a mapping of topics, not a list"),
    ],
)  # fmt: skip
def test_a_mistaken_topic_says_what_is_wrong(shop, text: str, said: str) -> None:
    shop.add(PATH, f"topics: {text}\n")
    problems = shop.problems()
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("topics", "topic", "said"),
    [
        ("{news: News}", "nws", "triggers/thanks.yaml:7:8: topic: there is no topic 'nws' (did you mean news?)"),
        ("{}", "news", "triggers/thanks.yaml:7:8: topic: there is no topic 'news' (add topics: to config/relance.yaml)"),
        ("{news: News}", "[news]", "topic: must be a name, not a list"),
    ],
)  # fmt: skip
def test_a_trigger_s_topic_must_be_known(shop, topics: str, topic: str, said: str) -> None:
    shop.add(PATH, f"topics: {topics}\n")
    shop.add("triggers/thanks.yaml", f"topic: {topic}\n")
    assert said in str(shop.problem())


# -- bounces


def test_three_soft_bounces_within_thirty_days_unless_the_file_says_otherwise(shop) -> None:
    assert shop.workspace().bounces == BouncePolicy(count=3, per=Duration(30, Unit.DAY))
    shop.add(PATH, "bounces: {soft: 5 per 2 weeks}\n")
    assert shop.workspace().bounces == BouncePolicy(count=5, per=Duration(2, Unit.WEEK))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{soft: 3}", "19:17: bounces.soft: 3 is not a limit such as `3 per 7 days`"),
        ("{soft: 0 per day}", "(both numbers must be at least 1)"),
        ("{hard: 1 per day}", "19:11: bounces.hard: unknown key (there is soft)"),
        ("3 per 30 days", "bounces: must be a mapping such as {soft: 3 per 30 days}, not text"),
    ],
)
def test_a_mistaken_policy_of_bounces_says_what_is_wrong(shop, text: str, said: str) -> None:
    shop.add(PATH, f"bounces: {text}\n")
    assert said in str(shop.problem())
