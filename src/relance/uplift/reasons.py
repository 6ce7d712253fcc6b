"""A sentence for every reason why there is no number, and for every finding of a health check."""

from __future__ import annotations

from relance.domain.study import Metric
from relance.uplift.alarm import Alarm
from relance.uplift.comparison import RATIO_NEEDS
from relance.uplift.estimate import Why, Withheld
from relance.uplift.health import Check, Finding, Health
from relance.uplift.revenue import MIN_BUYERS
from relance.uplift.verdict import MIN_MATURE, MIN_RETAINED
from relance.uplift.wording import Locale, duration, metric_name, percent

_REASONS: dict[Locale, dict[Why, str]] = {
    "en": {
        Why.NO_TREATED: "Nobody is treated, so there is nothing to compare.",
        Why.NO_HOLDOUT: "Nobody is held out, so there is nothing to compare with.",
        Why.IMPOSSIBLE: "The counts cannot be: look for rows changed by hand.",
        Why.NOT_FINITE: "An amount is infinite or not a number: mend it in the source.",
        Why.NEGATIVE: "An amount is negative: leave refunds out, or subtract them from orders.",
        Why.FEW_CONVERSIONS: f"Fewer than {RATIO_NEEDS} held-out customers reached the goal: too "
        "few for a ratio.",
        Why.FEW_BUYERS: f"Fewer than {MIN_BUYERS} held-out customers bought: too few for revenue.",
        Why.NO_SPREAD: "Everybody has the same value, so nothing can be compared.",
        Why.TOO_SMALL: "One customer in a group says nothing about the others.",
        Why.NOT_FOLLOWED: "Nobody has been watched for that long yet.",
        Why.NO_STRATA: "No version has both treated and held-out customers.",
        Why.SPLIT: "The split is broken, so no number is shown.",
        Why.NO_GOAL: "The trigger has no goal, so nothing is measured.",
        Why.NO_AMOUNT: "The goal's event has no amount: map one under events to see revenue.",
        Why.SHRUNK: "The event table has lost rows since an earlier tick: outcomes are missing.",
        Why.UNSETTLED: "No total yet: the groups are too small, or the planned read-out is ahead.",
        Why.SMALL_GROUPS: f"Fewer than {MIN_MATURE} customers with a closed window in a group, or "
        f"fewer than {MIN_RETAINED} of them with the event.",
        Why.NOT_FOR_THIS: "This metric has no such number.",
    },
    "fr": {
        Why.NO_TREATED: "Personne n’est contacté : il n’y a rien à comparer.",
        Why.NO_HOLDOUT: "Personne n’est dans le groupe témoin : il n’y a rien à comparer.",
        Why.IMPOSSIBLE: "Ces nombres ne peuvent pas être justes : cherchez des lignes modifiées à "
        "la main.",
        Why.NOT_FINITE: "Un montant est infini ou n’est pas un nombre : corrigez-le à la source.",
        Why.NEGATIVE: "Un montant est négatif : écartez les remboursements, ou déduisez-les des "
        "commandes.",
        Why.FEW_CONVERSIONS: f"Moins de {RATIO_NEEDS} témoins ont atteint l’objectif : trop peu "
        "pour un rapport.",
        Why.FEW_BUYERS: f"Moins de {MIN_BUYERS} témoins ont acheté : trop peu pour le chiffre "
        "d’affaires.",
        Why.NO_SPREAD: "Tout le monde a la même valeur : il n’y a rien à comparer.",
        Why.TOO_SMALL: "Un seul client dans un groupe ne dit rien des autres.",
        Why.NOT_FOLLOWED: "Personne n’est encore suivi depuis si longtemps.",
        Why.NO_STRATA: "Aucune version n’a à la fois des contactés et des témoins.",
        Why.SPLIT: "Le tirage est faussé : aucun nombre n’est affiché.",
        Why.NO_GOAL: "Ce déclencheur n’a pas d’objectif : rien n’est mesuré.",
        Why.NO_AMOUNT: "L’événement de l’objectif n’a pas de montant : déclarez-en un sous events "
        "pour voir le chiffre d’affaires.",
        Why.SHRUNK: "La table d’événements a perdu des lignes depuis un passage précédent : il "
        "manque des résultats.",
        Why.UNSETTLED: "Pas encore de total : les groupes sont trop petits, ou la lecture prévue "
        "est à venir.",
        Why.SMALL_GROUPS: f"Moins de {MIN_MATURE} clients dont la fenêtre est close dans un "
        f"groupe, ou moins de {MIN_RETAINED} d’entre eux avec l’événement.",
        Why.NOT_FOR_THIS: "Cette mesure n’a pas de tel nombre.",
    },
}

_GOOD: dict[Locale, dict[Check, str]] = {
    "en": {
        Check.SPLIT: "The split is the one asked for ({share} held out).",
        Check.BALANCE: "The groups were alike before entry.",
        Check.DELAY: "Both groups' messages came as late after entry.",
        Check.SHARED: "{share} of the customers share an address across the groups.",
        Check.OVERLAP: "{share} of the smaller trigger's customers entered both.",
        Check.VANISHED: "{share} of the entrants are no longer in the customers table.",
        Check.SHRUNK: "No rows are missing.",
    },
    "fr": {
        Check.SPLIT: "Le tirage est celui demandé ({share} de témoins).",
        Check.BALANCE: "Les groupes se ressemblaient avant l’entrée.",
        Check.DELAY: "Les messages des deux groupes arrivent aussi tard après l’entrée.",
        Check.SHARED: "{share} des clients partagent une adresse entre les groupes.",
        Check.OVERLAP: "{share} des clients du plus petit déclencheur sont entrés dans les deux.",
        Check.VANISHED: "{share} des clients entrés ne sont plus dans la table des clients.",
        Check.SHRUNK: "Aucune ligne ne manque.",
    },
}
_BAD: dict[Locale, dict[Check, str]] = {
    "en": {
        Check.SPLIT: "The split is broken: {share} held out is not what was asked for.",
        Check.BALANCE: "The groups differed before entry: the draw was unlucky or is broken.",
        Check.DELAY: "The groups' messages differ by {delay} in how late they come after entry.",
        Check.SHARED: "{share} of the customers share an address across the groups: held-out ones "
        "see the message, and the effect looks smaller than it is.",
        Check.OVERLAP: "{share} of the smaller trigger's customers entered both: read each effect "
        "as what it adds to the other.",
        Check.VANISHED: "{share} of the entrants are no longer in the customers table, or more of "
        "one group than of the other: where their events went with them, they count as lost.",
        Check.SHRUNK: "{share} of the rows that an earlier tick counted are gone: find out why, "
        "and believe no outcome until they are back.",
    },
    "fr": {
        Check.SPLIT: "Le tirage est faussé : {share} de témoins, ce n’est pas ce qui est demandé.",
        Check.BALANCE: "Les groupes différaient avant l’entrée : tirage malchanceux ou faussé.",
        Check.DELAY: "Les messages des groupes diffèrent de {delay} par leur retard sur l’entrée.",
        Check.SHARED: "{share} des clients partagent une adresse entre les groupes : des témoins "
        "voient le message, et l’effet paraît plus petit qu’il n’est.",
        Check.OVERLAP: "{share} des clients du plus petit déclencheur sont entrés dans les deux : "
        "lisez chaque effet comme ce qu’il ajoute à l’autre.",
        Check.VANISHED: "{share} des clients entrés ne sont plus dans la table des clients, ou "
        "davantage dans un groupe : si leurs événements ont disparu aussi, ils comptent comme "
        "perdus.",
        Check.SHRUNK: "{share} des lignes comptées lors d’un passage précédent ont disparu : "
        "cherchez pourquoi, et ne croyez aucun résultat d’ici là.",
    },
}
_SILENT: dict[Locale, str] = {
    "en": "Too little data for this check.",
    "fr": "Trop peu de données pour ce contrôle.",
}

_HARM: dict[Locale, str] = {
    "en": "Alarm: customers who are written to come back less often than those held out, {low} to "
    "{high} as often. Look at the message now; the verdict may take longer.",
    "fr": "Alerte : les clients contactés reviennent moins souvent que les témoins, de {low} à "
    "{high} de leur fréquence. Regardez le message dès maintenant ; le verdict peut tarder.",
}


def alarm_sentence(alarm: Alarm, locale: Locale = "en") -> str | None:
    """What the alarm for harm says, for a person; None while it is silent."""
    if not alarm.harm:
        return None
    low, high = (percent(end, locale) for end in alarm.ratio)
    return _HARM[locale].format(low=low, high=high)


def reason(nothing: Withheld, locale: Locale = "en") -> str:
    """Why there is no number, for a person."""
    return _REASONS[locale][nothing.why]


def finding_sentence(finding: Finding, locale: Locale = "en") -> str:
    """What a health check found, for a person; `label` names the part in front."""
    if finding.health is Health.SILENT or finding.size is None:
        text = _SILENT[locale]
    else:
        texts = _GOOD if finding.health is Health.GOOD else _BAD
        text = texts[locale][finding.check].format(
            share=percent(finding.size, locale), delay=duration(abs(finding.size), locale)
        )
    colon, label = " : " if locale == "fr" else ": ", _label(finding, locale)
    return f"{label}{colon}{text}" if label else text


def _label(finding: Finding, locale: Locale) -> str:
    """A part's own name; of a metric, what people call it."""
    metrics = {one.value: one for one in Metric}
    if finding.check is Check.BALANCE and finding.label in metrics:
        return metric_name(metrics[finding.label], locale)
    return finding.label
