"""What pages name is there: links, commands and options, targets of make, settings of the local system."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import run
from vouch.__main__ import COMMANDS, build_parser

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = (".", "docs", "docs/decisions", "local", "benchmarks", "deploy/data_factory", "training/data", "tests/replay")
PAGES = sorted(page for folder in FOLDERS for page in (ROOT / folder).glob("*.md"))
COMMAND = re.compile(r"python -m vouch ([^\n`|#]+)")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose_of(page: Path) -> str:
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors_of(page: Path) -> set[str]:
    """As GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", prose_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose_of(page)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link


def commands_of(page: Path) -> list[str]:
    """Those with arguments; a command's name alone is a mention."""
    found = [match.strip() for match in COMMAND.findall(page.read_text())]
    return [command for command in found if command.partition(" ")[2] and command.split()[0] in COMMANDS]


@pytest.mark.parametrize("page", [page for page in PAGES if commands_of(page)], ids=name_of)
def test_commands_of_a_page_are_understood(page: Path) -> None:
    for command in commands_of(page):
        words = shlex.split(command.replace("<any region>", "https://westeurope.example"))
        assert build_parser(words).parse_args(words).command == words[0], command


def test_modules_that_pages_run_are_there() -> None:
    """`python -m pip` and the like are not ours."""
    for page in PAGES:
        for name in re.findall(r"python (?:run\.py )?-m ([\w.]+)", page.read_text()):
            folder = ROOT / name.replace(".", "/")
            if (ROOT / name.partition(".")[0]).is_dir():
                assert folder.with_suffix(".py").exists() or (folder / "__main__.py").exists(), (name_of(page), name)


def test_targets_of_make_that_pages_name_are_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"(?:`|^)(?:[A-Z_]+=\S+ )*make ([a-z]+)", page.read_text(), re.MULTILINE))
        assert named <= targets, name_of(page)


def test_readme_leads_to_every_page() -> None:
    linked = re.findall(r"\]\(([^)#\s]+)", (ROOT / "README.md").read_text())
    assert {name_of(page) for page in (ROOT / "docs").glob("*.md")} <= set(linked)


def test_settings_of_the_app_that_pages_name_are_there() -> None:
    there = set(re.findall(r"^\| `(VOUCH_\w+)`", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))
    for page in PAGES:
        assert set(re.findall(r"\bVOUCH_[A-Z_]+\b", page.read_text())) <= there, name_of(page)


def test_settings_of_the_local_system_are_told() -> None:
    code = "".join(file.read_text() for file in (ROOT / "local").rglob("*.py"))
    pages = "".join(page.read_text() for page in PAGES)
    read = set(re.findall(r'os\.environ(?:\.get\(|\[)"(LOCAL_\w+)"', code))
    assert read == set(re.findall(r"\bLOCAL_[A-Z_]+\b", pages))


def test_modules_of_the_local_system_are_told() -> None:
    page = (ROOT / "local" / "README.md").read_text()
    untold = {"__init__.py", "failures.py"}
    files = {file.name for file in (ROOT / "local").glob("*.py")} - untold
    assert [file for file in sorted(files) if f"`{file}`" not in page] == []


@pytest.mark.parametrize("command", ["run", "setup", "dev", "demo"])
def test_command_of_the_bootstrap_is_one_of_make(command: str) -> None:
    assert f"$(VOUCH) {command}" in (ROOT / "Makefile").read_text()
    assert f"python run.py {command}" in (run.__doc__ or "").replace("[run]", "run")
