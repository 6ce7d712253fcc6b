"""Reading a provider's options from the workspace, with the defaults its SPEC gives them."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from relance.domain.vendor import OptionKind, OptionSpec, VendorSpec
from relance.domain.workspace import ChannelSpec
from relance.errors import Problem, WorkspaceError
from relance.settings import Secret

# what a text message's sender field has room for (3GPP TS 23.040, 9.1.2.5): 11 letters
NUMBER = r"\+?[0-9]{3,15}"
NAME = r"(?=.*[A-Za-z])[ -~]{1,11}"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(host: str | None) -> bool:
    """Whether a host name is this machine by its very name; nothing is looked up."""
    return host in _LOOPBACK


def basic_auth(user: str, password: Secret) -> Secret:
    """The Authorization header of a user and a password (RFC 7617)."""
    pair = f"{user}:{password.reveal()}".encode()
    return Secret(f"Basic {base64.b64encode(pair).decode()}")


def http_options(base_url: str) -> tuple[OptionSpec, ...]:
    """The options that every HTTP vendor takes."""
    return (
        OptionSpec(
            name="base_url",
            kind=OptionKind.TEXT,
            description="Where the vendor's API is; change it for a region, a proxy or a test.",
            default=base_url,
        ),
        OptionSpec(
            name="timeout",
            kind=OptionKind.NUMBER,
            description="Seconds to wait for an answer.",
            default=30.0,
        ),
    )


def webhook_login() -> tuple[OptionSpec, ...]:
    """The options of a vendor whose reports prove their origin by basic authentication."""
    return (
        OptionSpec(
            name="webhook_user",
            kind=OptionKind.TEXT,
            description="The user name in the webhook's address at the vendor.",
        ),
        OptionSpec(
            name="webhook_password",
            kind=OptionKind.SECRET,
            description="The password for it; without one no report is believed.",
        ),
    )


def callback() -> OptionSpec:
    """The option of a vendor who is told with each message where to report what became of it."""
    return OptionSpec(
        name="callback_url",
        kind=OptionKind.TEXT,
        description="Where the vendor reports; by default our webhook below `web.public_url`.",
    )


def with_callback(channel: ChannelSpec, spec: VendorSpec, public_url: str | None) -> ChannelSpec:
    """The channel, its vendor told where our webhook is unless the YAML names another place.

    Nobody outside is told of an address on this machine: some refuse the whole message for it.
    """
    takes_one = any(option.name == "callback_url" for option in spec.options)
    if not takes_one or channel.options.get("callback_url"):
        return channel
    if public_url is None or not public_url.startswith("https://"):
        return channel
    url = f"{public_url.rstrip('/')}/webhooks/{channel.name}/{spec.name}"
    return replace(channel, options={**channel.options, "callback_url": url})


def _place(path: str) -> tuple[str, int, int]:
    """`file:line:column` taken apart; line and column are 0 where they are not given."""
    match path.rsplit(":", 2):
        case [file, line, column] if line.isdigit() and column.isdigit():
            return file, int(line), int(column)
    return path, 0, 0


def problem(channel: ChannelSpec, name: str, message: str, *, hint: str | None = None) -> Problem:
    """A problem with one key of a channel, at the channel's place in the YAML."""
    path, line, column = _place(channel.path)
    where = f"channels.{channel.name}.{name}"
    return Problem(path=path, line=line, column=column, where=where, message=message, hint=hint)


class Options:
    """One channel's options by name. Raises WorkspaceError at the channel's place in the YAML."""

    def __init__(self, spec: VendorSpec, channel: ChannelSpec, root: Path) -> None:
        self._channel = channel
        self._root = root
        self._given = channel.options
        self._known = {option.name: option for option in spec.options}

    def wrong(self, name: str, message: str, *, hint: str | None = None) -> NoReturn:
        """Raise the one problem with an option. `message` must not hold a secret."""
        raise WorkspaceError([problem(self._channel, name, message, hint=hint)])

    def _value(self, name: str) -> object:
        option = self._known[name]
        value = self._given.get(name, option.default)
        if value is None and option.required:
            self.wrong(name, f"the provider {self._channel.provider} needs {name}")
        if option.choices and value not in option.choices:
            self.wrong(name, f"must be one of {', '.join(option.choices)}")
        return value

    def text(self, name: str) -> str:
        """A text, empty where it is not given."""
        value = self._value(name)
        if isinstance(value, Secret):
            value = value.reveal()
        return "" if value is None else str(value).strip()

    def secret(self, name: str) -> Secret | None:
        """A secret that can stand in a header, or None where it is not given."""
        value = self._value(name)
        if value is None:
            return None
        revealed = value.reveal() if isinstance(value, Secret) else str(value)
        if not revealed or not revealed.isprintable():
            self.wrong(name, "is empty or holds a line break", hint="check the environment")
        return Secret(revealed)

    def required_secret(self, name: str) -> Secret:
        """A secret that the provider cannot do without."""
        return self.secret(name) or self.wrong(name, "is needed")

    def number(self, name: str) -> float:
        """A number above 0."""
        value = self._value(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            self.wrong(name, "must be a number above 0")
        return float(value)

    def integer(self, name: str) -> int | None:
        """A whole number above 0, or None where it is not given."""
        return None if self._value(name) is None else int(self.number(name))

    def flag(self, name: str) -> bool:
        """Yes or no."""
        return bool(self._value(name))

    def folder(self, name: str) -> Path:
        """A path; a relative one is below the workspace."""
        return self._root / Path(str(self._value(name))).expanduser()

    def file(self, name: str) -> Path | None:
        """A file that is there, or None where it is not given."""
        if self._value(name) is None:
            return None
        path = self.folder(name)
        if not path.is_file():
            self.wrong(name, f"there is no file {path}")
        return path

    def webhook_login(self) -> tuple[str, Secret | None]:
        """User and password of `webhook_login`; the password is None where neither is given."""
        user, password = self.text("webhook_user"), self.secret("webhook_password")
        if bool(user) != bool(password):
            self.wrong("webhook_user", "webhook_user and webhook_password go together")
        if ":" in user:
            self.wrong("webhook_user", "must hold no colon")
        return user, password

    def check_tags(self, most: int, form: str, words: str) -> None:
        """Refuse tags that the vendor would: more than `most`, or not of the form (a regular
        expression, in `words`)."""
        if len(self._channel.tags) > most:
            self.wrong("tags", f"{self._channel.provider} takes at most {most} beside the trigger")
        for tag in self._channel.tags:
            if not re.fullmatch(form, tag):
                self.wrong("tags", f"{tag}: {self._channel.provider} takes {words}")

    def check_headers(self, reserved: frozenset[str], *, ascii_only: bool = False) -> None:
        """Refuse headers (names in lower case) that the vendor keeps for itself, and values that
        it would send as they are where a header must be ASCII."""
        provider = self._channel.provider
        for name, value in self._channel.headers.items():
            if name.lower() in reserved:
                self.wrong("headers", f"{provider} does not let {name} be set")
            if ascii_only and not value.isascii():
                self.wrong("headers", f"{name}: {provider} takes ASCII values only")

    def check_sender(
        self,
        form: str = f"{NUMBER}|{NAME}",
        words: str = "a number, or a name of up to 11 ASCII characters",
    ) -> None:
        """Refuse a sender that no text message of the vendor's can have: not of the form (a
        regular expression, in `words`)."""
        sender = self._channel.sender
        if sender and not re.fullmatch(form, sender):
            self.wrong("from", f"{self._channel.provider} takes {words}")

    def base_url(self) -> str:
        """The vendor's address without a slash at its end. Plain http only to this machine."""
        url = self.web_address("base_url").rstrip("/")
        if urlsplit(url).query:
            self.wrong("base_url", "must hold no credentials, query or fragment")
        return url

    def web_address(self, name: str) -> str:
        """An address that may hold a query and is never told. Plain http only to this machine."""
        url = self.text(name)
        try:
            parts = urlsplit(url)
            host = parts.hostname if parts.port != 0 else None
        except ValueError:
            host = None
        if not host or parts.scheme not in {"http", "https"}:
            self.wrong(name, "is not a web address", hint="https://host")
        if parts.username or parts.fragment:
            self.wrong(name, "must hold no credentials, query or fragment")
        if parts.scheme == "http" and not is_loopback(host):
            self.wrong(name, "must be https: the credentials would travel in clear text")
        return url

    def callback_url(self) -> str:
        """Where the vendor reports to, empty for nowhere."""
        return self.web_address("callback_url") if self.text("callback_url") else ""
