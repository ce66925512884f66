"""The durable client as the rest of the app sees it: start a rollout, nudge it, look after those under way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df

from flows.ports import EngineFailed
from orchestrations.names import NUDGE, ROLLOUT, SEAL_WINDOW

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
ORCHESTRATED = ("id", "model", "plan", "target", "digest", "policy_digest", "pace")
ENDED = (
    df.OrchestrationRuntimeStatus.Completed,
    df.OrchestrationRuntimeStatus.Failed,
    df.OrchestrationRuntimeStatus.Terminated,
)


class DurableEngine:
    """Implements `flows.ports.Engine` with a durable client, which every call is handed by its binding."""

    async def start(self, client: Any, order: Mapping[str, Any]) -> None:
        """Start it by its id unless there is such an instance. Raises EngineFailed."""
        await _start_once(client, order["id"], orchestration_input(order))

    async def rescue(self, client: Any, order: Mapping[str, Any], reason: str) -> None:
        """Take the regions back in place of an orchestration that broke. Raises EngineFailed."""
        await _start_once(client, f"{order['id']}-rescue", {**orchestration_input(order), "rescue": reason})

    async def nudge(self, client: Any, rollout_id: str) -> None:
        """Raises EngineFailed."""
        with _told_as_engine_failed():
            await client.raise_event(rollout_id, NUDGE, None)

    async def status(self, client: Any, rollout_id: str) -> str:
        """The instance's status by name; empty where there is none. Raises EngineFailed."""
        with _told_as_engine_failed():
            found = await client.get_status(rollout_id)
        return found.runtime_status.name if found else ""

    async def purge(self, client: Any, until: datetime) -> int:
        """Delete the histories of what began before a time and has ended; how many. Raises EngineFailed."""
        return await _purge(client, until)


class DurableSealing:
    """Implements `flows.sealing.trail_room.Sealing` with a durable client, which its binding hands every call."""

    async def start(self, client: Any, instance: str, order: Mapping[str, Any]) -> bool:
        """Start it unless it is under way; whether it was started. Raises EngineFailed."""
        with _told_as_engine_failed():
            status = await client.get_status(instance)
            if status and status.runtime_status not in ENDED:
                return False
            await client.start_new(SEAL_WINDOW, instance, dict(order))
        return True

    async def purge(self, client: Any, until: datetime) -> int:
        """Delete the histories of what began before a time and has ended; how many. Raises EngineFailed."""
        return await _purge(client, until)


def orchestration_input(order: Mapping[str, Any]) -> dict[str, Any]:
    """What an orchestration is told: nothing of a person, the starter included."""
    return {name: order[name] for name in ORCHESTRATED}


async def _start_once(client: Any, instance: str, given: Mapping[str, Any]) -> None:
    with _told_as_engine_failed():
        if not await client.get_status(instance):
            await client.start_new(ROLLOUT, instance, given)


async def _purge(client: Any, until: datetime) -> int:
    with _told_as_engine_failed():
        result = await client.purge_instance_history_by(BEGINNING, until, list(ENDED))
    return int(result.instances_deleted)


@contextmanager
def _told_as_engine_failed() -> Iterator[None]:
    """The client raises plain exceptions for whatever the host says."""
    try:
        yield
    except Exception as error:
        raise EngineFailed(str(error)[:200]) from error
