"""Lifecycle stages, the RFM grid and fixed thresholds as YAML: what they mean, what is refused."""

# ruff: noqa: E501  one case, one line
from __future__ import annotations

import pytest

from relance.domain.condition import AllOf, CellIs, Comparison, FieldTest, Op, RfmIs, StageIs
from relance.domain.duration import Duration
from relance.domain.grid import SCORES, TEN_CELLS, Area
from relance.domain.lifecycle import Lengths, Stage
from relance.domain.trigger import OnMove
from relance.domain.workspace import RfmCutoffs

SEGMENTS = "config/segments.yaml"
BOUGHT = (FieldTest("amount", (Comparison(Op.MORE_THAN, 0),)),)
FIXED = "{recent: 30 days, active: 90 days, at_risk: 6 months, lapsed: 1 year}"
ALL_THE_REST = "{areas: [{recency: [1, 2, 3, 4]}, {recency: 5, frequency: [1, 2, 3, 4]}]}"


def given(shop, text: str) -> None:
    """A whole segments.yaml; the trigger asks for nothing that it must define."""
    shop.write(SEGMENTS, "version: 1\n" + text)
    shop.edit("triggers/thanks.yaml", "segment: loyal", "segment: {event: order}")


# -- stages


def test_a_lifecycle_makes_seven_segments(shop) -> None:
    given(shop, "lifecycle: {}\n")
    workspace = shop.workspace()
    assert workspace.named_segments == [stage.value for stage in Stage]
    assert workspace.segments["at_risk"].condition == StageIs(("at_risk",))
    assert workspace.lifecycle is not None
    assert workspace.lifecycle.lengths is None, "they are fitted"


def test_everything_of_a_lifecycle_can_be_said(shop) -> None:
    given(
        shop,
        f"""\
lifecycle:
  event: order
  where: {{amount: {{more_than: 0}}}}
  thresholds: {FIXED}
  refit: 14 days
  names: {{at_risk: slipping_away}}
  titles: {{lost: Gone for good}}
""",
    )
    workspace = shop.workspace()
    spec = workspace.lifecycle
    assert spec is not None
    assert spec.where == BOUGHT
    assert spec.lengths == Lengths(**{
        name: Duration.parse(text)
        for name, text in (
            ("recent", "30 days"), ("active", "90 days"), ("at_risk", "6 months"),
            ("lapsed", "1 year"),
        )
    })  # fmt: skip
    assert spec.refit == Duration.parse("14 days")
    assert "at_risk" not in workspace.segments
    assert workspace.segments["slipping_away"].condition == StageIs(("at_risk",))
    assert workspace.segments["lost"].description == "Gone for good"


def test_stages_are_asked_for_by_the_names_that_they_have(shop) -> None:
    given(
        shop,
        """\
lifecycle: {names: {at_risk: slipping_away}}
segments:
  quiet: {stage: [slipping_away, lapsed]}
  there: {stage: active}
""",
    )
    segments = shop.workspace().segments
    assert segments["quiet"].condition == StageIs(("at_risk", "lapsed"))
    assert segments["there"].condition == StageIs(("active",))


def test_a_trigger_moves_between_stages(shop) -> None:
    given(shop, "lifecycle: {}\n")
    shop.edit(
        "triggers/thanks.yaml",
        "segment: {event: order}\non: enter",
        "on: {from: active, to: at_risk}",
    )
    assert shop.workspace().triggers["thanks"].on == OnMove("active", "at_risk")


def test_a_name_cannot_be_a_stage_and_a_segment(shop) -> None:
    given(shop, "lifecycle: {}\nsegments:\n  fine: {event: order}\n  active: {event: order}\n")
    assert shop.problems() == [
        "config/segments.yaml:5:3: segments.active: is a lifecycle stage already (choose another name for one of them)"
    ]


def test_a_file_needs_a_segment_from_somewhere(shop) -> None:
    given(shop, "rfm: {event: order}\n")
    assert "segments is missing" in shop.problems()[0]


MISTAKEN = {
    "lifecycle: {event: ordre}": "lifecycle.event: there is no event 'ordre' (did you mean order?)",
    "lifecycle: {where: {colour: red}}": "lifecycle.where.colour: order has no field 'colour'",
    "lifecycle: {stages: 7}": "lifecycle.stages: unknown key",
    "lifecycle: {thresholds: {recent: 30 days}}": "lifecycle.thresholds.active: is missing",
    "lifecycle: {thresholds: {recent: 30 days, active: 30 days, at_risk: 60 days, lapsed: 1 year}}":
        "lifecycle.thresholds.active: must be longer than recent (30 days)",
    "lifecycle: {names: {dormant: x}}": "lifecycle.names.dormant: is not a name (the stages are prospect, new,",
    "lifecycle: {names: {active: Here!}}": "lifecycle.names.active: 'Here!' is not a name",
    "lifecycle: {names: {active: lost}}": "lifecycle.names: active and lost are both called lost",
    "lifecycle: {}\nsegments: {x: {stage: at_rsk}}": "segments.x.stage: there is no stage 'at_rsk' (did you mean at_risk?)",
    "segments: {x: {stage: at_risk}}": "segments.x.stage: there are no stages (config/segments.yaml wants a `lifecycle:`)",
    "rfm: {segments: true, cells: {stars: {recency: 5}}}": "rfm.cells: no cell covers recency 1, frequency 1 (and 19 more)",
    "rfm: {segments: true, cells: {rest: {recency: [1, 2, 3, 4, 5]}, stars: {recency: 5, frequency: 5}}}":
        "rfm.cells.stars: covers recency 5, frequency 5, as rest does (a score belongs to one cell)",
    "rfm: {segments: true, cells: {stars: {}}}": "rfm.cells.stars: covers nothing",
    "rfm: {segments: true, cells: {a: {recency: 5, areas: [{recency: 4}]}}}": "rfm.cells.a: has scores and areas",
    "rfm: {segments: true, cells: {a: {recency: 6}}}": "rfm.cells.a.recency: 6 is not a whole number from 1 to 5",
    "rfm: {segments: true, thresholds: {recency: [1, 2, 3], frequency: [1, 2, 3, 4]}}":
        "rfm.thresholds.recency: has 3 values, but four lie between five scores",
    "rfm: {segments: true, thresholds: {recency: [1, 2, 2, 3], frequency: [1, 2, 3, 4]}}":
        "rfm.thresholds.recency: must ascend",
    "rfm: {segments: true, thresholds: {recency: [1, 2, 3, 4], frequency: [1, 2, 3, 4]}}":
        "rfm.thresholds: monetary is missing (write monetary: [10, 50, 100, 500])",
    "rfm: {segments: true, where: {colour: red}}": "rfm.where.colour: order has no field 'colour'",
    "rfm: {segments: true}\nsegments: {rfm_loyal: {event: order}}": "segments.rfm_loyal: is a cell already",
    "segments: {x: {rfm: {cell: champion}}}": "segments.x.rfm.cell: there is no cell of the RFM grid 'champion' (did you mean champions?)",
    "segments: {x: {rfm: {cell: []}}}": "segments.x.rfm.cell: is an empty list",
}  # fmt: skip


@pytest.mark.parametrize("text", MISTAKEN)
def test_a_mistake_is_told_where_it_is(shop, text: str) -> None:
    given(shop, text + "\n")
    said = shop.problems()
    assert any(MISTAKEN[text] in each for each in said), said
    assert shop.load().workspace is None


def test_a_place_that_two_cells_cover_is_told_at_the_second_of_them(shop) -> None:
    given(
        shop,
        """\
rfm:
  segments: true
  cells:
    rest: {recency: [1, 2, 3, 4, 5], frequency: [1, 2, 3, 4]}
    best: {frequency: [4, 5]}
""",
    )
    assert shop.problems() == [
        "config/segments.yaml:6:11: rfm.cells.best: covers recency 1, frequency 4 (and 4 more), as rest does (a score belongs to one cell)"
    ]


# -- the grid


def test_the_ten_cells_cover_all_25_places_once() -> None:
    owners = [
        (place, cell.name)
        for cell in TEN_CELLS.cells
        for area in cell.areas
        for place in area.places(monetary=False)
    ]
    assert len(TEN_CELLS.cells) == 10
    assert sorted(place for place, _ in owners) == [(r, f) for r in SCORES for f in SCORES]
    assert {place: TEN_CELLS.at(place).name for place, _ in owners} == dict(owners)


def test_a_team_draws_its_own_grid(shop) -> None:
    given(
        shop,
        f"""\
rfm:
  segments: true
  cells:
    stars: {{title: Our stars, recency: 5, frequency: 5}}
    others: {ALL_THE_REST}
segments:
  wanted: {{rfm: {{cell: stars, monetary: [5, 4]}}}}
""",
    )
    workspace = shop.workspace()
    assert workspace.rfm.grid.cell("stars").title == "Our stars"
    assert workspace.rfm.grid.cell("others").title == "Others"
    assert workspace.rfm.grid.cell("others").areas[0] == Area(recency=(1, 2, 3, 4))
    assert workspace.segments["rfm_stars"].condition == CellIs(("stars",))
    assert workspace.segments["wanted"].condition == AllOf(
        (CellIs(("stars",)), RfmIs(monetary=(4, 5)))
    )


def test_a_grid_may_look_at_money(shop) -> None:
    given(
        shop,
        """\
rfm:
  segments: true
  cells:
    rich: {monetary: [4, 5]}
    poor: {monetary: [1, 2, 3]}
""",
    )
    assert shop.workspace().rfm.grid.monetary


def test_thresholds_are_taken_as_they_stand(shop) -> None:
    given(
        shop,
        """\
rfm:
  where: {amount: {more_than: 0}}
  thresholds: {recency: [30, 90, 180, 365], frequency: [1, 2, 4, 8], monetary: [10, 20.5, 30, 40]}
segments:
  best: {rfm: {recency: 5}}
""",
    )
    rfm = shop.workspace().rfm
    assert rfm.where == BOUGHT
    assert rfm.thresholds == RfmCutoffs(
        recency=(30, 90, 180, 365), frequency=(1, 2, 4, 8), monetary=(10, 20.5, 30, 40)
    )


# -- versions


BOTH = f"""\
rfm:
  segments: true
lifecycle:
  event: order
  thresholds: {FIXED}
segments:
  best: {{rfm: {{recency: 5}}}}
"""


def versions(shop) -> dict[str, str]:
    return {name: each.version for name, each in shop.workspace().segments.items()}


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("  event: order\n", "  event: order\n  refit: 7 days\n", set()),
        ("  event: order\n", "  event: order\n  titles: {lost: Gone}\n", set()),
        ("lapsed: 1 year", "lapsed: 2 years", {stage.value for stage in Stage}),
        ("  event: order\n", "  event: order\n  where: {amount: {more_than: 0}}\n", {stage.value for stage in Stage}),
        ("  segments: true\n", "  segments: true\n  where: {amount: {more_than: 0}}\n",
         {"best", *(f"rfm_{cell.name}" for cell in TEN_CELLS.cells)}),
        ("  segments: true\n", "  segments: true\n  thresholds: {recency: [1, 2, 3, 4], frequency: [1, 2, 3, 4], monetary: [1, 2, 3, 4]}\n",
         {"best", *(f"rfm_{cell.name}" for cell in TEN_CELLS.cells)}),
    ],
)  # fmt: skip
def test_a_version_follows_what_a_stage_or_a_cell_means(
    shop, old: str, new: str, changed: set[str]
) -> None:
    given(shop, BOTH)
    before = versions(shop)
    shop.edit(SEGMENTS, old, new)
    after = versions(shop)
    assert {name for name in before if before[name] != after[name]} == changed


def test_a_redrawn_cell_is_a_new_version_and_its_neighbours_are_not(shop) -> None:
    grid = "rfm:\n  segments: true\n  cells:\n    a: {recency: 5}\n    b: {recency: [2, 3, 4]}\n    c: {recency: 1}\n"
    given(shop, grid)
    before = versions(shop)
    shop.edit(SEGMENTS, "[2, 3, 4]}\n    c: {recency: 1}", "[3, 4]}\n    c: {recency: [1, 2]}")
    after = versions(shop)
    assert [name for name in ("rfm_a", "rfm_b", "rfm_c") if before[name] != after[name]] == [
        "rfm_b",
        "rfm_c",
    ]


def test_scores_that_were_there_before_keep_their_version(shop) -> None:
    """A state of an earlier relance goes on: its experiments must not begin anew."""
    shop.condition("{rfm: {recency: [4, 5], monetary: 5}}")
    assert shop.workspace().segments["active"].version == "870d54092b43"
