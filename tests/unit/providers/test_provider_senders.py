"""Which senders each vendor of text messages takes, as `check` tells it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from relance.domain.workspace import ChannelSpec
from relance.providers import VENDORS
from relance.settings import Secret

SECRET = Secret("s3cret")
OPTIONS: Mapping[str, Mapping[str, object]] = {
    "twilio": {"account": "AC1", "token": SECRET},
    "vonage": {"api_key": "k1", "api_secret": SECRET},
    "ovh": {
        "service_name": "sms-1",
        "application_key": SECRET,
        "application_secret": SECRET,
        "consumer_key": SECRET,
    },
    "sinch": {"service_plan_id": "p1", "token": SECRET},
    "infobip": {"api_key": SECRET},
    "brevo": {"token": SECRET},
}
SERVICE = "MG0123456789abcdef0123456789abcdef"


def problems(vendor: str, channel: str, sender: str) -> list[str]:
    spec = ChannelSpec(name=channel, provider=vendor, sender=sender, options=OPTIONS[vendor])
    return [str(each) for each in VENDORS[vendor].problems(spec, Path("/nowhere"))]


@pytest.mark.parametrize("vendor", OPTIONS)
@pytest.mark.parametrize("sender", ["+33700000000", "33700000000", "38080", "LaBoutique"])
def test_numbers_and_short_names_are_senders_everywhere(vendor: str, sender: str) -> None:
    assert problems(vendor, "sms", sender) == []


@pytest.mark.parametrize("vendor", OPTIONS)
@pytest.mark.parametrize(
    "sender", ["LaBoutiqueDeParis", "Boutique été", "+33 7 00 00 00 00", "1234567890123456"]
)
def test_what_no_phone_could_show_is_refused_by_name(vendor: str, sender: str) -> None:
    (problem,) = problems(vendor, "sms", sender)
    assert f"channels.sms.from: {vendor} takes" in problem


@pytest.mark.parametrize(
    ("vendor", "channel", "sender"),
    [
        ("twilio", "sms", SERVICE),
        ("twilio", "sms", "La Boutique"),
        ("twilio", "sms", "MG & Co"),
        ("twilio", "whatsapp", SERVICE),
        ("twilio", "whatsapp", "+33700000000"),
        ("twilio", "whatsapp", "whatsapp:+33700000000"),
        ("ovh", "sms", "short_number"),
    ],
)
def test_vendors_have_senders_of_their_own(vendor: str, channel: str, sender: str) -> None:
    assert problems(vendor, channel, sender) == []


@pytest.mark.parametrize(
    ("vendor", "channel", "sender"),
    [
        ("twilio", "whatsapp", "LaBoutique"),
        ("twilio", "sms", "whatsapp:+33700000000"),
        ("twilio", "sms", "Boutique!"),
        ("brevo", "sms", "La Boutique"),
        ("vonage", "sms", SERVICE),
        ("sinch", "sms", "short_number"),
    ],
)
def test_another_channels_or_vendors_sender_is_refused(
    vendor: str, channel: str, sender: str
) -> None:
    (problem,) = problems(vendor, channel, sender)
    assert f"channels.{channel}.from" in problem
