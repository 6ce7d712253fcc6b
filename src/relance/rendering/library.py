"""What lies on disk under `templates/`: read once, as one version, with everything odd noted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from relance.domain.channel import CHANNELS
from relance.errors import Problem
from relance.rendering.hints import did_you_mean

FOLDER = "templates"
SHARED = frozenset({"layouts", "snippets"})
LARGEST = 1_000_000  # bytes; an e-mail above 102 kB is already cut by Gmail
_STEMS = {name: ("html", "mjml", "txt") if name == "email" else ("txt",) for name in CHANNELS}
_NAMES = [f"{stem}.{suffix}" for stem, suffixes in _STEMS.items() for suffix in suffixes]
_FILE = re.compile(
    r"(?P<stem>\w+)(?:\.(?P<locale>[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]+)*))?\.(?P<suffix>\w+)"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TextFile:
    """One variant of a template. `locale` is normalised (`fr-CH`), empty where none is named."""

    template: str
    channel: str
    locale: str
    suffix: str
    path: str  # relative to the workspace, with `/`
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Library:
    """All templates of a workspace, and the layouts and snippets by their path below templates/."""

    files: tuple[TextFile, ...]
    shared: Mapping[str, str]
    problems: tuple[Problem, ...]

    def variants(self, template: str, channel: str) -> dict[str, TextFile]:
        """The message's files by locale (an e-mail's HTML or MJML, else its text)."""
        wanted = ("html", "mjml") if channel == "email" else ("txt",)
        return {
            file.locale: file
            for file in self.files
            if (file.template, file.channel) == (template, channel) and file.suffix in wanted
        }

    def plain(self, template: str, locale: str) -> TextFile | None:
        """The hand-written plain-text part of an e-mail's variant, if there is one."""
        for file in self.files:
            key = (file.template, file.channel, file.suffix, file.locale)
            if key == (template, "email", "txt", locale):
                return file
        return None

    def messages(self) -> list[tuple[str, str]]:
        """Every (template, channel), sorted."""
        return sorted({(file.template, file.channel) for file in self.files})


def normal_locale(text: str) -> str:
    """`fr_ch` and `FR-ch` as `fr-CH`; scripts keep their capital (`zh-Hant`)."""
    language, *rest = re.split(r"[-_]", text)
    parts = [part.title() if len(part) == 4 else part.upper() for part in rest]
    return "-".join([language.lower(), *parts])


def preferences(locale: str | None, workspace: str) -> list[str]:
    """Locales in the order in which a customer would take them; empty means the file without."""
    order: list[str] = []
    for wanted in (locale, workspace):
        if wanted:
            normal = normal_locale(wanted)
            order += [normal, normal.split("-")[0]]
    return [*dict.fromkeys(order), ""]


def choose(available: Iterable[str], locale: str | None, workspace: str) -> str:
    """The best of the available locales (at least one); the first of them where none fits."""
    known = sorted(available)
    for wanted in preferences(locale, workspace):
        if wanted in known:
            return wanted
    return known[0]


def load(root: Path) -> Library:
    """Read everything under `root/templates`."""
    reader = _Reader(root)
    folder = root / FOLDER
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith((".", "_")) for part in parts):
            reader.take(path, PurePosixPath(*parts))
    reader.check_pairs()
    return Library(files=tuple(reader.files), shared=reader.shared, problems=tuple(reader.problems))


class _Reader:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: list[TextFile] = []
        self.shared: dict[str, str] = {}
        self.problems: list[Problem] = []

    def take(self, path: Path, name: PurePosixPath) -> None:
        shown = f"{FOLDER}/{name}"
        if name.parts[0] not in SHARED and len(name.parts) != 2:
            self._note(shown, "a template is a file such as templates/welcome/email.mjml")
            return
        if name.parts[0] not in SHARED and not self._named_well(shown, name.name):
            return
        text = self._read(path, shown)
        if text is None:
            return
        if name.parts[0] in SHARED:
            self.shared[str(name)] = text
        else:
            self._keep(name, shown, text)

    def _named_well(self, shown: str, name: str) -> bool:
        match = _FILE.fullmatch(name)
        if match and match["suffix"] in _STEMS.get(match["stem"], ()):
            return True
        stem = f"{match['stem']}.{match['suffix']}" if match else name
        self._note(
            shown,
            f"not read: a template's file is {', '.join(_NAMES[:-1])} or {_NAMES[-1]}, "
            "with a locale before the ending where it has one (email.fr.mjml)",
            hint=did_you_mean(stem, _NAMES),
            warning=True,
        )
        return False

    def _read(self, path: Path, shown: str) -> str | None:
        try:
            if path.stat().st_size > LARGEST:
                self._note(shown, f"larger than {LARGEST:,} bytes; no message needs that much")
                return None
            text = path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self._note(shown, f"not UTF-8 (byte {error.start + 1}); save it as UTF-8")
            return None
        except OSError as error:
            self._note(shown, f"cannot be read: {error.strerror}")
            return None
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def _keep(self, name: PurePosixPath, shown: str, text: str) -> None:
        match = _FILE.fullmatch(name.name)
        assert match is not None  # noqa: S101  _named_well has seen it
        self.files.append(
            TextFile(
                template=name.parts[0],
                channel=match["stem"],
                locale=normal_locale(match["locale"]) if match["locale"] else "",
                suffix=match["suffix"],
                path=shown,
                text=text,
            )
        )

    def check_pairs(self) -> None:
        """HTML and MJML of one locale exclude each other; a text part needs one of them."""
        suffixes: dict[tuple[str, str], dict[str, str]] = {}
        for file in self.files:
            if file.channel == "email":
                suffixes.setdefault((file.template, file.locale), {})[file.suffix] = file.path
        for paths in suffixes.values():
            if {"html", "mjml"} <= set(paths):
                self._note(paths["mjml"], f"{paths['html']} says the same; keep one of the two")
            if set(paths) == {"txt"}:
                self._note(paths["txt"], "a text part needs email.html or email.mjml beside it")

    def _note(
        self, shown: str, message: str, *, hint: str | None = None, warning: bool = False
    ) -> None:
        self.problems.append(Problem(path=shown, message=message, hint=hint, warning=warning))
