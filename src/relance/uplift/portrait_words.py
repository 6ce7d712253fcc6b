"""How a segment differs from all customers, in words: English and French."""

from __future__ import annotations

from relance.uplift.portrait import (
    LEAST,
    LEAST_SHOWN,
    NAMED,
    Difference,
    Feature,
    Portrait,
    differences,
)
from relance.uplift.wording import Locale, article, count, percent

FEATURES: dict[Locale, dict[Feature, str]] = {
    "en": {
        Feature.RECENCY: "days since the last {event}",
        Feature.FREQUENCY: "{event}s",
        Feature.MONETARY: "spent",
        Feature.TENURE: "days since the first {event}",
    },
    "fr": {
        Feature.RECENCY: "jours depuis le dernier « {event} »",
        Feature.FREQUENCY: "nombre de « {event} »",
        Feature.MONETARY: "dépensé",
        Feature.TENURE: "jours depuis le premier « {event} »",
    },
}
_SIZE: dict[Locale, str] = {
    "en": "{members} customers, {share} of {everybody}.",
    "fr": "{members} clients, {share} sur {everybody}.",
}
_WORTH: dict[Locale, str] = {
    "en": "{active} of them have had {a} {event}; they spent {money} of all the money.",
    "fr": "{active} d’entre eux ont eu « {event} » ; ils ont dépensé {money} de tout l’argent.",
}
_SECRET: dict[Locale, str] = {
    "en": f"Fewer than {LEAST_SHOWN} members: nothing is told, because it would be about persons.",
    "fr": f"Moins de {LEAST_SHOWN} membres : rien n’est dit, ce serait parler de personnes.",
}
_NOBODY: dict[Locale, str] = {"en": "Nobody is in it.", "fr": "Personne n’y est."}
_FEW: dict[Locale, str] = {
    "en": f"Too few members to say how they differ: it takes {LEAST}.",
    "fr": f"Trop peu de membres pour dire en quoi ils diffèrent : il en faut {LEAST}.",
}
_OF_ACCOUNTS: dict[Locale, str] = {
    "en": "How often and for how much they had the event {event} is not told: it names accounts and"
    " no customer. `rfm: {{event: …}}` in config/segments.yaml takes one that customers have.",
    "fr": "La fréquence et le montant de « {event} » ne sont pas dits : l’événement nomme des"
    " comptes et aucun client. `rfm: {{event: …}}` dans config/segments.yaml en prend un que les"
    " clients ont.",
}
_ALIKE: dict[Locale, str] = {
    "en": "They differ from all customers in nothing that is worth a word.",
    "fr": "Ils ne diffèrent de l’ensemble des clients en rien qui vaille un mot.",
}
_EVERYBODY: dict[Locale, str] = {
    "en": "Every customer is in it: there is nobody to compare with.",
    "fr": "Tous les clients y sont : il n’y a personne à qui les comparer.",
}
_LARGER: dict[Locale, dict[Feature, tuple[str, str]]] = {
    "en": {
        Feature.RECENCY: ("They have been silent for longer", "They were here more recently"),
        Feature.FREQUENCY: ("They come more often", "They come less often"),
        Feature.MONETARY: ("They spend more", "They spend less"),
        Feature.TENURE: ("They have been customers for longer", "They are newer customers"),
    },
    "fr": {
        Feature.RECENCY: ("Leur silence est plus long", "Ils sont venus plus récemment"),
        Feature.FREQUENCY: ("Ils viennent plus souvent", "Ils viennent moins souvent"),
        Feature.MONETARY: ("Ils dépensent plus", "Ils dépensent moins"),
        Feature.TENURE: ("Ils sont clients depuis plus longtemps", "Ils sont clients plus récents"),
    },
}
_MEDIANS: dict[Locale, str] = {
    "en": "{what}: at the median {members} {unit}, against {everybody} for all.",
    "fr": "{what} : {members} {unit} en médiane, contre {everybody} pour tous.",
}
_UNITS: dict[Locale, dict[Feature, str]] = {
    "en": {
        Feature.RECENCY: "days",
        Feature.FREQUENCY: "{event}s",
        Feature.MONETARY: "{currency}",
        Feature.TENURE: "days",
    },
    "fr": {
        Feature.RECENCY: "jours",
        Feature.FREQUENCY: "« {event} »",
        Feature.MONETARY: "{currency}",
        Feature.TENURE: "jours",
    },
}
_VALUE: dict[Locale, str] = {
    "en": "{name} {value}: {members} of them, {everybody} of all{ratio}.",
    "fr": "{name} {value} : {members} d’entre eux, {everybody} de tous{ratio}.",
}
_BOUGHT: dict[Locale, str] = {
    "en": "{A} {event} with {name} {value}: {members} of them, {everybody} of all{ratio}.",
    "fr": "« {event} » avec {name} {value} : {members} d’entre eux, {everybody} de tous{ratio}.",
}
_RATIO: dict[Locale, str] = {
    "en": " ({ratio} times as often, 95 % interval {low} to {high})",
    "fr": " ({ratio} fois aussi souvent, intervalle à 95 % de {low} à {high})",
}


def sentences(portrait: Portrait, currency: str, locale: Locale = "en") -> list[str]:
    """A segment in a few sentences: how many, what they are worth, how they differ most."""
    words = {
        "members": count(portrait.members, locale),
        "everybody": count(portrait.everybody, locale),
        "share": percent(portrait.share, locale),
    }
    found = [_SIZE[locale].format(**words)]
    if portrait.secret:
        return [*found, (_SECRET if portrait.members else _NOBODY)[locale]]
    if portrait.of_accounts:
        found.append(_OF_ACCOUNTS[locale].format(event=portrait.of_accounts))
    if portrait.money is not None and portrait.money[0] > 0 and portrait.members:
        active = percent(portrait.active[1] / portrait.members, locale)
        money = percent(portrait.money[1] / portrait.money[0], locale)
        found.append(
            _WORTH[locale].format(
                active=active, a=article(portrait.event or ""), event=portrait.event, money=money
            )
        )
    return [*found, *differing(portrait, currency, locale)]


def differing(portrait: Portrait, currency: str, locale: Locale = "en") -> list[str]:
    """The few largest differences in words, or why there are none."""
    if portrait.members == portrait.everybody:
        return [_EVERYBODY[locale]]
    if portrait.few:
        return [_FEW[locale]]
    found = differences(portrait)[:NAMED]
    if not found:
        return [_ALIKE[locale]]
    return [_sentence(one, portrait, currency, locale) for one in found]


def _sentence(one: Difference, portrait: Portrait, currency: str, locale: Locale) -> str:
    event = one.event or portrait.event or ""
    if one.feature is not None:
        unit = _UNITS[locale][one.feature].format(event=event, currency=currency)
        return _MEDIANS[locale].format(
            what=_LARGER[locale][one.feature][one.effect < 0],
            members=number(one.members, locale),
            everybody=number(one.everybody, locale),
            unit=unit,
        )
    ratio = ""
    if one.ratio is not None:
        value, low, high = (_decimal(end, locale) for end in (one.ratio.value, *one.ratio.interval))
        ratio = _RATIO[locale].format(ratio=value, low=low, high=high)
    template = _BOUGHT if one.event else _VALUE
    return template[locale].format(
        A=article(event or "").capitalize(),
        event=event,
        name=one.name,
        value=one.value,
        members=percent(one.members, locale),
        everybody=percent(one.everybody, locale),
        ratio=ratio,
    )


def feature_name(feature: Feature, event: str | None, locale: Locale = "en") -> str:
    """What a feature is called beside its number."""
    return FEATURES[locale][feature].format(event=event or "")


def number(value: float | None, locale: Locale = "en") -> str:
    """A median: whole from ten on; a dash where there is none."""
    if value is None:
        return "–"
    if abs(value) >= 10:
        return count(round(value), locale)
    text = f"{value:.1f}".removesuffix(".0")
    return text.replace(".", ",") if locale == "fr" else text


def _decimal(value: float, locale: Locale) -> str:
    text = f"{value:.1f}" if value >= 1 else f"{value:.2f}"
    return text.replace(".", ",") if locale == "fr" else text
