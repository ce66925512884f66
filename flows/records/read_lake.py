"""Hand out the lake as it lies there, to whoever verifies or copies it.

What a file says of decisions or of a reference dataset is read by somebody, so that is recorded before its first byte
is shown: once an hour for each caller, window and dataset. Manifests, the chain, checkpoints, schemas and performance
say nothing of anybody, and reading them is not recorded.
"""

from __future__ import annotations

import re

from audit.records import RecordType
from flows.calls import Call
from flows.errors import NotFound, SpanNotThere, StorageFailed, StorageUnavailable
from flows.ports import Clock, Lake, LakePage, Span
from flows.write_record import Note, WriteRecord

ROOTS = ("audit/", "reference/")
MOST_FILES = 5_000
MOST_BYTES = 8 * 2**20
RECORDED_FOR_S = 3_600.0
MOST_REMEMBERED = 10_000
MAX_NAME = 512

_NAME = re.compile(r"(?:[A-Za-z0-9_=-][A-Za-z0-9._=-]*/)*[A-Za-z0-9_=-][A-Za-z0-9._=-]*")
_RECORDED = re.compile(r"(?P<dataset>(?:audit|reference)/[^/]+)/.*?(?P<part>\d{8}T\d{6}Z|snapshot=[^/]+)")
_SILENT = ("audit/manifests/", "audit/chain/", "audit/witness/", "audit/schemas/", "audit/performance/")


class ReadLake:
    """Remembers which reads it has recorded, so that a file read in a hundred pieces is one record."""

    def __init__(self, lake: Lake, write: WriteRecord, clock: Clock) -> None:
        self._lake = lake
        self._write = write
        self._clock = clock
        self._recorded: dict[tuple[str, str], float] = {}

    async def list(self, prefix: str, after: str, most: int) -> LakePage:
        """Files in order of names, by a prefix that `is_prefix`. Raises ValueError where `after` is no page's `next`,
        or StorageUnavailable."""
        try:
            return await self._lake.list_page(prefix, after, most)
        except StorageFailed as error:
            raise StorageUnavailable("the lake could not be listed") from error

    async def read(self, call: Call, name: str, start: int, size: int) -> Span:
        """Some bytes of a file. Raises NotFound, SpanNotThere, Archived, StorageUnavailable, or what recording it
        raises."""
        span = await self._read(name, start, size) if _is_name(name) else None
        if span is None:
            raise NotFound("file under that name")
        if not span.content and start > 0:
            raise SpanNotThere(span.total)
        await self._record(call, name)
        return span

    async def _read(self, name: str, start: int, size: int) -> Span | None:
        try:
            return await self._lake.read_span(name, start, size)
        except StorageFailed as error:
            raise StorageUnavailable("the lake could not be read") from error

    async def _record(self, call: Call, name: str) -> None:
        if name.startswith(_SILENT):
            return
        found = _RECORDED.match(name)
        dataset, part = (found["dataset"], found["part"]) if found else (name, "")
        key, now = (call.caller.id, f"{dataset}/{part}"), self._clock.monotonic()
        if now - self._recorded.get(key, -RECORDED_FOR_S) < RECORDED_FOR_S:
            return
        data = {"lake": dataset, "part": part, "caller": call.caller.id, "request_id": call.request_id}
        await self._write(Note(RecordType.AUDIT_READ, data, {}))
        if len(self._recorded) >= MOST_REMEMBERED:
            self._recorded.clear()
        self._recorded[key] = now


def is_prefix(prefix: str) -> bool:
    """Whether names may be listed by it."""
    return prefix in ROOTS or _is_name(prefix.removesuffix("/"))


def _is_name(name: str) -> bool:
    """Whether it could be a file of the trail or of a reference dataset: no dots that lead elsewhere, no escapes."""
    return len(name) <= MAX_NAME and name.startswith(ROOTS) and _NAME.fullmatch(name) is not None
