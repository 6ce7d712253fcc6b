"""Many triggers read at once: p-values that keep the share of false discoveries down."""

from __future__ import annotations

from collections.abc import Mapping


def false_discovery(p_values: Mapping[str, float]) -> dict[str, float]:
    """Benjamini & Hochberg's adjusted p-values, by the same names (1995, JRSS B 57:289).

    Calling everything at most 5 % a discovery, at most 5 % of the discoveries are expected to
    be false. The p-values must be of independent (or positively dependent) comparisons.
    """
    adjusted: dict[str, float] = {}
    least = 1.0
    ranked = sorted(p_values, key=p_values.__getitem__, reverse=True)
    for above, name in enumerate(ranked):
        least = min(least, p_values[name] * len(ranked) / (len(ranked) - above))
        adjusted[name] = least
    return {name: adjusted[name] for name in p_values}
