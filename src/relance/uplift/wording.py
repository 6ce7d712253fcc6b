"""A sentence for every verdict, in English and French.

"95 % interval" always, never "95 % chance": the interval is about the method, not the truth.
"""

from __future__ import annotations

from typing import Literal

from relance.domain.study import Metric
from relance.uplift.health import Health
from relance.uplift.judge import Judgement
from relance.uplift.verdict import MIN_MATURE, MIN_RETAINED, Cause, Reading

Locale = Literal["en", "fr"]

_METRICS: dict[Locale, dict[Metric, str]] = {
    "en": {
        Metric.RETAINED: "retained",
        Metric.ORDERS: "orders per customer",
        Metric.REVENUE: "revenue per customer",
        Metric.REACTIVATED: "reactivated",
        Metric.UNSUBSCRIBED: "unsubscribed",
    },
    "fr": {
        Metric.RETAINED: "retenus",
        Metric.ORDERS: "commandes par client",
        Metric.REVENUE: "chiffre d’affaires par client",
        Metric.REACTIVATED: "réactivés",
        Metric.UNSUBSCRIBED: "désabonnés",
    },
}

_SENTENCES: dict[Locale, dict[Cause, str]] = {
    "en": {
        Cause.NO_GOAL: "The trigger has no goal, so retention is not measured.",
        Cause.NO_HOLDOUT: "Nobody is held out, so there is nothing to compare with.",
        Cause.SPLIT: "The split is broken: {treated_entered} treated and {holdout_entered} held "
        "out is not a holdout of {share} (p < 0.001). No effect is shown until the cause is "
        "found.",
        Cause.FEW_RETAINED: "Too few retained customers: {treated_retained} treated and "
        "{holdout_retained} held out; each group needs {min_retained}.",
        Cause.SPANS_ZERO: "No detectable effect: the 95 % interval of the difference, {ci} "
        "points, includes zero.",
        Cause.ABOVE_ZERO: "Better than no message: {diff} points, 95 % interval {ci}.",
        Cause.BELOW_ZERO: "Worse than no message: {diff} points, 95 % interval {ci}.",
        Cause.IMPOSSIBLE: "The counts cannot be: more customers retained than entered, or a share "
        "outside 0 to 100 %. Nothing is shown; look for rows changed by hand.",
        Cause.SPLIT_PART: "The split is broken in {part}: {part_share} held out is not a holdout "
        "of {share} (p < 0.001). No effect is shown until the cause is found.",
        Cause.FEW_ENTRANTS: "Too few customers entered: {treated_entered} treated and "
        "{holdout_entered} held out; each group needs {min_mature}.",
        Cause.FEW_CLOSED: "Too early: the goal's window is closed for {treated_mature} treated and "
        "{holdout_mature} held-out customers; each group needs {min_mature}.",
        Cause.READ_OUT_AHEAD: "Too early: the planned read-out is still ahead, and the data so far "
        "(95 % interval {ci} points) do not settle it sooner.",
        Cause.ONE_LOOK: "No detectable effect: the 95 % interval {ci} points leaves zero out, but "
        "it is made for a single look; the stricter test that allows for looking every day finds "
        "nothing.",
        Cause.AMONG_MANY: "No detectable effect: {diff} points, 95 % interval {ci}, would be clear "
        "on its own, but among {compared} triggers read together one such is no surprise.",
        Cause.ABOVE_EARLY: "Better than no message, by the stricter test that allows for looking "
        "every day: {diff} points, 95 % interval {ci}.",
        Cause.SHRUNK: "The event table has lost rows since an earlier tick: outcomes are missing, "
        "and nothing is shown until it is whole again.",
        Cause.BELOW_EARLY: "Worse than no message, by the stricter test that allows for looking "
        "every day: {diff} points, 95 % interval {ci}.",
    },
    "fr": {
        Cause.NO_GOAL: "Ce déclencheur n’a pas d’objectif : la rétention n’est pas mesurée.",
        Cause.NO_HOLDOUT: "Personne n’est dans le groupe témoin : il n’y a rien à comparer.",
        Cause.SPLIT: "Le tirage est faussé : {treated_entered} contactés et {holdout_entered} "
        "témoins ne correspondent pas à un groupe témoin de {share} (p < 0,001). Aucun effet "
        "n’est affiché tant que la cause n’est pas trouvée.",
        Cause.FEW_RETAINED: "Trop peu de clients retenus : {treated_retained} contactés et "
        "{holdout_retained} témoins ; il en faut {min_retained} par groupe.",
        Cause.SPANS_ZERO: "Pas d’effet décelable : l’intervalle à 95 % de l’écart, {ci} points, "
        "contient zéro.",
        Cause.ABOVE_ZERO: "Mieux que sans message : {diff} points, intervalle à 95 % {ci}.",
        Cause.BELOW_ZERO: "Moins bien que sans message : {diff} points, intervalle à 95 % {ci}.",
        Cause.IMPOSSIBLE: "Ces nombres ne peuvent pas être justes : plus de clients retenus que "
        "d’entrés, ou une part hors de 0 à 100 %. Rien n’est affiché ; cherchez des lignes "
        "modifiées à la main.",
        Cause.SPLIT_PART: "Le tirage est faussé pour {part} : {part_share} de témoins ne "
        "correspondent pas à un groupe témoin de {share} (p < 0,001). Aucun effet n’est affiché "
        "tant que la cause n’est pas trouvée.",
        Cause.FEW_ENTRANTS: "Trop peu de clients entrés : {treated_entered} contactés et "
        "{holdout_entered} témoins ; il en faut {min_mature} par groupe.",
        Cause.FEW_CLOSED: "Trop tôt : la fenêtre de l’objectif est close pour {treated_mature} "
        "contactés et {holdout_mature} témoins ; il en faut {min_mature} par groupe.",
        Cause.READ_OUT_AHEAD: "Trop tôt : la lecture prévue est encore à venir, et les données "
        "(intervalle à 95 % {ci} points) ne permettent pas de conclure avant.",
        Cause.ONE_LOOK: "Pas d’effet décelable : l’intervalle à 95 % {ci} points exclut zéro, mais "
        "il vaut pour une seule lecture ; le test plus strict, qui permet de regarder chaque jour, "
        "ne trouve rien.",
        Cause.AMONG_MANY: "Pas d’effet décelable : {diff} points, intervalle à 95 % {ci}, serait "
        "net à lui seul, mais parmi {compared} déclencheurs lus ensemble le hasard en donne "
        "facilement un.",
        Cause.ABOVE_EARLY: "Mieux que sans message, selon le test plus strict qui permet de "
        "regarder chaque jour : {diff} points, intervalle à 95 % {ci}.",
        Cause.SHRUNK: "La table d’événements a perdu des lignes depuis un passage précédent : il "
        "manque des résultats, et rien n’est affiché tant qu’elle n’est pas complète.",
        Cause.BELOW_EARLY: "Moins bien que sans message, selon le test plus strict qui permet de "
        "regarder chaque jour : {diff} points, intervalle à 95 % {ci}.",
    },
}


def sentence(reading: Reading, locale: Locale = "en") -> str:
    """Why the verdict is what it is, for a person."""
    return _SENTENCES[locale][reading.cause].format(
        treated_entered=count(reading.treated.entered, locale),
        treated_mature=count(reading.treated.mature, locale),
        treated_retained=count(reading.treated.retained, locale),
        holdout_entered=count(reading.holdout.entered, locale),
        holdout_mature=count(reading.holdout.mature, locale),
        holdout_retained=count(reading.holdout.retained, locale),
        min_mature=MIN_MATURE,
        min_retained=MIN_RETAINED,
        share=percent(reading.share, locale),
        diff=points(reading.diff, locale),
        ci=interval(reading, locale),
        **_of_judgement(reading, locale),
    )


def _of_judgement(reading: Reading, locale: Locale) -> dict[str, str]:
    """What only a `Judgement` knows: which part's split is broken, and how many were compared."""
    if not isinstance(reading, Judgement):
        return {}
    broken = next((one for one in reading.checked if one.health is Health.FAILED), None)
    return {
        "part": broken.label if broken else "",
        "part_share": percent(broken.size if broken else None, locale),
        "compared": count(reading.compared, locale),
    }


def metric_name(metric: Metric, locale: Locale = "en") -> str:
    """What a metric is called before its number."""
    return _METRICS[locale][metric]


def count(number: int, locale: Locale = "en") -> str:
    """A whole number with its thousands apart."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}" if locale == "fr" else ",")


def article(noun: str) -> str:
    """`a` or `an`, by the first letter."""
    return "an" if noun[:1].lower() in tuple("aeiou") else "a"


def percent(share: float | None, locale: Locale = "en") -> str:
    """A fraction as a percentage with one decimal: `12.5 %`; a dash where there is none."""
    if share is None:
        return "–"
    return _decimal(f"{100 * share:.1f}", locale) + " %"


def duration(seconds: float, locale: Locale = "en") -> str:
    """A length of time in the largest unit that leaves at least one: `2.5 hours`."""
    units = {"en": ("days", "hours", "minutes"), "fr": ("jours", "heures", "minutes")}[locale]
    rank = 0 if seconds >= 86_400 else 1 if seconds >= 3_600 else 2
    number = seconds / (86_400, 3_600, 60)[rank]
    return f"{_decimal(f'{number:.1f}', locale)} {units[rank]}"


def points(fraction: float | None, locale: Locale = "en") -> str:
    """A difference in percentage points, always with its sign; a dash where there is none."""
    if fraction is None:
        return "–"
    number = f"{100 * fraction:+.1f}"
    if float(number) == 0:
        number = "0.0"
    return _decimal(number.replace("-", "\N{MINUS SIGN}"), locale)


def interval(reading: Reading, locale: Locale = "en") -> str:
    """The interval of the difference, in points: `[+1.2, +8.3]`; a dash where there is none."""
    if reading.diff_ci is None:
        return "–"
    low, high = (points(end, locale) for end in reading.diff_ci)
    return f"[{low} ; {high}]" if locale == "fr" else f"[{low}, {high}]"


def _decimal(number: str, locale: Locale) -> str:
    return number.replace(".", ",") if locale == "fr" else number
