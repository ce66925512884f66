"""The page on replaying says what `vouch replay` does."""

from __future__ import annotations

import re
import shlex

import pytest

from flows.replaying.imagine_decisions import Comparison
from tests.desk import ROOT
from vouch.__main__ import main
from vouch.commands import replay

PAGE = (ROOT / "docs" / "replay.md").read_text()


def test_page_and_help_say_the_same_exit_codes() -> None:
    codes = re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)
    assert codes == ["0", "1", "2", "3"]
    assert re.findall(r"\b([0-3]) (?:everything|something|it could|nothing)", replay.__doc__ or "") == codes


def test_page_names_no_option_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["replay", "--help"])
    usage = capsys.readouterr().out
    commands = [shlex.split(line)[3:] for line in PAGE.splitlines() if line.startswith("python -m vouch replay ")]
    named = {word for words in commands for word in words if word.startswith("--")} | set(
        re.findall(r"`(--\w+)`", PAGE)
    )
    assert {"--model", "--policy", "--decision", "--json"} <= named
    assert sorted(option for option in named if option not in usage) == []


def test_page_names_what_the_documents_hold() -> None:
    said = set(re.findall(r"`(\w+)`", PAGE.rpartition("`--json`")[2]))
    assert said <= replay.Tally().to_json().keys() | Comparison().to_json().keys()
    assert replay.Tally().to_json().keys() - {"decisions"} <= said
