"""A sentence for everything that a check-up finds, in English and French, for people in CRM."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from relance.uplift.checkup import ALIKE, LEAST, Checkup, Mistake, Sign, Symptom, Value
from relance.uplift.comparison import RATIO_NEEDS
from relance.uplift.wording import Locale, article, count, duration, percent

MISTAKES: dict[Locale, dict[Mistake, str]] = {
    "en": {
        Mistake.FEW_CRITERIA: "too few criteria",
        Mistake.OUT_OF_DATE: "out of date",
        Mistake.IRRELEVANT: "irrelevant",
        Mistake.OVER_SEGMENTED: "over-segmented",
        Mistake.NEVER_ANALYSED: "never analysed",
    },
    "fr": {
        Mistake.FEW_CRITERIA: "trop peu de critères",
        Mistake.OUT_OF_DATE: "pas à jour",
        Mistake.IRRELEVANT: "sans pertinence",
        Mistake.OVER_SEGMENTED: "trop de segments",
        Mistake.NEVER_ANALYSED: "jamais analysé",
    },
}

_EN = {
    Sign.BY_DATE: "A date decides who is written to, and the segment only who may be.",
    Sign.ALIKE: "Its {members} members of {days} ago are {alike} more alike than any customers: "
    "{rate} of them had {a} {event} since, {base} of all.",
    Sign.BROAD: "Its {members} members of {days} ago are hardly more alike than any customers "
    f"({{alike}}, under {percent(ALIKE)}): {{rate}} of them had {{a}} {{event}} since, {{base}} of "
    "all. Add a criterion about what they did.",
    Sign.FRESH: "The newest row is {data} old, the last evaluation {run}.",
    Sign.NEVER_RUN: "No tick has evaluated it yet: run `relance tick`.",
    Sign.CHANGED: "Its definition changed since the last tick: the next one takes it anew.",
    Sign.RUN_OLD: "Not evaluated for {silence}, and due every {every}: is the worker running?",
    Sign.DATA_OLD: "Nothing new in table {table} for {silence}, and it is looked at every {every}: "
    "has the export stopped?",
    Sign.DATA_EMPTY: "Table {table} has no rows: nobody can be in it for what they did.",
    Sign.DEFINITION_OLD: "Defined like this for {age}: do its limits still fit?",
    Sign.NOBODY_ENTERS: "Nobody has entered for {silence}, so that its triggers have nobody to "
    "write to.",
    Sign.LIFT: "Its members had {a} {event} within {days} {lift} times as often as all customers "
    "(95 % interval {low} to {high}).",
    Sign.DEMOGRAPHICS: "It looks only at who customers are, and at nothing that they did: add an "
    "event, an RFM score or a stage.",
    Sign.NO_LIFT: "Its members had {a} {event} within {days} {lift} times as often as all "
    "customers; the 95 % interval, {low} to {high}, includes 1, so it says nothing about who "
    "will.",
    Sign.SIZE: "{members} members, {share} of all; about {entrants} could enter a trigger in half "
    "a year.",
    Sign.EMPTY: "Nobody is in it, and nobody was {days} ago: look at its limits.",
    Sign.TOO_SMALL: "Too small to read what a message does: about {entrants} could enter a trigger "
    "in half a year, {held_out} of them held out ({holdout}), where a verdict takes "
    f"{LEAST} with {RATIO_NEEDS} returning{{smallest}}.",
    Sign.TOO_LARGE: "{members} members are {share} of all customers: it sets nobody apart. Divide "
    "it.",
    Sign.DUPLICATE: "The same customers as {other} ({jaccard} of either are in both): keep one.",
    Sign.OVERLAP: "Many of the same customers as {other}: {jaccard} of either are in both.",
    Sign.CONTAINED: "{containment} of the smaller of it and {other} are in both, and both are "
    "written to: who is in both gets two messages.",
    Sign.ANALYSED: "{trigger} holds {holdout} out, has a goal, and its report was read.",
    Sign.NOT_YET: "{trigger} holds customers out and has a goal; no goal's window is closed yet.",
    Sign.NO_HOLDOUT: "{trigger} holds nobody out, so that nobody will know what it was worth: add "
    "`holdout: 10%`.",
    Sign.NO_GOAL: "{trigger} has no goal, so that nothing is measured: add `goal:`.",
    Sign.NOT_READ: "{trigger} has had results for {since}, and no report was made since: run "
    "`relance report`, or give `report:` a schedule.",
    Sign.READ_LONG_AGO: "The last report that looked at {trigger} is {silence} old.",
    Sign.UNUSED: "No trigger, step or other segment uses it: use it, or take it out.",
    Sign.USED: "No trigger watches it; it is used by {by}.",
    Sign.NO_EVENT: "No event is mapped: nothing that customers do can be counted.",
    Sign.NO_CUSTOMERS: "The customers table has no rows.",
    Sign.SHORT_HISTORY: "Nothing is known of the time before {days} ago: no closed window to look "
    "at.",
    Sign.NOBODY_RETURNED: "No customer had {a} {event} in the last {days}: nothing to compare.",
    Sign.EVERYBODY_RETURNED: "Every customer had {a} {event} in the last {days}: nothing to "
    "compare.",
    Sign.NOBODY_THEN: "Nobody was in it {days} ago: nobody to look at.",
    Sign.FEW_THEN: f"Only {{members}} were in it {{days}} ago; a number takes {LEAST}.",
    Sign.FEW_RETURNED: f"Fewer than {RATIO_NEEDS} of the other customers had {{a}} {{event}}: too "
    "few to compare with.",
    Sign.WIDE: "Its {members} members of {days} ago are too few to say: {lift} times as often as "
    "all, but anything from {low} to {high}.",
    Sign.EVERYBODY_IN: "Every customer was in it: nobody to compare with.",
}  # fmt: skip
_FR = {
    Sign.BY_DATE: "Une date décide de qui est contacté, le segment seulement de qui peut l’être.",
    Sign.ALIKE: "Ses {members} membres d’il y a {days} se ressemblent {alike} de plus que des "
    "clients quelconques : {rate} ont eu « {event} » depuis, contre {base} de tous.",
    Sign.BROAD: "Ses {members} membres d’il y a {days} ne se ressemblent guère plus que des "
    f"clients quelconques ({{alike}}, sous {percent(ALIKE, 'fr')}) : {{rate}} ont eu « {{event}} » "
    "depuis, contre {base} de tous. Ajoutez un critère sur ce qu’ils ont fait.",
    Sign.FRESH: "La ligne la plus récente a {data}, la dernière évaluation {run}.",
    Sign.NEVER_RUN: "Aucun passage ne l’a encore évalué : lancez `relance tick`.",
    Sign.CHANGED: "Sa définition a changé depuis le dernier passage : le prochain repart de zéro.",
    Sign.RUN_OLD: "Pas évalué depuis {silence}, pour un passage tous les {every} : le service "
    "tourne-t-il ?",
    Sign.DATA_OLD: "Rien de nouveau dans la table {table} depuis {silence}, alors qu’elle est lue "
    "tous les {every} : l’export s’est-il arrêté ?",
    Sign.DATA_EMPTY: "La table {table} est vide : personne ne peut y être pour ce qu’il a fait.",
    Sign.DEFINITION_OLD: "Défini ainsi depuis {age} : ses seuils sont-ils encore les bons ?",
    Sign.NOBODY_ENTERS: "Personne n’y est entré depuis {silence} : ses déclencheurs n’ont personne "
    "à contacter.",
    Sign.LIFT: "Ses membres ont eu « {event} » en {days} {lift} fois aussi souvent que tous les "
    "clients (intervalle à 95 % : de {low} à {high}).",
    Sign.DEMOGRAPHICS: "Il ne regarde que qui sont les clients, et rien de ce qu’ils ont fait : "
    "ajoutez un événement, un score RFM ou une étape.",
    Sign.NO_LIFT: "Ses membres ont eu « {event} » en {days} {lift} fois aussi souvent que tous les "
    "clients ; l’intervalle à 95 %, de {low} à {high}, contient 1 : il ne dit rien de qui "
    "reviendra.",
    Sign.SIZE: "{members} membres, {share} de tous ; environ {entrants} pourraient entrer dans un "
    "déclencheur en six mois.",
    Sign.EMPTY: "Personne n’y est, et personne n’y était il y a {days} : regardez ses seuils.",
    Sign.TOO_SMALL: "Trop petit pour lire l’effet d’un message : environ {entrants} pourraient "
    "entrer dans un déclencheur en six mois, dont {held_out} témoins ({holdout}), quand un verdict "
    f"en demande {LEAST} dont {RATIO_NEEDS} qui reviennent{{smallest}}.",
    Sign.TOO_LARGE: "{members} membres, soit {share} de tous les clients : il ne distingue "
    "personne. Divisez-le.",
    Sign.DUPLICATE: "Les mêmes clients que {other} ({jaccard} des uns ou des autres sont dans les "
    "deux) : gardez-en un.",
    Sign.OVERLAP: "Beaucoup des mêmes clients que {other} : {jaccard} des uns ou des autres sont "
    "dans les deux.",
    Sign.CONTAINED: "{containment} du plus petit des deux, avec {other}, sont dans les deux, et "
    "les deux sont contactés : ces clients reçoivent deux messages.",
    Sign.ANALYSED: "{trigger} garde {holdout} de témoins, a un objectif, et son rapport a été lu.",
    Sign.NOT_YET: "{trigger} garde des témoins et a un objectif ; aucune fenêtre n’est encore "
    "close.",
    Sign.NO_HOLDOUT: "{trigger} ne garde aucun témoin : personne ne saura ce qu’il a valu. "
    "Ajoutez `holdout: 10%`.",
    Sign.NO_GOAL: "{trigger} n’a pas d’objectif : rien n’est mesuré. Ajoutez `goal:`.",
    Sign.NOT_READ: "{trigger} a des résultats depuis {since}, et aucun rapport n’a été fait "
    "depuis : lancez `relance report`, ou donnez un rythme à `report:`.",
    Sign.READ_LONG_AGO: "Le dernier rapport sur {trigger} a {silence}.",
    Sign.UNUSED: "Aucun déclencheur, étape ou autre segment ne l’utilise : servez-vous-en, ou "
    "retirez-le.",
    Sign.USED: "Aucun déclencheur ne le suit ; il sert à {by}.",
    Sign.NO_EVENT: "Aucun événement n’est déclaré : rien de ce que font les clients ne se compte.",
    Sign.NO_CUSTOMERS: "La table des clients est vide.",
    Sign.SHORT_HISTORY: "On ne sait rien d’avant {days} : pas de fenêtre close à regarder.",
    Sign.NOBODY_RETURNED: "Aucun client n’a eu « {event} » en {days} : rien à comparer.",
    Sign.EVERYBODY_RETURNED: "Tous les clients ont eu « {event} » en {days} : rien à comparer.",
    Sign.NOBODY_THEN: "Personne n’y était il y a {days} : personne à regarder.",
    Sign.FEW_THEN: f"Seuls {{members}} y étaient il y a {{days}} ; un nombre en demande {LEAST}.",
    Sign.FEW_RETURNED: f"Moins de {RATIO_NEEDS} des autres clients ont eu « {{event}} » : trop peu "
    "pour comparer.",
    Sign.WIDE: "Ses {members} membres d’il y a {days} sont trop peu pour conclure : {lift} fois "
    "aussi souvent que tous, mais tout est possible de {low} à {high}.",
    Sign.EVERYBODY_IN: "Tous les clients y étaient : personne à qui comparer.",
}  # fmt: skip
_SENTENCES: dict[Locale, dict[Sign, str]] = {"en": _EN, "fr": _FR}
_SMALLEST: dict[Locale, str] = {
    "en": "; the smallest rise that would show is {rise} points",
    "fr": " ; la plus petite hausse visible est de {rise} points",
}
_WHOLE: dict[Locale, str] = {
    "en": "{segments} segments over {customers} customers, as of {at}. Outcome: {a} {event} within "
    "{days} of {then}, which {rate} had.",
    "fr": "{segments} segments sur {customers} clients, au {at}. Résultat regardé : « {event} » "
    "dans les {days} après le {then} ; {rate} l’ont eu.",
}
_TOGETHER: dict[Locale, str] = {
    "en": "Together they tell {omega} of what customers did apart (omega squared; 1 % is little, "
    "6 % middling, 14 % much).",
    "fr": "Ensemble, ils expliquent {omega} de ce que les clients ont fait (oméga carré ; 1 % est "
    "peu, 6 % moyen, 14 % beaucoup).",
}


def sentence(symptom: Symptom, locale: Locale = "en") -> str:
    """What one symptom says, with its numbers."""
    words = _words(symptom.values, locale)
    if "every" in words:  # `every day`, `tous les jours`
        alone = {"1 day": "day", "1 jour": "jours"}
        words["every"] = alone.get(words["every"], words["every"])
    rise = symptom.values.get("rise")
    smallest = _SMALLEST[locale].format(rise=_points(rise, locale)) if rise is not None else ""
    return _SENTENCES[locale][symptom.sign].format(**words, smallest=smallest)


def window_sentence(checkup: Checkup, locale: Locale = "en") -> str:
    """What the segments are held against; why nothing can be, where nothing can."""
    window = checkup.window
    values: dict[str, Value] = {}
    if window.goal is not None:
        values = {"event": window.goal.event, "days": _length(window.goal.within.rough_seconds)}
    if window.nothing is not None or window.then_at is None:
        sign = window.nothing or Sign.NO_EVENT
        words = _words(values, locale)
        return _SENTENCES[locale][sign].format(**words)
    values |= {"segments": len(checkup.segments), "customers": checkup.customers}
    values |= {"rate": window.rate or 0.0}
    words = _words(values, locale)
    at, then = checkup.at.date().isoformat(), window.then_at.date().isoformat()
    return _WHOLE[locale].format(**words, at=at, then=then)


def together_sentence(checkup: Checkup, locale: Locale = "en") -> str:
    """How much the segments tell together; empty where there is no number."""
    if checkup.omega is None:
        return ""
    return _TOGETHER[locale].format(omega=percent(checkup.omega, locale))


def _length(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def _words(values: Mapping[str, Value], locale: Locale) -> dict[str, str]:
    words = {name: _shown(value, locale) for name, value in values.items()}
    return {**words, "a": article(words.get("event", ""))}


def _shown(value: Value, locale: Locale) -> str:
    if isinstance(value, timedelta):
        return _span(value, locale)
    if isinstance(value, float):
        return percent(value, locale)
    if isinstance(value, int):
        return count(value, locale)
    text = str(value)
    is_number = text.replace(".", "", 1).isdigit()
    return text.replace(".", ",") if locale == "fr" and is_number else text


def _span(length: timedelta, locale: Locale) -> str:
    """Whole days from one on, hours and minutes below: `30 days`."""
    days = round(length / timedelta(days=1))
    if days < 1:
        return duration(length.total_seconds(), locale).replace(".0 ", " ").replace(",0 ", " ")
    words = {"en": ("day", "days"), "fr": ("jour", "jours")}[locale]
    return f"{count(days, locale)} {words[days > 1]}"


def _points(value: object, locale: Locale) -> str:
    number = f"{100 * value:.1f}" if isinstance(value, float) else "–"
    return number.replace(".", ",") if locale == "fr" else number
