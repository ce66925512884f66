"""The HTTP half of the host: an ASGI application that routes, decodes, calls and encodes as the real host does.

Requests and answers pass through the library's own converters, so that what the app sees is what it sees on Azure.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qsl

from azure.functions.http import HttpRequestConverter, HttpResponseConverter
from azure.functions.meta import Datum

from local.indexing import IndexedFunction, IndexingFailed
from local.invocations import Invoker
from local.routes import Route, Router, compile_route, decode_path

MAX_BODY_BYTES = 104_857_600
MAX_REQUEST_LINE_BYTES = 8_192
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
PlainAnswer = Callable[[str, str, bytes, dict[str, str], bytes], "PlainReply"]
log = logging.getLogger("host.http")


class PlainReply(Protocol):
    """What the host itself answers."""

    @property
    def status(self) -> int: ...
    @property
    def body(self) -> str | None: ...


class RequestDropped(Exception):
    """The caller went away before its request was complete."""


class HttpHost:
    """Serves the app's HTTP functions."""

    def __init__(self, functions: Sequence[IndexedFunction], invoke: Invoker, route_prefix: str = "") -> None:
        self.router = Router([_route(function, route_prefix) for function in functions])
        self._invoke = invoke

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        status, headers, body = await self._answer(scope, receive)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, Headers, bytes]:
        if _request_line_bytes(scope) > MAX_REQUEST_LINE_BYTES:
            return _empty(414)
        match = self.router.find(scope["method"], decode_path(scope["raw_path"]))
        if match is None:
            return _empty(404)
        headers = join_headers(scope["headers"])
        declared_bytes = int(headers.get("content-length", "0"))
        if declared_bytes > MAX_BODY_BYTES:
            return _empty(500)
        try:
            body = await _read_body(receive) if declared_bytes else b""
            request = _decode(scope, headers, match.parameters, body)
            result = await self._invoke(match.target, request, headers.get("traceparent", ""))
            return _encode(result)
        except RequestDropped:
            return _empty(499)
        except (Exception, SystemExit):
            log.exception("%s failed: the caller gets 500 with an empty body", match.target.name)
            return _empty(500)


async def answer_plain(scope: Scope, receive: Receive, send: Send, answer: PlainAnswer) -> None:
    """Answer a request of the host's own, not the app's."""
    headers = join_headers(scope["headers"])
    try:
        body = await _read_body(receive) if int(headers.get("content-length", "0")) else b""
        reply = answer(scope["method"], scope["path"], scope["query_string"], headers, body)
        status, text = reply.status, reply.body or ""
    except RequestDropped:
        status, text = 499, ""
    except Exception:
        log.exception("an endpoint of the host failed")
        status, text = 500, ""
    sent = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(text.encode())).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": sent if text else sent[1:]})
    await send({"type": "http.response.body", "body": text.encode()})


def join_headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Header names in lower case; repeated ones are joined by commas."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def join_query(raw: bytes) -> dict[str, str]:
    """The query's parameters: repeated keys are joined by commas, empty ones vanish."""
    if not raw:
        return {}
    values: dict[str, list[str]] = {}
    for key, value in parse_qsl(raw.decode("latin-1"), keep_blank_values=True):
        values.setdefault(key, []).append(value)
    return {key: joined for key, several in values.items() if (joined := ",".join(several))}


def _route(function: IndexedFunction, prefix: str) -> Route[IndexedFunction]:
    trigger = function.trigger
    auth_level = str(getattr(trigger.auth_level, "value", trigger.auth_level)).lower()
    if auth_level != "anonymous":
        raise IndexingFailed(f"{function.name}: has auth level {auth_level}; the local host knows only anonymous.")
    own = trigger.route or function.name
    template = f"{prefix.strip('/')}/{own.lstrip('/')}" if prefix else own
    methods = [str(getattr(method, "value", method)) for method in trigger.methods or ()]
    return compile_route(function.name, template, methods, function)


async def _read_body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    pieces = [body]
    while message["type"] == "http.request" and message.get("more_body", False):
        message = await receive()
        pieces.append(message.get("body", b""))
    if message["type"] != "http.request":
        raise RequestDropped
    return body if len(pieces) == 1 else b"".join(pieces)


def _decode(scope: Scope, headers: Mapping[str, str], parameters: Mapping[str, str], body: bytes) -> object:
    query: bytes = scope["query_string"]
    url = f"{scope['scheme']}://{headers.get('host', '')}{scope['raw_path'].decode('latin-1')}"
    parts = {
        "method": _string(scope["method"]),
        "url": _string(f"{url}?{query.decode('latin-1')}" if query else url),
        "headers": {name: _string(value) for name, value in headers.items()},
        "query": {name: _string(value) for name, value in join_query(query).items()},
        "params": {name: _string(value) for name, value in parameters.items()},
        "body": Datum(body, "bytes"),
    }
    return HttpRequestConverter.decode(Datum(parts, "http"), trigger_metadata=None)


def _encode(result: object) -> tuple[int, Headers, bytes]:
    encoded = HttpResponseConverter.encode(result, expected_type=None)
    if encoded.type == "string":
        return 200, [(b"content-type", b"text/plain; charset=utf-8")], _reindent(encoded.value).encode()
    parts = encoded.value
    body: bytes = parts["body"].value
    headers = [
        (name.encode("latin-1"), value.value.encode("latin-1"))
        for name, value in parts["headers"].items()
        if name.lower() != "content-length"
    ]
    headers += [
        (b"set-cookie", morsel.OutputString().encode("latin-1"))
        for cookie in parts["cookies"] or ()
        for morsel in cookie.values()
    ]
    headers.append((b"content-length", str(len(body)).encode()))
    return int(parts["status_code"].value), headers, body


def _reindent(text: str) -> str:
    """A returned str that is JSON comes out indented by the host, which is a reason not to return one."""
    try:
        document = json.loads(text)
    except ValueError:
        return text
    return json.dumps(document, indent=2, ensure_ascii=False) if isinstance(document, dict | list) else text


def _request_line_bytes(scope: Scope) -> int:
    return len(scope["method"]) + len(scope["raw_path"]) + len(scope["query_string"]) + len(" ? HTTP/1.1\r\n")


def _empty(status: int) -> tuple[int, Headers, bytes]:
    return status, [(b"content-length", b"0")], b""


def _string(value: str) -> Datum:
    return Datum(value, "string")
