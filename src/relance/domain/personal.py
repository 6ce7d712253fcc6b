"""Which columns say who somebody is: their values are never listed, in no page and no document.

A name is all there is to go by. It is better to leave out a harmless column than to list names.
"""

from __future__ import annotations

import re

_WORDS = frozenset({
    "address", "adresse", "birth", "birthdate", "birthday", "born", "comment", "comments",
    "contact", "courriel", "dob", "email", "external", "firstname", "forename", "iban", "ip",
    "lastname", "latitude", "login", "longitude", "mail", "mobile", "naissance", "name", "names",
    "nom", "note", "notes", "passport", "phone", "postal", "postcode", "prenom", "prénom", "rue",
    "ssn", "street", "surname", "tel", "telephone", "token", "téléphone", "user", "username",
    "uuid", "zip",
})  # fmt: skip
_SHARED = frozenset({"category", "product", "brand", "page", "campaign", "file", "event"})
"""What a `name` may be of without being anybody's."""


def is_personal(*names: str | None) -> bool:
    """Whether an attribute or a field, by its own name or its column's, says who somebody is."""
    return any(_says_who(name) for name in names if name)


def _says_who(name: str) -> bool:
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    words = [word for word in re.split(r"[^\w]|_", split.casefold()) if word]
    found = _WORDS.intersection([*words, "".join(words)])
    return bool(found) and not (found <= {"name", "names", "nom"} and _SHARED.intersection(words))
