"""The condition language as YAML: what each form means, and what each mistake says."""

# ruff: noqa: E501  one case, one line
from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from relance.domain.condition import (
    Aggregate,
    AllOf,
    AnyOf,
    Comparison,
    CustomerIs,
    EventIs,
    FieldTest,
    Measure,
    NoneOf,
    Op,
    RfmIs,
    SegmentIs,
    SqlIs,
    Window,
)
from relance.domain.duration import Duration, Unit

DAYS_14 = Duration(14, Unit.DAY)
ONE_OR_MORE = (Comparison(Op.AT_LEAST, 1),)


def country(op: Op, value: object) -> CustomerIs:
    return CustomerIs("country", (Comparison(op, value),))


def orders(measure: Measure, *comparisons: Comparison, field: str | None = None) -> EventIs:
    return EventIs(Aggregate("order", measure, field), comparisons)


MEANT = {
    "{customer: country, is: NO}": country(Op.IS, "NO"),
    "{customer: country, is: no}": country(Op.IS, "no"),
    "{customer: country, is: 01000}": country(Op.IS, "01000"),
    "{customer: country, is: 12:30}": country(Op.IS, "12:30"),
    "{customer: country, is: 7}": country(Op.IS, 7),
    "{customer: country, is: '7'}": country(Op.IS, "7"),
    "{customer: country, is: true}": country(Op.IS, True),
    "{customer: country, is: 1.5}": country(Op.IS, 1.5),
    "{customer: country, is: 12345678901234567890}": country(Op.IS, "12345678901234567890"),
    "{customer: country, in: [FR, BE]}": country(Op.IN, ("FR", "BE")),
    "{customer: country, not_in: [1, FR]}": country(Op.NOT_IN, (1, "FR")),
    "{customer: country, contains: é}": country(Op.CONTAINS, "é"),
    "{customer: country, exists: false}": country(Op.EXISTS, False),
    "{customer: mail, exists: true}": None,
    "{customer: email, starts_with: a}": CustomerIs("email", (Comparison(Op.STARTS_WITH, "a"),)),
    "{customer: birth_date, before: 2000-01-01}": CustomerIs(
        "birth_date", (Comparison(Op.BEFORE, date(2000, 1, 1)),)
    ),
    "{customer: birth_date, on_day: 14 days}": CustomerIs(
        "birth_date", (Comparison(Op.ON_DAY, DAYS_14),)
    ),
    "{customer: birth_date, at_least: 2000-01-01}": CustomerIs(
        "birth_date", (Comparison(Op.AT_LEAST, date(2000, 1, 1)),)
    ),
    "{customer: birth_date, between: [2000-01-01, 2001-01-01]}": CustomerIs(
        "birth_date", (Comparison(Op.BETWEEN, (date(2000, 1, 1), date(2001, 1, 1))),)
    ),
    "{customer: birth_date, after: 2026-03-01 12:00}": CustomerIs(
        "birth_date", (Comparison(Op.AFTER, datetime(2026, 3, 1, 11, tzinfo=UTC)),)
    ),
    "{customer: country, at_most: 3, at_least: 1}": CustomerIs(
        "country", (Comparison(Op.AT_LEAST, 1), Comparison(Op.AT_MOST, 3))
    ),
    "{event: order}": EventIs(Aggregate("order", Measure.COUNT), ONE_OR_MORE),
    "{event: order, within: 14 days}": EventIs(
        Aggregate("order", Measure.COUNT, window=Window(within=DAYS_14)), ONE_OR_MORE
    ),
    "{event: order, since: 2026-01-01}": EventIs(
        Aggregate("order", Measure.COUNT, window=Window(since=date(2026, 1, 1))), ONE_OR_MORE
    ),
    "{event: order, count: {between: [1, 3]}}": orders(
        Measure.COUNT, Comparison(Op.BETWEEN, (1, 3))
    ),
    "{event: order, sum: {more_than: 99.5}}": orders(
        Measure.SUM, Comparison(Op.MORE_THAN, 99.5), field="amount"
    ),
    "{event: order, average: {of: pieces, less_than: 2}}": orders(
        Measure.AVERAGE, Comparison(Op.LESS_THAN, 2), field="pieces"
    ),
    "{event: order, last: {before: 14 days, after: 2020-01-01}}": orders(
        Measure.LAST, Comparison(Op.BEFORE, DAYS_14), Comparison(Op.AFTER, date(2020, 1, 1))
    ),
    "{event: order, first: {exists: false}}": orders(Measure.FIRST, Comparison(Op.EXISTS, False)),
    "{event: order, where: {pieces: {at_least: 2}, category: shoes}}": EventIs(
        Aggregate(
            "order",
            Measure.COUNT,
            where=(
                FieldTest("category", (Comparison(Op.IS, "shoes"),)),
                FieldTest("pieces", (Comparison(Op.AT_LEAST, 2),)),
            ),
        ),
        ONE_OR_MORE,
    ),
    "{segment: loyal}": None,
    "{rfm: {recency: [5, 4], monetary: 1}}": RfmIs(recency=(4, 5), monetary=(1,)),
    "{sql: 'select id from t where d <= :at'}": SqlIs("select id from t where d <= :at"),
    "{any: [{event: visit}, {none: [{customer: country, is: FR}]}]}": AnyOf((
        EventIs(Aggregate("visit", Measure.COUNT), ONE_OR_MORE),
        NoneOf((country(Op.IS, "FR"),)),
    )),
}  # fmt: skip


@pytest.mark.parametrize("text", [text for text, meant in MEANT.items() if meant is not None])
def test_a_condition_means_what_it_says(shop, text: str) -> None:
    shop.condition(text)
    assert shop.workspace().segments["active"].condition == MEANT[text]


def test_a_segment_may_build_on_another_one(shop) -> None:
    loyal = shop.workspace().segments["loyal"].condition
    assert isinstance(loyal, AllOf)
    assert loyal.conditions[1] == SegmentIs("active")


MISTAKEN = {
    "[{event: order}]": "active: must be a condition, not a list (put the list under all: or any:)",
    "loyal": "active: must be a condition, not text (write {segment: loyal})",
    "{}": "active: does not say what it looks at",
    "{is: FR}": "active: does not say what it looks at",
    "{coustomer: country, is: FR}": "active.coustomer: unknown key (did you mean customer?)",
    "{customer: country, event: order}": "active: has customer and event, but a condition looks",
    "{customer: country}": "active: is not compared with anything (add is: FR, or exists: true)",
    "{customer: county, is: FR}": "active.customer: there is no attribute 'county' (did you mean",
    "{customer: country, iss: FR}": "active.iss: unknown key (did you mean is?)",
    "{customer: country, is: }": "active.is: is empty (use exists: false for what is missing)",
    "{customer: country, is: [FR]}": "active.is: must be text, a number, true, false or a date, not a list",
    "{customer: country, in: FR}": "active.in: must be a list of values, not text",
    "{customer: country, in: []}": "active.in: is an empty list",
    "{customer: country, exists: yes}": "active.exists: must be true or false, not 'yes' (write true)",
    "{customer: country, at_least: FR}": "active.at_least: must be a number or a date, not 'FR'",
    "{customer: country, at_least: true}": "active.at_least: must be a number or a date, not true",
    "{customer: country, contains: ''}": "active.contains: is empty",
    "{customer: country, between: [3, 1]}": "active.between: the lower end comes first (swap the two)",
    "{customer: country, between: [1]}": "active.between: must be two values, not 1",
    "{customer: country, between: [1, 2026-01-01]}": "active.between: both ends must be of one kind",
    "{customer: birth_date, before: soon}": "active.before: 'soon' is not a date such as",
    "{customer: birth_date, before: 2026-02-30}": "active.before: '2026-02-30' is not a date such as",
    "{customer: birth_date, before: -3 days}": "(it must be longer than nothing)",
    "{customer: birth_date, on_day: 2026-01-01 12:00}": "active.on_day: '2026-01-01 12:00' is not a day",
    "{event: ordre}": "active.event: there is no event 'ordre' (did you mean order?)",
    "{event: order, count: 3}": "active.count: must be operators such as {at_least: 3}, not a number",
    "{event: order, count: {}}": "active.count: is not compared with anything (add at_least: 1)",
    "{event: order, count: {at_least: 1}, sum: {at_least: 1}}": "active: has count and sum, but a leaf",
    "{event: order, sum: {of: colour, at_least: 1}}": "active.sum.of: order has no field 'colour'",
    "{event: visit, sum: {at_least: 1}}": "visit has no field 'amount' (say which column it is: events.visit.amount)",
    "{event: order, sum: {exists: true}}": "active.sum.exists: unknown key",
    "{event: order, last: {at_least: 3}}": "active.last.at_least: unknown key",
    "{event: order, within: 0 days}": "active.within: '0 days' is not a length of time",
    "{event: order, within: 14 dyas}": "(did you mean days?)",
    "{event: order, within: 99 years}": "(the longest is 10 years)",
    "{event: order, within: 1 day, since: 2026-01-01}": "active.since: within and since do not go together",
    "{event: order, since: entry}": "active.since: there is no entry here",
    "{event: order, where: {categori: x}}": "active.where.categori: order has no field 'categori' (did you mean category?)",
    "{event: order, where: {category: [a]}}": "active.where.category: must be text",
    "{segment: loyall}": "active.segment: there is no segment 'loyall' (did you mean loyal?)",
    "{rfm: {recency: 6}}": "active.rfm.recency: 6 is not a whole number from 1 to 5",
    "{rfm: {}}": "active.rfm: is empty (give scores, such as recency: [4, 5], or a cell)",
    "{sql: drop table customers}": "active.sql: 'drop table customers' is not a query that begins with",
    "{all: {event: order}}": "active.all: must be a list of conditions, not a mapping",
    "{all: []}": "active.all: is an empty list",
    "{all: [loyal]}": "active.all.0: must be a condition, not text (write {segment: loyal})",
}  # fmt: skip


@pytest.mark.parametrize("text", MISTAKEN)
def test_a_mistaken_condition_says_what_is_wrong(shop, text: str) -> None:
    shop.condition(text)
    (said,) = shop.problems()
    assert f"segments.{MISTAKEN[text]}" in said or MISTAKEN[text] in said
    assert shop.load().workspace is None


def test_rfm_needs_the_event_that_it_scores(shop) -> None:
    shop.condition("{rfm: {recency: 5, monetary: 5}}")
    shop.add("config/segments.yaml", "rfm: {event: visit, monetary: average, refit: 7 days}\n")
    assert "segments.active.rfm.monetary: visit has no field 'amount'" in shop.problems()[0]


def test_a_longer_circle_is_drawn_once(shop) -> None:
    shop.condition("{none: [{segment: rare}]}")
    shop.add("config/segments.yaml", "  rare: {any: [{segment: loyal}]}\n")
    assert str(shop.problem()) == (
        "config/segments.yaml:3:3: segments.active: the segments go in a circle: "
        "active → rare → loyal → active"
    )


def test_a_segment_of_itself_is_a_circle(shop) -> None:
    shop.condition("{segment: active}")
    assert shop.problem().message == "the segments go in a circle: active → active"


def test_segments_that_build_on_each_other_very_deeply_are_refused(shop) -> None:
    chain = "".join(f"  s{n}: {{segment: s{n + 1}}}\n" for n in range(120))
    shop.add("config/segments.yaml", f"{chain}  s120: {{event: order}}\n")
    assert {problem.message for problem in shop.load().problems} == {
        "refers to segments more than 50 deep"
    }


def test_descriptions_stand_beside_any_form(shop) -> None:
    shop.condition("{description: Recently here., event: order, within: 14 days}")
    assert shop.workspace().segments["active"].description == "Recently here."


def test_a_name_of_a_segment_is_lowercase(shop) -> None:
    shop.add("config/segments.yaml", "  VIP: {event: order}\n")
    assert str(shop.problem()).startswith("config/segments.yaml:8:3: segments.VIP: is not a name (")
