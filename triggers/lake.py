"""The lake over HTTP: listed by prefix, read whole or in ranges (RFC 9110), for those who verify or replay it."""

from __future__ import annotations

import re

import azure.functions as func

from flows.records.read_lake import MOST_BYTES, MOST_FILES, ROOTS, is_prefix
from triggers.blueprints import build_blueprint
from triggers.edge import Edge, Exchange, Reply
from triggers.endpoints import LIST_LAKE, READ_LAKE
from triggers.problems import InvalidParameter

BYTES = "application/octet-stream"
MOST_CHARACTERS = 2_048

_RANGE = re.compile(r"bytes=([0-9]{1,15})-([0-9]{0,15})")
_LIMIT = re.compile(r"[0-9]{1,4}")


def lake_blueprint(edge: Edge) -> func.Blueprint:
    read_lake = edge.service.records.read_lake

    async def list_files(exchange: Exchange) -> Reply:
        given = exchange.request.params
        prefix, after = given.get("prefix") or ROOTS[0], given.get("after") or ""
        if not is_prefix(prefix):
            raise InvalidParameter("prefix", f"must begin with one of {', '.join(ROOTS)}")
        try:
            page = await read_lake.list(prefix, _checked(after), _read_limit(given.get("limit")))
        except ValueError:
            raise InvalidParameter("after", "is no page's next; begin without it") from None
        files = [{"name": file.name, "size": file.size} for file in page.files]
        return Reply({"files": files, "next": page.next or None})

    async def read(exchange: Exchange) -> Reply:
        asked = _read_range(exchange.header("range"))
        start, size = asked or (0, MOST_BYTES)
        span = await read_lake.read(exchange.call, exchange.param("file"), start, size)
        if asked is None and span.total > MOST_BYTES:
            raise InvalidParameter(
                "Range", f"is required for a file of {span.total} bytes; at most {MOST_BYTES} go out"
            )
        headers = {"Accept-Ranges": "bytes"}
        if asked is None or not span.total:
            return Reply(span.content, headers=headers, mimetype=BYTES)
        headers["Content-Range"] = f"bytes {start}-{start + len(span.content) - 1}/{span.total}"
        return Reply(span.content, 206, headers, BYTES)

    return build_blueprint(edge, {LIST_LAKE: list_files, READ_LAKE: read})


def _checked(after: str) -> str:
    if len(after) > MOST_CHARACTERS or not after.isprintable():
        raise ValueError("no page begins there")
    return after


def _read_limit(given: str | None) -> int:
    limit = int(given) if given and _LIMIT.fullmatch(given) else MOST_FILES if given is None else 0
    if not 0 < limit <= MOST_FILES:
        raise InvalidParameter("limit", f"must be a whole number from 1 to {MOST_FILES}")
    return limit


def _read_range(header: str | None) -> tuple[int, int] | None:
    """Where to begin and how many bytes; None where nothing was asked that this endpoint knows, so that it answers
    the whole file (RFC 9110, section 14.2)."""
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None:
        return None
    start = int(found[1])
    size = int(found[2]) - start + 1 if found[2] else MOST_BYTES
    return (start, min(size, MOST_BYTES)) if size > 0 else None
