"""What is fitted from the data and kept with its date, so that an old answer can be explained.

A fit has a name; its kind is the name's part before the first slash (`rfm`, `score/potential`).
A new kind is a dataclass here, its line in KINDS, and a function that fits it (engine/fitting.py).
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self, TypeVar

from relance.domain.score import ScoreModel, model_document, model_of

F = TypeVar("F", bound="Fit")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit(ABC):
    """`fitted_at` is the instant as of which it was fitted; `of` says of what, in a word that
    changes with what is fitted (empty: not known, as in a state of an older relance)."""

    fitted_at: datetime
    of: str = ""

    @abstractmethod
    def document(self) -> Mapping[str, Any]:
        """Its numbers as JSON has them."""

    @classmethod
    @abstractmethod
    def of_document(cls, fitted_at: datetime, of: str, document: Mapping[str, Any]) -> Self:
        """The fit whose `document` this is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Breakpoints(Fit):
    """The four cut-offs between RFM scores.

    `recency` in days since the last event, `frequency` in events, `monetary` in money; each
    ascending. A score is 1 + the number of cut-offs below the value (recency: 5 minus it).
    """

    recency: tuple[float, ...]
    frequency: tuple[float, ...]
    monetary: tuple[float, ...]

    def document(self) -> Mapping[str, Any]:
        return {
            "recency": list(self.recency),
            "frequency": list(self.frequency),
            "monetary": list(self.monetary),
        }

    @classmethod
    def of_document(cls, fitted_at: datetime, of: str, document: Mapping[str, Any]) -> Self:
        return cls(
            fitted_at=fitted_at,
            of=of,
            recency=tuple(document["recency"]),
            frequency=tuple(document["frequency"]),
            monetary=tuple(document["monetary"]),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Rhythm(Fit):
    """The lengths between lifecycle stages, in days: see `domain.lifecycle.Lengths`.

    They come from the usual gaps between two purchases of so many `customers`; `gaps` are the
    50, 80 and 95 % quantiles of those, in days. With 0 customers they are the fallback.
    """

    recent: int
    active: int
    at_risk: int
    lapsed: int
    customers: int
    gaps: tuple[float, ...] = ()

    def document(self) -> Mapping[str, Any]:
        return {
            "recent": self.recent,
            "active": self.active,
            "at_risk": self.at_risk,
            "lapsed": self.lapsed,
            "customers": self.customers,
            "gaps": list(self.gaps),
        }

    @classmethod
    def of_document(cls, fitted_at: datetime, of: str, document: Mapping[str, Any]) -> Self:
        gaps = tuple(document["gaps"])
        return cls(fitted_at=fitted_at, of=of, **{**document, "gaps": gaps})


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreFit(Fit):
    """The model of a score under which memberships were stored last. It is of the score's event,
    length and kind."""

    model: ScoreModel

    def document(self) -> Mapping[str, Any]:
        return model_document(self.model)

    @classmethod
    def of_document(cls, fitted_at: datetime, of: str, document: Mapping[str, Any]) -> Self:
        return cls(fitted_at=fitted_at, of=of, model=model_of(document))


@dataclass(frozen=True, kw_only=True, slots=True)
class TopFit(Fit):
    """From which score on a customer is among the best share. It is of one model."""

    cutoff: float

    def document(self) -> Mapping[str, Any]:
        return {"cutoff": self.cutoff}

    @classmethod
    def of_document(cls, fitted_at: datetime, of: str, document: Mapping[str, Any]) -> Self:
        return cls(fitted_at=fitted_at, of=of, cutoff=document["cutoff"])


RFM = "rfm"
LIFECYCLE = "lifecycle"
SCORE = "score"  # score/NAME
TOP = "top"  # top/NAME/SHARE

KINDS: Mapping[str, type[Fit]] = {
    RFM: Breakpoints,
    LIFECYCLE: Rhythm,
    SCORE: ScoreFit,
    TOP: TopFit,
}


def score_fit(score: str) -> str:
    """The name of a score's fit."""
    return f"{SCORE}/{score}"


def top_fit(score: str, share: float) -> str:
    """The name of the fit of a cut-off."""
    return f"{TOP}/{score}/{share:g}"


@dataclass(frozen=True, slots=True)
class Fits:
    """Fits by their names; immutable."""

    named: Mapping[str, Fit] = field(default_factory=dict)

    def find(self, name: str, kind: type[F]) -> F | None:
        """The fit of a name, where there is one of this kind."""
        found = self.named.get(name)
        return found if isinstance(found, kind) else None

    def renewed(self, by: Mapping[str, Fit]) -> Fits:
        """These, with others in their places."""
        return Fits({**self.named, **by})

    def unlike(self, known: Fits) -> Fits:
        """Those of these that are not among the known ones."""
        return Fits({name: fit for name, fit in self.named.items() if known.named.get(name) != fit})


def written(fit: Fit) -> str:
    """A fit as text, but for its name and its date."""
    return json.dumps({"of": fit.of, **fit.document()}, sort_keys=True, ensure_ascii=False)


def read(name: str, fitted_at: datetime, text: str) -> Fit | None:
    """The fit that was written so; None for a kind that this relance does not know."""
    kind = KINDS.get(name.partition("/")[0])
    if kind is None:
        return None
    document = json.loads(text)
    return kind.of_document(fitted_at, document.pop("of", ""), document)
