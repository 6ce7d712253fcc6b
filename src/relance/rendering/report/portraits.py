"""Segments as the page shows them: a mark for each mistake, and each beside all customers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from relance.rendering.report.numbers import decimal, instant
from relance.rendering.report.tables import HEALTH_SYMBOLS, Check
from relance.rendering.standalone import standalone
from relance.uplift.checkup import Checkup, Mistake, SegmentHealth, Symptom
from relance.uplift.checkup_words import MISTAKES, sentence, together_sentence, window_sentence
from relance.uplift.health import Health
from relance.uplift.portrait import Feature, Portrait, Spread
from relance.uplift.portrait_words import feature_name, number, sentences
from relance.uplift.segments_report import SegmentsReport
from relance.uplift.wording import Locale, count, percent

ROWS = 8  # of values, in a picture
_EDGE = 3.0  # per cent kept free at both ends
_SCORED = (Feature.RECENCY, Feature.FREQUENCY, Feature.MONETARY)

_LABELS: Mapping[Locale, Mapping[str, str]] = {
    "en": {
        "eyebrow": "Segment",
        "as_of": "As of",
        "segments": "Segments",
        "lead": "Whether the segments are any good: the five classic mistakes, each with its "
        "number. Then who is in the segments that triggers watch, beside all customers.",
        "segment": "Segment",
        "members": "Members",
        "of_all": "of all",
        "findings": "What was found",
        "nothing": "No mistake was found.",
        "in": "In the segment",
        "all": "All customers",
        "beside": "Beside all customers",
        "score": "RFM scores, 1 to 5",
        "values": "What sets it apart",
        "recency": "Recency",
        "frequency": "Frequency",
        "monetary": "Money",
        "unknown": "not known",
        "spoken": "{label}: {mine} in the segment, {all} of all customers.",
        "good": "good",
        "warning": "worth a look",
        "failed": "mistake",
        "silent": "too little to say",
        "medians": "Medians",
        "privacy": "Columns that say who somebody is are left out, and groups of fewer than five "
        "customers are not told apart.",
        "made_by": "Made by relance",
    },
    "fr": {
        "eyebrow": "Segment",
        "as_of": "Au",
        "segments": "Les segments",
        "lead": "Ce que valent les segments : les cinq erreurs classiques, chacune avec son "
        "nombre. Puis qui se trouve dans ceux que suivent les déclencheurs, face à l’ensemble.",
        "segment": "Segment",
        "members": "Membres",
        "of_all": "de tous",
        "findings": "Ce qui a été trouvé",
        "nothing": "Aucune erreur trouvée.",
        "in": "Dans le segment",
        "all": "Tous les clients",
        "beside": "Face à l’ensemble des clients",
        "score": "Scores RFM, de 1 à 5",
        "values": "Ce qui le distingue",
        "recency": "Récence",
        "frequency": "Fréquence",
        "monetary": "Montant",
        "unknown": "inconnu",
        "spoken": "{label} : {mine} dans le segment, {all} de tous les clients.",
        "good": "bon",
        "warning": "à regarder",
        "failed": "erreur",
        "silent": "trop peu pour conclure",
        "medians": "Médianes",
        "privacy": "Les colonnes qui disent qui est quelqu’un sont écartées, et les groupes de "
        "moins de cinq clients ne sont pas distingués.",
        "made_by": "Produit par relance",
    },
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """How a segment stands with one mistake: a shape, and the same in words."""

    kind: str
    symbol: str
    label: str
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthRow:
    """One segment in the table; `width` is its share of all customers, in per cent."""

    name: str
    members: str
    share: str
    width: float
    marks: Sequence[Mark]


@dataclass(frozen=True, kw_only=True, slots=True)
class Dumbbell:
    """Two marks on one scale, in per cent of its width: the segment's, and that of all."""

    label: str
    mine: str
    whole: str
    mine_at: float
    whole_at: float
    spoken: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PortraitView:
    """A segment beside all customers."""

    id: str
    name: str
    description: str
    sentences: Sequence[str]
    scores: Sequence[Dumbbell]
    values: Sequence[Dumbbell]
    medians: Sequence[tuple[str, str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class SegmentsView:
    """The section of the page. `findings` are mistakes first, then what is worth a look."""

    words: Mapping[str, str]
    sentences: Sequence[str]
    mistakes: Sequence[str]
    rows: Sequence[HealthRow]
    findings: Sequence[Check]
    portraits: Sequence[PortraitView]


def segments_view(
    segments: SegmentsReport | None, currency: str, locale: Locale
) -> SegmentsView | None:
    """Segments as the page shows them; None where the report does not look at them."""
    if segments is None:
        return None
    checkup = segments.checkup
    told = (window_sentence(checkup, locale), together_sentence(checkup, locale))
    return SegmentsView(
        words=_LABELS[locale],
        sentences=[text for text in told if text],
        mistakes=[MISTAKES[locale][one] for one in Mistake],
        rows=[_row(one, locale) for one in checkup.segments],
        findings=list(_findings(checkup, locale)),
        portraits=[
            portrait_view(one, f"segment-{place}", currency, locale)
            for place, one in enumerate(segments.portraits)
        ],
    )


def _row(one: SegmentHealth, locale: Locale) -> HealthRow:
    words = _LABELS[locale]
    marks = []
    for mistake in Mistake:
        health = one.worst(mistake)
        label = MISTAKES[locale][mistake]
        marks.append(
            Mark(
                kind=health.value,
                symbol=HEALTH_SYMBOLS[health],
                label=label,
                words=words[health.value],
            )
        )
    return HealthRow(
        name=one.name,
        members=count(one.members, locale),
        share=percent(one.share, locale),
        width=round(100 * (one.share or 0.0), 2),
        marks=marks,
    )


def _findings(checkup: Checkup, locale: Locale) -> Iterator[Check]:
    """Those of every segment that are not good or silent, the certain ones first."""
    for wanted in (Health.FAILED, Health.WARNING):
        for one in checkup.segments:
            for symptom in one.symptoms:
                if symptom.health is wanted:
                    yield _check(one, symptom, locale)


def _check(one: SegmentHealth, symptom: Symptom, locale: Locale) -> Check:
    return Check(
        kind=symptom.health.value,
        symbol=HEALTH_SYMBOLS[symptom.health],
        outcome=MISTAKES[locale][symptom.mistake],
        name=one.name,
        sentence=sentence(symptom, locale),
    )


# -- portraits


def portrait_view(portrait: Portrait, id_: str, currency: str, locale: Locale) -> PortraitView:
    """One segment beside all customers, in words and as a picture."""
    return PortraitView(
        id=id_,
        name=portrait.segment,
        description=portrait.description,
        sentences=sentences(portrait, currency, locale),
        scores=[row for one in portrait.spreads for row in _score(one, locale)],
        values=_values(portrait, locale),
        medians=[_median(one, portrait, locale) for one in portrait.spreads],
    )


def _score(spread: Spread, locale: Locale) -> Iterator[Dumbbell]:
    mine, whole = spread.members.score, spread.everybody.score
    if spread.feature not in _SCORED or mine is None or whole is None:
        return
    label = _LABELS[locale][spread.feature.value]
    yield _dumbbell(label, (mine - 1) / 4, (whole - 1) / 4, decimal(mine, 1, locale),
                    decimal(whole, 1, locale), locale)  # fmt: skip


def _values(portrait: Portrait, locale: Locale) -> list[Dumbbell]:
    """The values whose shares differ most, on one scale."""
    if portrait.secret or not portrait.members or not portrait.everybody:
        return []
    found = []
    for shares in portrait.shares:
        for value in shares.values:
            text = _LABELS[locale]["unknown"] if value.text is None else value.text
            mine = value.members / portrait.members
            whole = value.everybody / portrait.everybody
            found.append((abs(mine - whole), f"{shares.name} {text}", mine, whole))
    shown = sorted(found, key=lambda one: (-one[0], one[1]))[:ROWS]
    top = max((max(mine, whole) for _, _, mine, whole in shown), default=0.0) or 1.0
    return [
        _dumbbell(label, mine / top, whole / top, percent(mine, locale), percent(whole, locale),
                  locale)
        for _, label, mine, whole in shown
    ]  # fmt: skip


def _dumbbell(
    label: str, mine: float, whole: float, mine_text: str, whole_text: str, locale: Locale
) -> Dumbbell:
    return Dumbbell(
        label=label,
        mine=mine_text,
        whole=whole_text,
        mine_at=_place(mine),
        whole_at=_place(whole),
        spoken=_LABELS[locale]["spoken"].format(label=label, mine=mine_text, all=whole_text),
    )


def _place(share: float) -> float:
    return round(_EDGE + min(1.0, max(0.0, share)) * (100 - 2 * _EDGE), 2)


def _median(one: Spread, portrait: Portrait, locale: Locale) -> tuple[str, str, str]:
    return (
        feature_name(one.feature, portrait.event, locale),
        number(one.members.median, locale),
        number(one.everybody.median, locale),
    )


def portrait_page(
    portrait: Portrait, *, workspace: str, at: datetime, currency: str, locale: Locale
) -> str:
    """One segment as one self-contained HTML page; instants in `at`'s own time zone."""
    return standalone(Path(__file__).parent, "portrait_page.html.j2").render(
        locale=locale,
        words=_LABELS[locale],
        workspace=workspace,
        at=instant(at, locale),
        portrait=portrait_view(portrait, "segment", currency, locale),
    )
