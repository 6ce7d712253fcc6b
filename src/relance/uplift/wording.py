"""A sentence for every verdict, in English and French.

"95 % interval" always, never "95 % chance": the interval is about the method, not the truth.
"""

from __future__ import annotations

from typing import Literal

from relance.uplift.verdict import MIN_MATURE, MIN_RETAINED, Cause, Reading

Locale = Literal["en", "fr"]

_SENTENCES: dict[Locale, dict[Cause, str]] = {
    "en": {
        Cause.NO_GOAL: "The trigger has no goal, so retention is not measured.",
        Cause.NO_HOLDOUT: "Nobody is held out, so there is nothing to compare with.",
        Cause.SPLIT: "The split is broken: {treated_entered} treated and {holdout_entered} held "
        "out is not a holdout of {share} (p < 0.001). No effect is shown until the cause is "
        "found.",
        Cause.WINDOWS_OPEN: "No comparison yet: the goal's window is closed for {treated_mature} "
        "treated and {holdout_mature} held-out customers.",
        Cause.SMALL_GROUP: "Too few customers with a closed window: {treated_mature} treated and "
        "{holdout_mature} held out; each group needs {min_mature}.",
        Cause.FEW_RETAINED: "Too few retained customers: {treated_retained} treated and "
        "{holdout_retained} held out; each group needs {min_retained}.",
        Cause.SPANS_ZERO: "No detectable effect: the 95 % interval of the difference, {ci} "
        "points, includes zero.",
        Cause.ABOVE_ZERO: "Better than no message: {diff} points, 95 % interval {ci}.",
        Cause.BELOW_ZERO: "Worse than no message: {diff} points, 95 % interval {ci}.",
    },
    "fr": {
        Cause.NO_GOAL: "Ce déclencheur n’a pas d’objectif : la rétention n’est pas mesurée.",
        Cause.NO_HOLDOUT: "Personne n’est dans le groupe témoin : il n’y a rien à comparer.",
        Cause.SPLIT: "Le tirage est faussé : {treated_entered} contactés et {holdout_entered} "
        "témoins ne correspondent pas à un groupe témoin de {share} (p < 0,001). Aucun effet "
        "n’est affiché tant que la cause n’est pas trouvée.",
        Cause.WINDOWS_OPEN: "Pas encore de comparaison : la fenêtre de l’objectif est close pour "
        "{treated_mature} contactés et {holdout_mature} témoins.",
        Cause.SMALL_GROUP: "Trop peu de clients dont la fenêtre est close : {treated_mature} "
        "contactés et {holdout_mature} témoins ; il en faut {min_mature} par groupe.",
        Cause.FEW_RETAINED: "Trop peu de clients retenus : {treated_retained} contactés et "
        "{holdout_retained} témoins ; il en faut {min_retained} par groupe.",
        Cause.SPANS_ZERO: "Pas d’effet décelable : l’intervalle à 95 % de l’écart, {ci} points, "
        "contient zéro.",
        Cause.ABOVE_ZERO: "Mieux que sans message : {diff} points, intervalle à 95 % {ci}.",
        Cause.BELOW_ZERO: "Moins bien que sans message : {diff} points, intervalle à 95 % {ci}.",
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
    )


def count(number: int, locale: Locale = "en") -> str:
    """A whole number with its thousands apart."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}" if locale == "fr" else ",")


def percent(share: float | None, locale: Locale = "en") -> str:
    """A fraction as a percentage with one decimal: `12.5 %`; a dash where there is none."""
    if share is None:
        return "–"
    return _decimal(f"{100 * share:.1f}", locale) + " %"


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
