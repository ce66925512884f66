"""Orchestrations of every kind, whose results don't depend on how often an activity ran."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func

Steps = Generator[Any, Any, Any]
Context = df.DurableOrchestrationContext
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
RUNS = Path(os.environ.get("RUNS_FILE", os.devnull))


def chain(context: Context) -> Steps:
    value = 0
    for _ in range(6):
        value = yield context.call_activity("plus", value)
    return value


def timers(context: Context) -> Steps:
    for _ in range(4):
        yield context.create_timer(context.current_utc_datetime + timedelta(milliseconds=150))
    return "all fired"


def fan(context: Context) -> Steps:
    got = yield context.task_all([context.call_activity("plus", i) for i in range(12)])
    return sum(got)


def child(context: Context) -> Steps:
    number = context.get_input()
    first = yield context.call_activity("plus", number)
    yield context.create_timer(context.current_utc_datetime + timedelta(milliseconds=100))
    return (yield context.call_activity("plus", first))


def parent(context: Context) -> Steps:
    ids = [f"{context.instance_id}:{i}" for i in range(3)]
    named = yield context.task_all([context.call_sub_orchestrator("child", i, ids[i]) for i in range(3)])
    unnamed = yield context.call_sub_orchestrator("child", 10)
    return [*named, unnamed]


def retries(context: Context) -> Steps:
    try:
        yield context.call_activity_with_retry("fails", df.RetryOptions(100, 3), "x")
    except Exception as error:
        return type(error).__name__


def again(context: Context) -> Steps:
    count = context.get_input()
    yield context.create_timer(context.current_utc_datetime + timedelta(milliseconds=50))
    value = yield context.call_activity("plus", count)
    if value < 6:
        context.continue_as_new(value)
        return None
    return value


def asks(context: Context) -> Steps:
    entity = df.EntityId("counter", context.instance_id)
    for _ in range(3):
        context.signal_entity(entity, "add", 1)
    yield context.call_entity(entity, "add", 1)
    return (yield context.call_entity(entity, "add", 1))


def waits(context: Context) -> Steps:
    return (yield context.wait_for_external_event("go"))


def calls_slow(context: Context) -> Steps:
    return (yield context.call_activity("slow", 1))


def counter(context: df.DurableEntityContext) -> None:
    value = context.get_state(lambda: 0) + context.get_input()
    context.set_state(value)
    context.set_result(value)


def plus(x: int) -> int:
    time.sleep(0.01)
    return x + 1


def fails(x: str) -> str:
    raise RuntimeError(x)


def slow(x: int) -> int:
    """Says when it began; is never through before a kill, and at once afterwards."""
    with RUNS.open("a") as runs:
        runs.write(f"{time.time()}\n")
    if len(RUNS.read_text().splitlines()) == 1:
        time.sleep(60)
    return x


for orchestrator in (chain, timers, fan, child, parent, retries, again, asks, waits, calls_slow):
    app.orchestration_trigger(context_name="context")(orchestrator)
for activity in (plus, fails, slow):
    app.activity_trigger(input_name="x")(activity)
app.entity_trigger(context_name="context")(counter)


@app.route(route="do", methods=["POST"])
@app.durable_client_input(client_name="client")
async def do(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    """Call the client: `{"call": name, "args": []}`."""
    body = json.loads(req.get_body())
    try:
        answer = await getattr(client, body["call"])(*body["args"])
    except Exception as error:
        return func.HttpResponse(json.dumps({"raised": str(error)}), mimetype="application/json")
    shown = answer.to_json() if hasattr(answer, "to_json") and answer else answer if isinstance(answer, str) else None
    return func.HttpResponse(json.dumps(shown, default=str), mimetype="application/json")
