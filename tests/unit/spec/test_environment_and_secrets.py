"""`${NAME}` and what must never be printed."""

from __future__ import annotations

import pytest

from relance.settings import Secret

POST = "{provider: post, from: Shop <a@b.example>, token: "


def use_post(shop, token: str, more: str = "") -> None:
    shop.edit("config/relance.yaml", "{provider: outbox, from: Shop <hello@shop.example>}",
              f"{POST}{token}{more}}}")  # fmt: skip


def test_a_secret_comes_from_the_environment_and_is_never_shown(shop) -> None:
    use_post(shop, '"${TOKEN}"')
    shop.env = {"TOKEN": "s3cret"}
    loaded = shop.load()
    token = loaded.workspace.channels["email"].options["token"]
    assert isinstance(token, Secret)
    assert token.reveal() == "s3cret"
    assert "s3cret" not in repr(loaded) + repr(loaded.workspace)


def test_an_unset_variable_is_named(shop) -> None:
    use_post(shop, '"${TOKEN}"')
    assert str(shop.problem()) == (
        "config/relance.yaml:17:60: channels.email.token: the environment variable TOKEN is not "
        "set (set it before you start relance: export TOKEN=…)"
    )


def test_an_empty_secret_is_refused(shop) -> None:
    use_post(shop, '"${TOKEN}"')
    shop.env = {"TOKEN": ""}
    assert shop.problem().message == "the environment has nothing in '${TOKEN}'"


def test_a_secret_in_the_file_is_a_mistake_that_does_not_repeat_it(shop) -> None:
    use_post(shop, "s3cret")
    problem = shop.problem()
    assert problem.message == "a secret stands in the file"
    assert problem.hint.startswith("put it in the environment")
    assert "s3cret" not in str(problem)


def test_values_from_the_environment_have_their_type(shop) -> None:
    use_post(shop, '"${TOKEN}"', ', port: "${PORT}", fast: "${FAST}"')
    shop.env = {"TOKEN": "12345", "PORT": "2525", "FAST": "true"}
    options = shop.workspace().channels["email"].options
    assert (options["port"], options["fast"], options["wait"]) == (2525, True, 30.0)
    assert options["token"].reveal() == "12345"


def test_a_wrong_value_from_the_environment_is_not_repeated(shop) -> None:
    use_post(shop, '"${TOKEN}"', ', port: "${PORT}", mode: "${MODE}"')
    shop.env = {"TOKEN": "a", "PORT": "s3cret", "MODE": "s3cret"}
    assert [problem.message for problem in shop.load().problems] == [
        "must be a whole number, not '${PORT}'",
        "'${MODE}' is not `soft` or `hard`",
    ]


NEVER_QUOTED = {"state", "web.public_url", "web.secret", "topics.News"}  # not even as written


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("timezone: Europe/Paris", "timezone"), ("locale: fr", "locale"),
        ("name: shop", "currency"), ("name: shop", "state"), ("name: shop", "global_holdout"),
        ("name: shop", "limits.quiet_hours"), ("name: shop", "limits.per_customer"),
        ("name: shop", "web.public_url"), ("name: shop", "web.port"), ("name: shop", "web.secret"),
        ("name: shop", "bounces.soft"), ("name: shop", "topics.News"),
    ],
)  # fmt: skip
def test_no_problem_anywhere_repeats_what_the_environment_holds(shop, key: str, value: str) -> None:
    outer, _, inner = value.partition(".")
    text = f"{outer}:\n  {inner}: ${{VALUE}}" if inner else f"{outer}: ${{VALUE}}"
    shop.edit("config/relance.yaml", key, text)
    shop.env = {"VALUE": "s3cret"}
    said = "\n".join(shop.problems())
    assert "${VALUE}" in said or value in NEVER_QUOTED
    assert said
    assert "s3cret" not in said


def test_urls_take_passwords_from_the_environment_and_show_none(shop) -> None:
    source, state = "postgresql://me:${PASS}@db/shop", "postgresql://me:${PASS}@db/state"
    shop.edit("config/relance.yaml", "source: data/", f"source: {source}\nstate: {state}")
    shop.env = {"PASS": "s3cret"}
    workspace = shop.workspace()
    assert workspace.source.location == "postgresql://me:s3cret@db/shop"
    assert workspace.source.shown == "postgresql://me:***@db/shop"
    assert workspace.state == "postgresql://me:s3cret@db/state"
    assert "s3cret" not in repr(workspace)


def test_a_password_written_into_the_url_is_not_shown_either(shop) -> None:
    shop.edit("config/relance.yaml", "source: data/", "source: postgresql://me:pw1@db/shop")
    assert shop.workspace().source.shown == "postgresql://me:***@db/shop"
    assert "pw1" not in repr(shop.load())


def test_two_dollars_make_a_plain_one(shop) -> None:
    shop.add("config/relance.yaml", "brand: {price: '$${amount}', sum: 5 $}\n")
    assert shop.workspace().brand == {"price": "${amount}", "sum": "5 $"}


def test_only_names_stand_between_the_braces(shop) -> None:
    shop.add("config/relance.yaml", "brand: {x: '${not a name}'}\n")
    assert "must hold the name of an environment variable" in shop.problem().message


def test_the_environment_is_for_relance_yaml_only(shop) -> None:
    shop.edit("triggers/thanks.yaml", "on: enter", "on: enter\ndescription: ${HOME}")
    shop.env = {"HOME": "/root"}
    assert shop.workspace().triggers["thanks"].description == "${HOME}"
