"""What the real host said, word for word: the library answers it as recorded, and the engine's turns follow from it."""

from __future__ import annotations

import itertools
import json
import warnings
from functools import cache
from typing import Any

import pytest
from azure.functions._durable_functions import EntityContext, OrchestrationContext

from local.durable.answers import Answer, read_failure, read_state
from local.durable.decisions import Status
from local.durable.events import dump
from local.durable.host import DURABLE_TRIGGERS
from local.durable.instances import Instance
from local.durable.rewind import rewind_history
from local.durable.turns import Turn, build_new_events, build_payload, finish_turn
from local.indexing import IndexedFunction, index_functions, load_app
from tests.replay.recordings import HISTORIES, Record, normal, read_recording, split_turn, turns_by_instance

RECORDS = read_recording(HISTORIES / "real_host.jsonl")
TURNS = [(number, record) for number, record in enumerate(RECORDS) if record["kind"] in ("orchestrator", "entity")]
INSTANCES = turns_by_instance(RECORDS)
EVENT_SENT, GENERIC = 14, 17
ENDS = {
    call["answer"]["instanceId"]: call["answer"] for call in RECORDS if "runtimeStatus" in (call.get("answer") or ())
}


@cache
def functions() -> dict[str, IndexedFunction]:
    found = index_functions(load_app(HISTORIES / "app.py"), ("httpTrigger", *DURABLE_TRIGGERS))
    return {function.name: function for function in found}


def answer_of(record: Record) -> Answer:
    return read_state(json.dumps(record["output"])) if "output" in record else read_failure(Exception(record["raised"]))


@pytest.mark.parametrize(("number", "record"), TURNS, ids=[f"{n}-{r['name']}" for n, r in TURNS])
def test_library_given_a_recorded_payload_answers_as_recorded(number: int, record: Record) -> None:
    context = OrchestrationContext if record["kind"] == "orchestrator" else EntityContext
    call = functions()[record["name"]].call
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library advises on typing, once
        if "raised" in record:
            with pytest.raises(Exception, match="no") as raised:
                call(context(json.dumps(record["input"])))
            assert str(raised.value) == record["raised"]
        else:
            assert normal(json.loads(call(context(json.dumps(record["input"]))))) == normal(record["output"])


@pytest.mark.parametrize(("name", "instance_id"), INSTANCES, ids=[f"{n}-{i}" for n, i in INSTANCES])
def test_turns_of_the_engine_are_those_of_the_real_host(name: str, instance_id: str) -> None:
    ticks = itertools.count(17954725310000000, 1000)
    history: list[str] = []
    continued = False
    instance = first_instance(INSTANCES[name, instance_id][0])
    for record in INSTANCES[name, instance_id]:
        past, arrived = split_turn(record["input"]["history"])
        arrived = [answer_to_ours(event, past, history) for event in arrived]
        if arrived[0]["EventType"] == GENERIC:
            history = [dump(event) for event in rewind_history([json.loads(event) for event in history])]
        turn = Turn(instance, history, arrived, (), continued)
        new = build_new_events(turn, lambda: next(ticks))
        assert lines(json.loads(build_payload(turn, new))) == lines(record["input"])
        commit = finish_turn(turn, new, answer_of(record), "1.0", lambda: next(ticks))
        continued = bool(commit.starts_over)
        history = [] if continued else [*history, *commit.history]
        instance = commit.instance
    assert_ended_as_recorded(instance)


def answer_to_ours(event: Record, recorded: list[Record], history: list[str]) -> Record:
    """An entity's response is named after the request, whose id each host draws for itself."""
    theirs = [json.loads(sent["Input"])["id"] for sent in recorded if sent["EventType"] == EVENT_SENT]
    parsed = [json.loads(sent) for sent in history]
    ours = [json.loads(sent["Input"])["id"] for sent in parsed if sent["EventType"] == EVENT_SENT]
    names = dict(zip(theirs, ours, strict=True))
    return event | {"Name": names[event["Name"]]} if event.get("Name") in names else event


def first_instance(record: Record) -> Instance:
    _, (started, *_) = split_turn(record["input"]["history"])
    return Instance(
        instance_id=started["OrchestrationInstance"]["InstanceId"],
        execution_id=started["OrchestrationInstance"]["ExecutionId"],
        name=started["Name"],
        version=started["Version"],
        status=Status.PENDING,
        created_at=0,
        updated_at=0,
        input_text=started["Input"],
        parent=started["ParentInstance"],
    )


def assert_ended_as_recorded(instance: Instance) -> None:
    """Where the recording asked for the status after the last turn."""
    recorded = ENDS.get(instance.instance_id)
    if recorded is None or recorded["runtimeStatus"] == "Pending":
        return
    assert instance.status.value == recorded["runtimeStatus"]
    assert normal(_value(instance.output_text)) == normal(recorded["output"])
    assert _value(instance.custom_status) == recorded["customStatus"]
    assert _value(instance.input_text) == recorded["input"]


def _value(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def test_recording_covers_every_orchestrator_of_its_app() -> None:
    orchestrators = {name for name, function in functions().items() if function.trigger_type == "orchestrationTrigger"}
    assert {name for name, _ in INSTANCES} == orchestrators


def lines(payload: Record) -> list[str]:
    """A payload line by line, with the order of its fields, so that a difference shows where it is."""
    rest = {name: value for name, value in payload.items() if name != "history"}
    return [json.dumps(normal(part)) for part in [*payload["history"], rest]]
