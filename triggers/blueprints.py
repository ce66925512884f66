"""Registers handlers on blueprints, by their rows in the table of endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from triggers.edge import Answer, Edge
from triggers.endpoints import Endpoint


def build_blueprint(edge: Edge, answers: Mapping[Endpoint, Answer]) -> func.Blueprint:
    """A blueprint with one function per endpoint."""
    blueprint = func.Blueprint()
    for endpoint, answer in answers.items():
        _register(blueprint, endpoint, edge.handler(endpoint, answer))
    return blueprint


def durable_blueprint(edge: Edge, answers: Mapping[Endpoint, Answer]) -> df.Blueprint:
    """The same, each function with a durable client."""
    blueprint = df.Blueprint()
    for endpoint, answer in answers.items():
        handler = edge.durable_handler(endpoint, answer)
        _register(blueprint, endpoint, blueprint.durable_client_input(client_name="client")(handler))
    return blueprint


def _register(blueprint: func.Blueprint, endpoint: Endpoint, handler: Any) -> None:
    """The app authenticates callers itself, hence ANONYMOUS."""
    routed = blueprint.route(
        route=endpoint.route, methods=endpoint.methods, auth_level=func.AuthLevel.ANONYMOUS, trigger_arg_name="req"
    )
    blueprint.function_name(endpoint.name)(routed(handler))
