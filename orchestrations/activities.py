"""What the orchestrations call: each activity a flow of the control region, its faults turned into values.

Activities may run twice, late, or beside themselves; the flows are made for that. An activity that raises would show
the orchestration the host's own text with its stack, so that none does.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import azure.durable_functions as df

from flows.errors import StorageFailed, VouchError
from flows.rolling_out.control_room import ControlRoom
from flows.sealing.trail_room import TrailRoom
from flows.trail_ports import VaultFailed
from orchestrations import names
from orchestrations.asking import describe_failure
from orchestrations.region_rollout import region_rollout
from orchestrations.region_watch import region_watch
from orchestrations.rollout import rollout
from orchestrations.seal_window import seal_window

UNANSWERED = "storage or key vault did not answer, the log says why"

logger = logging.getLogger("vouch.orchestrations")
Document = Mapping[str, Any]
Body = Callable[[Document], Awaitable[Document]]


def rollouts_orchestrations(room: ControlRoom) -> df.Blueprint:
    """The control region's orchestrators and the activities that they name."""
    return _blueprint((rollout, region_rollout, region_watch), activity_bodies(room))


def trail_orchestrations(room: TrailRoom) -> df.Blueprint:
    """Every region's: what seals windows."""
    return _blueprint((seal_window,), trail_bodies(room))


def activity_bodies(room: ControlRoom) -> dict[str, Body]:
    """Every activity's body, by its name."""
    return {
        names.OPEN_ROLLOUT: room.open_rollout,
        names.PULL_VERSION: room.pull_version,
        names.SET_RELEASE: room.set_release,
        names.WATCH_REGION: room.watch_region,
        names.RUN_SYNTHETIC: room.run_synthetic,
        names.CLOSE_ROLLOUT: room.close_rollout,
        names.NOTE_TRANSITION: room.note_transition,
        names.READ_ORDERS: room.read_orders,
        names.FINISH_ROLLOUT: room.finish_rollout,
    }


def trail_bodies(room: TrailRoom) -> dict[str, Body]:
    """The bodies of the activities that seal."""
    return {names.FENCE_WINDOW: room.fence, names.SEAL_LANE: room.seal_lane, names.FINISH_WINDOW: room.finish}


def _blueprint(orchestrators: Sequence[Callable[..., Any]], bodies: Mapping[str, Body]) -> df.Blueprint:
    blueprint = df.Blueprint()
    for orchestrator in orchestrators:
        blueprint.orchestration_trigger(context_name="context")(orchestrator)
    for name, body in bodies.items():
        blueprint.activity_trigger(input_name="order", activity=name)(_activity(name, body))
    return blueprint


def _activity(name: str, body: Body) -> Callable[..., Awaitable[Any]]:
    async def run(order: Any) -> Any:  # the worker takes no generic type as an annotation
        try:
            return await body(order)
        except VouchError as error:
            why = str(error) or type(error).__name__
            return {"fault": {"kind": "failed", "detail": f"{names.DOING[name]} was not done: {why}"}}
        except (StorageFailed, VaultFailed) as error:
            logger.warning("The activity %s was not done: %s. It is asked for again.", name, error)
            return {"fault": {"kind": "failed", "detail": f"{names.DOING[name]} was not done: {UNANSWERED}"}}
        except Exception:
            # The boundary to the host: whatever went wrong is asked for again, and the log says what it was.
            logger.exception("The activity %s failed.", name)
            return {"fault": {"kind": "failed", "detail": describe_failure(name)}}

    run.__name__ = name
    return run
