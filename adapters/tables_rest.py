"""Azure Tables: entities, entity-group transactions and the faults they meet, over the REST interface.

https://learn.microsoft.com/rest/api/storageservices/table-service-rest-api
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from adapters.azure_storage import Answer, StorageService, is_passing

Entity = Mapping[str, str | int | bool | bytes]

VERSION = "2020-12-06"  # the first that takes bearer tokens
BOUNDARY = "batch_vouch"
CHANGESET = "changeset_vouch"
MAX_OPERATIONS = 100

_ACCEPT = {"Accept": "application/json;odata=minimalmetadata", "DataServiceVersion": "3.0", "x-ms-version": VERSION}
_WRITE = {**_ACCEPT, "Content-Type": "application/json", "Prefer": "return-no-content"}
_BATCH = {**_ACCEPT, "Content-Type": f"multipart/mixed; boundary={BOUNDARY}"}
_STATUS = re.compile(rb"^HTTP/1\.1 (\d{3})", re.MULTILINE)
_ETAG = re.compile(rb"^ETag: ?(.+?)\r?$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a transaction: insert, or replace with `if_match` (an etag; `*` for whatever stands;
    empty for insert or replace), or delete with `if_match` what stands under the keys of `entity`."""

    entity: Entity
    is_insert: bool = True
    if_match: str = ""
    is_delete: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What a write was answered: its status (of a transaction: the one that failed, else 204), the etag of the
    (first) entity, and for faults what the service said."""

    status: int
    etag: str = ""
    detail: str = ""

    @property
    def is_done(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_passing(self) -> bool:
        """Whether this is a fault that may pass, so that the fate of the write is unknown."""
        return is_passing(self.status)

    @property
    def lacks_table(self) -> bool:
        return self.status == 404 and "TableNotFound" in self.detail


@dataclass(frozen=True, slots=True)
class Read:
    entity: Mapping[str, Any]
    etag: str


@dataclass(frozen=True, slots=True)
class Page:
    """A part of what a query finds, perhaps empty; `following` is what to go on with, empty at the end."""

    rows: list[Read]
    following: str


class ReadFailed(Exception):
    """The service answered a read with a fault; the message says which."""


class Table:
    """One table. Nothing is retried here; every call raises Unanswered where no whole answer came."""

    def __init__(self, service: StorageService, name: str) -> None:
        self._service = service
        self.name = name

    async def create(self, timeout_s: float) -> None:
        """Create the table unless it exists. Raises ReadFailed where that is refused."""
        body = msgspec.json.encode({"TableName": self.name})
        answer = await self._service.request("POST", "/Tables", _WRITE, body, timeout_s=timeout_s)
        if answer.status not in {201, 204, 409}:
            raise ReadFailed(_describe(answer))

    async def insert(self, entity: Entity, timeout_s: float) -> Written:
        answer = await self._service.request(
            "POST", f"/{self.name}", _WRITE, encode_entity(entity), timeout_s=timeout_s
        )
        return _written(answer)

    async def replace(self, entity: Entity, etag: str, timeout_s: float) -> Written:
        path = self._path(str(entity["PartitionKey"]), str(entity["RowKey"]))
        headers = {**_WRITE, "If-Match": etag}
        answer = await self._service.request("PUT", path, headers, encode_entity(entity), timeout_s=timeout_s)
        return _written(answer)

    async def merge(self, entity: Entity, timeout_s: float) -> Written:
        """Replace these properties of whatever stands under the entity's keys."""
        path = self._path(str(entity["PartitionKey"]), str(entity["RowKey"]))
        headers = {**_WRITE, "If-Match": "*"}
        answer = await self._service.request("PATCH", path, headers, encode_entity(entity), timeout_s=timeout_s)
        return _written(answer)

    async def delete(self, partition: str, row: str, timeout_s: float, etag: str = "*") -> Written:
        """Delete what stands there, if it is still as `etag` says."""
        headers = {**_ACCEPT, "If-Match": etag}
        answer = await self._service.request("DELETE", self._path(partition, row), headers, timeout_s=timeout_s)
        return _written(answer)

    async def read(self, partition: str, row: str, timeout_s: float) -> Read | None:
        """The entity, or None where there is none. Raises ReadFailed."""
        answer = await self._service.request("GET", self._path(partition, row), _ACCEPT, timeout_s=timeout_s)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise ReadFailed(_describe(answer))
        return Read(decode_entity(msgspec.json.decode(answer.body)), answer.headers["ETag"])

    async def read_partition(self, partition: str, timeout_s: float, rows: tuple[str, str] | None = None) -> list[Read]:
        """Every entity of a partition, by row key; none where there is no table. `rows` are the first and the last
        row key of interest. Raises ReadFailed."""
        return await self._read_all(in_partition(partition, rows), timeout_s)

    async def read_partitions(self, first: str, last: str, timeout_s: float) -> list[Read]:
        """Every entity of the partitions from `first` to `last`, in order. Raises ReadFailed."""
        condition = f"PartitionKey ge '{_escape(first)}' and PartitionKey le '{_escape(last)}'"
        return await self._read_all(condition, timeout_s)

    async def read_page(
        self, condition: str, timeout_s: float, following: str = "", top: int = 0, select: Sequence[str] = ()
    ) -> Page:
        """The next part (at most 1,000 entities, or `top`) of what meets a condition; nothing where there is no table.
        `select`: these properties alone, and no etags. Raises ReadFailed."""
        options = [f"$filter={quote(condition)}"] if condition else []
        options += [f"$top={top}"] if top else []
        options += [f"$select={','.join(select)}"] if select else []
        path = f"/{self.name}()?{'&'.join(options)}{following}"
        answer = await self._service.request("GET", path, _ACCEPT if select else _FULL, timeout_s=timeout_s)
        if answer.status == 404:
            return Page([], "")
        if answer.status != 200:
            raise ReadFailed(_describe(answer))
        entities = msgspec.json.decode(answer.body)["value"]
        rows = [Read(decode_entity(entity), entity.get("odata.etag", "")) for entity in entities]
        return Page(rows, _following(answer))

    async def _read_all(self, condition: str, timeout_s: float) -> list[Read]:
        page = await self.read_page(condition, timeout_s)
        found = page.rows
        while page.following:
            page = await self.read_page(condition, timeout_s, page.following)
            found += page.rows
        return found

    def encode_transaction(self, operations: Sequence[Operation]) -> bytes:
        """The body of an entity-group transaction; sending the same body again is sending it unchanged."""
        parts = [f"--{BOUNDARY}\r\nContent-Type: multipart/mixed; boundary={CHANGESET}\r\n\r\n".encode()]
        for operation in operations:
            parts += self._encode_operation(operation)
        parts.append(f"--{CHANGESET}--\r\n--{BOUNDARY}--\r\n".encode())
        return b"".join(parts)

    async def send_transaction(self, body: bytes, count: int, timeout_s: float) -> Written:
        """Send a transaction of `count` operations, once."""
        return await self._send(body, count, timeout_s, has_etag=True)

    async def send_deletes(self, body: bytes, count: int, timeout_s: float) -> Written:
        """Send a transaction of `count` deletes, once; its answer has no etag."""
        return await self._send(body, count, timeout_s, has_etag=False)

    async def _send(self, body: bytes, count: int, timeout_s: float, has_etag: bool) -> Written:
        answer = await self._service.request("POST", "/$batch", _BATCH, body, timeout_s=timeout_s)
        if answer.status != 202:
            return _written(answer)
        return _transaction_written(answer.body, count, has_etag)

    def _encode_operation(self, operation: Operation) -> tuple[bytes, bytes, bytes]:
        entity = operation.entity
        body = b"" if operation.is_delete else encode_entity(entity)
        if operation.is_insert:
            line, condition = f"POST {self._service.base_url}/{self.name}", ""
        else:
            path = self._path(str(entity["PartitionKey"]), str(entity["RowKey"]))
            line = f"{'DELETE' if operation.is_delete else 'PUT'} {self._service.base_url}{path}"
            condition = f"If-Match: {operation.if_match}\r\n" if operation.if_match else ""
        head = (
            f"--{CHANGESET}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
            f"{line} HTTP/1.1\r\nContent-Type: application/json\r\nAccept: application/json;odata=minimalmetadata\r\n"
            f"Prefer: return-no-content\r\nDataServiceVersion: 3.0\r\n{condition}Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode(), body, b"\r\n"

    def _path(self, partition: str, row: str) -> str:
        return f"/{self.name}(PartitionKey='{quote(_escape(partition))}',RowKey='{quote(_escape(row))}')"


_FULL = {**_ACCEPT, "Accept": "application/json;odata=fullmetadata"}


def encode_entity(entity: Entity) -> bytes:
    """OData JSON. Integers are Edm.Int64 and bytes Edm.Binary, each with its annotation."""
    row: dict[str, object] = {}
    for name, value in entity.items():
        if isinstance(value, bytes):
            row[f"{name}@odata.type"] = "Edm.Binary"
            row[name] = base64.b64encode(value).decode()
        elif isinstance(value, int) and not isinstance(value, bool):
            row[f"{name}@odata.type"] = "Edm.Int64"
            row[name] = str(value)
        else:
            row[name] = value
    return msgspec.json.encode(row)


def decode_entity(row: Mapping[str, Any]) -> dict[str, Any]:
    """The reverse, without the annotations."""
    entity: dict[str, Any] = {}
    for name, value in row.items():
        if "odata." in name:
            continue
        kind = row.get(f"{name}@odata.type")
        if kind == "Edm.Int64":
            entity[name] = int(value)
        else:
            entity[name] = base64.b64decode(value) if kind == "Edm.Binary" else value
    return entity


def in_partition(partition: str, rows: tuple[str, str] | None = None) -> str:
    """The condition that finds a partition's rows, or those from the first to the last row key of `rows`."""
    condition = f"PartitionKey eq '{_escape(partition)}'"
    if rows is not None:
        condition += f" and RowKey ge '{_escape(rows[0])}' and RowKey le '{_escape(rows[1])}'"
    return condition


def _written(answer: Answer) -> Written:
    if 200 <= answer.status < 300:
        return Written(answer.status, answer.headers.get("ETag", ""))
    return Written(answer.status, detail=_describe(answer))


def _transaction_written(body: bytes, count: int, has_etag: bool) -> Written:
    """All parts done, or the one part that says what failed; anything else is no whole answer."""
    statuses = [int(status) for status in _STATUS.findall(body)]
    if fault := next((status for status in statuses if status >= 300), None):
        return Written(fault, detail=body[-600:].decode(errors="replace"))
    etag = _ETAG.search(body)
    if len(statuses) != count or (has_etag and etag is None):
        return Written(500, detail=f"{len(statuses)} of {count} answers came")
    return Written(204, etag[1].decode() if etag else "")


def _following(answer: Answer) -> str:
    partition = answer.headers.get("x-ms-continuation-NextPartitionKey")
    if not partition:
        return ""
    row = answer.headers.get("x-ms-continuation-NextRowKey", "")
    return f"&NextPartitionKey={quote(partition)}&NextRowKey={quote(row)}"


def _describe(answer: Answer) -> str:
    return f"{answer.status} {answer.body[:400].decode(errors='replace')}"


def _escape(key: str) -> str:
    return key.replace("'", "''")
