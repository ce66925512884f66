"""Calls the app's durable functions as the worker does, through the library's own converters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from azure.functions.durable_functions import (
    ActivityTriggerConverter,
    EnitityTriggerConverter,
    OrchestrationTriggerConverter,
)
from azure.functions.meta import Datum

from local.durable.answers import Answer, read_failure, read_state
from local.durable.events import dump
from local.indexing import IndexedFunction
from local.invocations import Invoker

ORCHESTRATION, ACTIVITY, ENTITY = "orchestrationTrigger", "activityTrigger", "entityTrigger"
DURABLE_TRIGGERS = (ORCHESTRATION, ACTIVITY, ENTITY)
NAME_FIELDS = {ORCHESTRATION: "orchestration", ACTIVITY: "activity", ENTITY: "entity_name"}


@dataclass(frozen=True, slots=True)
class DurableFunctions:
    """The app's orchestrators, activities and entities by their names in lower case."""

    orchestrators: Mapping[str, IndexedFunction]
    activities: Mapping[str, IndexedFunction]
    entities: Mapping[str, IndexedFunction]
    invoke: Invoker

    async def answer(self, name: str, payload: str) -> Answer:
        """What an orchestrator answers to a turn."""
        function = self.orchestrators.get(name.lower())
        if function is None:
            known = "', '".join(sorted(found.name for found in self.orchestrators.values()))
            missing = f"The function '{name}' doesn't exist, is disabled, or is not an orchestrator function."
            return Answer((), error=f"{missing} Additional info: The following are the known: '{known}'.")
        context = OrchestrationTriggerConverter.decode(Datum(payload, "json"), trigger_metadata=None)
        try:
            return read_state(await self.invoke(function, context))
        except (Exception, SystemExit) as error:
            return read_failure(error)

    async def run_activity(self, name: str, input_text: str) -> str:
        """An activity's result, JSON text. Raises whatever it raises."""
        given = ActivityTriggerConverter.decode(Datum(input_text, "json"), trigger_metadata=None)
        result = await self.invoke(self.activities[name.lower()], given)
        return dump(json.loads(ActivityTriggerConverter.encode(result, expected_type=None).value))

    async def run_entity(self, name: str, payload: str) -> str:
        """An entity's state after a batch of operations, JSON text. Raises whatever it raises."""
        context = EnitityTriggerConverter.decode(Datum(payload, "json"), trigger_metadata=None)
        return str(await self.invoke(self.entities[name.lower()], context))


def gather_functions(functions: Sequence[IndexedFunction], invoke: Invoker) -> DurableFunctions:
    """The durable ones among an app's functions."""
    return DurableFunctions(
        orchestrators=_by_name(functions, ORCHESTRATION),
        activities=_by_name(functions, ACTIVITY),
        entities=_by_name(functions, ENTITY),
        invoke=invoke,
    )


def _by_name(functions: Sequence[IndexedFunction], trigger_type: str) -> dict[str, IndexedFunction]:
    field = NAME_FIELDS[trigger_type]
    return {
        (getattr(function.trigger, field) or function.name).lower(): function
        for function in functions
        if function.trigger_type == trigger_type
    }
