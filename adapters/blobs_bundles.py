"""Versions in blob storage, by content: the registry's and each region's own copy have the same shape.

    sha256/<hex>                     a file, whoever's it is, created only
    models/<name>/<version>.json     which files a version is made of, created only
    policies/<name>/<version>.json

The files come first: a version that was published by half has no second kind of blob, is not there, and can be
published again. What is read is checked against its name, so that a blob that was changed is no version at all.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from urllib.parse import quote, unquote
from xml.sax.saxutils import unescape

import msgspec

from adapters.azure_storage import Answer, StorageService, Unanswered
from flows.errors import StorageFailed, Superseded
from flows.ports import Kept

VERSION = {"x-ms-version": "2021-12-02"}
CREATE_ONLY = {**VERSION, "x-ms-blob-type": "BlockBlob", "If-None-Match": "*"}
ALREADY_THERE = frozenset({409, 412})
_NAME = re.compile(r"<Name>([^<]*)</Name>")
_MARKER = re.compile(r"<NextMarker>([^<]+)</NextMarker>")


class BlobsBundles:
    """Implements `flows.ports.BundleStore`. `timeout_s` is that of one request, for files of up to 64 MiB."""

    def __init__(self, blobs: StorageService, container: str, timeout_s: float = 30.0) -> None:
        self._blobs = blobs
        self._container = container
        self._timeout_s = timeout_s

    async def find(self, kind: str, name: str, version: str) -> Kept | None:
        """What a version is made of, or None. Raises StorageFailed."""
        answer = await self._ask("GET", self._path(kind, name, version), VERSION)
        if answer.status == 404:
            return None
        document = msgspec.json.decode(_checked(answer).body, type=dict[str, object])
        return msgspec.convert(document, Kept)

    async def read(self, kept: Kept) -> dict[str, bytes]:
        """The version's files, by name, each checked against its digest. Raises StorageFailed."""
        contents = await asyncio.gather(*(self._read_file(sha256) for sha256 in kept.files.values()))
        return dict(zip(kept.files, contents, strict=True))

    async def write(self, kind: str, name: str, version: str, files: Mapping[str, bytes], digest: str) -> None:
        """Keep a version, once. Raises Superseded where another one stands under its name, or StorageFailed."""
        kept = Kept(digest, {file: hashlib.sha256(content).hexdigest() for file, content in files.items()})
        for file, content in files.items():
            await self._create(f"sha256/{kept.files[file]}", content)
        if not await self._create(f"{kind}/{name}/{version}.json", msgspec.json.encode(kept)):
            standing = await self.find(kind, name, version)
            if standing != kept:
                raise Superseded(f"{name} {version} stands as {standing.digest if standing else 'another'}")

    async def list(self, kind: str) -> list[tuple[str, str]]:
        """Every version there is, as (name, version). Raises StorageFailed."""
        found: list[tuple[str, str]] = []
        marker = ""
        while True:
            query = f"restype=container&comp=list&prefix={quote(kind)}/{marker}"
            answer = await self._ask("GET", f"/{self._container}?{query}", VERSION)
            if answer.status == 404:
                return found
            text = _checked(answer).body.decode()
            for path in _NAME.findall(text):
                name, _, version = unquote(unescape(path)).removeprefix(f"{kind}/").partition("/")
                found.append((name, version.removesuffix(".json")))
            following = _MARKER.search(text)
            if following is None:
                return found
            marker = f"&marker={quote(following[1], safe='')}"

    async def _read_file(self, sha256: str) -> bytes:
        answer = await self._ask("GET", f"/{self._container}/sha256/{sha256}", VERSION)
        content = _checked(answer).body
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise StorageFailed(f"the blob sha256/{sha256} is damaged: its content is {found}")
        return content

    async def _create(self, path: str, content: bytes) -> bool:
        """False where the blob stands already. The container is created on first need."""
        headers = {**CREATE_ONLY, "Content-Type": "application/octet-stream"}
        answer = await self._ask("PUT", f"/{self._container}/{quote(path)}", headers, content)
        if answer.status == 404:
            created = await self._ask("PUT", f"/{self._container}?restype=container", VERSION)
            if created.status not in ALREADY_THERE:
                _checked(created)
            answer = await self._ask("PUT", f"/{self._container}/{quote(path)}", headers, content)
        if answer.status in ALREADY_THERE:
            return False
        _checked(answer)
        return True

    async def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        try:
            return await self._blobs.request(method, path, headers, body, timeout_s=self._timeout_s)
        except Unanswered as error:
            raise StorageFailed(f"blob storage did not answer: {error}") from error

    def _path(self, kind: str, name: str, version: str) -> str:
        return f"/{self._container}/{kind}/{quote(name, safe='')}/{quote(version, safe='')}.json"


def _checked(answer: Answer) -> Answer:
    if not 200 <= answer.status < 300:
        raise StorageFailed(f"blob storage refused: {answer.status} {answer.body[:300].decode(errors='replace')}")
    return answer
