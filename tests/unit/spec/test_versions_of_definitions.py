"""A version changes with the meaning and with nothing else."""

# ruff: noqa: E501  one case, one line
from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RELANCE, SEGMENTS, TRIGGER = (
    "config/relance.yaml", "config/segments.yaml", "triggers/thanks.yaml",
)  # fmt: skip
THREE_ORDERS = "      - {event: order, count: {at_least: 3}, within: 1 year}\n"
ACTIVE = "      - {segment: active}\n"


def versions(shop) -> dict[str, str]:
    workspace = shop.workspace()
    found = {f"segment {name}": each.version for name, each in workspace.segments.items()}
    for name, trigger in workspace.triggers.items():
        found |= {f"trigger {name}": trigger.version, f"baseline {name}": trigger.segment_version}
    return found


def full(shop) -> None:
    """A trigger that says all that can be said."""
    shop.add(TRIGGER, (
        "  - wait: 5 days\n"
        "  - unless: {event: visit, since: entry}\n"
        "    send: {channel: sms, template: thanks}\n"
        "holdout: 10%\n"
        "goal: {event: order, within: 30 days, where: {category: shoes}}\n"
        "reentry: {after: 180 days}\n"
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (SEGMENTS, "version: 1\n", "# a comment\nversion: 1\n"),
        (SEGMENTS, "{event: order, last: {after: 90 days}}", "{last: {after: 90 days}, event: order}"),
        (SEGMENTS, "{event: order, last: {after: 90 days}}",
         "\n    event: order\n    last:\n      after: '90 days'"),
        (SEGMENTS, "{event: order, last: {after: 90 days}}",
         "{description: Recent., event: order, last: {after: 90 days}}"),
        (SEGMENTS, THREE_ORDERS + ACTIVE, ACTIVE + THREE_ORDERS.replace("at_least: 3", "at_least: 3.0")),
        (RELANCE, "attributes: [first_name, country, birth_date]", "attributes: [country, birth_date]"),
        (RELANCE, "name: shop", "name: other\nlimits: {per_customer: 1 per day}"),
        (TRIGGER, "holdout: 10%", "holdout: 0.1\npriority: 90\nschedule: every hour\ndescription: x"),
    ],
)  # fmt: skip
def test_a_change_of_form_changes_no_version(shop, path: str, old: str, new: str) -> None:
    full(shop)
    before = versions(shop)
    shop.edit(path, old, new)
    assert versions(shop) == before


ALL = {"segment active", "segment loyal", "trigger thanks", "baseline thanks"}
CHAIN = {"segment loyal", "trigger thanks", "baseline thanks"}
ONLY_TRIGGER = {"trigger thanks"}


@pytest.mark.parametrize(
    ("path", "old", "new", "changed"),
    [
        (SEGMENTS, "after: 90 days", "after: 91 days", ALL),
        (SEGMENTS, "at_least: 3", "at_least: 4", CHAIN),
        (SEGMENTS, "at_least: 3", "more_than: 3", CHAIN),
        (SEGMENTS, "1 year", "2 years", CHAIN),
        (SEGMENTS, "all:", "any:", CHAIN),
        (RELANCE, "at: day", "at: moment", ALL),
        (RELANCE, "table: orders", "table: sales", ALL),
        (RELANCE, "key: id", "key: number", ALL),
        (RELANCE, "timezone: Europe/Paris", "timezone: Europe/Berlin", ALL),
        (RELANCE, "fields: [category, pieces]", "fields: {category: kind, pieces: pieces}", ONLY_TRIGGER),
        (RELANCE, "at: seen", "at: visited", ONLY_TRIGGER),
        (TRIGGER, "on: enter", "on: exit", {"trigger thanks", "baseline thanks"}),
        (TRIGGER, "segment: loyal", "segment: active", {"trigger thanks", "baseline thanks"}),
        (TRIGGER, "wait: 5 days", "wait: 6 days", ONLY_TRIGGER),
        (TRIGGER, "unless: {event: visit", "if: {event: visit", ONLY_TRIGGER),
        (TRIGGER, "channel: sms", "channel: email", ONLY_TRIGGER),
        (TRIGGER, "holdout: 10%", "holdout: 11%", ONLY_TRIGGER),
        (TRIGGER, "within: 30 days", "within: 31 days", ONLY_TRIGGER),
        (TRIGGER, "category: shoes", "category: hats", ONLY_TRIGGER),
        (TRIGGER, "after: 180 days", "after: 181 days", ONLY_TRIGGER),
    ],
)  # fmt: skip
def test_a_change_of_meaning_changes_what_depends_on_it(
    shop, path: str, old: str, new: str, changed: set[str]
) -> None:
    full(shop)
    before = versions(shop)
    shop.edit(path, old, new)
    after = versions(shop)
    assert {name for name in after if after[name] != before[name]} == changed


def test_a_new_text_is_a_new_version_of_the_trigger_and_not_of_its_segment(shop) -> None:
    before = versions(shop)
    shop.texts["thanks", "email"] = "another text"
    after = versions(shop)
    assert {name for name in after if after[name] != before[name]} == {"trigger thanks"}


def test_a_move_depends_on_both_of_its_segments(shop) -> None:
    shop.edit(TRIGGER, "segment: loyal\non: enter", "on: {from: old, to: active}")
    shop.add(SEGMENTS, "  old: {event: order, last: {before: 90 days}}\n")
    before = versions(shop)
    shop.edit(SEGMENTS, "before: 90 days", "before: 95 days")
    after = versions(shop)
    assert after["segment active"] == before["segment active"]
    assert after["baseline thanks"] != before["baseline thanks"]


def test_named_queries_count_where_they_are_used_even_through_others(shop) -> None:
    shop.add(
        RELANCE, "tables: {orders: select * from sales_of, sales_of: select 1, idle: select 3}\n"
    )
    before = versions(shop)
    shop.edit(RELANCE, "idle: select 3", "idle: select 4")
    assert versions(shop) == before
    shop.edit(RELANCE, "sales_of: select 1", "sales_of: select 2")
    after = versions(shop)
    assert all(after[name] != before[name] for name in before)


def test_rfm_counts_where_scores_are_asked_for(shop) -> None:
    shop.add(SEGMENTS, "  best: {rfm: {recency: [4, 5], monetary: 5}}\n")
    before = versions(shop)
    shop.edit(SEGMENTS, "monetary: 5", "monetary: [5]")
    assert versions(shop) == before
    shop.add(SEGMENTS, "rfm: {monetary: average}\n")
    after = versions(shop)
    assert {name for name in after if after[name] != before[name]} == {"segment best"}


def test_many_segments_that_share_segments_are_versioned_at_once(shop) -> None:
    lines = [f"  s{n}: {{all: [{{segment: s{n - 1}}}, {{none: [{{segment: s{n - 1}}}]}}]}}\n"
             for n in range(1, 45)]  # fmt: skip
    shop.add(SEGMENTS, "  s0: {event: order}\n" + "".join(lines))
    assert len(set(versions(shop).values())) == 45 + 4


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.permutations(range(3)), keys=st.permutations(["event", "count", "within", "where"]))
def test_any_order_of_keys_and_of_alternatives_is_the_same_segment(shop, order, keys) -> None:
    parts = {"event": "order", "count": "{at_least: 2}", "within": "14 days",
             "where": "{category: shoes}"}  # fmt: skip
    leaf = "{" + ", ".join(f"{key}: {parts[key]}" for key in keys) + "}"
    leaves = [leaf, "{customer: country, in: [FR, BE]}", "{event: visit}"]
    shop.condition("{any: [" + ", ".join(leaves[place] for place in order) + "]}")
    # pinned: another number would count every customer of every workspace anew after an update
    assert shop.workspace().segments["active"].version == "a7fc39427071"
