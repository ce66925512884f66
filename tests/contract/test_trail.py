"""The trail over HTTP: exports, sealing by hand, and checkpoints kept as a witness, at a desk."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from audit.records import RecordType
from audit.windows import Window, window_of
from tests.desk import Desk, read, sign_checkpoint
from tests.lakes import Region

HOUR = 3600
ROOT = b"\1" * 32


def last_windows() -> tuple[Window, Window]:
    """A window that is closed, and the current one."""
    current = window_of(int(datetime.now(UTC).timestamp() * 1000), HOUR)
    return Window(current.start_s - 2 * HOUR, HOUR), current


async def seal(desk: Desk, name: str, body: object = None) -> Any:
    return await desk.send("POST", f"/api/v1/exports/{name}:seal", body or {"reason": "now"}, "operator")


async def keep(desk: Desk, body: object) -> Any:
    return await desk.send("POST", "/api/v1/witness/eastus2:keep", body, "control")


async def test_exports_of_a_region_that_recorded_nothing_are_empty(desk: Desk) -> None:
    exports = read(await desk.send("GET", "/api/v1/exports", roles="auditor"))
    assert exports == {
        "region": "westeurope", "windows": [], "waiting": 0, "lag_s": 0.0, "sealed_until": None, "checkpoint": None,
        "witness": None, "health": None,
    }  # fmt: skip


async def test_exports_tell_which_windows_are_open_and_which_wait(desk: Desk) -> None:
    closed, current = last_windows()
    desk.lanes.register(closed, "9f3a")
    exports = read(await desk.send("GET", "/api/v1/exports", roles="operator"))
    states = {window["window"]: window["state"] for window in exports["windows"]}
    assert (states[closed.name], states[current.name]) == ("closed", "open")
    assert exports["windows"][0]["window"] == current.name
    assert exports["lag_s"] > 2 * HOUR


async def test_health_of_the_trail_is_told_by_exports_and_by_readiness(desk: Desk) -> None:
    closed, _ = last_windows()
    desk.lanes.register(Window(closed.start_s - 4 * HOUR, HOUR), "9f3a")
    await desk.service.trail.watch(())
    health = read(await desk.send("GET", "/api/v1/exports", roles="auditor"))["health"]
    assert health["status"] == "degraded"
    assert "windows wait to be sealed" in health["reasons"][0]
    await desk.service.releases.current("deal-fraud")
    ready = read(await desk.send("GET", "/health/ready", roles=None))
    assert ready["degraded"] == [f"audit trail: {health['reasons'][0]}"]


@pytest.mark.parametrize("limit", ["0", "201", "x", "-1", "1.5"])
async def test_limit_that_is_none_is_refused(desk: Desk, limit: str) -> None:
    assert (await desk.send("GET", f"/api/v1/exports?limit={limit}", roles="operator")).status_code == 400


async def test_closed_window_is_sealed_by_hand(desk: Desk) -> None:
    closed, _ = last_windows()
    desk.lanes.register(closed, "9f3a")
    answer = await seal(desk, closed.name)
    assert answer.status_code == 202
    assert read(answer) == {"window": closed.name, "state": "closed", "started": True}
    assert desk.sealing.started == [f"seal-{closed.name}"]


async def test_open_window_is_not_sealed(desk: Desk) -> None:
    closed, current = last_windows()
    desk.lanes.register(closed, "9f3a")
    answer = await seal(desk, current.name)
    assert (answer.status_code, read(answer)["type"]) == (409, "urn:vouch:problem:window-open")
    assert not desk.sealing.started


@pytest.mark.parametrize("name", ["now", "20261123T210001Z", "20361123T210000Z", "19991123T210000Z", "2026-11-23"])
async def test_window_that_is_none_is_not_found(desk: Desk, name: str) -> None:
    closed, _ = last_windows()
    desk.lanes.register(closed, "9f3a")
    assert (await seal(desk, name)).status_code == 404
    assert not desk.sealing.started


async def test_window_in_the_chain_is_sealed_and_one_before_it_was_never_there(desk: Desk) -> None:
    closed, _ = last_windows()
    sealed = Region()
    sealed.seal(closed, {})
    desk.lake.files |= sealed.files
    assert read(await seal(desk, closed.name)) == {"window": closed.name, "state": "sealed", "started": False}
    before = Window(closed.start_s - HOUR, HOUR)
    answer = await seal(desk, before.name)
    assert (answer.status_code, read(answer)["type"]) == (404, "urn:vouch:problem:not-found")
    assert not desk.sealing.started


async def test_lane_that_appeared_later_is_sealed_by_hand_as_a_correction(desk: Desk) -> None:
    closed, _ = last_windows()
    sealed = Region()
    sealed.seal(closed, {"0001": sealed.records(closed, "0001", [RecordType.RELEASE_CHANGED])})
    desk.lake.files |= sealed.files
    desk.lanes.register(closed, "0001")
    assert read(await seal(desk, closed.name)) == {"window": closed.name, "state": "sealed", "started": False}
    desk.lanes.register(closed, "9f3a")
    assert read(await seal(desk, closed.name)) == {"window": closed.name, "state": "late", "started": True}
    assert desk.sealing.started == [f"seal-{closed.name}-c01"]


async def test_checkpoint_is_kept_and_shown(desk: Desk) -> None:
    note = sign_checkpoint(1, ROOT)
    kept = read(await keep(desk, {"checkpoint": note, "old_size": 0, "proof": []}))
    assert kept == {"size": 1, "root": ROOT.hex(), "checkpoint": note}
    assert read(await desk.send("GET", "/api/v1/witness/eastus2", roles="auditor")) == kept
    assert desk.lake.files["audit/witness/v1/region=eastus2/000000000001.note"].decode() == note


async def test_checkpoint_that_contradicts_what_is_kept_is_refused(desk: Desk) -> None:
    await keep(desk, {"checkpoint": sign_checkpoint(1, ROOT), "old_size": 0, "proof": []})
    other = await keep(desk, {"checkpoint": sign_checkpoint(2, b"\2" * 32), "old_size": 1, "proof": ["33" * 32]})
    assert (other.status_code, read(other)["type"]) == (409, "urn:vouch:problem:checkpoint-refused")
    assert len(desk.lake.files) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"checkpoint": "x", "old_size": -1, "proof": []},
        {"checkpoint": "x", "old_size": 0, "proof": ["zz"]},
        {"checkpoint": "x", "old_size": 0, "proof": ["00" * 32] * 65},
        {"checkpoint": "x", "old_size": 0, "proof": [], "more": 1},
    ],
)
async def test_checkpoint_that_is_rubbish_is_refused_with_its_faults(desk: Desk, body: object) -> None:
    assert (await keep(desk, body)).status_code == 422


async def test_region_without_a_known_key_is_refused(desk: Desk) -> None:
    body = {"checkpoint": sign_checkpoint(1, ROOT), "old_size": 0, "proof": []}
    answer = await desk.send("POST", "/api/v1/witness/westeurope:keep", body, "control")
    assert answer.status_code == 409
    assert (await desk.send("GET", "/api/v1/witness/atlantis", roles="control")).status_code == 404
