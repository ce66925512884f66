"""The edge: what is the same for every request, around what is particular to each.

1. request id and trace context;
2. authenticate and authorise, by the endpoint's row in the table;
3. is there a body, is it small enough, is it JSON;
4. the endpoint's own answer;
5. errors to problems; a refused request of an authenticated caller is recorded, without its payload;
6. one log line, which holds no feature, person, deal id or token, but of a failure what it was.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import azure.functions as func
import msgspec

from flows.calls import Call, Caller
from flows.errors import NotAllowed, Unauthenticated, VouchError
from flows.ports import Clock
from flows.service import Service
from triggers.bodies import decode_json, require_json, require_type
from triggers.endpoints import UNMATCHED, Endpoint
from triggers.problems import BodyTooLarge, InternalError, LengthRequired, build_problem, kind_of, nothing_answers
from triggers.trace import accept_request_id, continue_trace

JSON = "application/json"
PROBLEM = "application/problem+json"
NOBODY = Caller("", frozenset())

request_log = logging.getLogger("vouch.requests")
fault_log = logging.getLogger("vouch.faults")
encode = msgspec.json.encode


class Tokens(Protocol):
    async def authenticate(self, authorization: str | None) -> Caller:
        """Raises Unauthenticated or KeysUnavailable."""


@dataclass(slots=True)
class Exchange:
    """One request on its way. `told` is what the endpoint adds to the log line, `client` the durable client where the
    endpoint has one."""

    request: func.HttpRequest
    call: Call
    body: object = None
    raw_body: bytes = b""
    told: dict[str, object] = field(default_factory=dict)
    client: Any = None

    def param(self, name: str) -> str:
        """A parameter of the route."""
        return str(self.request.route_params.get(name, ""))

    def header(self, name: str) -> str | None:
        value: str | None = self.request.headers.get(name)
        return value


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `content` is encoded as JSON unless it is bytes already."""

    content: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    mimetype: str = JSON


Answer = Callable[[Exchange], Awaitable[Reply]]
Handler = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]
DurableHandler = Callable[[func.HttpRequest, Any], Awaitable[func.HttpResponse]]


class Edge:
    """Wraps every handler of one region's app."""

    def __init__(self, service: Service, tokens: Tokens, clock: Clock) -> None:
        self.service = service
        self._tokens = tokens
        self._clock = clock

    def handler(self, endpoint: Endpoint, answer: Answer) -> Handler:
        """The function that the host calls for an endpoint."""

        async def handle(req: func.HttpRequest) -> func.HttpResponse:
            return await self._handle(endpoint, answer, Exchange(req, self._open_call(endpoint, req)))

        return handle

    def durable_handler(self, endpoint: Endpoint, answer: Answer) -> DurableHandler:
        """The same for an endpoint that has a durable client."""

        async def handle(req: func.HttpRequest, client: Any) -> func.HttpResponse:
            exchange = Exchange(req, self._open_call(endpoint, req), client=client)
            return await self._handle(endpoint, answer, exchange)

        return handle

    async def _handle(self, endpoint: Endpoint, answer: Answer, exchange: Exchange) -> func.HttpResponse:
        await self.service.ensure_started()
        try:
            reply = await self._answer(endpoint, exchange, answer)
        except VouchError as error:
            reply = await self._refuse(endpoint, exchange, error)
        except Exception:
            # The last boundary: the caller gets a problem, the log gets the fault.
            fault_log.exception("Request %s to %s failed.", exchange.call.request_id, endpoint.name)
            reply = await self._refuse(endpoint, exchange, InternalError())
        self._log(endpoint, exchange, reply)
        return self._respond(exchange, reply)

    def _open_call(self, endpoint: Endpoint, req: func.HttpRequest) -> Call:
        return Call(
            caller=NOBODY,
            route=endpoint.name,
            request_id=accept_request_id(req.headers.get("x-request-id")),
            traceparent=continue_trace(req.headers.get("traceparent")),
            arrived=self._clock.monotonic(),
        )

    async def _answer(self, endpoint: Endpoint, exchange: Exchange, answer: Answer) -> Reply:
        if endpoint is not UNMATCHED and _is_of_another_route(exchange.request):
            raise nothing_answers(unquote(urlsplit(exchange.request.url).path))
        if endpoint.roles is not None:
            caller = await self._tokens.authenticate(exchange.header("authorization"))
            call = exchange.call
            exchange.call = Call(caller, call.route, call.request_id, call.traceparent, call.arrived)
            if not caller.roles & endpoint.roles:
                raise NotAllowed(sorted(endpoint.roles))
        if endpoint.request is not None:
            exchange.raw_body = _read_body(endpoint, exchange.request)
            exchange.body = decode_json(exchange.raw_body) if endpoint.mimetype == JSON else None
        return await answer(exchange)

    async def _refuse(self, endpoint: Endpoint, exchange: Exchange, error: VouchError) -> Reply:
        kind = kind_of(error)
        exchange.told["problem"] = kind.slug
        if isinstance(error, Unauthenticated):
            exchange.told["reason"] = error.reason
        if kind.status >= 500 and str(error):
            exchange.told["fault"] = _fault_of(error)
        await self.record_refusal(exchange, error)
        problem = build_problem(error, exchange.call.request_id, is_open_inference=endpoint.is_open_inference)
        return Reply(problem, kind.status, kind.headers(error), PROBLEM)

    async def record_refusal(self, exchange: Exchange, error: VouchError) -> None:
        """Record that an authenticated caller was refused. Where that fails, the refusal still stands and the log
        tells of it."""
        kind = kind_of(error)
        if exchange.call.caller is NOBODY or kind.status >= 500:
            return
        try:
            await self.service.record_rejection(
                exchange.call, kind.status, kind.slug, len(getattr(error, "faults", ()))
            )
        except VouchError as failure:
            fault_log.error(
                "The refusal of request %s was not recorded: %s. See the ledger's state under /health/ready.",
                exchange.call.request_id,
                failure,
            )

    def _log(self, endpoint: Endpoint, exchange: Exchange, reply: Reply) -> None:
        call = exchange.call
        line = {
            "message": "request",
            "region": self.service.region,
            "endpoint": endpoint.name,
            "method": exchange.request.method,
            "status": reply.status,
            "request_id": call.request_id,
            "traceparent": call.traceparent,
            "caller": call.caller.id,
            "latency_ms": round((self._clock.monotonic() - call.arrived) * 1000, 2),
            **exchange.told,
        }
        request_log.info(encode(line).decode())

    def _respond(self, exchange: Exchange, reply: Reply) -> func.HttpResponse:
        call = exchange.call
        content = reply.content if isinstance(reply.content, bytes) else encode(reply.content)
        return func.HttpResponse(
            content,
            status_code=reply.status,
            headers={
                "X-Region": self.service.region,
                "X-Request-Id": call.request_id,
                "traceparent": call.traceparent,
                "Cache-Control": "no-store",
                "X-Content-Type-Options": "nosniff",
                **reply.headers,
            },
            mimetype=reply.mimetype,
        )


def _fault_of(error: VouchError) -> str:
    """What failed, for the log: the caller is told what to do, whoever runs the region needs to know why."""
    told, cause = str(error), str(error.__cause__ or "")
    return told if cause in told else f"{told}: {cause}"


def _is_of_another_route(request: func.HttpRequest) -> bool:
    """Whether the host took `name:verb` for a name: it matches routes without knowing of verbs."""
    return any(":" in given for given in request.route_params.values())


def _read_body(endpoint: Endpoint, request: func.HttpRequest) -> bytes:
    """The raw body, if it may be looked at."""
    body = request.get_body()
    if not body and "transfer-encoding" in request.headers:
        raise LengthRequired
    if len(body) > endpoint.max_bytes:
        raise BodyTooLarge(endpoint.max_bytes)
    content_type = request.headers.get("content-type")
    if endpoint.mimetype != JSON:
        require_type(content_type, endpoint.mimetype)
    elif content_type or not endpoint.is_open_inference:  # the protocol's own clients send none
        require_json(content_type)
    return body
