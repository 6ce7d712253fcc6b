"""`web` and `topics`: how customers and vendors reach this workspace, and what may be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from relance.domain.workspace import WebSpec
from relance.settings import Secret
from relance.spec.notations import LOCALE
from relance.spec.options import SecretText
from relance.spec.record import Key, Record, optional
from relance.spec.shapes import (
    Either,
    JsonSchema,
    ListOf,
    MapOf,
    Shape,
    Text,
    Whole,
    made,
    read_all,
)
from relance.spec.spot import Spot

LEAST_SECRET = 16  # characters


class PublicUrl(Shape[str]):
    """Where the world reaches us, without a slash at its end. Plain http only on this machine."""

    says = "a web address such as `https://crm.shop.example`"

    def read(self, spot: Spot) -> str:
        text = Text(self.says).read(spot).strip()
        try:
            parts = urlsplit(text)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or parts.scheme not in {"http", "https"} or not _plain(text):
            raise spot.broken("is not a web address", "write https://host")
        if parts.username is not None or "?" in text or "#" in text:
            raise spot.broken("holds more than a host and a path", "write https://host")
        if parts.scheme == "http" and not _is_loopback(host):
            raise spot.broken(
                "must be https", "links carry who may unsubscribe whom; http is for this machine"
            )
        return text.rstrip("/")

    def schema(self) -> JsonSchema:
        return {"type": "string", "pattern": r"^(https?://[^\s?#]+|.*\$\{.*)$"}


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _long_enough(spot: Spot, secret: Secret) -> Secret:
    if len(secret.reveal().strip()) < LEAST_SECRET:
        raise spot.broken(
            f"must have at least {LEAST_SECRET} characters", "such as: openssl rand -hex 32"
        )
    return secret


_SIGNING: Shape[Secret] = made(SecretText(), _long_enough)


class WebYaml(Record[WebSpec]):
    """How customers and vendors reach this workspace: links in messages, vendors' reports."""

    what = "a mapping such as {public_url: https://…, secret: ${NAME}}"
    public_url = optional(
        PublicUrl(),
        "The address under which the world reaches `relance web`, through a proxy that speaks "
        "https. Without it no message can offer a link that unsubscribes.",
        shown="none",
    )
    secret = optional(
        _SIGNING,
        f"Signs the links; at least {LEAST_SECRET} characters. Needed with `public_url`.",
    )
    previous_secrets: Key[tuple[Secret, ...]] = optional(
        ListOf(_SIGNING, "secrets", single=True),
        "Earlier secrets: links that they signed still work.", default=(), shown="none",
    )  # fmt: skip
    host = optional(
        Text("a host name or an address"), "Where the server listens.",
        default=WebSpec().host, shown=WebSpec().host,
    )  # fmt: skip
    port = optional(
        Whole(1, 65_535),
        "The port it listens on.",
        default=WebSpec().port,
        shown=str(WebSpec().port),
    )

    def build(self) -> WebSpec:
        for key in ("public_url", "previous_secrets"):
            if self.has(key) and not self.has("secret"):
                hint = 'write secret: "${NAME}" and put one in the environment'
                self.spot.at("secret", self.spot.node).note(f"is missing beside {key}", hint)
        newest = () if self.secret is None else (self.secret,)
        return WebSpec(
            public_url=self.public_url, secrets=(*newest, *self.previous_secrets),
            host=self.host, port=self.port,
        )  # fmt: skip


_TITLE = Text("a title")


class ByLocale(Shape[Mapping[str, str]]):
    """Titles by locale."""

    says = "a mapping of locales to titles, such as {fr: Nouveautés, en: News}"
    _titles = MapOf(_TITLE, "locales to titles", pattern=".*")

    def read(self, spot: Spot) -> Mapping[str, str]:
        keys = {key.text: key for key, _ in reversed(spot.fields(self.says).pairs)}
        titles = self._titles.read(spot)
        locales = read_all(LOCALE, [spot.at(name, keys[name]) for name in titles])
        if not titles:
            raise spot.broken("is empty", "give it a title")
        if len(set(locales)) < len(titles):
            raise spot.broken("names a locale twice", "fr-CH and fr_CH are the same")
        return dict(zip(locales, titles.values(), strict=True))

    def schema(self) -> JsonSchema:
        return {"type": "object", "minProperties": 1, "additionalProperties": _TITLE.schema()}


def _everywhere(_spot: Spot, title: str) -> Mapping[str, str]:
    return {"": title}


_TITLES = Either[Mapping[str, str]](made(_TITLE, _everywhere), ByLocale())
TOPICS = MapOf(_TITLES, "topics")
