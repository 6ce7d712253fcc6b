"""The data map's words, in English and French."""

from __future__ import annotations

from collections.abc import Mapping

from relance.domain.data_map import Destination, Kept, MappedColumn, Storage, Use, UseKind
from relance.uplift.wording import Locale

WORDS: Mapping[Locale, Mapping[str, str]] = {
    "en": {
        "title": "Data map: {}",
        "lead": "Which personal data relance reads, what for, how long it keeps it, and to whom it"
        " goes. Made from the workspace's own files.",
        "source": "Read, and never written, in",
        "columns": "What is read",
        "table": "Table",
        "column": "Column",
        "meaning": "Is",
        "uses": "Used by",
        "nothing": "nothing",
        "unused": "Mapped and never used",
        "unused_lead": "The YAML names these columns, and no segment, trigger or template uses"
        " them. Take them out where nothing speaks for them.",
        "none_unused": "Every mapped column is used.",
        "fetched": "read of everybody whom a trigger considers",
        "queries": "Queries of their own",
        "queries_lead": "These read with SQL that is written in the YAML; what it looks at stands"
        " there.",
        "kept": "What is kept, and how long",
        "what": "What",
        "how_long": "How long",
        "goes": "Where it goes",
        "channel": "Channel",
        "provider": "Provider",
        "gets": "Is given",
        "for": "For",
        "nobody": "Nobody is written to.",
        "logs": "Logs and metrics hold customers' keys and numbers, and no address, no phone number"
        " and no text.",
    },
    "fr": {
        "title": "Carte des données : {}",
        "lead": "Quelles données personnelles relance lit, pour quoi, combien de temps il les garde"
        " et à qui elles vont. Établie d'après les fichiers de l'espace de travail.",
        "source": "Lues, et jamais modifiées, dans",
        "columns": "Ce qui est lu",
        "table": "Table",
        "column": "Colonne",
        "meaning": "Est",
        "uses": "Sert à",
        "nothing": "rien",
        "unused": "Déclarées et jamais utilisées",
        "unused_lead": "Le YAML nomme ces colonnes, et aucun segment, déclencheur ou modèle ne s'en"
        " sert. À retirer si rien ne les justifie.",
        "none_unused": "Chaque colonne déclarée est utilisée.",
        "fetched": "lue pour toutes les personnes qu'un déclencheur examine",
        "queries": "Requêtes écrites à la main",
        "queries_lead": "Ceux-ci lisent par du SQL écrit dans le YAML ; ce qu'il regarde y figure.",
        "kept": "Ce qui est conservé, et combien de temps",
        "what": "Quoi",
        "how_long": "Combien de temps",
        "goes": "Où vont les données",
        "channel": "Canal",
        "provider": "Prestataire",
        "gets": "Reçoit",
        "for": "Pour",
        "nobody": "Personne ne reçoit de message.",
        "logs": "Les journaux et les mesures contiennent des identifiants de clients et des"
        " nombres, jamais une adresse, un numéro de téléphone ou un texte.",
    },
}

_USES: Mapping[Locale, Mapping[UseKind, str]] = {
    "en": {
        UseKind.KEY: "telling customers apart",
        UseKind.IDENTITY: "who is who",
        UseKind.ACCOUNT: "who belongs to which account",
        UseKind.SEGMENT: "segment {}",
        UseKind.TRIGGER: "trigger {}",
        UseKind.SCORE: "score {}",
        UseKind.TABLE: "query of table {}",
        UseKind.TEMPLATE: "template {}",
        UseKind.CHANNEL: "writing by {}",
        UseKind.QUIET_HOURS: "quiet hours",
        UseKind.HOUSEHOLD: "holding households out together",
        UseKind.REPORT: "the report of the programme",
    },
    "fr": {
        UseKind.KEY: "distinguer les clients",
        UseKind.IDENTITY: "savoir qui est qui",
        UseKind.ACCOUNT: "savoir qui appartient à quel compte",
        UseKind.SEGMENT: "segment {}",
        UseKind.TRIGGER: "déclencheur {}",
        UseKind.SCORE: "score {}",
        UseKind.TABLE: "requête de la table {}",
        UseKind.TEMPLATE: "modèle {}",
        UseKind.CHANNEL: "écrire par {}",
        UseKind.QUIET_HOURS: "heures de silence",
        UseKind.HOUSEHOLD: "tirer un foyer au sort ensemble",
        UseKind.REPORT: "rapport du programme",
    },
}

_PLURALS: Mapping[Locale, Mapping[UseKind, str]] = {
    "en": {
        UseKind.SEGMENT: "segments {}",
        UseKind.TRIGGER: "triggers {}",
        UseKind.SCORE: "scores {}",
        UseKind.TABLE: "queries of tables {}",
        UseKind.TEMPLATE: "templates {}",
    },
    "fr": {
        UseKind.SEGMENT: "segments {}",
        UseKind.TRIGGER: "déclencheurs {}",
        UseKind.SCORE: "scores {}",
        UseKind.TABLE: "requêtes des tables {}",
        UseKind.TEMPLATE: "modèles {}",
    },
}
_STATE = {
    "en": "as long as the state database: it tells who was written to and what came of it",
    "fr": "aussi longtemps que la base d'état : elle dit à qui l'on a écrit et ce qui en est venu",
}
_KEPT: Mapping[Locale, Mapping[Kept, tuple[str, str]]] = {
    "en": {
        Kept.VALUES: (
            "the values that a message's text needs, beside the message",
            "from the entry until the message is sent, skipped or given up; then cleared",
        ),
        Kept.DIGESTS: (
            "a digest (SHA-256) of each address that was written to; never the address itself",
            _STATE["en"],
        ),
        Kept.ENTRIES: ("entries, arms, messages and refusals, by the customer's key", _STATE["en"]),
        Kept.MEMBERSHIPS: ("who was in which segment from when to when, by key", _STATE["en"]),
        Kept.CHOICES: (
            "consents, topics, pauses and suppressions, by key or by an address's digest",
            "until lifted, and consents as long as the state database",
        ),
        Kept.REPORTS: (
            "what providers told of messages (delivered, opened, bounced, …), by message",
            f"{_STATE['en']}; the raw form only of events that relance does not know",
        ),
        Kept.WORKBENCH: (
            "each customer's key and one bit per segment ({})",
            "until the next tick; the file may be deleted at any time",
        ),
        Kept.LIVE: (
            "live events as they came, by userId and anonymousId, with whatever clients told",
            "{} from their arrival (`live.keep`), or until `relance live forget CUSTOMER`",
        ),
        Kept.OUTBOX: (
            "whole messages with their addresses, as files of the outbox",
            "until somebody deletes them: it is for trials",
        ),
    },
    "fr": {
        Kept.VALUES: (
            "les valeurs dont le texte d'un message a besoin, avec le message",
            "de l'entrée jusqu'à l'envoi, l'annulation ou l'abandon du message ; puis effacées",
        ),
        Kept.DIGESTS: (
            "une empreinte (SHA-256) de chaque adresse à laquelle on a écrit ; jamais l'adresse",
            _STATE["fr"],
        ),
        Kept.ENTRIES: ("entrées, groupes, messages et refus, par la clé du client", _STATE["fr"]),
        Kept.MEMBERSHIPS: ("qui était dans quel segment et quand, par clé", _STATE["fr"]),
        Kept.CHOICES: (
            "consentements, sujets, pauses et oppositions, par clé ou par empreinte d'adresse",
            "jusqu'à leur levée, et les consentements aussi longtemps que la base d'état",
        ),
        Kept.REPORTS: (
            "ce que les prestataires disent des messages (remis, ouvert, rejeté…), par message",
            f"{_STATE['fr']} ; la forme brute seulement pour les événements inconnus de relance",
        ),
        Kept.WORKBENCH: (
            "la clé de chaque client et un bit par segment ({})",
            "jusqu'au passage suivant ; le fichier peut être supprimé à tout moment",
        ),
        Kept.LIVE: (
            "les événements en direct tels qu'ils sont venus, par userId et anonymousId, en entier",
            "{} après leur arrivée (`live.keep`), ou jusqu'à `relance live forget CLIENT`",
        ),
        Kept.OUTBOX: (
            "les messages entiers avec leurs adresses, dans les fichiers de l'outbox",
            "jusqu'à ce que quelqu'un les supprime : c'est pour des essais",
        ),
    },
}

_ADDRESSES = {
    "en": {"email": "the e-mail address", "phone": "the phone number", "": "the customer's key"},
    "fr": {"email": "l'adresse e-mail", "phone": "le numéro de téléphone", "": "la clé du client"},
}
_TEXT = {
    "en": ("the text, with the values of ", "the text, without any value of the customer"),
    "fr": ("le texte, avec les valeurs de ", "le texte, sans valeur du client"),
}


def use_words(use: Use, locale: Locale) -> str:
    """What a column is used for."""
    return _USES[locale][use.kind].format(use.name)


def uses_lines(column: MappedColumn, locale: Locale) -> list[str]:
    """Everything that a column is used for, one line for each kind of use."""
    kinds = dict.fromkeys(use.kind for use in column.uses)
    return [
        _PLURALS[locale].get(kind, _USES[locale][kind]).format(", ".join(names))
        if len(names := [use.name for use in column.uses if use.kind is kind]) > 1
        else _USES[locale][kind].format(*names)
        for kind in kinds
    ]


def uses_words(column: MappedColumn, locale: Locale) -> str:
    """The same in one line."""
    return "; ".join(uses_lines(column, locale)) or WORDS[locale]["nothing"]


def kept_words(storage: Storage, locale: Locale) -> tuple[str, str]:
    """What is kept, and how long."""
    what, how_long = _KEPT[locale][storage.what]
    return what.format(storage.detail), how_long.format(storage.detail)


def given_words(destination: Destination, locale: Locale) -> str:
    """What a provider is given."""
    address = _ADDRESSES[locale][destination.address]
    with_values, without = _TEXT[locale]
    values = ", ".join(destination.values)
    return f"{address}; {with_values}{values}" if values else f"{address}; {without}"
