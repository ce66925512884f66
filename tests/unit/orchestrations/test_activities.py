"""Activities turn whatever goes wrong into a value, and the log tells an outage from a fault of ours."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, cast

import azure.durable_functions as df
import pytest

from flows.errors import LedgerBusy, NotFound, StorageFailed
from flows.sealing.trail_room import TrailRoom
from flows.trail_ports import VaultFailed
from orchestrations.activities import UNANSWERED, trail_orchestrations
from orchestrations.names import SEAL_LANE


@dataclass
class FailingRoom:
    """A room in which every step fails so."""

    error: Exception

    async def fence(self, order: Any) -> Any:
        raise self.error

    seal_lane = finish = fence


async def seal(error: Exception) -> dict[str, Any]:
    app = df.DFApp()
    app.register_functions(trail_orchestrations(cast(TrailRoom, FailingRoom(error))))
    functions = {function.get_function_name(): function.get_user_function() for function in app.get_functions()}
    fault: dict[str, Any] = (await functions[SEAL_LANE]({}))["fault"]
    return fault


@pytest.mark.parametrize("error", [StorageFailed("table storage did not answer"), VaultFailed("kek-1 is disabled")])
async def test_outage_is_warned_of_with_its_cause_and_asked_for_again(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    fault = await seal(error)
    assert fault == {"kind": "failed", "detail": f"sealing a lane was not done: {UNANSWERED}"}
    (record,) = [record for record in caplog.records if record.name == "vouch.orchestrations"]
    assert (record.levelno, record.exc_info) == (logging.WARNING, None)
    assert str(error) in record.getMessage()


async def test_fault_of_ours_leaves_its_stack_in_the_log_alone(caplog: pytest.LogCaptureFixture) -> None:
    fault = await seal(RuntimeError("a bug"))
    assert "a bug" not in fault["detail"]
    assert "a bug" in caplog.text


async def test_refusal_is_told_in_its_own_words() -> None:
    assert await seal(NotFound("window")) == {"kind": "failed", "detail": "sealing a lane was not done: no such window"}


async def test_refusal_without_words_is_told_by_its_name() -> None:
    assert (await seal(LedgerBusy()))["detail"] == "sealing a lane was not done: LedgerBusy"
