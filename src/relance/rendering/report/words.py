"""Every word of the HTML report, in English and French."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from relance.domain.duration import Duration
from relance.domain.trigger import Goal
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
    "interval": "95 % interval",
    "verdict": "Verdict",
    "worse_side": "held out did better",
    "better_side": "written to did better",
    "beyond": "goes on beyond the scale",
    "from_to": "{diff} points, 95 % interval {ci}",
    "no_number": "no comparison yet",
    "withheld": "withheld: the split is broken",
    "colon": ": ",
    "each": "Trigger by trigger",
    "way": "From condition to message",
    "entered": "met the condition",
    "passed": "passed every gate",
    "refused": "refused",
    "refused_none": "Nobody was refused.",
    "treated": "to be written to",
    "held_out": "held out",
    "sent": "messages sent",
    "of": "of",
    "failed": "failed",
    "skipped": "skipped",
    "unknown": "unknown",
    "pending": "pending",
    "retained": "retained",
    "retained_of": "{rate} of {mature} closed windows",
    "rates": "Retained customers",
    "rates_desc": "{arm}: {rate}, 95 % interval {low} to {high}",
    "goal": "Goal",
    "no_goal": "none",
    "readable_on": "Readable around",
    "mde": "Smallest visible rise",
    "mde_value": "{points} points",
    "extra": "Extra customers retained",
    "runs": "runs",
    "version": "version",
    "counts": "All counts",
    "mature": "closed windows",
    "method": "How to read this",
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
    "interval": "Intervalle à 95 %",
    "verdict": "Verdict",
    "worse_side": "les témoins font mieux",
    "better_side": "les contactés font mieux",
    "beyond": "se prolonge hors de l’échelle",
    "from_to": "{diff} points, intervalle à 95 % {ci}",
    "no_number": "pas encore de comparaison",
    "withheld": "masqué : le tirage est faussé",
    "colon": " : ",
    "each": "Déclencheur par déclencheur",
    "way": "De la condition au message",
    "entered": "condition remplie",
    "passed": "admis à toutes les étapes",
    "refused": "refusés",
    "refused_none": "Personne n’a été refusé.",
    "treated": "à contacter",
    "held_out": "témoins",
    "sent": "messages envoyés",
    "of": "sur",
    "failed": "échoués",
    "skipped": "omis",
    "unknown": "incertains",
    "pending": "en attente",
    "retained": "retenus",
    "retained_of": "{rate} de {mature} fenêtres closes",
    "rates": "Clients retenus",
    "rates_desc": "{arm} : {rate}, intervalle à 95 % de {low} à {high}",
    "goal": "Objectif",
    "no_goal": "aucun",
    "readable_on": "Lisible vers le",
    "mde": "Plus petite hausse visible",
    "mde_value": "{points} points",
    "extra": "Clients retenus en plus",
    "runs": "passages",
    "version": "version",
    "counts": "Tous les effectifs",
    "mature": "fenêtres closes",
    "method": "Comment lire ce rapport",
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


class Note(NamedTuple):
    """A point of the method: its heading and what is behind it."""

    title: str
    text: str


METHOD: Mapping[Locale, tuple[Note, ...]] = {
    "en": (
        Note(
            "A random few are not written to.",
            "Whoever meets a trigger’s condition and passes every gate (address, consent, limits) "
            "is drawn, once and for good, into one of two groups: written to, or held out. Only "
            "chance separates them, so a difference between them is the messages’ doing.",
        ),
        Note(
            "Everybody stays in their group.",
            "A customer whose message bounced still counts as written to. Dropping them would "
            "compare people who differ in more than the message.",
        ),
        Note(
            "Only closed windows count.",
            "Retained means reaching the trigger’s goal within its window after entering. Someone "
            "who entered yesterday has not had the time, and is left out until the window closes.",
        ),
        Note(
            "The interval says how sure we can be.",
            "It is Newcombe’s 95 % interval: made this way over and over, such intervals contain "
            "the true difference 95 times in 100. It makes no claim about one bar alone. Looking "
            "every day and stopping when the bar leaves zero makes false alarms far more common.",
        ),
        Note(
            "Sometimes there is no verdict, on purpose.",
            "Below 100 closed windows or 5 retained customers in either group the numbers are "
            "shown but not judged (hollow mark, dashed bar). When the two groups’ sizes do not fit "
            "the draw (p < 0.001), something is broken and no effect is shown at all.",
        ),
    ),
    "fr": (
        Note(
            "Quelques clients tirés au sort ne reçoivent rien.",
            "Quiconque remplit la condition d’un déclencheur et passe toutes les étapes (adresse, "
            "consentement, limites) est placé par tirage, une fois pour toutes, parmi les "
            "contactés ou les témoins. Seul le hasard les sépare : un écart entre eux vient des "
            "messages.",
        ),
        Note(
            "Chacun reste dans son groupe.",
            "Un client dont le message n’est pas arrivé compte toujours parmi les contactés. "
            "L’écarter reviendrait à comparer des gens qui diffèrent par plus que le message.",
        ),
        Note(
            "Seules les fenêtres closes comptent.",
            "Retenu veut dire : a atteint l’objectif dans la fenêtre qui suit son entrée. Qui est "
            "entré hier n’en a pas eu le temps et n’est compté qu’une fois la fenêtre close.",
        ),
        Note(
            "L’intervalle dit à quel point on peut être sûr.",
            "C’est l’intervalle à 95 % de Newcombe : construits ainsi encore et encore, de tels "
            "intervalles contiennent le vrai écart 95 fois sur 100. Il ne dit rien d’une barre "
            "seule. Regarder chaque jour et s’arrêter quand la barre quitte le zéro multiplie les "
            "fausses alertes.",
        ),
        Note(
            "Parfois il n’y a pas de verdict, et c’est voulu.",
            "Sous 100 fenêtres closes ou 5 clients retenus dans l’un des groupes, les nombres sont "
            "montrés sans être jugés (marque creuse, barre en tirets). Si la taille des groupes ne "
            "correspond pas au tirage (p < 0,001), quelque chose est cassé et aucun effet n’est "
            "montré.",
        ),
    ),
}


def reason(name: str, locale: Locale) -> str:
    """A gate's or a skip's reason in words; a name without words is shown as it is."""
    return _REASONS[locale].get(name, name.replace("_", " "))


def goal_words(goal: Goal | None, locale: Locale) -> str:
    """The goal in words: `order within 30 days`. The event keeps the name the YAML gives it."""
    if goal is None:
        return LABELS[locale]["no_goal"]
    between = "sous" if locale == "fr" else "within"
    return f"{goal.event} {between} {duration_words(goal.within, locale)}"


def duration_words(length: Duration, locale: Locale) -> str:
    """A duration in the reader's language: `30 jours`."""
    if locale == "en":
        return str(length)
    return f"{length.count} {_UNITS[length.unit.value][abs(length.count) > 1]}"


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
