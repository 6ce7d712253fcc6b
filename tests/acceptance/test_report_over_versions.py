"""A changed holdout is a new experiment: reported on its own, and averaged with the one before."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from relance.domain.arm import Arm
from trial import ENTERING, GOAL, READ, Trial, every


def test_the_versions_of_a_trigger_are_compared_each_on_its_own_and_averaged(
    tmp_path: Path,
) -> None:
    trial = Trial(tmp_path)
    first = trial.finish(300, every(2, 4))
    before = trial.read()
    assert before["versions"] is None

    trial.trigger(segment=ENTERING, goal=GOAL, holdout="40%")
    later = [f"d{number:04}" for number in range(300)]
    trial.arrive(*later)
    trial.order(*later, at=READ - timedelta(hours=2))
    trial.publish()
    assert trial.call("tick", "--at", READ.isoformat()).code == 0
    arms = {arm: [name for name in names if name[0] == "d"] for arm, names in trial.arms().items()}
    back = [*arms[Arm.TREATED][::2], *arms[Arm.HOLDOUT][::4]]
    trial.order(*back, at=READ + timedelta(days=2))
    trial.publish()

    found = trial.read(at=READ + timedelta(days=9))
    assert found["version"] != before["version"]
    assert found["holdout_share"] == 0.4
    assert {name: arm["entered"] for name, arm in found["arms"].items()} == {
        arm.value: len(names) for arm, names in arms.items()
    }
    versions = found["versions"]
    assert (versions["versions"], versions["left_out"]) == (2, 0)
    for arm in Arm:
        assert versions[arm.value] == len(first[arm]) + len(arms[arm])
    assert versions["diff"] == pytest.approx(0.25, abs=0.01)
    low, high = versions["diff_ci"]
    assert high - low < found["diff_ci"][1] - found["diff_ci"][0]
