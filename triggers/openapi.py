"""This API as an OpenAPI 3.1 document, made from the table of endpoints, the schemas and the models held.

The features of a deal are described as the default model knows them, so that a client generated from the document
knows them too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from flows.service import Service
from scoring.features import Feature, Key, Kind
from scoring.model import Model
from triggers import schemas
from triggers.endpoints import (
    CHANGE_RELEASE,
    DOWNLOAD,
    ENDPOINTS,
    LIST_LAKE,
    READ_DECISION,
    READ_EXPORTS,
    READ_LAKE,
    SCORE,
    SCORE_BATCH,
    UNMATCHED,
    Endpoint,
)
from triggers.problems import KINDS
from triggers.problems import Kind as ProblemKind

TITLE = "Vouch"
REF = "#/components/schemas/{name}"
PROBLEMS_BY_SLUG: Mapping[str, ProblemKind] = {kind.slug: kind for kind in KINDS.values()}
ALWAYS = ("internal-error",)
_BINARY = {DOWNLOAD: "application/x-tar", READ_LAKE: "application/octet-stream"}

_PARAMETERS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "deals": (
        {"name": "explain", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": 9999},
         "description": "How many reasons to give; without it the policy says."},
        {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
         "description": "The same key and body again replays the recorded decision."},
        {"name": "X-Model-Version", "in": "header", "schema": {"type": "string"},
         "description": "Pins a version; for operators."},
        {"name": "X-Vouch-Synthetic", "in": "header", "schema": {"type": "string", "enum": ["true"]},
         "description": "Recorded, and kept out of metrics; for operators."},
    ),
    "exports": (
        {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 200},
         "description": "How many windows, the newest first; 24 without it."},
    ),
    "release": (
        {"name": "If-Match", "in": "header", "schema": {"type": "string", "pattern": '^"[0-9]{1,18}"$'},
         "description": "The ETag of the release that is to be changed."},
    ),
    "decision": (
        {"name": "proof", "in": "query", "schema": {"type": "string", "enum": ["true", "false"]},
         "description": "Whether to add the proof that it was sealed."},
    ),
    "files": (
        {"name": "prefix", "in": "query", "schema": {"type": "string", "pattern": "^((audit|reference)/.*)?$"},
         "description": "What names begin with."},
        {"name": "after", "in": "query", "schema": {"type": "string"}, "description": "`next` of the page before."},
        {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 5000},
         "description": "The most files of a page."},
    ),
    "file": (
        {"name": "Range", "in": "header", "schema": {"type": "string", "pattern": "^bytes=[0-9]{1,15}-[0-9]{0,15}$"},
         "description": "At most 8 MiB are answered at once; a larger file is refused without it."},
    ),
}  # fmt: skip


def build_openapi(service: Service) -> dict[str, Any]:
    """The document, for the models that this instance holds."""
    types = [kind for endpoint in ENDPOINTS for kind in (endpoint.request, endpoint.response) if kind is not None]
    types += [schemas.Problem, schemas.DecisionResult, schemas.ProblemResult]
    _, components = msgspec.json.schema_components(types, ref_template=REF)
    _describe_deals(components, service)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": "1",
            "description": f"Scores deals for fraud in {service.region}, and can prove every decision it made.",
        },
        "paths": _paths(_path_schemas(service)),
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _path_schemas(service: Service) -> dict[str, dict[str, Any]]:
    """What the parameters in paths may be, by name."""
    models = list(service.models.names())
    versions = sorted({version for model in models for version in service.models.versions(model)})
    model, version = {"type": "string", "enum": models}, {"type": "string", "enum": versions}
    identifier = {"type": "string", "format": "uuid"}
    name = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,63}$"}  # the registry may know more than are held here
    return {
        "model": model,
        "name": name,
        "version": version,
        "decision_id": identifier,
        "rollout_id": identifier,
        "erasure_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "file": {"type": "string", "pattern": "^(audit|reference)/[A-Za-z0-9._=/-]+$"},
        "dataset": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,63}$"},
        "window": {"type": "string", "pattern": "^[0-9]{8}T[0-9]{6}Z$"},
        "region": {"type": "string", "enum": sorted(service.trail.keep_checkpoint.regions)},
    }


def _paths(path_schemas: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        if endpoint is not UNMATCHED:
            operations = paths.setdefault(endpoint.path, {})
            operations.update(
                {method.lower(): _operation(endpoint, method, path_schemas) for method in endpoint.methods}
            )
    return paths


def _operation(endpoint: Endpoint, method: str, path_schemas: Mapping[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name if method == endpoint.methods[0] else f"{endpoint.name}_{method.lower()}",
        "summary": endpoint.summary,
        "parameters": [*_path_parameters(endpoint.path, path_schemas), *_other_parameters(endpoint)],
        "responses": _responses(endpoint, method),
    }
    if endpoint.roles is not None:
        operation["security"] = [{"bearer": []}]
        operation["description"] = f"For the roles {', '.join(sorted(endpoint.roles))}."
    if endpoint.request is not None:
        operation["requestBody"] = {"required": True, "content": _request_content(endpoint)}
    return operation


def _path_parameters(route: str, schemas_by_name: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = re.findall(r"\{(\w+)\}", route)
    return [{"name": name, "in": "path", "required": True, "schema": schemas_by_name[name]} for name in names]


def _other_parameters(endpoint: Endpoint) -> Sequence[Mapping[str, Any]]:
    kinds = {
        CHANGE_RELEASE: "release",
        SCORE: "deals",
        SCORE_BATCH: "deals",
        LIST_LAKE: "files",
        READ_LAKE: "file",
        READ_EXPORTS: "exports",
        READ_DECISION: "decision",
    }
    return _PARAMETERS[kinds[endpoint]] if endpoint in kinds else ()


def _responses(endpoint: Endpoint, method: str) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done."}
    if method != "HEAD":
        success["content"] = _success_content(endpoint)
    responses = {str(endpoint.status): success}
    if endpoint is READ_LAKE:
        responses["206"] = {**success, "description": "The range, or the beginning of it."}
    swallowed = ("method-not-allowed",) if "{" in endpoint.route else ()  # a name that holds a colon is a verb's
    slugs = (*endpoint.problems, *ALWAYS, *swallowed)
    for status, kinds in sorted(_by_status(PROBLEMS_BY_SLUG[slug] for slug in slugs).items()):
        responses[str(status)] = {"description": "; ".join(kind.title for kind in kinds) + "."}
        if method != "HEAD":
            responses[str(status)]["content"] = _content("application/problem+json", schemas.Problem)
    return responses


def _success_content(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.name == "page":
        return {"text/html": {"schema": {"type": "string"}}}
    if endpoint in _BINARY:
        return {_BINARY[endpoint]: {"schema": {"type": "string", "format": "binary"}}}
    if endpoint.response is None:
        return {"application/json": {"schema": {"type": "object"}}}
    return _content("application/json", endpoint.response)


def _request_content(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.mimetype == "application/json":
        return _content(endpoint.mimetype, endpoint.request)
    return {endpoint.mimetype: {"schema": {"type": "string", "format": "binary"}}}


def _by_status(kinds: Iterable[ProblemKind]) -> dict[int, list[ProblemKind]]:
    grouped: dict[int, list[ProblemKind]] = {}
    for kind in kinds:
        grouped.setdefault(kind.status, []).append(kind)
    return grouped


def _content(mimetype: str, kind: type) -> dict[str, Any]:
    return {mimetype: {"schema": {"$ref": REF.format(name=kind.__name__)}}}


def _describe_deals(components: dict[str, Any], service: Service) -> None:
    """What the types can't say: the models' names, the default model's features, what a result of a batch is."""
    deal = components["Deal"]["properties"]
    names = list(service.models.names())
    deal["model"] = {"anyOf": [{"type": "string", "enum": names}, {"type": "null"}], "default": None}
    versions = [service.models.find(service.default_model, v) for v in service.models.versions(service.default_model)]
    if versions and len(names) == 1:
        deal["features"] = describe_features([model for model in versions if model])
    deal["residency"] = {
        "anyOf": [{"type": "string", "enum": sorted(service.residencies)}, {"type": "null"}],
        "default": None,
        "description": "ISO 3166-1 alpha-2. Any other country is answered with 421 and the regions that accept it.",
    }
    # One that is no deal is answered with its problem and fails none of the others, so anything is taken.
    components["Batch"]["properties"]["deals"]["items"] = {"anyOf": [_ref("Deal"), {}]}
    results = {"type": "array", "items": {"oneOf": [_ref("DecisionResult"), _ref("ProblemResult")]}}
    components["BatchResults"]["properties"]["results"] = results


def _ref(name: str) -> dict[str, str]:
    return {"$ref": REF.format(name=name)}


def describe_features(versions: Sequence[Model]) -> dict[str, Any]:
    """JSON Schema of what a deal's features may hold: all that any version takes, each as the oldest one of those
    describes it. Every name, type and hard limit; unseen categories are allowed."""
    properties: dict[str, Any] = {}
    for model in reversed(versions):
        properties |= {feature.name: _describe_feature(feature) for feature in model.features if not feature.source}
        properties |= {key.name: _describe_key(key) for key in model.keys}
    required = [feature.name for feature in versions[0].features if not feature.nullable]
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": required}


def _describe_key(key: Key) -> dict[str, Any]:
    text = {"type": "string", "minLength": 1, "maxLength": 128}
    kinds = [text, {"type": "integer"}, *([{"type": "null"}] if key.nullable else [])]
    return {"description": key.description, "anyOf": kinds}


def _describe_feature(feature: Feature) -> dict[str, Any]:
    schema: dict[str, Any] = {"description": feature.description}
    if feature.kind is Kind.NUMERIC:
        schema["type"] = "number"
        schema |= {} if feature.minimum is None else {"minimum": feature.minimum}
        schema |= {} if feature.maximum is None else {"maximum": feature.maximum}
    elif feature.kind is Kind.BOOLEAN:
        schema["type"] = "boolean"
    elif feature.categories and isinstance(feature.categories[0], int):
        schema |= {"type": "integer", "examples": list(feature.categories)}
    else:
        schema |= {"type": "string", "maxLength": 256, "examples": list(feature.categories)}
    if feature.nullable:
        schema["type"] = [schema["type"], "null"]
    return schema
