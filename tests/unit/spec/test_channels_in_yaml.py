"""channels: what goes around a message, whatever the vendor; and a second vendor behind the first."""

# ruff: noqa: E501  one case, one line
from __future__ import annotations

import pytest

from relance.domain.channel import CHANNELS
from relance.domain.workspace import ChannelSpec
from relance.providers import vendor_specs
from relance.settings import Secret
from relance.spec.channels import ChannelYaml

PATH = "config/relance.yaml"
EMAIL = "{provider: outbox, from: Shop <hello@shop.example>}"
SMS = "{provider: outbox, from: Shop}"


def channels(shop, text: str) -> dict[str, ChannelSpec]:
    """The channels of a workspace whose `channels:` is this block, beside e-mail."""
    whole = (shop.root / PATH).read_text()
    email = "" if "  email:" in text else f"  email: {EMAIL}\n"
    shop.write(PATH, whole[: whole.index("channels:")] + "channels:\n" + email + text)
    return dict(shop.workspace().channels)


def test_every_channel_is_set_up_by_its_name(shop) -> None:
    found = channels(shop, (
        f"  email: {EMAIL}\n"
        "  sms: {provider: outbox, from: Shop}\n"
        '  whatsapp: {provider: outbox, from: "+33700000000"}\n'
        "  slack: {provider: outbox}\n"
        "  webhook: {provider: outbox, folder: told/}\n"
    ))  # fmt: skip
    assert list(found) == list(CHANNELS)
    assert [each.name for each in found.values()] == list(CHANNELS)
    assert found["slack"].sender == ""
    assert found["webhook"].options == {"folder": "told/"}


def test_what_goes_around_an_email_is_read(shop) -> None:
    email = channels(shop, (
        "  email:\n"
        "    provider: outbox\n"
        "    from: Shop <hello@shop.example>\n"
        "    reply_to: answers@shop.example\n"
        '    headers: {X-Campaign: "relance, 2026", Precedence: bulk}\n'
        "    tags: [crm, shop_1]\n"
        "    daily_budget: 20000\n"
    ))["email"]  # fmt: skip
    assert email.reply_to == "answers@shop.example"
    assert email.headers == {"X-Campaign": "relance, 2026", "Precedence": "bulk"}
    assert email.tags == ("crm", "shop_1")
    assert email.budget == 20_000
    assert (email.rate, email.daily, email.fallback) == (None, None, None)


@pytest.mark.parametrize(
    ("written", "per_second", "per_day"),
    [
        ("10 per second", 10.0, None),
        ("4", 4.0, None),
        ("600 per minute", 10.0, None),
        ("1800 per hour", 0.5, None),
        ("5000 per day", None, 5000),
        ("[10 per second, 300 per minute]", 5.0, None),
        ("[14 per second, 50000 per day]", 14.0, 50_000),
        ("[9000 per day, 5000 per day]", None, 5000),
    ],
)
def test_the_strictest_rate_holds_by_the_second_and_by_the_day(
    shop, written: str, per_second: float | None, per_day: int | None
) -> None:
    sms = channels(shop, f"  sms: {{provider: outbox, from: Shop, rate: {written}}}\n")["sms"]
    assert (sms.rate, sms.daily) == (per_second, per_day)


def test_a_fallback_is_a_channel_of_its_own_by_another_provider(shop) -> None:
    shop.env["TOKEN"] = "t0ken"
    email = channels(shop, (
        "  email:\n    provider: outbox\n    from: Shop <hello@shop.example>\n"
        "    rate: 10 per second\n    daily_budget: 7\n"
        '    fallback: {provider: post, token: "${TOKEN}", from: Shop <b@shop.example>, rate: 5 per second}\n'
    ))["email"]  # fmt: skip
    other = email.fallback
    assert other is not None
    assert (other.name, other.provider, other.sender) == ("email", "post", "Shop <b@shop.example>")
    assert (other.rate, other.budget, other.fallback) == (5.0, None, None)
    assert other.options["token"] == Secret("t0ken")
    assert other.path == f"{PATH}:22:15"


def test_a_fallback_may_be_another_account_of_the_same_vendor(shop) -> None:
    shop.env |= {"ONE": "a", "TWO": "b"}
    text = '  sms: {{provider: text, from: S, token: "${{ONE}}", fallback: {{provider: text, from: S, token: "${{{}}}"}}}}\n'
    found = channels(shop, text.format("TWO"))["sms"]
    assert found.fallback is not None
    shop.edit(PATH, "${TWO}", "${ONE}")
    problem = shop.problem()
    assert str(problem) == (
        f"{PATH}:18:61: channels.sms.fallback: is the provider that it stands in for"
        " (name another one, or another account)"
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        # who it is from
        (SMS, "{provider: outbox}", "18:8: channels.sms.from: is missing"),
        (EMAIL, "{provider: outbox}", "17:10: channels.email.from: is missing"),
        (SMS, SMS + "\n  slack: {provider: outbox, from: Shop}",
         "19:29: channels.slack.from: has no place in slack (it is for email, sms and whatsapp)"),
        (SMS, SMS + "\n  slack: {provider: outbux, from: Shop}",
         "19:29: channels.slack.from: has no place in slack"),
        (SMS, SMS + "\n  webhook: {provider: text}",
         "19:23: channels.webhook.provider: the provider text does not send webhook (for webhook there is outbox)"),
        # rates and budgets
        (SMS, "{provider: outbox, from: Shop, rate: 10 per week}",
         "'10 per week' is not a rate such as `10 per second` (write it like 10 per second, 600 per minute or 5000 per day)"),
        (SMS, "{provider: outbox, from: Shop, rate: 0 per day}", "channels.sms.rate: '0 per day' is not a rate"),
        (SMS, "{provider: outbox, from: Shop, rate: 0.5 per day}",
         "18:45: channels.sms.rate: is not a whole number per day"),
        (SMS, "{provider: outbox, from: Shop, rate: []}", "channels.sms.rate: is an empty list"),
        (SMS, "{provider: outbox, from: Shop, rate: [5 per day, fast]}", "channels.sms.rate.1: 'fast' is not a rate"),
        (SMS, "{provider: outbox, from: Shop, daily_budget: 0}",
         "18:53: channels.sms.daily_budget: 0 is not a whole number from 1 to"),
        (SMS, "{provider: outbox, from: Shop, daily_budget: 10 per day}", "channels.sms.daily_budget: must be a whole number"),
        # answers and headers
        (SMS, "{provider: outbox, from: Shop, reply_to: a@shop.example}",
         "channels.sms.reply_to: has no place in sms (it is for email)"),
        ("from: Shop <hello", "reply_to: Shop <a@shop.example>, from: Shop <hello",
         "channels.email.reply_to: is not one e-mail address (write name@domain, without a name)"),
        ("from: Shop <hello", "reply_to: 'a@b.example, c@d.example', from: Shop <hello", "channels.email.reply_to: is not one"),
        ("from: Shop <hello", "headers: [X-A], from: Shop <hello",
         "channels.email.headers: must be a mapping of headers' names to text, not a list"),
        ("from: Shop <hello", "headers: {To: x}, from: Shop <hello",
         "17:39: channels.email.headers.To: is a header that relance writes itself (leave it out)"),
        ("from: Shop <hello", "headers: {subject: x}, from: Shop <hello", "headers.subject: is a header that relance writes itself"),
        ("from: Shop <hello", "headers: {List-Unsubscribe: x}, from: Shop <hello", "headers.List-Unsubscribe: is a header that relance"),
        ("from: Shop <hello", "headers: {Content-Type: x}, from: Shop <hello", "headers.Content-Type: is a header that relance"),
        ("from: Shop <hello", "headers: {Reply-To: x}, from: Shop <hello",
         "headers.Reply-To: is not set here (write reply_to: beside headers:)"),
        ("from: Shop <hello", "headers: {X A: x}, from: Shop <hello", "headers.X A: is not a name (letters, digits and hyphens)"),
        ("from: Shop <hello", "headers: {X-A: x, x-a: y}, from: Shop <hello",
         "headers.x-a: is the header X-A again (upper and lower case are the same)"),
        ("from: Shop <hello", 'headers: {X-A: "x\\nBcc: y"}, from: Shop <hello',
         "headers.X-A: cannot be a header (one line of at most 900 characters)"),
        ("from: Shop <hello", "headers: {X-A: [x]}, from: Shop <hello", "headers.X-A: must be text, not a list"),
        # tags
        (SMS, "{provider: outbox, from: Shop, tags: [a b]}",
         "18:46: channels.sms.tags.0: 'a b' is not a tag (letters, digits, - and _, at most 64)"),
        (SMS, "{provider: outbox, from: Shop, tags: [a, b, a]}", "18:52: channels.sms.tags.2: 'a' is named twice"),
        (SMS, SMS + "\n  slack: {provider: outbox, tags: a}", "channels.slack.tags: has no place in slack"),
        # fallbacks
        (SMS, "{provider: outbox, from: Shop, fallback: {provider: outbox, from: Other}}",
         "18:49: channels.sms.fallback: is the provider that it stands in for (name another one, or another account)"),
        (SMS, "{provider: outbox, from: Shop, fallback: {provider: post, from: Shop}}",
         "channels.sms.fallback.provider: the provider post does not send sms (for sms there is outbox, text)"),
        (SMS, "{provider: outbox, from: Shop, fallback: {provider: text, from: Shop}}",
         "18:49: channels.sms.fallback.token: is missing"),
        (SMS, "{provider: outbox, from: Shop, fallback: outbox}", "channels.sms.fallback: must be a mapping such as"),
    ],
)  # fmt: skip
def test_a_mistaken_channel_says_what_is_wrong(shop, old: str, new: str, said: str) -> None:
    shop.edit(PATH, old, new)
    problems = shop.problems()
    assert any(said in problem for problem in problems), problems
    assert shop.load().workspace is None


def test_all_mistakes_of_a_fallback_are_told_at_once(shop) -> None:
    shop.edit(PATH, SMS, (
        "\n    provider: outbox\n    from: Shop\n    fallback:\n      provider: text\n"
        "      token: abc\n      from: Shop\n      daily_budget: 3\n      rate: 3 per fortnight\n"
        "      fallback: {provider: outbox, from: Shop}\n"
    ))  # fmt: skip
    assert shop.problems() == [
        f'{PATH}:23:14: channels.sms.fallback.token: a secret stands in the file (put it in the environment: "${{NAME}}")',
        f"{PATH}:25:7: channels.sms.fallback.daily_budget: has no place in a fallback (put it one level up, beside fallback:)",
        f"{PATH}:26:13: channels.sms.fallback.rate: '3 per fortnight' is not a rate such as `10 per second` (write it like 10 per second, 600 per minute or 5000 per day)",
        f"{PATH}:27:7: channels.sms.fallback.fallback: has no place in a fallback (put it one level up, beside fallback:)",
    ]


def test_a_channel_that_writes_to_nobody_needs_neither_address_nor_consent(shop) -> None:
    shop.texts["thanks", "slack"] = "c"
    shop.edit(PATH, SMS, SMS + "\n  slack: {provider: outbox}")
    shop.edit("triggers/thanks.yaml", "channel: email", "channel: slack")
    shop.edit(PATH, "  email: mail\n  phone: mobile\n  consent: {email: optin, sms: true}\n", "")
    assert shop.workspace().triggers["thanks"].steps[0].channel == "slack"


def test_whatsapp_needs_a_phone_number_and_a_consent_of_its_own(shop) -> None:
    shop.texts["thanks", "whatsapp"] = "c"
    shop.edit(PATH, SMS, SMS + '\n  whatsapp: {provider: outbox, from: "+33700000000"}')
    shop.edit("triggers/thanks.yaml", "channel: email", "channel: whatsapp")
    assert shop.problems() == [
        f"{PATH}:11:12: customers.consent.whatsapp: is missing, but triggers/thanks.yaml sends whatsapp (say consent: {{whatsapp: column}}, or {{whatsapp: true}} if everybody consented)"
    ]
    shop.edit(PATH, "sms: true", "whatsapp: true")
    shop.edit(PATH, "  phone: mobile\n", "")
    assert shop.problems() == [
        f"{PATH}:7:3: customers.phone: is missing, but triggers/thanks.yaml sends whatsapp (say which column it is)"
    ]


def test_nobody_is_asked_for_consent_to_what_they_do_not_get(shop) -> None:
    shop.edit(PATH, "sms: true", "slack: true")
    assert "customers.consent.slack: unknown key" in str(shop.problem())


def test_no_vendor_s_option_hides_a_key_that_every_channel_has() -> None:
    common = set(ChannelYaml.keys())
    for vendor in vendor_specs().values():
        assert not common & {option.name for option in vendor.options}, vendor.name
