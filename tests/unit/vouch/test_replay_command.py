"""`vouch replay`: what can't be replayed is told apart by why."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.vouch.loopback_region import TOKEN, LoopbackRegion, loopback_region
from tests.unit.vouch.recorded import Recorded
from vouch.__main__ import main

Replay = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def region() -> Iterator[LoopbackRegion]:
    with loopback_region() as started:
        yield started


@pytest.fixture
def replay(tmp_path: Path, region: LoopbackRegion, capsys: pytest.CaptureFixture[str]) -> Replay:
    """Runs the command over a copy: its exit code and what it answers as JSON."""
    token = tmp_path / "auditor.jwt"
    token.write_text(TOKEN)

    def run(recorded: Recorded, *words: str) -> tuple[int, dict[str, Any]]:
        lake = recorded.seal(tmp_path / "lake")
        code = main(["replay", str(lake), "--region", region.url, "--token-file", str(token), "--json", *words])
        return code, json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def gone(region: LoopbackRegion) -> Recorded:
    """Two decisions: the person of one was erased, the other one is damaged."""
    recorded = Recorded()
    erased, damaged = recorded.decide(), recorded.decide()
    recorded.erase(erased)
    recorded.open(region, damaged=[damaged])
    return recorded


def test_damaged_record_is_not_counted_as_erased(gone: Recorded, replay: Replay) -> None:
    code, said = replay(gone)
    assert code == 3
    assert (said["erased"], said["not_at_hand"], said["equal"]) == (1, 1, 0)
    assert "can't be opened, though its keys are there" in said["shown"][0]["details"][0]


def test_damaged_record_is_not_counted_as_erased_in_a_comparison(gone: Recorded, replay: Replay) -> None:
    code, said = replay(gone, "--policy", "standard/1")
    assert code == 0
    assert (said["erased"], said["damaged"], said["decisions"]) == (1, 1, 0)
