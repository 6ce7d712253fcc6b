"""What chaos tests share: a healthy life to compare with, states, and the table of what held."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack

import pytest

from chaos.evidence import Evidence
from chaos.life import Census, Life, Setting
from chaos.table import Row
from chaos.yard import open_vendor

Begin = Callable[..., Life]
_LIVES = pytest.StashKey[list[Life]]()
_FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Census, Evidence]:
    """A life in which nothing happens: what each command passes, and what comes out."""
    folder = tmp_path_factory.mktemp("healthy")
    setting = Setting(database="sqlite", workers=1, email="postmark", seed=0, killed=False)
    with open_vendor(folder / "book", seed=0, health=1.0) as vendor:
        life = Life(setting, folder, f"sqlite:///{folder}/state.db", vendor)
        life.live()
        evidence = life.evidence()
    assert evidence.wrong() == []
    assert not evidence.unknown
    return life.counted(), evidence


@pytest.fixture
def begin(
    healthy: tuple[Census, Evidence],
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Begin]:
    """Makes a shop with its vendor and an empty state. A failure tells the life's story."""
    lives = request.node.stash.setdefault(_LIVES, [])
    with ExitStack() as stack:

        def new(setting: Setting, state: str | None = None) -> Life:
            folder = tmp_path_factory.mktemp("life")
            vendor = stack.enter_context(
                open_vendor(folder / "book", seed=setting.seed, health=setting.health)
            )
            if state is None and setting.database == "postgresql":
                state = request.getfixturevalue("postgres_database")
            url = state or f"sqlite:///{folder}/state.db"
            lives.append(Life(setting, folder, url, vendor, healthy[0]))
            return lives[-1]

        yield new


@pytest.fixture
def row(request: pytest.FixtureRequest) -> Iterator[Row]:
    """This test's line of the table."""
    line = Row(what=request.node.name, promise="")
    yield line
    line.write(held=not request.node.stash.get(_FAILED, True))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what happened in its lives, so that one can replay it alone."""
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    if report.failed:
        for life in item.stash.get(_LIVES, []):
            story = "\n".join([f"seed {life.setting.seed} ({life.setting})", *life.story])
            report.sections.append(("a life of the shop", story))
    return report
