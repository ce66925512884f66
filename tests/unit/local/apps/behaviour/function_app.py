"""One function for each behaviour of the host that a test asks for."""

import asyncio
import json
import sys
import threading
import time

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
meetings: dict[str, int] = {"now": 0, "most": 0}


@app.route(route="echo/{id}", methods=["GET", "POST", "HEAD"])
async def echo(req: func.HttpRequest) -> func.HttpResponse:
    """Tells what it was given."""
    given = {
        "method": req.method,
        "url": req.url,
        "params": dict(req.params),
        "route_params": dict(req.route_params),
        "headers": dict(req.headers),
        "body": req.get_body().decode("latin-1")[:100],
        "body_bytes": len(req.get_body()),
    }
    return func.HttpResponse(json.dumps(given), mimetype="application/json")


@app.route(route="plain", methods=["GET"])
async def plain(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("hello")


@app.route(route="headers", methods=["GET"])
async def headers(req: func.HttpRequest) -> func.HttpResponse:
    own = {"traceparent": "00-1-2-01", "Retry-After": "7", "Server": "own", "Content-Length": "1"}
    response = func.HttpResponse(b"{}", status_code=503, mimetype="application/problem+json", headers=own)
    response.headers.add("Set-Cookie", "a=1; Path=/")
    response.headers.add("Set-Cookie", "b=2")
    return response


@app.route(route="text", methods=["GET"])
async def text(req: func.HttpRequest) -> str:
    return '{"a":[1]}'


@app.route(route="nothing", methods=["GET"])
async def nothing(req: func.HttpRequest) -> None:
    return None


@app.route(route="dictionary", methods=["GET"])
async def dictionary(req: func.HttpRequest) -> dict[str, int]:
    return {"a": 1}


@app.route(route="raises", methods=["GET"])
async def raises(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("secret detail")


@app.route(route="exits", methods=["GET"])
async def exits(req: func.HttpRequest) -> func.HttpResponse:
    sys.exit(3)


@app.route(route="meet/coroutine", methods=["GET"])
async def meet_coroutine(req: func.HttpRequest) -> func.HttpResponse:
    meetings["now"] += 1
    meetings["most"] = max(meetings["most"], meetings["now"])
    await asyncio.sleep(0.2)
    meetings["now"] -= 1
    return func.HttpResponse(json.dumps({"most": meetings["most"], "thread": threading.current_thread().name}))


@app.route(route="meet/thread", methods=["GET"])
def meet_thread(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(0.2)
    return func.HttpResponse(json.dumps({"thread": threading.current_thread().name}))


@app.route(route="block", methods=["GET"])
async def block(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(0.1)  # noqa: ASYNC251 - what a blocking call does to everybody is the point
    return func.HttpResponse("")


@app.route(route="context", methods=["GET"])
async def with_context(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    given = [context.function_name, context.invocation_id, context.trace_context.trace_parent]
    return func.HttpResponse(json.dumps(given))
