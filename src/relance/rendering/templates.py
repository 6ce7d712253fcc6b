"""The templates of a workspace: loaded once, checked whole, filled message by message."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from relance.domain.message import Rendered
from relance.errors import Problem, RenderError
from relance.rendering import formats
from relance.rendering.compiled import Case, Scope
from relance.rendering.environment import Setting
from relance.rendering.hints import did_you_mean
from relance.rendering.library import FOLDER, TextFile, choose, load
from relance.rendering.source import Source, in_file_order, read_source
from relance.rendering.values import Group, group_values, sample_values
from relance.rendering.variant import Variant

_REMEMBERED = 1_000  # choices by locale; a wrong column as locale must not fill the memory


class Templates:
    """All templates under `root/templates`, as they were when this was made.

    `locale`, `currency` (ISO 4217) and `zone` are the workspace's, for customers who have none
    of their own; `brand` holds the values of `brand.*`, or is None while they are not known: then
    no use of them is a mistake, and nothing can be rendered that prints them.
    """

    def __init__(
        self,
        root: Path,
        *,
        locale: str,
        currency: str,
        zone: ZoneInfo,
        brand: Mapping[str, object] | None,
    ) -> None:
        self._library = load(root)
        self._locale = locale
        self._currency = currency
        self._zone = zone
        self._brand = brand
        self._chosen: dict[tuple[str, str, str | None], Variant] = {}
        self._variants: dict[tuple[str, str], dict[str, Variant]] = {}
        self._names: dict[tuple[str, str], frozenset[str]] = {}

    def texts(self) -> Mapping[tuple[str, str], str]:
        """The fingerprint of every (template, channel) that there is."""
        return {key: self.fingerprint(*key) for key in self._library.messages() if self._of(*key)}

    def locales(self, template: str, channel: str) -> tuple[str, ...]:
        """The locales a template is written in; empty text stands for the file that names none."""
        return tuple(sorted(self._of(template, channel)))

    def names(self, template: str, channel: str) -> frozenset[str]:
        """The dotted data names (`customer.first_name`) used in any locale, layouts included.

        Raises RenderError where there is no such template.
        """
        key = (template, channel)
        if key not in self._names:  # asked for every message
            found = (variant.source.names for variant in self._require(*key).values())
            self._names[key] = frozenset().union(*found)
        return self._names[key]

    def message_names(self, template: str, channel: str) -> frozenset[str]:
        """The names of the message's own (`message.unsubscribe_url`) used in any locale.

        Raises RenderError where there is no such template.
        """
        variants = self._require(template, channel)
        return frozenset().union(*(variant.source.message_names for variant in variants.values()))

    def fingerprint(self, template: str, channel: str) -> str:
        """Changes with any text that the template can send, in any locale."""
        variants = self._require(template, channel)
        parts = [f"{locale}={variants[locale].source.fingerprint}" for locale in sorted(variants)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

    def render(
        self, template: str, channel: str, *, locale: str | None, values: Mapping[str, object]
    ) -> Rendered:
        """One message's text, in the variant nearest to `locale`.

        Values are nested (`{"customer": {"first_name": …}}`) or dotted
        (`{"customer.first_name": …}`); dates and numbers may be JSON's text. Raises RenderError
        at the place in the template; nothing of the values is in its message.
        """
        variant = self._choose(template, channel, locale)
        scope = self._scope(values)
        return variant.render(scope, lambda: self._setting(locale, scope))

    def _choose(self, template: str, channel: str, locale: str | None) -> Variant:
        key = (template, channel, locale)
        if key not in self._chosen:
            variants = self._require(template, channel)
            if len(self._chosen) >= _REMEMBERED:
                self._chosen.clear()
            self._chosen[key] = variants[choose(variants, locale, self._locale)]
        return self._chosen[key]

    def check(self, known: Collection[str] | None = None) -> list[Problem]:
        """Every mistake of every file, in file order.

        With `known`, the dotted names that the workspace's data has (and `LINK_NAMES` where links
        lead back to us), other names are mistakes.
        """
        return in_file_order(self._problems(known))

    def _problems(self, known: Collection[str] | None) -> Iterator[Problem]:
        yield from self._library.problems
        for key in self._library.messages():
            for variant in self._of(*key).values():
                yield from variant.problems(known)

    def _of(self, template: str, channel: str) -> dict[str, Variant]:
        key = (template, channel)
        if key not in self._variants:
            self._variants[key] = {
                locale: self._variant(file)
                for locale, file in self._library.variants(template, channel).items()
            }
        return self._variants[key]

    def _variant(self, file: TextFile) -> Variant:
        source = read_source(file, self._library, self._brand, self._locale)
        language = formats.locale_of(file.locale, self._locale)
        return Variant(source, language, self._cases)

    def _require(self, template: str, channel: str) -> dict[str, Variant]:
        variants = self._of(template, channel)
        if not variants:
            known = {name for name, kind in self._library.messages() if kind == channel}
            raise RenderError(
                Problem(
                    path=f"{FOLDER}/{template}",
                    message=f"there is no {channel} template of this name",
                    hint=did_you_mean(template, known),
                )
            )
        return variants

    def _scope(self, values: Mapping[str, object]) -> dict[str, object]:
        return {**group_values(values), "brand": Group("brand", self._brand)}

    def _setting(self, locale: str | None, scope: Scope) -> Setting:
        customer = scope.get("customer")
        zone = customer.get("timezone") if isinstance(customer, Group) else None
        return Setting(
            locale=formats.locale_of(locale, self._locale),
            zone=formats.zone_of(zone if isinstance(zone, str) else None, self._zone),
            currency=self._currency,
        )

    def _cases(self, source: Source) -> list[Case]:
        """Values to try a template with: plausible ones, none at all, markup, numbers."""
        names = source.names
        missing: dict[str, object] = {
            **dict.fromkeys(names),
            "message": sample_values(())["message"],
        }
        markup = dict.fromkeys(names, "<b>\"1\" & '2'</b> {{ 3 }} é €")
        numbers = dict.fromkeys(names, 1)
        tried = (sample_values(names), missing, {**missing, **markup}, {**missing, **numbers})
        locale = source.file.locale or self._locale
        return [self._case(locale, values) for values in tried]

    def _case(self, locale: str, values: Mapping[str, object]) -> Case:
        scope = self._scope(values)
        return scope, lambda: self._setting(locale, scope)
