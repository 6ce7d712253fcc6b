"""A segment beside all customers as plain data, for `--json`; null where there is no number."""

from __future__ import annotations

from relance.uplift.portrait import Difference, Portrait, Shares, Side, Spread, Value, differences
from relance.uplift.portrait_words import sentences

Json = dict[str, object]


def document(portrait: Portrait, currency: str) -> Json:
    """Everything that `relance describe` says of a segment."""
    money = portrait.money
    return {
        "segment": portrait.segment,
        "description": portrait.description,
        "at": portrait.at.isoformat(),
        "customers": portrait.everybody,
        "members": portrait.members,
        "share": portrait.share,
        "event": portrait.event,
        "with_event": {"customers": portrait.active[0], "members": portrait.active[1]},
        "currency": currency,
        "money": None if money is None else {"customers": money[0], "members": money[1]},
        "features": [_spread(one) for one in portrait.spreads],
        "values": [_shares(one) for one in portrait.shares],
        "differences": [_difference(one) for one in differences(portrait)],
        "sentences": sentences(portrait, currency),
    }


def _spread(spread: Spread) -> Json:
    return {
        "feature": spread.feature.value,
        "members": _side(spread.members),
        "customers": _side(spread.everybody),
    }


def _side(side: Side) -> Json:
    return {"counted": side.logs.n, "median": side.median, "mean": side.mean, "score": side.score}


def _shares(shares: Shares) -> Json:
    return {
        "name": shares.name,
        "event": shares.event,
        "values": [_value(one) for one in shares.values],
        "others": None if shares.others is None else _value(shares.others),
    }


def _value(value: Value) -> Json:
    return {"value": value.text, "customers": value.everybody, "members": value.members}


def _difference(one: Difference) -> Json:
    return {
        "name": one.name,
        "event": one.event,
        "value": one.value,
        "effect": one.effect,
        "effect_ci": list(one.interval) if one.feature else None,
        "difference_ci": None if one.feature else list(one.interval),
        "members": one.members,
        "customers": one.everybody,
        "ratio": one.ratio.value if one.ratio else None,
        "ratio_ci": list(one.ratio.interval) if one.ratio else None,
    }
