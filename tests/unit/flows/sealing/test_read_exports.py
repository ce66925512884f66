"""Which windows the export shows, and in which of their four states."""

from __future__ import annotations

import pytest

from audit.windows import Window
from tests.unit.flows.trail import HOUR, START, Trail

NEXT = Window(START.end_s, HOUR)


@pytest.fixture
def trail() -> Trail:
    return Trail()


async def states(trail: Trail, most: int = 24) -> list[tuple[str, str, int]]:
    """Window, state and correction, the newest first."""
    shown = (await trail.room.exports(most))["windows"]
    return [(window["window"], window["state"], window.get("correction", 0)) for window in shown]


async def test_window_goes_through_its_states(trail: Trail) -> None:
    trail.append(START, 0x0001)
    assert await states(trail) == [(START.name, "open", 0)]
    trail.clock.advance(HOUR)  # its grace is not over
    assert await states(trail) == [(NEXT.name, "open", 0), (START.name, "open", 0)]
    trail.clock.advance(60)
    assert await states(trail) == [(NEXT.name, "open", 0), (START.name, "closed", 0)]
    await trail.seal()
    assert await states(trail) == [(NEXT.name, "open", 0), (START.name, "sealed", 0)]


async def test_window_with_a_lane_that_appeared_later_is_late_until_its_correction_is_sealed(trail: Trail) -> None:
    trail.append(START, 0x0001)
    trail.pass_windows(2)
    await trail.seal()
    trail.append(START, 0x0777)
    assert (await states(trail))[1:] == [(NEXT.name, "sealed", 0), (START.name, "late", 0)]
    await trail.seal()
    assert (await states(trail))[1:] == [(START.name, "sealed", 1), (NEXT.name, "sealed", 0), (START.name, "sealed", 0)]


async def test_sealed_window_says_what_was_sealed_of_it(trail: Trail) -> None:
    trail.append(START, 0x0001, 3)
    trail.pass_windows()
    await trail.seal()
    told = await trail.room.exports(24)
    assert told["windows"][-1] == {
        "window": START.name, "start": "2026-11-23T21:00:00Z", "end": "2026-11-23T22:00:00Z", "state": "sealed",
        "correction": 0, "sequence": 0, "rows": 3, "differences": 0,
        "manifest": f"audit/manifests/v1/region=westeurope/year=2026/month=11/day=23/hour=21/{START.name}.json",
    }  # fmt: skip
    assert (told["sealed_until"], told["checkpoint"]["size"], told["waiting"]) == ("2026-11-23T22:00:00Z", 1, 0)


async def test_as_many_windows_as_are_asked_for_are_shown_the_newest_first(trail: Trail) -> None:
    trail.append(START, 0x0001)
    trail.pass_windows(6)
    await trail.seal()
    everything = await states(trail)
    assert len(everything) == 7
    assert everything == sorted(everything, reverse=True)
    for most in range(1, 8):
        assert await states(trail, most) == everything[:most]
