"""Birthdays and other dates: who reached theirs between two instants."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from engine_shop import (
    MONDAY,
    TUESDAY,
    Shop,
    customers_of,
    segments_of,
    trigger,
)
from relance.domain.condition import AllOf
from relance.domain.duration import Duration
from relance.domain.fits import Fits
from relance.domain.trigger import OnDate


def birthday(offset: str = "0 days", *, yearly: bool = True) -> OnDate:
    return OnDate("birth_date", Duration.parse(offset), yearly)


def everybody(
    shop: Shop, births: dict[int, str], zones: dict[int, str] | None = None
) -> dict[str, list[object]]:
    keys = list(births)
    return {
        "customer_id": keys,
        "birth_date": [datetime.fromisoformat(births[key]).date() for key in keys],
        "tz": [(zones or {}).get(key) for key in keys],
        **{
            name: [None] * len(keys)
            for name in ("email", "mobile", "lang", "country", "first_name")
        },
        "email_optin": [True] * len(keys),
    }


def due(shop: Shop, on: OnDate, earlier: datetime, at: datetime) -> set[str]:
    for name in ("email", "mobile", "lang", "country", "first_name"):
        column = shop.tables["customers"][name]
        shop.tables["customers"] = {**shop.tables["customers"], name: pa.array(column, pa.string())}
    shop.tables["customers"] = {
        **shop.tables["customers"],
        "tz": pa.array(shop.tables["customers"]["tz"], pa.string()),
    }
    everyone = {"all": AllOf(())}
    engine = shop.engine(everyone)
    with engine.picture(at, segments_of(everyone), [], Fits()) as picture:
        return customers_of(picture.candidates(trigger("all", on), earlier))


def test_a_birthday_comes_once_a_year_and_the_29th_of_february_on_the_28th(shop: Shop) -> None:
    shop.tables["customers"] = everybody(
        shop, {1: "1990-02-28", 2: "1992-02-29", 3: "1990-03-01", 4: "2030-02-28"}
    )
    eve = datetime(2026, 2, 27, 9, tzinfo=MONDAY.tzinfo)

    assert due(shop, birthday(), eve, eve.replace(day=28)) == {"1", "2"}


def test_in_a_leap_year_the_29th_of_february_is_its_own_day(shop: Shop) -> None:
    shop.tables["customers"] = everybody(shop, {1: "1990-02-28", 2: "1992-02-29"})
    eve = datetime(2028, 2, 27, 9, tzinfo=MONDAY.tzinfo)

    assert due(shop, birthday(), eve, eve.replace(day=28)) == {"1"}
    assert due(shop, birthday(), eve.replace(day=28), eve.replace(day=29)) == {"2"}


def test_a_date_is_reached_on_the_customers_own_calendar(shop: Shop) -> None:
    births = {1: "1990-03-10", 2: "1990-03-10", 3: "1990-03-10"}
    shop.tables["customers"] = everybody(
        shop, births, {1: "Europe/Paris", 2: "America/New_York", 3: "not a zone"}
    )
    midnight = datetime(2026, 3, 10, 0, 30, tzinfo=MONDAY.tzinfo)

    assert due(shop, birthday(), MONDAY, midnight) == {"1", "3"}
    assert due(shop, birthday(), midnight, midnight.replace(hour=12)) == {"2"}


def test_an_offset_moves_the_day_and_a_single_date_does_not_come_back(shop: Shop) -> None:
    shop.tables["customers"] = everybody(shop, {1: "2026-03-17", 2: "2025-03-17"})

    assert due(shop, birthday("-7 days"), MONDAY, TUESDAY) == {"1", "2"}
    assert due(shop, birthday("-7 days", yearly=False), MONDAY, TUESDAY) == {"1"}


def test_a_gap_of_years_between_two_runs_greets_everybody_once(shop: Shop) -> None:
    shop.tables["customers"] = everybody(shop, {1: "1990-01-01", 2: "1991-07-01"})

    assert due(shop, birthday(), datetime(2020, 1, 1, tzinfo=MONDAY.tzinfo), MONDAY) == {"1", "2"}
