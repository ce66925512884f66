"""One lane's writer: group commit, and what becomes of a transaction whose answer was lost.

    waiting --cut--> in flight --202--> committed            callers return
                        |  ^
       no answer, 5xx --+  +-- sent again, unchanged
                        |
       409, 412, 404 ---+--> the head is read
                               its batch id is ours          committed
                               another, or sealed            nothing written, nor can it be: LaneClosed
                               as it was before              refused: LedgerUnavailable
       other 4xx -------+--> refused: LedgerUnavailable
       deadline --------+--> unknown: LedgerUnavailable

Only this writer and the sealer ever replace the head, each with If-Match, and a transaction holds the head: so at
most one of all the times that it is sent takes effect, and once the head has moved on without it, none ever will.
Whatever ends otherwise than committed ends the lane: records that wait behind were never sent and get LaneClosed.
One transaction is in flight at a time; while it is, the next records gather. A caller that goes away takes nobody's
record along; its own is dropped while it waits and written once it is in flight.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from uuid import uuid4

from adapters.azure_storage import Unanswered
from adapters.tables_rest import Operation, ReadFailed, Table
from audit.lanes import HEAD_KEY, Head, LaneLog, Packed, Transaction, count_that_fit
from flows.errors import LaneClosed, LedgerBusy, LedgerUnavailable

FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.5

logger = logging.getLogger("vouch.ledger")


@dataclass(frozen=True, slots=True)
class WriteLimits:
    """`deadline_s` is each record's, from when it is handed over; `attempt_s` one attempt's; `queue_limit` counts
    records that wait in a lane."""

    deadline_s: float = 4.0
    attempt_s: float = 1.5
    queue_limit: int = 2_000


@dataclass(slots=True)
class LedgerFigures:
    """What the ledger did since the process started: transactions, records, and how long records waited."""

    transactions: int = 0
    records: int = 0
    waited_s: float = 0.0
    repeats: int = 0


@dataclass(slots=True, eq=False)
class _Append:
    packed: Packed
    done: asyncio.Future[None]
    queued_at: float
    in_flight: bool = False


class _Fate(Enum):
    COMMITTED = "committed"
    COMMITTED_LAST = "committed, and the lane is sealed"
    FENCED = "nothing written"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class LaneWriter:
    """Writes one lane. `etag` is that of the head as this instance inserted it; `now_ms` tells Unix time."""

    def __init__(
        self,
        table: Table,
        log: LaneLog,
        etag: str,
        limits: WriteLimits,
        figures: LedgerFigures,
        now_ms: Callable[[], int],
    ) -> None:
        self._table = table
        self._log = log
        self._etag = etag
        self._limits = limits
        self._figures = figures
        self._now_ms = now_ms
        self._waiting: deque[_Append] = deque()
        self._writing: asyncio.Task[None] | None = None
        self.is_closed = False

    @property
    def is_idle(self) -> bool:
        return self._writing is None

    async def append(self, packed: Packed) -> None:
        """Return once the record is durable. Raises LaneClosed, LedgerBusy (both: not written), LedgerUnavailable."""
        if self.is_closed:
            raise LaneClosed
        if len(self._waiting) >= self._limits.queue_limit:
            raise LedgerBusy("the ledger's queue is full")
        loop = asyncio.get_running_loop()
        append = _Append(packed, loop.create_future(), loop.time())
        self._waiting.append(append)
        if self._writing is None:
            self._writing = loop.create_task(self._write())
        timer = loop.call_later(self._limits.deadline_s, self._expire, append)
        try:
            await append.done
        finally:
            timer.cancel()
            self._figures.waited_s += loop.time() - append.queued_at

    async def drain(self) -> None:
        """Return once nothing waits or is in flight."""
        if self._writing is not None:
            await asyncio.wait([self._writing])

    def close(self) -> None:
        """Take no more records; those that wait were never sent."""
        self.is_closed = True
        _fail(self._waiting, LaneClosed())
        self._waiting.clear()

    def _expire(self, append: _Append) -> None:
        """A record's deadline has passed: the transaction before it, or its own, hangs, and so does the lane."""
        if append.in_flight:
            _fail([append], LedgerUnavailable("the record was not confirmed within its deadline"))
        self.close()

    async def _write(self) -> None:
        try:
            while batch := self._take():
                await self._commit(batch)
        except BaseException as error:
            # Whatever went wrong here, nobody may wait for an answer that will not come.
            self.close()
            if not isinstance(error, Exception):
                raise
            logger.exception("The writer of lane %s failed; the lane is abandoned.", self._log.partition)
        finally:
            self._writing = None

    def _take(self) -> list[_Append]:
        """The next batch: the oldest that still wait, as many as one transaction holds."""
        waiting = [append for append in self._waiting if not append.done.done()]
        batch = waiting[: count_that_fit(append.packed for append in waiting)]
        self._waiting = deque(waiting[len(batch) :])
        for append in batch:
            append.in_flight = True
        return batch

    async def _commit(self, batch: Sequence[_Append]) -> None:
        before = self._log.head
        transaction = self._log.cut([append.packed for append in batch], self._now_ms(), uuid4().hex)
        try:
            fate = await self._send(transaction, before, batch[-1].queued_at + self._limits.deadline_s)
        except BaseException:
            _fail(batch, LedgerUnavailable("the writer stopped while the record was in flight"))
            raise
        self._tell(batch, fate)

    def _tell(self, batch: Sequence[_Append], fate: _Fate) -> None:
        if fate in {_Fate.COMMITTED, _Fate.COMMITTED_LAST}:
            self._figures.transactions += 1
            self._figures.records += len(batch)
            for append in batch:
                if not append.done.done():
                    append.done.set_result(None)
        elif fate is _Fate.FENCED:
            _fail(batch, LaneClosed())
        else:
            _fail(batch, LedgerUnavailable(f"the record's fate: {fate.value}"))
        if fate is not _Fate.COMMITTED:
            self.close()

    async def _send(self, transaction: Transaction, before: Head, deadline: float) -> _Fate:
        """Send until its fate is known or the deadline has passed."""
        loop = asyncio.get_running_loop()
        body = self._table.encode_transaction(_operations(transaction, self._etag))
        pause_s = FIRST_PAUSE_S
        while (remaining_s := deadline - loop.time()) > 0:
            fate = await self._attempt(body, transaction, before, min(self._limits.attempt_s, remaining_s))
            if fate is not _Fate.UNKNOWN:
                return fate
            self._figures.repeats += 1
            await asyncio.sleep(min(pause_s * random.uniform(0.5, 1.0), max(0.0, deadline - loop.time())))  # noqa: S311
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        logger.error("A transaction of lane %s is open at its deadline; the lane is abandoned.", self._log.partition)
        return _Fate.UNKNOWN

    async def _attempt(self, body: bytes, transaction: Transaction, before: Head, timeout_s: float) -> _Fate:
        try:
            written = await self._table.send_transaction(body, len(transaction.entities), timeout_s)
            if written.status in {404, 409, 412}:
                return await self._read_fate(transaction.head, before, timeout_s)
        except (Unanswered, ReadFailed) as error:
            logger.warning("A transaction of lane %s got no answer: %s", self._log.partition, error)
            return _Fate.UNKNOWN
        if written.is_done:
            self._etag = written.etag
            return _Fate.COMMITTED
        level = logging.WARNING if written.is_passing else logging.ERROR
        logger.log(level, "A transaction of lane %s was answered: %s", self._log.partition, written.detail)
        return _Fate.UNKNOWN if written.is_passing else _Fate.REFUSED

    async def _read_fate(self, ours: Head, before: Head, timeout_s: float) -> _Fate:
        """What the head says of a transaction that met another head, or a row that stands already."""
        read = await self._table.read(self._log.partition, HEAD_KEY, timeout_s)
        if read is None:
            logger.error("The head of lane %s is gone.", self._log.partition)
            return _Fate.FENCED
        head = Head.from_entity(read.entity)
        if head.batch_id == ours.batch_id:
            self._etag = read.etag
            return _Fate.COMMITTED_LAST if head.sealed else _Fate.COMMITTED
        if head == before and read.etag == self._etag:
            logger.error("Lane %s: the head stands, yet a record was refused.", self._log.partition)
            return _Fate.REFUSED
        return _Fate.FENCED


def _operations(transaction: Transaction, etag: str) -> list[Operation]:
    head, minute, *records = transaction.entities
    return [
        Operation(head, is_insert=False, if_match=etag),
        Operation(minute, is_insert=False),
        *(Operation(record) for record in records),
    ]


def _fail(appends: Sequence[_Append] | deque[_Append], error: Exception) -> None:
    for append in appends:
        if not append.done.done():
            append.done.set_exception(error)
