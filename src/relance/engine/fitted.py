"""One thing that a picture's conditions need fitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from relance.domain.duration import Duration
from relance.domain.fits import Fit, Fits


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitting:
    """One thing to fit. A standing fit of something else than `of` counts for nothing.

    `refit` is how long it is kept; None for as long as it is not renewed by hand. `fit` gives
    None where there is nothing to fit it to, and is asked again the next time. Both are told the
    fits before it, which it may be made of; `newer` says that one came in by another way.
    """

    name: str
    of: Callable[[Fits], str]
    refit: Duration | None
    fit: Callable[[Fits], Fit | None]
    newer: Callable[[Fit], bool] = lambda _known: False

    def fits(self, known: Fit | None, beside: Fits) -> bool:
        """Whether a standing fit is one of this."""
        return known is not None and known.of in ("", self.of(beside))
