"""Functions with a durable client."""

from __future__ import annotations

from collections.abc import Mapping

import azure.durable_functions as df
import azure.functions as func

from triggers.edge import Answer, Edge
from triggers.endpoints import Endpoint


def durable_blueprint(edge: Edge, answers: Mapping[Endpoint, Answer]) -> df.Blueprint:
    """One function per endpoint, each with a durable client."""
    blueprint = df.Blueprint()
    for endpoint, answer in answers.items():
        handler = blueprint.durable_client_input(client_name="client")(edge.durable_handler(endpoint, answer))
        routed = blueprint.route(
            route=endpoint.route, methods=endpoint.methods, auth_level=func.AuthLevel.ANONYMOUS, trigger_arg_name="req"
        )
        blueprint.function_name(endpoint.name)(routed(handler))
    return blueprint
