"""The docs are true: links lead somewhere, YAML checks clean, commands and reasons exist."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from relance.cli.app import ORDER, app
from relance.cli.reference import command_reference
from relance.domain.ledger import Refusal, Skip
from relance.domain.message import MessageState
from relance.providers import vendor_specs
from relance.spec import load
from relance.uplift.verdict import Verdict

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "CHANGELOG.md",
        *ROOT.glob("docs/**/*.md"),
    ]
)
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}
GROUP: Any = typer.main.get_command(app)
GROUPS = {name for name, each in GROUP.commands.items() if hasattr(each, "commands")}
COMMANDS: Mapping[str, Any] = {
    **{name: each for name, each in GROUP.commands.items() if name not in GROUPS},
    **{f"{name} {below}": each for name in GROUPS
       for below, each in GROUP.commands[name].commands.items()},
}  # fmt: skip
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.M | re.S)


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", text)


def blocks(text: str, language: str) -> list[str]:
    return [body for _, name, body in FENCE.findall(text) if name == language]


# -- links


def links() -> Iterator[tuple[str, str]]:
    for name, text in TEXTS.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
            if not target.startswith(("https://", "http://", "mailto:")):
                yield name, target


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, made as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?)\s*$", prose(text), re.M):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        again = (f"{slug}-{number}" for number in range(1, 99))
        found.add(slug if slug not in found else next(one for one in again if one not in found))
    return found


@pytest.mark.parametrize(("page", "target"), sorted(set(links())))
def test_a_link_leads_to_a_file_and_a_heading_that_exist(page: str, target: str):
    path, _, anchor = target.partition("#")
    file = (ROOT / page).parent / path if path else ROOT / page
    assert file.exists(), f"{page} links to {target}"
    if anchor:
        assert anchor in anchors(file.read_text(encoding="utf-8")), f"{page} links to {target}"


def test_the_index_of_the_docs_names_every_page():
    listed = set(re.findall(r"\]\(([\w./-]+\.md)", TEXTS["docs/README.md"]))
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages <= listed


def test_every_decision_is_in_its_index():
    index = TEXTS["docs/decisions/README.md"]
    decisions = [path.name for path in (ROOT / "docs/decisions").glob("0*.md")]
    assert [name for name in decisions if f"({name})" not in index] == []


# -- commands


def test_the_reference_of_the_commands_is_up_to_date():
    assert TEXTS["docs/cli.md"] == command_reference(), "run make docs"


def test_every_command_and_option_is_in_the_reference():
    page = TEXTS["docs/cli.md"]
    assert {path.split()[0] for path in COMMANDS} == set(ORDER)
    for name in COMMANDS:
        section = re.search(rf"^## `relance {name}[ `].*?(?=^## |\Z)", page, re.M | re.S)
        assert section, name
        for option in options(name):
            assert re.search(rf"`{option}[ `]", section[0]), f"{name} {option}"


def options(command: str, *, hidden: bool = False) -> set[str]:
    """The options of a command that begin with two dashes or one."""
    return {
        word
        for each in COMMANDS[command].params
        if hidden or not each.hidden
        for word in each.opts
        if word.startswith("-")
    }


def command_lines() -> Iterator[tuple[str, str]]:
    """Whatever a page tells a reader to type that begins with `relance`."""
    for name, text in TEXTS.items():
        for span in re.findall(r"(?<!`)`(relance [^`]+)`(?!`)", prose(text)):
            yield name, span
        for _, language, body in FENCE.findall(text):
            if language in {"console", "", "bash"}:
                for line in re.findall(r"^(?:\$ |[\d*/ ]+ )(relance .*)$", body, re.M):
                    yield name, re.sub(r"\s+#.*", "", line)


@pytest.mark.parametrize(("page", "line"), sorted(set(command_lines())))
def test_a_command_line_in_the_docs_can_be_typed(page: str, line: str):
    own = {word for each in GROUP.params for word in each.opts}
    words = shlex.split(line.replace("…", "").replace("[", "").replace("]", ""))[1:]
    words = [word for word in words if word != "OPTIONS"]
    plain = [word for word in words if not word.startswith("-")]
    command = " ".join(plain[: 2 if plain and plain[0] in GROUPS else 1])
    if command in {"", "COMMAND"}:
        assert {word for word in words if word.startswith("-")} <= own | {"--help"}
        return
    if command in GROUPS or "|" in command:  # the whole of a group is meant
        return
    assert command in COMMANDS, f"{page}: {line}"
    given = {word.partition("=")[0] for word in words if word.startswith("-")}
    assert given <= options(command, hidden=True) | own | {"--help"}, f"{page}: {line}"


def test_every_make_target_in_the_docs_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    told = {
        target
        for text in TEXTS.values()
        for target in re.findall(r"(?:`|^\$ )make ([a-z-]+)", text, re.M)
    }
    assert {"demo", "test"} <= told <= targets


# -- reasons


def rows(page: str, heading: str) -> list[str]:
    """The first cells of the tables below a heading."""
    section = re.search(rf"^#+ {heading}\n(.*?)(?=^#|\Z)", TEXTS[page], re.M | re.S)
    assert section, heading
    return re.findall(r"^ *\| `(\w+)`", section[1], re.M)


def test_every_reason_of_the_gates_is_explained_in_their_order():
    assert rows("docs/how-a-tick-works.md", "4. Gates") == [reason.value for reason in Refusal]


def test_every_reason_of_a_skipped_message_is_explained():
    page = TEXTS["docs/delivery.md"]
    assert [reason for reason in Skip if f"`{reason}`" not in page] == []


def test_every_state_of_a_message_is_explained():
    page = TEXTS["docs/delivery.md"]
    assert [state for state in MessageState if f"`{state}`" not in page] == []


def test_every_verdict_is_explained_and_no_other():
    assert set(rows("docs/report.md", "Verdicts")) == {verdict.value for verdict in Verdict}
    told = re.search(r"\| `verdict` \| (.*) \|", TEXTS["docs/json.md"])
    assert told
    assert re.findall(r"`(\w+)`", told[1]) == [verdict.value for verdict in Verdict]


# -- YAML

BASE: Mapping[str, str] = {
    "version": "version: 1\n",
    "timezone": "timezone: Europe/Paris\n",
    "locale": "locale: fr\n",
    "source": "source: data/\n",
    "customers": "customers: {table: customers, key: id, email: email, phone: phone,"
    " consent: {email: true, sms: true}, attributes: [country, first_name]}\n",
    "events": "events: {order: {table: orders, customer: id, at: at, amount: total,"
    " fields: [category]}}\n",
}
SEGMENTS = "version: 1\nsegments: {everybody: {event: order}}\n"
# on the page about accounts the customers are contacts
OF_ACCOUNTS: Mapping[str, str] = {
    **BASE,
    "customers": BASE["customers"].replace("key: id", "key: id, account: company, role: job"),
    "accounts": "accounts: {table: companies, key: id}\n",
}
OUTBOX = 'channels: {email: {provider: outbox, from: "Shop <shop@shop.example>"}}\n'
SLOWING = "  slowing_down: {members: accounts, event: order}\n"
SECRETS = ("DB_PASSWORD", "STATE_PASSWORD", "POSTMARK_TOKEN", "TWILIO_ACCOUNT", "TWILIO_TOKEN")
ENVIRONMENT = {**dict.fromkeys(SECRETS, "AC1"), "SHOP_WRITE_KEY": "0123456789abcdef"}


def yaml_blocks() -> Iterator[tuple[str, int, str]]:
    """The blocks of YAML that are a file, or keys of config/relance.yaml."""
    for name, text in TEXTS.items():
        for number, block in enumerate(blocks(text, "yaml")):
            document = YAML(typ="safe").load(block)
            keys = set(document) if isinstance(document, dict) else set()
            if "version" in keys or keys & {*BASE, "tables", "state", "channels", "limits", "live"}:
                yield name, number, block


@pytest.mark.parametrize(
    ("page", "number", "block"),
    [pytest.param(*each, id=f"{each[0]}-{each[1]}") for each in yaml_blocks()],
)
def test_yaml_in_the_docs_checks_clean(page: str, number: int, block: str, tmp_path: Path):
    document = YAML(typ="safe").load(block)
    base = OF_ACCOUNTS if page == "docs/accounts.md" else BASE
    files = {"config/relance.yaml": "".join(base.values()), "config/segments.yaml": SEGMENTS}
    if document.get("enters") == "accounts":
        files["config/relance.yaml"] += OUTBOX
        files["config/segments.yaml"] = f"version: 1\nsegments:\n{SLOWING}"
        files[f"triggers/{document['name']}.yaml"] = block
    elif "steps" in document:
        files["config/relance.yaml"] = (ROOT / "config/relance.yaml").read_text(encoding="utf-8")
        files[f"triggers/{document['name']}.yaml"] = block
    elif "segments" in document:
        files["config/relance.yaml"] = (ROOT / "config/relance.yaml").read_text(encoding="utf-8")
        files["config/segments.yaml"] = block
    elif isinstance(document.get("events"), list):
        files["config/relance.yaml"] = (ROOT / "config/relance.yaml").read_text(encoding="utf-8")
        files["config/events.yaml"] = block
    else:
        rest = "".join(text for key, text in base.items() if key not in document)
        files["config/relance.yaml"] = rest + block
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    loaded = load(
        tmp_path, env=ENVIRONMENT, vendors=vendor_specs(), texts=texts_of(document),
        with_models=False,  # a page shows scores before they are fitted
    )  # fmt: skip
    assert [str(problem) for problem in loaded.problems if not problem.warning] == []
    assert loaded.workspace is not None


def texts_of(document: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """The templates that a trigger sends, as if they were there."""
    sends = [step["send"] for step in document.get("steps", ()) if "send" in step]
    return {(send["template"], send["channel"]): "text" for send in sends}


def test_the_docs_show_whole_files_of_all_three_kinds():
    whole = [YAML(typ="safe").load(block) for _, _, block in yaml_blocks()]
    files = [document for document in whole if "version" in document]
    kinds = [key for key in ("source", "segments", "steps") for file in files if key in file]
    assert set(kinds) == {"source", "segments", "steps"}


# -- the repository


def test_no_file_names_a_registry_or_a_folder_of_one_machine():
    hosts = ["pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "npmjs" + ".com",
             "deb.debian" + ".org", "archive.ubuntu" + ".com"]  # fmt: skip
    needles = [*hosts, *(f"/{folder}/" for folder in ("work", "root", "farm"))]
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        data = path.read_bytes() if path.is_file() else b""
        found += [f"{name}: {needle}" for needle in needles if mentions(data, needle.encode())]
    assert found == []


def mentions(data: bytes, needle: bytes) -> bool:
    """Whether a file names a host, or a path that begins with a folder."""
    before = rb"(?<![\w.~*-])" if needle.startswith(b"/") else b""
    return re.search(before + re.escape(needle), data) is not None


def test_a_path_is_told_from_a_part_of_an_address():
    folder = b"/" + b"root/"
    assert mentions(b"cd " + folder + b"x", folder)
    assert mentions(b'"' + folder + b'x"', folder)
    assert not mentions(b"https://shop.example" + folder, folder)
