"""Registers handlers on a blueprint, by their rows in the table of endpoints."""

from __future__ import annotations

from collections.abc import Mapping

import azure.functions as func

from triggers.edge import Answer, Edge
from triggers.endpoints import Endpoint


def build_blueprint(edge: Edge, answers: Mapping[Endpoint, Answer]) -> func.Blueprint:
    """A blueprint with one function per endpoint. The app authenticates callers itself, hence ANONYMOUS."""
    blueprint = func.Blueprint()
    for endpoint, answer in answers.items():
        routed = blueprint.route(
            route=endpoint.route, methods=endpoint.methods, auth_level=func.AuthLevel.ANONYMOUS, trigger_arg_name="req"
        )
        blueprint.function_name(endpoint.name)(routed(edge.handler(endpoint, answer)))
    return blueprint
