"""A broken road to Azurite, and callers in other processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from local.azurite import ROOT
from tests.edge.ledger.caller import Order
from tests.edge.ledger.reader import Lane, check_lane, read_lanes, read_registry

RUN_S = 40


@dataclass
class Callers:
    """A process of callers: what it said so far."""

    process: asyncio.subprocess.Process
    lines: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)

    async def read_line(self) -> dict[str, Any] | None:
        """The fate of the next record, or None at the end."""
        assert self.process.stdout is not None
        async with asyncio.timeout(RUN_S):
            text = await self.process.stdout.readline()
        if not text.endswith(b"\n"):
            return None
        line: dict[str, Any] = json.loads(text)
        if "fate" not in line:
            self.figures = line
            return await self.read_line()
        self.lines.append(line)
        return line

    async def finish(self) -> Callers:
        """Read to the end; the process must have ended well."""
        assert await self._end() == 0
        return self

    async def tell_to_stop(self) -> Callers:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return await self.finish()

    async def kill(self) -> None:
        """SIGKILL; what it said before is read."""
        self.process.kill()
        assert await self._end() == -signal.SIGKILL

    async def _end(self) -> int:
        """Read to the end and let go of the pipes; returns the exit code."""
        while await self.read_line():
            pass
        if self.process.stdin is not None:
            self.process.stdin.close()
            with contextlib.suppress(ConnectionError):
                await self.process.stdin.wait_closed()
        return await self.process.wait()

    @property
    def fates(self) -> Counter[str]:
        return Counter(line["fate"] for line in self.lines)


async def start_callers(order: Order) -> Callers:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.edge.ledger.caller",
        json.dumps(asdict(order)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    return Callers(process)


async def run_callers(order: Order) -> Callers:
    return await (await start_callers(order)).finish()


async def until(condition: Callable[[], bool]) -> None:
    """Return once the condition holds; fail where it does not within ten seconds."""
    async with asyncio.timeout(10):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.005)


async def check_ledger(connection_string: str, *runs: Callers, killed: bool = False) -> dict[str, Lane]:
    """What always holds, whatever went wrong:

    every record that was answered as written is there exactly once, with the digest that its caller holds; what was
    refused as not written is not there; nothing is there that nobody wrote; every lane is registered and agrees with
    itself. `killed`: rows may be there of which the process could not tell any more.
    """
    lanes = await asyncio.to_thread(read_lanes, connection_string)
    registered = await asyncio.to_thread(read_registry, connection_string)
    for partition, lane in lanes.items():
        assert partition in registered
        check_lane(partition, lane)
    rows = [row for lane in lanes.values() for row in lane.records]
    count, digests = Counter(row["RowKey"] for row in rows), {row["RowKey"]: row["digest"] for row in rows}
    told = {line["id"]: line for run in runs for line in run.lines if line["id"]}
    for record_id, line in told.items():
        if line["fate"] == "written":
            assert count[record_id] == 1, line
            assert digests[record_id] == line["digest"]
        elif line["fate"] in {"LaneClosed", "LedgerBusy"}:
            assert count[record_id] == 0, line
    if not killed:
        assert set(count) <= set(told)
    return lanes
