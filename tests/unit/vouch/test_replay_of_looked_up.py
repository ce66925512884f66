"""`vouch replay` of decisions that looked up, over HTTP: with the snapshot that each of them names, or, by another
version, with the one that is active now."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.reference.load_snapshot import snapshot_folder
from tests.contract.test_reference import PART, activate, deal, score
from tests.desk import Desk
from tests.unit.vouch.desk_region import desk_region
from training.policy_types import COLUMNS, DATASET, KEY
from vouch.__main__ import main
from vouch.snapshots import build_snapshot

Replay = Callable[..., Any]
KNOWN = "Utility - All Perils"


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def replay(desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Replay]:
    """Replays one decision; what is answered as JSON."""
    (tmp_path / "token").write_text("auditor")
    with desk_region(desk) as url:

        def run(decision: dict[str, Any], *words: str, code: int = 0) -> Any:
            named = ["--token-file", str(tmp_path / "token"), "--decision", decision["decision_id"], "--json"]
            assert main(["replay", url, *named, *words]) == code
            return json.loads(capsys.readouterr().out)

        yield run


def decide(desk: Desk, policy_type: object = KNOWN) -> Any:
    return asyncio.run(score(desk, deal(policy_type)))


def replace_snapshot(desk: Desk) -> None:
    """Every type of policy is all fraud from now on."""
    rows = [{KEY: KNOWN, COLUMNS[0].name: 0.9, COLUMNS[1].name: 1.0}]
    files = build_snapshot(DATASET, "later", "2026-11-01T00:00:00Z", KEY, COLUMNS, rows)
    assert asyncio.run(activate(desk, files, "later")).status_code == 200


@pytest.mark.parametrize("policy_type", [KNOWN, "Tank", None])
def test_decision_is_replayed_with_the_snapshot_that_it_names_whatever_is_active(
    desk: Desk, replay: Replay, policy_type: object
) -> None:
    asyncio.run(activate(desk))
    decided = decide(desk, policy_type)
    replace_snapshot(desk)
    assert decide(desk)["score"] != decided["score"]
    said = replay(decided)
    assert (said["equal"], said["decisions"], said["models"]) == (1, 1, {"deal-fraud 1.2.0": 1})


def test_decision_without_any_snapshot_is_replayed_without_one(desk: Desk, replay: Replay) -> None:
    decided = decide(desk)
    asyncio.run(activate(desk))
    assert replay(decided)["equal"] == 1


def test_other_version_judges_with_the_snapshot_that_is_active_now(desk: Desk, replay: Replay) -> None:
    asyncio.run(activate(desk))
    decided = decide(desk)
    same = replay(decided, "--model", "1.2.0")
    assert same["flips"] == [{"before": decided["outcome"], "after": decided["outcome"], "deals": 1}]
    replace_snapshot(desk)
    flipped = replay(decided, "--model", "1.2.0")
    assert flipped["flips"] == [{"before": decided["outcome"], "after": decide(desk)["outcome"], "deals": 1}]


@pytest.mark.parametrize("file", [PART, "manifest.json"])
@pytest.mark.parametrize("damage", [None, b"", b"x"])
def test_decision_whose_snapshot_is_gone_or_another_is_not_at_hand(
    desk: Desk, replay: Replay, file: str, damage: bytes | None
) -> None:
    asyncio.run(activate(desk))
    decided = decide(desk)
    name = f"{snapshot_folder(DATASET, '1996-01-01')}{file}"
    content = desk.lake.files.pop(name)
    desk.lake.files |= {} if damage is None else {name: content[:-1] + damage}
    said = replay(decided, code=3)
    assert (said["not_at_hand"], said["equal"]) == (1, 0)
    assert f"snapshot 1996-01-01 of policy-types is not at hand: {file}" in said["shown"][0]["details"][0]
