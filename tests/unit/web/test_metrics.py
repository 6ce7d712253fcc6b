"""/metrics: what Prometheus reads, to this machine alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from front_fakes import PublicSide
from relance.uplift.gauges import Figures, Sample
from relance.web import Measures

AT = datetime(2026, 3, 2, 7, tzinfo=UTC)
WHOSE = {"trigger": 'win "back" \\', "version": "v1"}


def told(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Every sample by its name; what the parser refuses fails the test."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        assert (family.type, bool(family.documentation)) == ("gauge", True)
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


async def asked(measures: Measures, **options: object):
    side = PublicSide()
    side.measures = measures
    return await side.call("GET", "/metrics", **{"peer": "127.0.0.1", **options})


async def test_how_the_service_is():
    answer = await asked(Measures(version="0.1.0", status="degraded", pending=7, last_tick=AT))
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = told(answer.text)
    assert found["relance_messages_pending"] == [({}, 7.0)]
    assert found["relance_last_tick_timestamp_seconds"] == [({}, AT.timestamp())]
    assert found["relance_build_info"] == [({"version": "0.1.0"}, 1.0)]
    assert found["relance_status"] == [
        ({"status": "ok"}, 0.0),
        ({"status": "degraded"}, 1.0),
        ({"status": "stopping"}, 0.0),
    ]


async def test_what_nobody_knows_is_absent_and_not_nought():
    found = told((await asked(Measures(version="0.1.0", status="ok"))).text)
    assert found.keys() == {"relance_build_info", "relance_status"}


async def test_what_the_last_report_said():
    figures = Figures(
        at=AT,
        samples=(
            Sample("entered", 1000, {**WHOSE, "arm": "treated"}),
            Sample("entered", 250, {**WHOSE, "arm": "holdout"}),
            Sample("retention_difference", 0.1, WHOSE),
            Sample("retention_difference_low", 0.05, WHOSE),
            Sample("retention_difference_high", 0.14, WHOSE),
            Sample("verdict", 1, {**WHOSE, "verdict": "better"}),
            Sample("net_value", -3.5, {**WHOSE, "currency": "EUR"}),
            Sample("of a later release", 1, WHOSE),
        ),
    )
    answer = await asked(Measures(version="0.1.0", status="ok", figures=figures))
    found = told(answer.text)
    assert found["relance_report_timestamp_seconds"] == [({}, AT.timestamp())]
    assert found["relance_trigger_entered"] == [
        ({**WHOSE, "arm": "treated"}, 1000.0),
        ({**WHOSE, "arm": "holdout"}, 250.0),
    ]
    difference = "relance_trigger_retention_difference"
    ends = [found[f"{difference}{end}"][0][1] for end in ("", "_low", "_high")]
    assert ends == [0.1, 0.05, 0.14]
    assert found["relance_trigger_verdict"] == [({**WHOSE, "verdict": "better"}, 1.0)]
    assert found["relance_trigger_net_value"] == [({**WHOSE, "currency": "EUR"}, -3.5)]
    assert "later release" not in answer.text


@pytest.mark.parametrize(
    "options",
    [
        {"peer": "203.0.113.7"},
        {"headers": {"X-Forwarded-For": "203.0.113.7"}},
        {"headers": {"Forwarded": "for=203.0.113.7"}},
    ],
)
async def test_to_others_than_this_machine_it_does_not_exist(options: dict[str, object]):
    answer = await asked(Measures(version="0.1.0", status="ok"), **options)
    assert (answer.status_code, answer.text) == (404, "")


async def test_it_is_there_while_no_workspace_is_open_and_without_a_public_url():
    side = PublicSide()
    side.without_public_url()
    assert (await side.call("GET", "/metrics", peer="127.0.0.1")).status_code == 200
    side.front = None
    assert (await side.call("GET", "/metrics", peer="127.0.0.1")).status_code == 200
