"""Which versions run on this host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.durable.settings import DurableSettings, FailureStrategy, MatchStrategy, read_settings


@pytest.mark.parametrize(
    ("match", "version", "suits"),
    [
        ("CurrentOrOlder", "1.10", True),
        ("CurrentOrOlder", "1.9", True),
        ("CurrentOrOlder", "", True),
        ("CurrentOrOlder", "1.11", False),
        ("CurrentOrOlder", "2.0", False),
        ("Strict", "1.10", True),
        ("Strict", "1.9", False),
        ("None", "7.0", True),
    ],
)
def test_version_suits_by_strategy(match: str, version: str, suits: bool) -> None:
    settings = DurableSettings(default_version="1.10", match=MatchStrategy(match.lower()))
    assert settings.suits(version) is suits


def test_versions_that_are_no_numbers_are_ordered_by_their_text() -> None:
    settings = DurableSettings(default_version="beta")
    assert settings.suits("Alpha")
    assert not settings.suits("gamma")


def test_settings_of_the_app_are_read_from_its_host_json() -> None:
    settings = read_settings(Path(__file__).parents[4] / "host.json")
    assert settings.default_version == "1.0"
    assert (settings.match, settings.failure) == (MatchStrategy.CURRENT_OR_OLDER, FailureStrategy.REJECT)


def test_unknown_strategy_is_named_with_its_file(tmp_path: Path) -> None:
    file = tmp_path / "host.json"
    file.write_text(json.dumps({"extensions": {"durableTask": {"versionMatchStrategy": "Newest"}}}))
    with pytest.raises(ValueError, match=r"durableTask in .*host\.json: 'newest'"):
        read_settings(file)
