"""Slack: the company's own people, by an incoming webhook or by a bot (docs.slack.dev, Sending
messages using incoming webhooks, chat.postMessage and their errors, read 2026-11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from relance.domain.message import Accepted, Notice
from relance.domain.vendor import OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import NotSent, Paused, Refused, SendError, Unsure
from relance.providers import hooks, wire
from relance.providers.base import Endpoint, HttpProvider
from relance.providers.options import Options, http_options
from relance.providers.wire import Answer, Request, Response
from relance.settings import Secret

SPEC = VendorSpec(
    name="slack",
    channels=frozenset({"slack"}),
    description="Slack: an incoming webhook's `url`, or a bot's `token` and a `channel`.",
    options=(
        OptionSpec(
            name="url",
            kind=OptionKind.SECRET,
            description="An incoming webhook's address; who has it can write.",
        ),
        OptionSpec(
            name="token",
            kind=OptionKind.SECRET,
            description="A bot's token (xoxb-…) with the scope chat:write.",
        ),
        OptionSpec(
            name="channel",
            kind=OptionKind.TEXT,
            description="The id of the channel that the bot writes to, as in C0123456789.",
        ),
        *http_options("https://slack.com/api"),
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Slack's options, checked. Without a `channel` an incoming webhook is meant."""

    endpoint: Endpoint
    channel: str

    @classmethod
    def of(cls, channel: ChannelSpec, root: Path) -> Settings:
        """Read a channel's options. Raises WorkspaceError."""
        options = Options(SPEC, channel, root)
        token, room = options.secret("token"), options.text("channel")
        if options.secret("url"):
            if token or room:
                options.wrong("url", "is for itself: give it, or token and channel")
            base_url, credentials = options.web_address("url"), {}
        else:
            if not token or not room:
                options.wrong("token", "give url, or token and channel")
            base_url = options.base_url()
            credentials = {"Authorization": Secret(f"Bearer {token.reveal()}")}
        endpoint = Endpoint(
            base_url=base_url, credentials=credentials, timeout=options.number("timeout")
        )
        return cls(endpoint=endpoint, channel=room)


def build(messages: Sequence[Notice], *, channel: str) -> Request:
    """POST to the incoming webhook itself, or chat.postMessage, which takes our id with it."""
    (notice,) = messages
    fields: dict[str, object] = {"text": escaped(notice.text)}
    if channel:
        payload = {"message": notice.message_id, "trigger": notice.trigger}
        fields["channel"] = channel
        fields["metadata"] = {"event_type": "relance_notice", "event_payload": payload}
    return Request(
        path="/chat.postMessage" if channel else "",
        body=orjson.dumps(fields),
        headers={"Content-Type": "application/json; charset=utf-8"},
    )


def escaped(text: str) -> str:
    """Text in which a customer's name can mention nobody (Formatting text, Escaping text)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def read(response: Response, messages: Sequence[Notice]) -> list[Answer]:
    """An incoming webhook says `ok` or one word; chat.postMessage says it in JSON, by HTTP 200."""
    (notice,) = messages
    if response.status == 200 and response.body.strip() == b"ok":
        return [Accepted(message_id=notice.message_id, provider_id=notice.message_id)]
    body = wire.fields(wire.json(response))
    if response.status == 200 and body.get("ok") is True:
        sent = hooks.text(body, "ts")
        return [Accepted(message_id=notice.message_id, provider_id=sent or notice.message_id)]
    word = hooks.text(body, "error") or response.body.decode(errors="replace")
    raise _decision(response, word.strip()) or _otherwise(response, body.get("ok") is False)


_OURS = frozenset({  # the token, the webhook or the channel, whatever the notice says
    "access_denied", "account_inactive", "accesslimited", "action_prohibited",
    "channel_is_archived", "channel_not_found", "deprecated_endpoint", "ekm_access_denied",
    "enterprise_is_restricted", "invalid_auth", "invalid_token", "is_archived", "missing_scope",
    "no_active_hooks", "no_permission", "no_service", "no_service_id", "no_team",
    "not_allowed_token_type", "not_authed", "not_in_channel", "org_login_required",
    "posting_to_general_channel_denied", "restricted_action",
    "restricted_action_non_threadable_channel",
    "restricted_action_read_only_channel", "restricted_action_thread_locked",
    "restricted_action_thread_only_channel", "team_access_not_granted", "team_disabled",
    "team_not_found", "token_expired", "token_revoked", "two_factor_setup_required",
    "user_not_found",
})  # fmt: skip
_LATER = frozenset({
    "message_limit_exceeded", "rate_limited", "ratelimited", "request_timeout",
    "service_unavailable", "team_added_to_org",
})  # fmt: skip
_UNCLEAR = frozenset({"fatal_error", "internal_error", "rollup_error"})
_REFUSED = frozenset({
    "invalid_arguments", "invalid_blocks", "invalid_payload", "metadata_too_large",
    "msg_blocks_too_long", "msg_too_long", "no_text", "too_many_attachments",
})  # fmt: skip


def _decision(response: Response, word: str) -> SendError | None:
    """What Slack's word for an error means; None for one that is not known."""
    if word in _OURS:
        return Paused(word, detail="Slack error")
    if word in _LATER:
        return NotSent(word, detail="Slack error", retry_after=response.retry_after)
    if word in _UNCLEAR:
        return Unsure(word, detail="Slack error")
    return Refused(word, detail="Slack error") if word in _REFUSED else None


def _otherwise(response: Response, denied: bool) -> SendError:  # noqa: FBT001  one caller
    if not 200 <= response.status < 300:
        return wire.judge(response)
    return Refused("refused", detail="Slack error") if denied else wire.unreadable(response)


class Slack(HttpProvider[Notice, Settings]):
    """See the module."""

    spec = SPEC
    kind = Notice
    settings = Settings

    def build(self, messages: Sequence[Notice]) -> Request:
        return build(messages, channel=self._settings.channel)

    def read(self, response: Response, messages: Sequence[Notice]) -> Sequence[Answer]:
        return read(response, messages)
