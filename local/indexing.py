"""Finds the functions of an app through `azure.functions` itself, as the worker does.

The real host answers an import failure with silence (0 functions, every route 404). Here it is said loudly: whatever
this host can't run faithfully stops it with a message that names the function.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from azure.functions.decorators.function_app import FunctionRegister

DURABLE_CLIENT = "durableClient"


class IndexingFailed(RuntimeError):
    """The app's functions could not be found; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class IndexedFunction:
    """One function of the app: its name, code, trigger and other bindings; `clients` are those of durable clients."""

    name: str
    call: Callable[..., Any]
    trigger: Any
    parameters: frozenset[str]
    is_async: bool
    clients: tuple[str, ...] = ()

    @property
    def trigger_type(self) -> str:
        """The trigger's binding type, such as `httpTrigger`."""
        return str(self.trigger.type)


def load_app(file: Path) -> Any:
    """Import a function app's file and return its one app object. Raises IndexingFailed, or what the import raises."""
    if not file.is_file():
        raise IndexingFailed(f"There is no {file}. Give the path of the app's function_app.py.")
    apps = [value for value in vars(_import(file)).values() if isinstance(value, FunctionRegister)]
    if len({id(app) for app in apps}) != 1:
        raise IndexingFailed(f"{file} must hold exactly one function app at its top level; it holds {len(apps)}.")
    return apps[0]


def index_functions(app: Any, triggers: Sequence[str]) -> list[IndexedFunction]:
    """The app's functions. Raises IndexingFailed where one has a trigger or binding beyond these triggers."""
    functions = [_index(function) for function in app.get_functions()]
    if not functions:
        raise IndexingFailed("The app has no functions: register its blueprints at import.")
    for function in functions:
        if function.trigger_type not in triggers:
            raise IndexingFailed(
                f"{function.name}: the local host doesn't run {function.trigger_type} (it runs {', '.join(triggers)})."
            )
    return functions


def _import(file: Path) -> ModuleType:
    sys.path.insert(0, str(file.parent))
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise IndexingFailed(f"{file} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def _index(function: Any) -> IndexedFunction:
    name, trigger, call = function.get_function_name(), function.get_trigger(), function.get_user_function()
    if trigger is None:
        raise IndexingFailed(f"{name}: has no trigger.")
    bindings = [binding for binding in function.get_bindings() if binding is not trigger]
    others = [binding for binding in bindings if binding.type not in ("http", DURABLE_CLIENT)]
    if others:
        raise IndexingFailed(f"{name}: the local host doesn't know the binding {others[0].type}.")
    return IndexedFunction(
        name=name,
        call=call,
        trigger=trigger,
        parameters=frozenset(inspect.signature(call).parameters),
        is_async=inspect.iscoroutinefunction(call),
        clients=tuple(binding.name for binding in bindings if binding.type == DURABLE_CLIENT),
    )
