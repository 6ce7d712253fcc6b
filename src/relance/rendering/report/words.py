"""Every word of the HTML report, in English and French."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from relance.domain.duration import Duration, Unit
from relance.domain.trigger import Goal
from relance.uplift.report import TriggerReport
from relance.uplift.verdict import Verdict
from relance.uplift.wording import Locale

_EN = {
    "eyebrow": "Retention report",
    "as_of": "As of",
    "tile_entered": "people met a trigger’s condition",
    "tile_sent": "messages sent",
    "tile_holdout": "held out, to compare with",
    "tile_clear": "triggers with a clear effect",
    "effects": "What the messages changed",
    "effects_lead": "Retention of customers who were written to, minus retention of those held out "
    "at random. The bar is the 95 % interval: it crosses the line at zero when the data cannot "
    "tell a difference.",
    "trigger": "Trigger",
    "with": "Written to",
    "without": "Held out",
    "difference": "Difference",
    "points": "points",
    "verdict": "Verdict",
    "worse_side": "held out did better",
    "better_side": "written to did better",
    "beyond": "goes on beyond the scale",
    "from_to": "{diff} points, 95 % interval {ci}",
    "no_number": "no comparison yet",
    "withheld": "withheld: the split is broken",
    "colon": ": ",
    "each": "Trigger by trigger",
    "way": "From entered to retained",
    "entered": "met the condition",
    "passed": "passed every gate",
    "refused": "refused",
    "treated": "to be written to",
    "held_out": "held out",
    "may_be": "may be written to",
    "sent": "messages sent",
    "of": "of",
    "failed": "failed",
    "skipped": "skipped",
    "unknown": "unknown",
    "pending": "pending",
    "retained": "retained",
    "retained_of": "{rate} of {mature} closed windows",
    "goal": "Goal",
    "no_goal": "none",
    "readable_on": "Readable around",
    "mde": "Smallest visible rise",
    "mde_value": "{points} points",
    "extra": "Extra customers retained",
    "runs": "runs",
    "version": "Version",
    "counts": "All counts",
    "mature": "closed windows",
    "method": "How to read this",
    "programme": "The whole programme",
    "programme_lead": "A random few get no message of any trigger. What separates them from "
    "everybody else is what all the messages together are worth.",
    "kept_better": "customers retained who would have left",
    "kept_worse": "customers: fewer retained than without the message",
    "kept_none": "customers retained, if any: the interval includes none",
    "ends": "95 % interval: {low} to {high}",
    "curves": "Retained, by days since entry",
    "effect": "Difference, by days since entry",
    "effect_desc": "The difference in points on each day, with its 95 % interval.",
    "curve_desc": "{arm}: {value} after {days}, 95 % interval {low} to {high}.",
    "axis_days": "days since entry",
    "axis_share": "% retained",
    "axis_points": "points",
    "goal_mark": "goal",
    "preliminary": "preliminary",
    "preliminary_note": "Some windows are still open: customers who entered lately are taken to "
    "be like those before them. The verdict counts closed windows only.",
    "band_note": "Bands are 95 % intervals.",
    "cut_note": "The curves end where too few have been watched for longer.",
    "in_numbers": "The curves in numbers",
    "after": "After",
    "metrics": "Every measure",
    "metric": "Measure",
    "metric_retained": "Retained",
    "metric_orders": "Orders per customer",
    "metric_revenue": "Revenue per customer",
    "metric_reactivated": "Reactivated",
    "metric_unsubscribed": "Unsubscribed",
    "within": "within {window}",
    "in_period": "in {period}",
    "primary": "the verdict’s",
    "ratio": "Ratio",
    "adjusted": "Adjusted (CUPED)",
    "cut": "variance cut {share}",
    "total": "In all",
    "of_customers": "{hits} of {customers}",
    "cohorts": "By week of entry",
    "cohorts_desc": "The difference in points of each week’s customers, with its 95 % interval.",
    "week": "Week of",
    "still_open": "{n} still open",
    "more_weeks": "The latest {shown} of {all} weeks; relance report --json has them all.",
    "health": "Health checks",
    "check_split": "Split",
    "check_balance": "Balance",
    "check_delay": "Delay",
    "check_shared": "Addresses",
    "check_overlap": "Overlap",
    "check_vanished": "Vanished",
    "check_shrunk": "Events",
    "health_good": "good",
    "health_warning": "warning",
    "health_failed": "failed",
    "health_silent": "says nothing",
    "health_none": "No check has run yet.",
    "more_good": "{n} more looks at weeks, channels and measures: nothing found.",
    "more_silent": "{n} more with too little data.",
    "worth": "What it was worth",
    "revenue": "Extra revenue",
    "cost": "Cost of the messages",
    "net": "Net value",
    "net_note": "extra revenue less cost",
    "revenue_parts": "Revenue, and where it comes from",
    "spent": "Difference per customer, all that was spent",
    "permutation": "{p} (permutation)",
    "capped": "Difference per customer, each counted up to {cap}",
    "percentile": "the {percentile}th percentile of buyers",
    "buyers": "Difference in the share of buyers",
    "per_buyer": "Value per buyer, written to and held out",
    "describes": "describes, proves nothing",
    "pooled": "All {n} versions, each compared within itself",
    "pooled_of": "{treated} written to, {holdout} held out",
    "left_out": "{n} left out: broken split",
    "holdout_share": "Holdout",
    "first_entry": "First entry",
    "read_out": "Planned read-out",
    "read_out_at": "at {n} entrants",
    "period": "Period",
    "daily": "Interval for looking every day",
    "tested": "Test that allows for looking every day",
    "tested_among": "The same among {n} triggers read together",
    "overlaps": "Triggers with many customers in common",
    "alarm": "Alarm",
    "read_only": "no number is shown",
    "unmeasured": "not measured: no goal",
    "back": "Back to all triggers",
    "subject": "{workspace}: retention report of {day}, {clear} of {total} triggers clear",
    "whole_report": "Open the whole report",
    "mail_method": "A random few of each trigger’s customers are not written to; the differences "
    "are against them. Each number stands with its 95 % interval, or a sentence says why there "
    "is none. The verdicts allow for looking every day and for the number of triggers.",
    "empty": "No trigger has run yet.",
    "made_by": "Made by relance",
    "symbol_better": "better",
    "symbol_worse": "worse",
    "symbol_no_detectable_effect": "no detectable effect",
    "symbol_not_enough_data": "not enough data",
    "symbol_too_early": "too early",
    "symbol_srm_failed": "broken split",
}
_FR = {
    "eyebrow": "Rapport de rétention",
    "as_of": "Au",
    "tile_entered": "personnes ont rempli la condition d’un déclencheur",
    "tile_sent": "messages envoyés",
    "tile_holdout": "témoins, pour comparer",
    "tile_clear": "déclencheurs à l’effet net",
    "effects": "Ce que les messages ont changé",
    "effects_lead": "Rétention des clients contactés, moins celle des témoins tirés au sort. "
    "La barre est l’intervalle à 95 % : elle coupe la ligne du zéro quand les données ne "
    "permettent pas de voir une différence.",
    "trigger": "Déclencheur",
    "with": "Contactés",
    "without": "Témoins",
    "difference": "Écart",
    "points": "points",
    "verdict": "Verdict",
    "worse_side": "les témoins font mieux",
    "better_side": "les contactés font mieux",
    "beyond": "se prolonge hors de l’échelle",
    "from_to": "{diff} points, intervalle à 95 % {ci}",
    "no_number": "pas encore de comparaison",
    "withheld": "masqué : le tirage est faussé",
    "colon": " : ",
    "each": "Déclencheur par déclencheur",
    "way": "De la condition à la rétention",
    "entered": "condition remplie",
    "passed": "admis à toutes les étapes",
    "refused": "refusés",
    "treated": "à contacter",
    "held_out": "témoins",
    "may_be": "peuvent être contactés",
    "sent": "messages envoyés",
    "of": "sur",
    "failed": "échoués",
    "skipped": "omis",
    "unknown": "incertains",
    "pending": "en attente",
    "retained": "retenus",
    "retained_of": "{rate} de {mature} fenêtres closes",
    "goal": "Objectif",
    "no_goal": "aucun",
    "readable_on": "Lisible vers le",
    "mde": "Plus petite hausse visible",
    "mde_value": "{points} points",
    "extra": "Clients retenus en plus",
    "runs": "passages",
    "version": "Version",
    "counts": "Tous les effectifs",
    "mature": "fenêtres closes",
    "method": "Comment lire ce rapport",
    "programme": "L’ensemble du programme",
    "programme_lead": "Quelques clients tirés au sort ne reçoivent aucun message, d’aucun "
    "déclencheur. Ce qui les sépare des autres est ce que valent tous les messages ensemble.",
    "kept_better": "clients retenus qui seraient partis",
    "kept_worse": "clients : moins de retenus que sans le message",
    "kept_none": "clients retenus, s’il y en a : l’intervalle contient zéro",
    "ends": "intervalle à 95 % : de {low} à {high}",
    "curves": "Retenus, par jours depuis l’entrée",
    "effect": "Écart, par jours depuis l’entrée",
    "effect_desc": "L’écart en points chaque jour, avec son intervalle à 95 %.",
    "curve_desc": "{arm} : {value} après {days}, intervalle à 95 % de {low} à {high}.",
    "axis_days": "jours depuis l’entrée",
    "axis_share": "% retenus",
    "axis_points": "points",
    "goal_mark": "objectif",
    "preliminary": "provisoire",
    "preliminary_note": "Des fenêtres sont encore ouvertes : les clients entrés récemment sont "
    "supposés semblables aux précédents. Le verdict ne compte que les fenêtres closes.",
    "band_note": "Les bandes sont des intervalles à 95 %.",
    "cut_note": "Les courbes s’arrêtent là où trop peu de clients sont suivis plus longtemps.",
    "in_numbers": "Les courbes en chiffres",
    "after": "Après",
    "metrics": "Toutes les mesures",
    "metric": "Mesure",
    "metric_retained": "Retenus",
    "metric_orders": "Commandes par client",
    "metric_revenue": "Chiffre d’affaires par client",
    "metric_reactivated": "Réactivés",
    "metric_unsubscribed": "Désabonnés",
    "within": "sous {window}",
    "in_period": "sur {period}",
    "primary": "celle du verdict",
    "ratio": "Rapport",
    "adjusted": "Ajusté (CUPED)",
    "cut": "variance réduite de {share}",
    "total": "Au total",
    "of_customers": "{hits} sur {customers}",
    "cohorts": "Par semaine d’entrée",
    "cohorts_desc": "L’écart en points des clients de chaque semaine, avec son intervalle à 95 %.",
    "week": "Semaine du",
    "still_open": "{n} encore ouvertes",
    "more_weeks": "Les {shown} dernières semaines sur {all} ; relance report --json les a toutes.",
    "health": "Contrôles",
    "check_split": "Tirage",
    "check_balance": "Équilibre",
    "check_delay": "Retard",
    "check_shared": "Adresses",
    "check_overlap": "Recouvrement",
    "check_vanished": "Disparus",
    "check_shrunk": "Événements",
    "health_good": "bon",
    "health_warning": "attention",
    "health_failed": "échec",
    "health_silent": "ne dit rien",
    "health_none": "Aucun contrôle n’a encore tourné.",
    "more_good": "{n} autres regards sur les semaines, canaux et mesures : rien à signaler.",
    "more_silent": "{n} autres avec trop peu de données.",
    "worth": "Ce que cela a valu",
    "revenue": "Chiffre d’affaires en plus",
    "cost": "Coût des messages",
    "net": "Valeur nette",
    "net_note": "chiffre d’affaires en plus, moins le coût",
    "revenue_parts": "Le chiffre d’affaires, et d’où il vient",
    "spent": "Écart par client, toutes dépenses comprises",
    "permutation": "{p} (permutation)",
    "capped": "Écart par client, chacun compté jusqu’à {cap}",
    "percentile": "le {percentile}e centile des acheteurs",
    "buyers": "Écart de la part d’acheteurs",
    "per_buyer": "Valeur par acheteur, contactés et témoins",
    "describes": "décrit, ne prouve rien",
    "pooled": "Les {n} versions, chacune comparée en elle-même",
    "pooled_of": "{treated} contactés, {holdout} témoins",
    "left_out": "{n} écartées : tirage faussé",
    "holdout_share": "Groupe témoin",
    "first_entry": "Première entrée",
    "read_out": "Lecture prévue",
    "read_out_at": "à {n} entrées",
    "period": "Période",
    "daily": "Intervalle pour qui regarde chaque jour",
    "tested": "Test qui permet de regarder chaque jour",
    "tested_among": "Le même parmi {n} déclencheurs lus ensemble",
    "overlaps": "Déclencheurs aux nombreux clients communs",
    "alarm": "Alerte",
    "read_only": "aucun nombre n’est affiché",
    "unmeasured": "non mesuré : sans objectif",
    "back": "Retour à tous les déclencheurs",
    "subject": "{workspace} : rapport de rétention du {day}, {clear} déclencheurs nets sur {total}",
    "whole_report": "Ouvrir le rapport complet",
    "mail_method": "Pour chaque déclencheur, quelques clients tirés au sort ne reçoivent rien ; "
    "les écarts se mesurent contre eux. Chaque nombre est donné avec son intervalle à 95 %, ou "
    "une phrase dit pourquoi il n’y en a pas. Les verdicts permettent de regarder chaque jour et "
    "tiennent compte du nombre de déclencheurs.",
    "empty": "Aucun déclencheur n’a encore tourné.",
    "made_by": "Produit par relance",
    "symbol_better": "mieux",
    "symbol_worse": "moins bien",
    "symbol_no_detectable_effect": "pas d’effet décelable",
    "symbol_not_enough_data": "données insuffisantes",
    "symbol_too_early": "trop tôt",
    "symbol_srm_failed": "tirage faussé",
}
LABELS: Mapping[Locale, Mapping[str, str]] = {"en": _EN, "fr": _FR}

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
