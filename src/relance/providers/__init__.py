"""Ways out. A vendor is one file here and one line in this one.

Importing this package imports no client library: `relance --help` and `check` only want specs.
"""

from __future__ import annotations

from collections.abc import Mapping

from relance.domain.vendor import VendorSpec
from relance.providers import (
    brevo,
    infobip,
    mailgun,
    mailjet,
    outbox,
    ovh,
    postmark,
    resend,
    sendgrid,
    ses,
    sinch,
    slack,
    smtp,
    sparkpost,
    twilio,
    vonage,
    webhook,
)
from relance.providers.base import Provider, Vendor

VENDORS: Mapping[str, Vendor] = {
    vendor.spec.name: vendor
    for vendor in (
        Vendor(spec=outbox.SPEC, settings=outbox.Settings.of, open=outbox.Outbox.open),
        Vendor(spec=smtp.SPEC, settings=smtp.Settings.of, open=smtp.Smtp.open),
        Vendor(spec=postmark.SPEC, settings=postmark.Settings.of, open=postmark.Postmark.open),
        Vendor(spec=sendgrid.SPEC, settings=sendgrid.Settings.of, open=sendgrid.Sendgrid.open),
        Vendor(spec=mailgun.SPEC, settings=mailgun.Settings.of, open=mailgun.Mailgun.open),
        Vendor(spec=ses.SPEC, settings=ses.Settings.of, open=ses.Ses.open),
        Vendor(spec=brevo.SPEC, settings=brevo.Settings.of, open=brevo.Brevo.open),
        Vendor(spec=mailjet.SPEC, settings=mailjet.Settings.of, open=mailjet.Mailjet.open),
        Vendor(spec=resend.SPEC, settings=resend.Settings.of, open=resend.Resend.open),
        Vendor(spec=sparkpost.SPEC, settings=sparkpost.Settings.of, open=sparkpost.SparkPost.open),
        Vendor(spec=twilio.SPEC, settings=twilio.Settings.of, open=twilio.Twilio.open),
        Vendor(spec=vonage.SPEC, settings=vonage.Settings.of, open=vonage.Vonage.open),
        Vendor(spec=ovh.SPEC, settings=ovh.Settings.of, open=ovh.Ovh.open),
        Vendor(spec=sinch.SPEC, settings=sinch.Settings.of, open=sinch.Sinch.open),
        Vendor(spec=infobip.SPEC, settings=infobip.Settings.of, open=infobip.Infobip.open),
        Vendor(spec=webhook.SPEC, settings=webhook.Settings.of, open=webhook.Webhook.open),
        Vendor(spec=slack.SPEC, settings=slack.Settings.of, open=slack.Slack.open),
    )
}


def vendor_specs() -> Mapping[str, VendorSpec]:
    """What every provider takes, by name."""
    return {name: vendor.spec for name, vendor in VENDORS.items()}


__all__ = ["VENDORS", "Provider", "Vendor", "vendor_specs"]
