"""The page for auditors says what `vouch verify` does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from audit.verifying.findings import WARNINGS, Kind
from tests.lakes import pem_of, write_lake
from tests.tamperings import Case
from tests.tamperings.case import REGION, SEGMENT, lines_of, packed
from vouch.__main__ import main
from vouch.commands import verify

PAGE = (Path(__file__).resolve().parent.parent.parent / "docs" / "verify.md").read_text()


def test_page_explains_every_finding() -> None:
    faults, warnings = PAGE.split("Warnings:\n")
    assert re.findall(r"^\| `(\w+)` \|", faults, re.MULTILINE) == [kind.value for kind in Kind if kind not in WARNINGS]
    assert re.findall(r"^\| `(\w+)` \|", warnings, re.MULTILINE) == [kind.value for kind in Kind if kind in WARNINGS]


def test_page_and_help_say_the_same_exit_codes() -> None:
    codes = re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)
    assert codes == ["0", "1", "2", "3"]
    assert re.findall(r"\b([0-3]) (?:everything|something|it could|nothing)", verify.__doc__ or "") == codes


def test_page_s_example_is_what_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case = Case()
    monkeypatch.chdir(tmp_path)
    write_lake(case.region.notes, Path("witness"))
    Path("westeurope.pem").write_text(pem_of(case.region.key))
    lines = lines_of(case.files[SEGMENT])
    case.files[SEGMENT] = packed([*lines[:2], lines[2].replace(b'"score":0', b'"score":1'), *lines[3:]])
    del case.files[f"audit/chain/v1/region={REGION}/000000000004.json"]
    write_lake(case.files, Path("lake"))
    commands, example = re.findall(r"```\w*\n(.*?)```", PAGE, re.DOTALL)
    assert main(commands.splitlines()[0].split()[3:]) == 1
    assert _but_for_zlib(capsys.readouterr().out) == _but_for_zlib(example)


def _but_for_zlib(text: str) -> str:
    """Without what depends on how well a machine's zlib compresses."""
    return re.sub(r"[\d,]+ bytes|instead of \d+|root \S+", "...", text)
