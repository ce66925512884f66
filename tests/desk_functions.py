"""The app's functions as a desk finds them: by the host's order of routes, and built when they are first asked for.

The library takes milliseconds to build each function, and a test asks few of them. So all of them are built once, for
their routes, which are the same whatever stands behind them; after that each desk builds the blueprints that it needs.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import azure.functions as func

from flows.rolling_out.control_room import ControlRoom
from triggers.blueprints import build_blueprint, durable_blueprint
from triggers.decisions import decisions_blueprint
from triggers.edge import Edge
from triggers.health import health_blueprint
from triggers.lake import lake_blueprint
from triggers.models import models_blueprint
from triggers.open_inference import open_inference_blueprint
from triggers.page import page_blueprint
from triggers.privacy import privacy_blueprint
from triggers.reference import reference_blueprint
from triggers.registry import registry_blueprint
from triggers.releases import releases_blueprint
from triggers.rollouts import reading_answers, steering_answers
from triggers.scoring import scoring_blueprint
from triggers.trail import sealing_answers, trail_answers
from triggers.unmatched import unmatched_blueprint
from triggers.versions import versions_blueprint

Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]
Build = Callable[[Edge, Any], func.Blueprint]


def _room(edge: Edge) -> ControlRoom:
    assert edge.service.control is not None
    return edge.service.control


def _alone(build: Callable[[Edge], func.Blueprint]) -> Build:
    return lambda edge, engine: build(edge)


BLUEPRINTS: list[Build] = [
    lambda edge, engine: build_blueprint(edge, reading_answers(_room(edge))),
    lambda edge, engine: durable_blueprint(edge, steering_answers(_room(edge), engine)),
    lambda edge, engine: build_blueprint(edge, trail_answers(edge.service.trail)),
    lambda edge, engine: durable_blueprint(edge, sealing_answers(edge.service.trail)),
    *map(_alone, (
        registry_blueprint, versions_blueprint, scoring_blueprint, decisions_blueprint, models_blueprint,
        lake_blueprint, privacy_blueprint, releases_blueprint, reference_blueprint, open_inference_blueprint,
        health_blueprint, page_blueprint, unmatched_blueprint,
    )),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Route:
    """Where a function is called, and what builds its blueprint."""

    name: str
    methods: frozenset[str]
    pattern: re.Pattern[str]
    build: Build


_routes: list[Route] = []


@dataclass
class Functions:
    """The functions before one edge."""

    edge: Edge
    engine: Any
    handlers: dict[str, Handler] = field(default_factory=dict)

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]]:
        """The function that the host would call, and its route's parameters."""
        for route in self._all_routes():
            match = route.pattern.fullmatch(path.strip("/"))
            if match and method in route.methods:
                return self._handler(route), match.groupdict()
        raise LookupError(f"no function for {method} {path}")

    def _handler(self, route: Route) -> Handler:
        if route.name not in self.handlers:
            self.handlers |= {
                built.get_function_name(): built.get_user_function() for built in self._build(route.build)
            }
        return self.handlers[route.name]

    def _all_routes(self) -> list[Route]:
        if not _routes:
            found = [_route(built, build) for build in BLUEPRINTS for built in self._build(build)]
            _routes.extend(sorted(found, key=lambda route: route.name))
        return _routes

    def _build(self, build: Build) -> list[Any]:
        app = func.FunctionApp()
        app.register_functions(build(self.edge, self.engine))
        functions: list[Any] = app.get_functions()
        return functions


def _route(built: Any, build: Build) -> Route:
    trigger = built.get_trigger().get_dict_repr()
    route = re.escape(trigger["route"].strip("/")).replace(r"\{", "{").replace(r"\}", "}").replace(r"\*", "*")
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", re.sub(r"\{\*(\w+)\}", r"(?P<\1>.*)", route))
    methods = frozenset(str(getattr(method, "value", method)) for method in trigger["methods"])
    return Route(built.get_function_name(), methods, re.compile(pattern, re.IGNORECASE), build)
