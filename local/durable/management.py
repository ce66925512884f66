"""The management endpoints: what the library's client calls, with the status codes and bodies of the real host."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from local.durable import events
from local.durable.decisions import Status
from local.durable.entities import read_entity_state
from local.durable.entity_requests import build_request
from local.durable.events import Event, dump
from local.durable.instances import Instance, Message, Start
from local.durable.links import Links
from local.durable.queries import Query, describe_instance, read_query
from local.durable.rewind import rewind_all
from local.durable.settings import DurableSettings
from local.durable.store import Store
from local.durable.turns import start_event


@dataclass(frozen=True, slots=True)
class Call:
    """A request to an endpoint: the path below the base, in decoded segments."""

    method: str
    path: Sequence[str]
    query: Mapping[str, str]
    body: bytes
    content_type: str
    origin: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A status code and a JSON text; None is an empty body."""

    status: int
    body: str | None = None


NOT_FOUND, GONE, ACCEPTED = Reply(404), Reply(410), Reply(202)


class Management:
    """Answers calls over the store; `wake` tells the engine."""

    def __init__(
        self, store: Store, settings: DurableSettings, links: Links, wake: Callable[[], None], clock: Callable[[], int]
    ) -> None:
        self._store, self._settings, self._links, self._wake, self._clock = store, settings, links, wake, clock

    def answer(self, call: Call) -> Reply:
        """Carry out a call."""
        reply = self._route(call)
        self._wake()
        return reply

    def _route(self, call: Call) -> Reply:
        segments = [segment for segment in call.path if segment]
        if not segments:
            return NOT_FOUND
        rooms = {"orchestrators": self._orchestrators, "instances": self._instances, "entities": self._entities}
        room = rooms.get(segments[0])
        return NOT_FOUND if room is None else room(call, segments[1:])

    def _orchestrators(self, call: Call, path: Sequence[str]) -> Reply:
        match call.method, path:
            case "POST", [name]:
                return self._start(call, name, uuid.uuid4().hex)
            case "POST", [name, instance_id]:
                return self._start(call, name, instance_id)
        return NOT_FOUND

    def _instances(self, call: Call, path: Sequence[str]) -> Reply:
        match call.method, path:
            case "GET", []:
                return self._list(read_query(call.query))
            case "DELETE", []:
                return self._purge_all(call)
            case "GET", [instance_id]:
                return self._status(instance_id, read_query(call.query))
            case "DELETE", [instance_id]:
                return self._purge(instance_id)
            case "POST", [instance_id, *operation]:
                return self._operate(call, instance_id, operation)
        return NOT_FOUND

    def _operate(self, call: Call, instance_id: str, operation: Sequence[str]) -> Reply:
        match operation:
            case ["raiseEvent", name]:
                return self._raise(call, instance_id, name)
            case [("terminate" | "suspend" | "resume") as order]:
                return self._order(instance_id, order, call.query.get("reason", ""))
            case ["restart"]:
                return self._restart(call, instance_id)
            case ["rewind"]:
                return self._rewind(instance_id, call.query.get("reason", ""))
        return NOT_FOUND

    def _entities(self, call: Call, path: Sequence[str]) -> Reply:
        match call.method, path:
            case "GET", [name, key]:
                state = read_entity_state(self._store.find(f"@{name.lower()}@{key}"))
                return NOT_FOUND if state is None else Reply(200, state)
            case "POST", [name, key]:
                return self._signal(call, f"@{name.lower()}@{key}")
        return NOT_FOUND

    def _signal(self, call: Call, entity_id: str) -> Reply:
        try:
            text = dump(json.loads(call.body)) if call.body else None
        except ValueError:
            return _problem(400, "Could not parse JSON content")
        at, operation = self._clock(), call.query.get("op", "")
        request = build_request(operation, text, str(uuid.uuid4()), is_signal=True, parent=None, order={}, at=at)
        return self._send(entity_id, request)

    def _start(self, call: Call, name: str, instance_id: str) -> Reply:
        input_text = None
        if call.body:
            try:
                input_text = dump(json.loads(call.body))
            except ValueError:
                return _problem(400, "Invalid JSON content")
        version = call.query.get("version", self._settings.default_version)
        instance = self._new_instance(instance_id, str(uuid.uuid4()), name, version, input_text)
        return self._begin(call, instance)

    def _begin(self, call: Call, instance: Instance) -> Reply:
        at = self._clock()
        living = self._store.start(Start(instance, start_event(instance, at, generation=0)), at)
        if living is not None:
            return _problem(409, f"An Orchestration instance with the status {living.status} already exists.")
        return Reply(202, dump(self._links.started(call.origin, instance.instance_id)))

    def _restart(self, call: Call, instance_id: str) -> Reply:
        old = self._store.find(instance_id)
        if old is None:
            return _problem(400, "InstanceId does not match a valid orchestration instance.")
        keeps_id = call.query.get("restartWithNewInstanceId", "true").lower() == "false"
        new_id = instance_id if keeps_id else uuid.uuid4().hex
        instance = self._new_instance(new_id, uuid.uuid4().hex, old.name, old.version, old.input_text)
        return self._begin(call, instance)

    def _rewind(self, instance_id: str, reason: str) -> Reply:
        instance = self._store.find(instance_id)
        if instance is None:
            return _problem(404, f'No orchestration with instance ID "{instance_id}" found.')
        if instance.status is not Status.FAILED:
            return _problem(412, f"This orchestration has status {instance.status}; only failed ones can be rewound.")
        at = self._clock()
        rewound = rewind_all(instance_id, lambda one: [json.loads(event) for event in self._store.history(one)])
        self._store.rewind(rewound, events.generic(at, reason), at)
        return ACCEPTED

    def _new_instance(
        self, instance_id: str, execution_id: str, name: str, version: str, input_text: str | None
    ) -> Instance:
        at = self._clock()
        return Instance(instance_id, execution_id, name, version, Status.PENDING, at, at, input_text)

    def _status(self, instance_id: str, query: Query) -> Reply:
        instance = self._store.find(instance_id)
        if instance is None:
            return NOT_FOUND
        history = self._store.history(instance_id) if query.shows_history else None
        return Reply(200 if instance.status.is_final else 202, dump(describe_instance(instance, query, history)))

    def _list(self, query: Query) -> Reply:
        found = [instance for instance in self._store.list_instances() if query.takes(instance)]
        return Reply(200, dump([describe_instance(instance, query, None) for instance in found[: query.page_size]]))

    def _purge(self, instance_id: str) -> Reply:
        instance = self._store.find(instance_id)
        if instance is None:
            return NOT_FOUND
        if not instance.status.is_final and not instance_id.startswith("@"):
            return _problem(412, f"Only orchestrations in a terminal state can be purged; this is {instance.status}.")
        self._store.purge([instance_id])
        return Reply(200, dump({"instancesDeleted": 1}))

    def _purge_all(self, call: Call) -> Reply:
        query = read_query(call.query)
        if query.created_from is None:
            return _problem(400, "Please provide value for 'createdTimeFrom' parameter.")
        found = [i.instance_id for i in self._store.list_instances() if i.status.is_final and query.takes(i)]
        self._store.purge(found)
        return Reply(200, dump({"instancesDeleted": len(found)})) if found else NOT_FOUND

    def _raise(self, call: Call, instance_id: str, name: str) -> Reply:
        refused = self._refuse(instance_id)
        if refused is not None:
            return refused
        if call.content_type.split(";")[0].strip().lower() != "application/json":
            return _problem(400, "Only application/json request content is supported")
        try:
            text = dump(json.loads(call.body)) if call.body else None
        except ValueError:
            return _problem(400, "Invalid JSON content")
        return self._send(instance_id, events.event_raised(self._clock(), name, text))

    def _order(self, instance_id: str, operation: str, reason: str) -> Reply:
        refused = self._refuse(instance_id)
        if refused is not None:
            return refused
        build = {
            "terminate": events.execution_terminated,
            "suspend": events.execution_suspended,
            "resume": events.execution_resumed,
        }[operation]
        return self._send(instance_id, build(self._clock(), reason))

    def _send(self, instance_id: str, event: Event) -> Reply:
        at = self._clock()
        self._store.send(Message(instance_id, event, at), at)
        return ACCEPTED

    def _refuse(self, instance_id: str) -> Reply | None:
        instance = self._store.find(instance_id)
        if instance is None:
            return NOT_FOUND
        return GONE if instance.status.is_final else None


def _problem(status: int, message: str) -> Reply:
    return Reply(status, dump({"Message": message}))
