"""Everything that an account holds, as storage gives it, and every form in which a text may hide in it.

Nothing here knows how the app writes: tables, blobs (uncommitted ones and snapshots, too) and queues are listed by
the service itself, and whatever looks like base64, gzip or zlib is taken apart, over and over.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import AsyncIterator, Iterator
from urllib.parse import quote

from adapters.azure_signing import BlobKeySigner
from adapters.azure_storage import Answer, AzureStorage, StorageService
from adapters.blobs_rest import VERSION

TABLES = {"Accept": "application/json;odata=fullmetadata", "DataServiceVersion": "3.0", "x-ms-version": "2020-12-06"}
LAYERS = 5
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
_NAME = re.compile(rb"<Name>([^<]+)</Name>")
_MAGIC = (b"\x1f\x8b", b"\x78")


async def read_everything(storage: AzureStorage, connection_string: str) -> dict[str, bytes]:
    """What lies in the account, by where it lies."""
    found = {f"table {name}": content async for name, content in _tables(storage.tables)}
    found |= {f"blob {name}": content async for name, content in _blobs(storage.blobs)}
    parts = dict(part.split("=", 1) for part in connection_string.strip(";").split(";"))
    queues = StorageService(parts["QueueEndpoint"], BlobKeySigner(parts["AccountName"], parts["AccountKey"]))
    found |= {f"queue {name}": content async for name, content in _queues(queues)}
    await queues.close()
    return found


def is_hidden_in(data: bytes, planted: str) -> bool:
    """Whether a text is in there, in any form."""
    return any(planted.encode() in layer or planted.encode("utf-16-le") in layer for layer in layers(data))


def layers(data: bytes, depth: int = LAYERS) -> Iterator[bytes]:
    """The bytes, and what they are once they are decoded and decompressed."""
    yield data
    if depth == 0:
        return
    if data.startswith(_MAGIC) and (inflated := _inflate(data)) is not None:
        yield from layers(inflated, depth - 1)
    for match in _BASE64.finditer(data):
        if (decoded := _decode(match[0])) is not None:
            yield from layers(decoded, depth - 1)


def _inflate(data: bytes) -> bytes | None:
    try:
        return zlib.decompressobj(47).decompress(data)
    except zlib.error:
        return None


def _decode(text: bytes) -> bytes | None:
    """Base64 of either alphabet; the end of what only looks like it is left off."""
    text = text.translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    text = text[: len(text) - (len(text) % 4 == 1)]
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        return None


async def _tables(tables: StorageService) -> AsyncIterator[tuple[str, bytes]]:
    listed = await _ask(tables, "/Tables", TABLES)
    for entry in json.loads(listed.body)["value"]:
        name, following = entry["TableName"], ""
        while True:
            answer = await _ask(tables, f"/{name}(){following}", TABLES)
            yield f"{name}{following}", answer.body
            partition = answer.headers.get("x-ms-continuation-NextPartitionKey")
            if not partition:
                break
            row = answer.headers.get("x-ms-continuation-NextRowKey", "")
            following = f"?NextPartitionKey={quote(partition)}&NextRowKey={quote(row)}"


async def _blobs(blobs: StorageService) -> AsyncIterator[tuple[str, bytes]]:
    listed = await _ask(blobs, "/?comp=list", VERSION)
    yield "containers", listed.body
    for container in _NAME.findall(listed.body):
        folder, marker = container.decode(), ""
        while True:
            include = "include=snapshots,metadata,uncommittedblobs,deleted"
            page = await _ask(blobs, f"/{folder}?restype=container&comp=list&{include}{marker}", VERSION)
            yield f"{folder} {marker}", page.body
            for name in _NAME.findall(page.body):
                path = f"/{folder}/{quote(name.decode())}"
                content = await blobs.request("GET", path, VERSION, timeout_s=10)
                yield f"{folder}/{name.decode()}", content.body
            following = re.search(rb"<NextMarker>([^<]+)</NextMarker>", page.body)
            if following is None:
                break
            marker = f"&marker={quote(following[1].decode(), safe='')}"


async def _queues(queues: StorageService) -> AsyncIterator[tuple[str, bytes]]:
    listed = await _ask(queues, "/?comp=list", VERSION)
    yield "queues", listed.body
    for queue in _NAME.findall(listed.body):
        peeked = await _ask(queues, f"/{queue.decode()}/messages?peekonly=true&numofmessages=32", VERSION)
        yield queue.decode(), peeked.body


async def _ask(service: StorageService, path: str, headers: dict[str, str]) -> Answer:
    answer = await service.request("GET", path, headers, timeout_s=10)
    assert answer.status == 200, (path, answer.status, answer.body[:300])
    return answer
