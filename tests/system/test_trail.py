"""The trail of the running system: sealed while regions are killed, verified and replayed with the commands that people
have, nothing lost that a caller has a receipt of."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from audit.ids import time_of
from audit.times import format_second
from local.plan import ROOT
from tests.system.conftest import WINDOW_S, RunningSystem, wait_until

REGION, WITNESS, RESIDENCY = "northeurope", "brazilsouth", "IE"
SEALED_S = 3 * WINDOW_S + 60
KILLS = 2


def vouch(system: RunningSystem, *words: str, code: int = 0) -> str:
    """Run a command as an auditor; what it printed."""
    command = [sys.executable, "-m", "vouch", *words, "--token-file", str(system.plan.token_file("auditor"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def url(system: RunningSystem, region: str = REGION) -> str:
    return system.plan.regions[region].base_url


def exports(system: RunningSystem) -> Any:
    return system.request(REGION, "GET", "/api/v1/exports?limit=200", role="auditor").json()


def score(system: RunningSystem, claim: dict[str, Any], deal_id: str) -> dict[str, Any]:
    """A decision, and so a receipt, whatever happens to the region meanwhile."""
    deal = {**claim, "deal_id": deal_id, "residency": RESIDENCY, "subjects": ["holder-1"]}
    answers: list[dict[str, Any]] = []

    def is_decided() -> bool:
        try:
            answer = system.request(REGION, "POST", "/api/v1/deals:score", role="scorer", body=deal)
        except OSError:
            return False
        if answer.status != 200:
            return False
        answers.append(answer.json())
        return True

    wait_until(is_decided, 60, f"{deal_id} is decided")
    return answers[-1]


def is_sealed(system: RunningSystem, receipts: list[dict[str, Any]]) -> bool:
    """Whether the windows of all these decisions, which their ids tell, are in the chain."""
    try:
        until = exports(system)["sealed_until"]
    except (OSError, KeyError, ValueError):
        return False
    last_ms = max(time_of(UUID(receipt["decision_id"])) for receipt in receipts)
    return until is not None and until > format_second(last_ms // 1000)


@pytest.fixture(scope="module")
def receipts(system: RunningSystem, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], Path]:
    """Decisions while the region is killed over and over, also in the middle of sealing them."""
    claim = json.loads((system.plan.folder / "first-claim.json").read_text())
    decided = [score(system, claim, f"trail-{number}") for number in range(20)]
    for kill in range(KILLS):
        sealed = exports(system)["sealed_until"]
        wait_until(lambda before=sealed: _has_moved(system, before), SEALED_S, "another window is sealed")
        system.process_of(REGION).kill()
        decided.append(score(system, claim, f"killed-{kill}"))
        wait_until(lambda: _is_up(system), 60, "the region is back")
    wait_until(lambda: is_sealed(system, decided), SEALED_S, "all of it is sealed")
    file = tmp_path_factory.mktemp("receipts") / "receipts.jsonl"
    file.write_text("\n".join(json.dumps(decision) for decision in decided))
    return decided, file


def _has_moved(system: RunningSystem, before: str | None) -> bool:
    try:
        return bool(exports(system)["sealed_until"] != before)
    except (OSError, KeyError, ValueError):
        return False


def _is_up(system: RunningSystem) -> bool:
    try:
        return system.request(REGION, "GET", "/health/ready").status == 200
    except OSError:
        return False


def test_trail_of_a_region_that_is_killed_while_it_seals_is_sound_and_holds_every_receipt(
    system: RunningSystem, receipts: tuple[list[dict[str, Any]], Path]
) -> None:
    _, file = receipts
    key = str(system.plan.public_key_file(REGION))
    told = vouch(
        system, "verify", url(system), "--key", key, "--witness", url(system, WITNESS), "--receipt", str(file), "--json"
    )
    document = json.loads(told)
    assert document["verdict"] == "sound", document
    assert not document["findings"]


def test_recorded_decisions_are_replayed_to_the_last_bit(
    system: RunningSystem, receipts: tuple[list[dict[str, Any]], Path], tmp_path: Path
) -> None:
    decided, _ = receipts
    vouch(system, "copy", url(system), str(tmp_path))
    first = min(str(decision["decided_at"]) for decision in decided)[:13]
    told = json.loads(vouch(system, "replay", str(tmp_path), "--region", url(system), "--from", first, "--json"))
    assert told["equal"] == told["decisions"] >= len(decided)
    imagined = vouch(system, "replay", str(tmp_path), "--region", url(system), "--model", "1.1.0", "--json")
    assert json.loads(imagined)["decisions"] >= len(decided)
