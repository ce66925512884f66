"""Schedules as the host reads them, and timers as it runs them."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest

from local.indexing import IndexingFailed
from local.timers import next_occurrence, resolve_schedule, timer_request
from tests.unit.local.conftest import APPS, RunningHost, free_port, start_host, wait_for_port

NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("*/10 * * * * *", datetime(2026, 11, 23, 12, 0, 10, tzinfo=UTC)),
        ("0 */5 * * * *", datetime(2026, 11, 23, 12, 5, 0, tzinfo=UTC)),
        ("30 0 0 * * *", datetime(2026, 11, 24, 0, 0, 30, tzinfo=UTC)),
        ("0 30 9 * * Mon", datetime(2026, 11, 30, 9, 30, 0, tzinfo=UTC)),
    ],
)
def test_next_occurrence_of_six_fields_begins_with_seconds(schedule: str, expected: datetime) -> None:
    assert next_occurrence(schedule, NOON) == expected


@pytest.mark.parametrize("schedule", ["* * * * *", "61 * * * * *", "00:05:00", "", "%VOUCH_NO_SUCH_SETTING%"])
def test_schedule_that_is_no_ncrontab_of_six_fields_is_refused(schedule: str) -> None:
    with pytest.raises(IndexingFailed):
        resolve_schedule(schedule)


def test_schedule_in_percent_signs_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAL_SCHEDULE", "0 * * * * *")
    assert resolve_schedule("%SEAL_SCHEDULE%") == "0 * * * * *"


@pytest.mark.parametrize(("late_s", "past_due"), [(0, False), (30, True)])
def test_timer_request_tells_whether_it_is_late(late_s: int, past_due: bool) -> None:
    request = timer_request(NOON, NOON.replace(second=late_s), NOON)
    assert getattr(request, "past_due") is past_due  # noqa: B009 - the converter's result has no type


def test_timers_run_and_a_failing_one_runs_again() -> None:
    port = free_port()
    process = start_host(APPS / "timers" / "function_app.py", port)
    try:
        wait_for_port(port, process)
        host = RunningHost(port, process)
        deadline = time.monotonic() + 10
        runs: dict[str, int] = {}
        while time.monotonic() < deadline and not (runs.get("failing", 0) >= 2 and runs["every_second"] >= 2):
            time.sleep(0.1)
            runs = json.loads(host.request("GET", "/runs").body)
        assert runs["failing"] >= 2
        assert runs["every_second"] >= 2
        assert runs["at_start"] == 1
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=20)
    assert "failing failed: it runs again at its next occurrence" in output
