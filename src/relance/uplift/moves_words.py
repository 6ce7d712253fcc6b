"""Trajectories in words, in English and French: places, cautions, moves that changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from types import MappingProxyType

from relance.domain.trajectory import GONE, NONE, NOT_YET, Caution, Note
from relance.uplift.moves import Change
from relance.uplift.stays import HalfLeft
from relance.uplift.wording import Locale, count, percent, points

_PLACES: Mapping[Locale, Mapping[str, str]] = {
    "en": {NONE: "in none of them", NOT_YET: "not yet a customer", GONE: "gone"},
    "fr": {NONE: "dans aucun", NOT_YET: "pas encore client", GONE: "parti"},
}

_NOTES: Mapping[Locale, Mapping[Caution, str]] = {
    "en": {
        Caution.HISTORY: "Nothing was counted before {at}: the period begins there.",
        Caution.CHANGED: "{segments} was defined otherwise before {at}: the period begins there, "
        "so that everything in it is counted alike.",
        Caution.ENDED: "The last evaluation was at {at}: the period ends there.",
        Caution.OVERLAP: "{number} customers were in two of these segments at once; the first "
        "in order has them.",
        Caution.REFIT: "Cut-offs were fitted anew on {instants}: some customers of {segments} "
        "moved on that day without having done anything.",
        Caution.DEFINED_OTHERWISE: "{segments} was defined otherwise in the other period: the two "
        "are not compared.",
        Caution.LENGTHS: "The two periods are not equally long, and a longer one sees more moves.",
    },
    "fr": {
        Caution.HISTORY: "Rien n’était compté avant le {at} : la période commence là.",
        Caution.CHANGED: "{segments} était défini autrement avant le {at} : la période commence "
        "là, pour que tout y soit compté de la même façon.",
        Caution.ENDED: "La dernière évaluation date du {at} : la période s’arrête là.",
        Caution.OVERLAP: "{number} clients étaient dans deux de ces segments à la fois ; le "
        "premier dans l’ordre les compte.",
        Caution.REFIT: "Des seuils ont été recalculés le {instants} : ce jour-là, des clients de "
        "{segments} ont changé de place sans avoir rien fait.",
        Caution.DEFINED_OTHERWISE: "{segments} était défini autrement dans l’autre période : les "
        "deux ne sont pas comparées.",
        Caution.LENGTHS: "Les deux périodes n’ont pas la même durée, et une plus longue voit plus "
        "de mouvements.",
    },
}
_CHANGED: Mapping[Locale, str] = {
    "en": "{who} {start}{way}: {share} of them, against {before} ({diff} points, 95 % interval "
    "{ci}).",
    "fr": "{who} {start}{way} : {share} d’entre eux, contre {before} ({diff} points, intervalle à "
    "95 % {ci}).",
}
_WHO: Mapping[Locale, Mapping[bool, tuple[str, str]]] = {
    "en": {
        True: ("More stayed in", "Fewer stayed in"),
        False: ("More went from", "Fewer went from"),
    },
    "fr": {
        True: ("Plus sont restés dans", "Moins sont restés dans"),
        False: ("Plus de passages de", "Moins de passages de"),
    },
}
_WAY: Mapping[Locale, str] = {"en": " to {end}", "fr": " à {end}"}
_COMPARED: Mapping[Locale, Mapping[str, str]] = {
    "en": {
        "none": "There is nothing to compare.",
        "nothing": "Of {number} shares compared none differs clearly.",
        "some": "Of {number} shares compared {clear} differ clearly, allowing for there being so "
        "many (Benjamini-Hochberg); the others may be chance.",
    },
    "fr": {
        "none": "Il n’y a rien à comparer.",
        "nothing": "Sur {number} parts comparées, aucune ne diffère nettement.",
        "some": "Sur {number} parts comparées, {clear} diffèrent nettement, compte tenu de leur "
        "nombre (Benjamini-Hochberg) ; le reste peut être dû au hasard.",
    },
}
_HALF: Mapping[Locale, Mapping[str, str]] = {
    "en": {"day": "{day} days", "later": "more than {watched} days"},
    "fr": {"day": "{day} jours", "later": "plus de {watched} jours"},
}
_FORMAT: Mapping[Locale, str] = {"en": "%Y-%m-%d", "fr": "%d/%m/%Y"}


def place_name(
    place: str, locale: Locale = "en", titles: Mapping[str, str] = MappingProxyType({})
) -> str:
    """A segment's title, else its name; or what it means to be in none."""
    return _PLACES[locale].get(place) or titles.get(place, place)


def note_sentence(note: Note, zone: tzinfo, locale: Locale = "en") -> str:
    """What a reader must know before the numbers."""
    return _NOTES[locale][note.caution].format(
        at="" if note.at is None else _day(note.at, zone, locale),
        segments=", ".join(note.segments),
        number=count(note.number, locale),
        instants=", ".join(_day(at, zone, locale) for at in note.instants),
    )


def _day(at: datetime, zone: tzinfo, locale: Locale) -> str:
    return at.astimezone(zone).strftime(f"{_FORMAT[locale]} %H:%M")


def change_sentence(
    change: Change, locale: Locale = "en", titles: Mapping[str, str] = MappingProxyType({})
) -> str:
    """A share that differs between two periods, with its interval."""
    stayed = change.start == change.end
    low, high = (points(end, locale) for end in change.interval)
    way = "" if stayed else _WAY[locale].format(end=place_name(change.end, locale, titles))
    return _CHANGED[locale].format(
        who=_WHO[locale][stayed][change.difference < 0],
        start=place_name(change.start, locale, titles),
        way=way,
        share=percent(change.share, locale),
        before=percent(change.share_before, locale),
        diff=points(change.difference, locale),
        ci=f"[{low} ; {high}]" if locale == "fr" else f"[{low}, {high}]",
    )


def compared_sentence(changes: Sequence[Change], locale: Locale = "en") -> str:
    """How many shares were compared, and how many differ clearly."""
    clear = sum(one.clear for one in changes)
    which = "some" if clear else "nothing" if changes else "none"
    return _COMPARED[locale][which].format(
        number=count(len(changes), locale), clear=count(clear, locale)
    )


def half_words(half: HalfLeft | None, locale: Locale = "en") -> str:
    """After how long half had left: `17 days`, `more than 58 days`; a dash for nobody."""
    if half is None:
        return "–"
    if half.day is None:
        return _HALF[locale]["later"].format(watched=half.watched)
    return _HALF[locale]["day"].format(day=half.day)
