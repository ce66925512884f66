"""Azure Blobs: one container over the REST interface, and the rule for answers that were lost.

    read, list, stage     tried again until the deadline: they change nothing that counts
    create, commit        create-only (If-None-Match: *), so that they may be tried again, too: a try that finds the
                          blob standing may have met its own first try. Whoever cares reads what stands.

Block blobs only. The container is created on first need.
https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote
from xml.sax.saxutils import unescape

from adapters.azure_asking import AskLimits, ask_again
from adapters.azure_storage import Answer, StorageService, Unanswered
from flows.errors import Archived, StorageFailed

VERSION = {"x-ms-version": "2021-12-02"}
CREATE_ONLY = {"If-None-Match": "*"}
ALREADY_THERE = frozenset({409, 412})
OFFLINE = (b"BlobArchived", b"BlobBeingRehydrated")
LIMITS = AskLimits(deadline_s=30.0, attempt_s=30.0)
FIRST_PAUSE_S = 0.05
MOST_LISTED = 5_000

_BLOB = re.compile(r"<Blob>.*?<Name>([^<]*)</Name>.*?<Content-Length>(\d+)</Content-Length>.*?</Blob>", re.DOTALL)
_MARKER = re.compile(r"<NextMarker>([^<]+)</NextMarker>")
_TOTAL = re.compile(r"bytes (?:\d+-\d+|\*)/(\d+)")


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of names and sizes, in order of names; `marker` asks for the next, empty at the end."""

    blobs: Sequence[tuple[str, int]]
    marker: str


class Container:
    """One container. Names are paths with slashes; every call raises StorageFailed, every read of a blob in an offline
    tier Archived."""

    def __init__(self, blobs: StorageService, name: str, limits: AskLimits = LIMITS) -> None:
        self._blobs = blobs
        self._name = name
        self._limits = limits

    async def read(self, name: str, start: int = 0, size: int | None = None) -> bytes | None:
        """The blob, or `size` bytes of it from `start` on; None where there is none, b"" past its end."""
        span = {} if start == 0 and size is None else {"x-ms-range": _span(start, size)}
        answer = await self._get(name, span)
        if answer.status == 404:
            return None
        return b"" if answer.status == 416 else _checked(answer).body

    async def read_span(self, name: str, start: int, size: int) -> tuple[bytes, int] | None:
        """`size` bytes of the blob from `start` on, and how many it has; None where there is none."""
        answer = await self._get(name, {"x-ms-range": _span(start, size)})
        if answer.status == 404:
            return None
        if answer.status == 416:
            head = _checked(await self._ask("HEAD", self._path(name), {}))
            return b"", int(head.headers["Content-Length"])
        total = _TOTAL.fullmatch(_checked(answer).headers.get("Content-Range", ""))
        return answer.body, int(total[1]) if total else start + len(answer.body)

    async def create(self, name: str, content: bytes, content_type: str = "application/octet-stream") -> bool:
        """Create the blob; False where one stands already."""
        return await self._put(name, content, content_type, CREATE_ONLY)

    async def write(self, name: str, content: bytes, content_type: str = "application/octet-stream") -> None:
        """Write or replace the blob."""
        await self._put(name, content, content_type, {})

    async def stage(self, name: str, block: str, content: bytes) -> None:
        """Upload a block that counts once it is committed. The ids of a blob's blocks are of one length."""
        path = f"{self._path(name)}?comp=block&blockid={quote(_block_id(block), safe='')}"
        _checked(await self._ask_creating("PUT", path, {"Content-Type": "application/octet-stream"}, content))

    async def commit(self, name: str, blocks: Sequence[str], content_type: str = "application/octet-stream") -> bool:
        """Make a blob of staged blocks; False where one stands already. A commit discards all other staged blocks."""
        listed = "".join(f"<Latest>{_block_id(block)}</Latest>" for block in blocks)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()
        headers = {**CREATE_ONLY, "Content-Type": "application/xml", "x-ms-blob-content-type": content_type}
        answer = await self._ask_creating("PUT", f"{self._path(name)}?comp=blocklist", headers, body)
        if answer.status in ALREADY_THERE or b"InvalidBlockList" in answer.body:
            return False
        _checked(answer)
        return True

    async def list(self, prefix: str) -> AsyncIterator[tuple[str, int]]:
        """Name and size of every blob whose name starts so, in order of names; nothing where there is no container."""
        marker = ""
        while True:
            listed = await self.list_page(prefix, marker)
            for blob in listed.blobs:
                yield blob
            marker = listed.marker
            if not marker:
                return

    async def list_page(self, prefix: str, marker: str = "", most: int = MOST_LISTED) -> Listed:
        """The next page of that list. Raises ValueError for a marker that the service doesn't know."""
        following = f"&maxresults={most}" + (f"&marker={quote(marker, safe='')}" if marker else "")
        query = f"restype=container&comp=list&prefix={quote(prefix, safe='')}{following}"
        answer = await self._ask("GET", f"/{self._name}?{query}", {})
        if answer.status == 404:
            return Listed([], "")
        if marker and answer.status == 400:
            raise ValueError("no page begins there")
        text = _checked(answer).body.decode()
        blobs = [(unquote(unescape(name)), int(size)) for name, size in _BLOB.findall(text)]
        found = _MARKER.search(text)
        return Listed(blobs, unescape(found[1]) if found else "")

    async def _get(self, name: str, span: Mapping[str, str]) -> Answer:
        answer = await self._ask("GET", self._path(name), span)
        if answer.status == 409 and any(code in answer.body for code in OFFLINE):
            raise Archived(f"{self._name}/{name}")
        return answer

    async def _put(self, name: str, content: bytes, content_type: str, condition: Mapping[str, str]) -> bool:
        headers = {"x-ms-blob-type": "BlockBlob", "Content-Type": content_type, **condition}
        answer = await self._ask_creating("PUT", self._path(name), headers, content)
        if answer.status in ALREADY_THERE:
            return False
        _checked(answer)
        return True

    async def _ask_creating(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        answer = await self._ask(method, path, headers, body)
        if answer.status != 404:
            return answer
        created = await self._ask("PUT", f"/{self._name}?restype=container", {})
        if created.status not in ALREADY_THERE:
            _checked(created)
        return await self._ask(method, path, headers, body)

    async def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Ask until there is an answer that is no passing fault."""
        sent = {**VERSION, **headers}
        try:
            answer = await ask_again(self._blobs, method, path, sent, body, self._limits, FIRST_PAUSE_S)
        except Unanswered as error:
            raise StorageFailed(f"blob storage did not answer: {error}") from error
        if answer.is_passing:
            raise StorageFailed(f"blob storage did not answer: {_describe(answer)}")
        return answer

    def _path(self, name: str) -> str:
        return f"/{self._name}/{quote(name)}"


def _span(start: int, size: int | None) -> str:
    return f"bytes={start}-{'' if size is None else start + size - 1}"


def _block_id(block: str) -> str:
    return base64.b64encode(block.encode()).decode()


def _checked(answer: Answer) -> Answer:
    if not 200 <= answer.status < 300:
        raise StorageFailed(f"blob storage refused: {_describe(answer)}")
    return answer


def _describe(answer: Answer) -> str:
    return f"{answer.status} {answer.body[:300].decode(errors='replace')}"
