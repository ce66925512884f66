"""A TCP proxy before Azurite that breaks requests as a script says.

It reads whole HTTP requests and answers, so that a fault strikes exactly before or after the service did its work.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
SLOW_S = 0.06


class Fault(Enum):
    RESET_IN_REQUEST = auto()  # half of the request arrives, then the connection is reset
    RESET_BEFORE_ANSWER = auto()  # the service does its work; the connection is reset before its answer
    RESET_IN_ANSWER = auto()  # half of the answer arrives, then the connection is reset
    BUSY = auto()  # 503, nothing done
    FAILED = auto()  # 500, nothing done
    FAILED_AFTER = auto()  # 500, yet the service did its work
    SILENT = auto()  # nothing is done, no answer ever comes
    SILENT_AFTER = auto()  # the service does its work, no answer ever comes
    SLOW = auto()  # the answer is late, but in time
    LATE = auto()  # no answer; the service gets the request once the test releases it


Choose = Callable[[bytes], Fault | None]


@dataclass
class Proxy:
    """`choose` is asked for every request; None passes it on. `struck` lists the faults that were met."""

    target_port: int
    choose: Choose = lambda request: None
    struck: list[Fault] = field(default_factory=list)
    port: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)
    late_answers: list[bytes] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse new connections and reset those there are."""
        assert self._server is not None
        self._server.close()
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self.target_port)
        try:
            while request := await _read_message(reader):
                if not await self._pass_on(request, writer, upstream_reader, upstream):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # either side went away, which is what this proxy is for
        finally:
            self._connections.discard(task)
            _reset(writer)
            _reset(upstream)

    async def _pass_on(
        self,
        request: bytes,
        writer: asyncio.StreamWriter,
        upstream_reader: asyncio.StreamReader,
        upstream: asyncio.StreamWriter,
    ) -> bool:
        """Whether the connection goes on."""
        fault = self.choose(request)
        if fault is not None:
            self.struck.append(fault)
        if fault in {Fault.BUSY, Fault.FAILED}:
            writer.write(_plain_answer(503 if fault is Fault.BUSY else 500))
            await writer.drain()
            return True
        if fault is Fault.RESET_IN_REQUEST:
            upstream.write(request[: len(request) // 2])
            await upstream.drain()
            return False
        if fault is Fault.SILENT:
            await self._wait_for_ever(writer)
        if fault is Fault.LATE:
            await self.released.wait()
        upstream.write(request)
        await upstream.drain()
        answer = await _read_message(upstream_reader)
        if fault is Fault.LATE:
            self.late_answers.append(answer)
            return False
        return await self._answer(fault, answer, writer)

    async def _answer(self, fault: Fault | None, answer: bytes, writer: asyncio.StreamWriter) -> bool:
        if fault is Fault.RESET_BEFORE_ANSWER:
            return False
        if fault is Fault.SILENT_AFTER:
            await self._wait_for_ever(writer)
        if fault is Fault.SLOW:
            await asyncio.sleep(SLOW_S)
        if fault is Fault.FAILED_AFTER:
            answer = _plain_answer(500)
        writer.write(answer[: len(answer) // 2] if fault is Fault.RESET_IN_ANSWER else answer)
        await writer.drain()
        return fault is not Fault.RESET_IN_ANSWER

    async def _wait_for_ever(self, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()


def first(count: int, fault: Fault, matching: bytes = b"/$batch HTTP") -> Choose:
    """The first `count` requests whose head has `matching` meet the fault; all later ones pass."""
    left = count

    def choose(request: bytes) -> Fault | None:
        nonlocal left
        if matching not in request.partition(b"\r\n")[0] or left == 0:
            return None
        left -= 1
        return fault

    return choose


def after_claim(fault: Fault) -> Choose:
    """Every transaction and every read meets the fault; a lane can be claimed, its head can't be read."""

    def choose(request: bytes) -> Fault | None:
        line = request.partition(b"\r\n")[0]
        return fault if b"/$batch HTTP" in line or line.startswith(b"GET") else None

    return choose


def first_lane(fault: Fault) -> Choose:
    """Every transaction of the lane that writes first meets the fault; those of other lanes pass."""
    struck: list[bytes] = []

    def choose(request: bytes) -> Fault | None:
        if b"/$batch HTTP" not in request.partition(b"\r\n")[0]:
            return None
        partition = re.search(rb'"PartitionKey":"([^"]+)"', request)
        assert partition is not None
        struck[:] = struck or [partition[1]]
        return fault if partition[1] == struck[0] else None

    return choose


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    """One whole request or answer; empty where the other side has closed."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = LENGTH.search(head)
    if length is not None:
        return head + await reader.readexactly(int(length[1]))
    if b"transfer-encoding: chunked" not in head.lower():
        return head
    body = b""
    while True:
        size = await reader.readuntil(b"\r\n")
        chunk = await reader.readexactly(int(size, 16) + 2)
        body += size + chunk
        if int(size, 16) == 0:
            return head + body


def _plain_answer(status: int) -> bytes:
    return f"HTTP/1.1 {status} Fault\r\nContent-Length: 0\r\n\r\n".encode()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN."""
    raw = writer.get_extra_info("socket")
    if raw is not None and not writer.transport.is_closing():
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
