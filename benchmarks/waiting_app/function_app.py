"""An orchestration that waits as a rollout does: for a person, an abort, or the time, whichever comes first."""

from __future__ import annotations

import json
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def waits(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    yield context.call_activity("prepare", context.instance_id)
    events = [context.wait_for_external_event(name) for name in ("approve", "abort")]
    timer = context.create_timer(context.current_utc_datetime + timedelta(hours=6))
    won = yield context.task_any([*events, timer])
    if won != timer:
        timer.cancel()
    return won.result


def prepare(x: str) -> str:
    return x


async def do(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """`{"call": name, "args": []}`: call the client; a status is answered as `Running` and the like."""
    body = json.loads(req.get_body())
    answer = await getattr(client, body["call"])(*body["args"])
    status = getattr(answer, "runtime_status", None)
    return func.HttpResponse(status.value if status is not None else str(answer))


app.orchestration_trigger(context_name="context")(waits)
app.activity_trigger(input_name="x")(prepare)
app.route(route="do", methods=["POST"])(app.durable_client_input(client_name="client")(do))
