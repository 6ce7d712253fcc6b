"""How a segment differs from all customers: against numpy, and with nobody to be found in it."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from relance.domain.personal import is_personal
from relance.uplift.moments import Moments
from relance.uplift.portrait import (
    SMALL,
    Feature,
    Portrait,
    Shares,
    Side,
    Spread,
    Value,
    differences,
    merged,
)
from relance.uplift.portrait_words import sentences

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)


def side(values: np.ndarray) -> Side:
    logs = Moments.of_values(list(np.log1p(values)))
    return Side(logs=logs, median=float(np.median(values)), mean=float(values.mean()))


def portrait(members: int = 500, everybody: int = 5_000, **changes: object) -> Portrait:
    values: dict = {
        "segment": "regular", "description": "", "at": AT, "event": "order",
        "everybody": everybody, "members": members,
    }  # fmt: skip
    return Portrait(**{**values, **changes})


def spread(mine: np.ndarray, others: np.ndarray) -> Spread:
    return Spread(
        feature=Feature.MONETARY, members=side(mine), everybody=side(np.concatenate([mine, others]))
    )


def test_a_feature_differs_by_the_standardised_difference_of_its_logs() -> None:
    random = np.random.default_rng(1)
    mine, others = random.gamma(2, 60, 500), random.gamma(2, 30, 4_500)
    (found,) = differences(portrait(spreads=[spread(mine, others)]))
    whole = np.log1p(np.concatenate([mine, others]))
    wanted = (np.log1p(mine).mean() - whole.mean()) / whole.std(ddof=1)
    assert found.effect == pytest.approx(wanted)
    assert found.interval.low < wanted < found.interval.high
    assert (found.members, found.everybody) == (
        np.median(mine), np.median(np.concatenate([mine, others])),
    )  # fmt: skip


def test_its_interval_holds_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    weight = 4_500 / 5_000
    deviation = np.sqrt(1 + weight * (1 - weight) * 0.4**2)
    held = 0
    for _ in range(300):
        mine, others = random.normal(3.4, 1, 500), random.normal(3, 1, 4_500)
        (found,) = differences(
            portrait(
                spreads=[
                    Spread(
                        feature=Feature.MONETARY,
                        members=Side(logs=Moments.of_values(list(mine)), median=1, mean=1),
                        everybody=Side(logs=Moments.of_values([*mine, *others]), median=1, mean=1),
                    )
                ]
            )
        )
        held += found.interval.low <= weight * 0.4 / deviation <= found.interval.high
    assert 0.91 <= held / 300 <= 0.99


def test_a_value_differs_by_the_ratio_of_its_shares() -> None:
    shares = Shares(
        name="country", event=None, values=[Value(text="BE", everybody=500, members=200)]
    )
    (found,) = differences(portrait(shares=[shares]))
    assert (found.members, found.everybody) == (0.4, 0.1)
    assert found.ratio is not None
    assert found.ratio.value == pytest.approx(4)
    assert found.effect > SMALL
    assert "country BE: 40.0 % of them, 10.0 % of all (4.0 times as often" in " ".join(
        sentences(portrait(shares=[shares]), "EUR")
    )


def test_what_chance_explains_and_what_is_small_is_not_put_in_words() -> None:
    same = Shares(name="country", event=None, values=[Value(text="BE", everybody=500, members=52)])
    small = Shares(
        name="country", event=None, values=[Value(text="BE", everybody=25_000, members=3_000)]
    )
    assert differences(portrait(shares=[same])) == []
    assert differences(portrait(25_000, 250_000, shares=[small])) == []
    assert "nothing that is worth a word" in " ".join(sentences(portrait(shares=[same]), "EUR"))


def test_too_few_members_are_not_described_and_a_handful_is_not_mentioned() -> None:
    shares = Shares(
        name="country", event=None, values=[Value(text="BE", everybody=500, members=50)]
    )
    assert differences(portrait(members=60, shares=[shares])) == []
    assert "Too few members" in " ".join(sentences(portrait(members=60, shares=[shares]), "EUR"))
    assert "about persons" in " ".join(sentences(portrait(members=4), "EUR"))
    assert "parler de personnes" in " ".join(sentences(portrait(members=4), "EUR", "fr"))


def test_customers_who_are_all_the_same_differ_in_nothing() -> None:
    same = np.full(500, 10.0)
    assert differences(portrait(spreads=[spread(same, np.full(4_500, 10.0))])) == []
    everybody = portrait(members=5_000)
    assert "nobody to compare with" in " ".join(sentences(everybody, "EUR"))


def test_groups_under_five_are_among_the_others_on_both_sides() -> None:
    found = merged(
        "country",
        None,
        [
            Value(text="FR", everybody=400, members=90),
            Value(text="BE", everybody=90, members=4),
            Value(text="LU", everybody=3, members=0),
            Value(text="DE", everybody=30, members=0),
            Value(text=None, everybody=20, members=6),
        ],
    )
    assert [value.text for value in found.values] == ["FR", None, "DE"]
    assert found.others == Value(text=None, everybody=93, members=4)


def test_many_values_leave_the_commonest_and_the_rest() -> None:
    values = [Value(text=f"v{n:02}", everybody=100 + n, members=50 + n) for n in range(30)]
    found = merged("category", "order", values)
    assert len(found.values) == 10
    assert found.values[0].text == "v29"
    assert found.others is not None
    assert found.others.members + sum(one.members for one in found.values) == sum(
        one.members for one in values
    )
    assert merged("category", "order", values[:2]).others is None


@pytest.mark.parametrize(
    "name",
    ["first_name", "lastName", "e_mail_address", "email", "mobile", "birth_date", "dob", "prenom",
     "nom", "customer_name", "postal_code", "date_de_naissance", "phone2 phone", "IBAN", "street"],
)  # fmt: skip
def test_a_column_that_says_who_somebody_is_is_known_by_its_name(name: str) -> None:
    assert is_personal(name)
    assert is_personal("harmless", name)


@pytest.mark.parametrize(
    "name", ["country", "category", "product_name", "brand_name", "page", "lang", "shoe_size",
             "channel", "campaign_name", "store", "vip"]
)  # fmt: skip
def test_a_column_about_things_is_not(name: str) -> None:
    assert not is_personal(name, None)
