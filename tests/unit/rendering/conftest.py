"""A workspace's templates from a few lines of text."""

from collections.abc import Callable, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from relance.rendering import Templates

BRAND = {"name": "La Boutique", "url": "https://boutique.example", "links": {"help": "/help"}}

Make = Callable[[Mapping[str, str]], Templates]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write files below templates/ and load them."""

    def write(files: Mapping[str, str]) -> Templates:
        for name, text in files.items():
            path = tmp_path / "templates" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        return Templates(
            tmp_path, locale="fr", currency="EUR", zone=ZoneInfo("Europe/Paris"), brand=BRAND
        )

    return write


@pytest.fixture
def sms(make: Make) -> Callable[..., str]:
    """The text of an SMS template, filled."""

    def render(text: str, *, locale: str | None = None, **values: object) -> str:
        templates = make({"note/sms.txt": text})
        return templates.render("note", "sms", locale=locale, values=values).text

    return render


@pytest.fixture
def mistakes(make: Make) -> Callable[[str], list[str]]:
    """What `check` says about one SMS template."""

    def check(text: str) -> list[str]:
        return [str(problem) for problem in make({"note/sms.txt": text}).check()]

    return check
