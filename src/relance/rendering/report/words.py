"""What the report says in words of its own: reasons, goals, windows, its one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from relance.domain.duration import Duration, Unit
from relance.domain.trigger import Goal
from relance.rendering.report.labels import LABELS
from relance.uplift.report import TriggerReport
from relance.uplift.verdict import Verdict
from relance.uplift.wording import Locale

_REASONS: Mapping[Locale, Mapping[str, str]] = {
    "en": {
        "gone": "no longer a customer",
        "unreachable": "no usable address",
        "no_consent": "no consent",
        "suppressed": "unsubscribed or bounced",
        "reentry": "entered before",
        "global_holdout": "held out of everything",
        "frequency_cap": "written to enough already",
        "displaced": "another trigger came first",
        "condition": "the step’s condition no longer held",
        "goal_reached": "goal reached before",
        "template": "the text could not be made",
        "trigger_removed": "the step was removed",
    },
    "fr": {
        "gone": "plus client",
        "unreachable": "sans adresse utilisable",
        "no_consent": "sans consentement",
        "suppressed": "désabonnés ou en erreur",
        "reentry": "déjà entrés",
        "global_holdout": "témoins de tout le programme",
        "frequency_cap": "déjà assez sollicités",
        "displaced": "devancés par un autre déclencheur",
        "condition": "condition de l’étape plus remplie",
        "goal_reached": "objectif déjà atteint",
        "template": "texte impossible à produire",
        "trigger_removed": "étape supprimée",
    },
}

_UNITS = {
    "minute": ("minute", "minutes"), "hour": ("heure", "heures"), "day": ("jour", "jours"),
    "week": ("semaine", "semaines"), "month": ("mois", "mois"), "year": ("an", "ans"),
}  # fmt: skip


def reason(name: str, locale: Locale) -> str:
    """A gate's or a skip's reason in words; a name without words is shown as it is."""
    return _REASONS[locale].get(name, name.replace("_", " "))


def goal_words(goal: Goal | None, locale: Locale) -> str:
    """The goal in words: `order within 30 days`. The event keeps the name the YAML gives it."""
    if goal is None:
        return LABELS[locale]["no_goal"]
    return f"{goal.event} {window_words(str(goal.within), locale)}"


def duration_words(length: Duration, locale: Locale) -> str:
    """A duration in the reader's language: `30 jours`."""
    if locale == "en":
        return str(length)
    return f"{length.count} {_UNITS[length.unit.value][abs(length.count) > 1]}"


def clear_effects(reports: Iterable[TriggerReport]) -> int:
    """How many triggers have an effect that can be told from none."""
    return sum(report.reading.verdict in {Verdict.BETTER, Verdict.WORSE} for report in reports)


def lead(clear: int, total: int, locale: Locale) -> str:
    """The report in one sentence: how many triggers have an effect that can be told from none."""
    if locale == "fr":
        subject = f"{clear} déclencheurs sur {total} ont" if clear > 1 else (
            f"1 déclencheur sur {total} a" if clear else "Aucun déclencheur n’a encore"
        )  # fmt: skip
        return f"{subject} un effet que les données distinguent de zéro."
    subject = f"{clear} of {total} triggers have" if clear > 1 else (
        f"1 of {total} triggers has" if clear else "No trigger has yet"
    )  # fmt: skip
    return f"{subject} an effect that the data can tell from zero."


def window_words(window: str, locale: Locale) -> str:
    """A window as the YAML says it, `within 30 days`; a period by its name, `in 2026Q4`."""
    words = LABELS[locale]
    try:
        length = duration_words(Duration.parse(window), locale)
    except ValueError:
        return words["in_period"].format(period=window)
    return words["within"].format(window=length)


def days_words(days: int, locale: Locale) -> str:
    """`30 days`; of one, `1 day`."""
    return duration_words(Duration(days, Unit.DAY), locale)
