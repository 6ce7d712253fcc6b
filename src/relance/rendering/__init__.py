"""Texts: Jinja in a sandbox, MJML, CSS inlining, plain text, and the length of an SMS."""

from relance.rendering.sms import Encoding, SmsLength, sms_length
from relance.rendering.templates import Templates
from relance.rendering.values import sample_values

__all__ = ["Encoding", "SmsLength", "Templates", "sample_values", "sms_length"]
