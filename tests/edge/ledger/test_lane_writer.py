"""The lane writer when its own code or the road fails in ways that real storage seldom shows."""

from __future__ import annotations

import asyncio
import logging

import pytest

from adapters.azure_signing import TableKeySigner
from adapters.azure_storage import StorageService, Unanswered
from adapters.tables_lane import LaneWriter, LedgerFigures, WriteLimits
from adapters.tables_rest import Read, Table, Written
from audit.ids import mint_id
from audit.lanes import Head, LaneLog, Packed, pack_record
from flows.errors import LaneClosed, LedgerUnavailable
from tests.edge.ledger.making import make_record

NOW_MS = 1_795_467_600_000
SENT_ETAG = "W/1"


class ScriptedTable(Table):
    """Answers transactions from a list, the last answer for ever, and reads with one head."""

    def __init__(self, answers: list[Written | Exception], head: Read | None = None) -> None:
        super().__init__(StorageService("http://127.0.0.1:1/none", TableKeySigner("none", "AAAA")), "ledger")
        self.answers = answers
        self.head = head
        self.bodies: list[bytes] = []

    async def send_transaction(self, body: bytes, count: int, timeout_s: float) -> Written:
        self.bodies.append(body)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def read(self, partition: str, row: str, timeout_s: float) -> Read | None:
        return self.head


class SilentTable(ScriptedTable):
    """Takes transactions and never answers; `reached` is set by the first."""

    def __init__(self, answers: list[Written | Exception]) -> None:
        super().__init__(answers)
        self.reached = asyncio.Event()

    async def send_transaction(self, body: bytes, count: int, timeout_s: float) -> Written:
        self.bodies.append(body)
        self.reached.set()
        await asyncio.sleep(timeout_s)
        raise Unanswered("timed out")


def open_writer(table: ScriptedTable, figures: LedgerFigures | None = None) -> LaneWriter:
    limits = WriteLimits(deadline_s=0.3, attempt_s=0.1)
    return LaneWriter(table, LaneLog("0007-w"), SENT_ETAG, limits, figures or LedgerFigures(), lambda: NOW_MS)


def packed(number: int = 1) -> Packed:
    return pack_record(make_record(mint_id(NOW_MS, number, 7), "D-1"))


def head(etag: str, **fields: object) -> Read:
    return Read({**Head().to_entity("0007-w"), **fields}, etag)


async def test_unanswered_transaction_is_sent_again_unchanged() -> None:
    table = ScriptedTable([Unanswered("reset"), Written(503), Written(500), Written(204, "W/2")])
    figures = LedgerFigures()
    await open_writer(table, figures).append(packed())
    assert len(table.bodies) == 4
    assert len(set(table.bodies)) == 1
    assert (figures.transactions, figures.records, figures.repeats) == (1, 1, 3)


async def test_next_transaction_names_the_etag_of_the_last() -> None:
    table = ScriptedTable([Written(204, "W/2"), Written(204, "W/3")])
    writer = open_writer(table)
    await writer.append(packed(1))
    await writer.append(packed(2))
    assert b"If-Match: W/1\r\n" in table.bodies[0]
    assert b"If-Match: W/2\r\n" in table.bodies[1]


@pytest.mark.parametrize("status", [404, 409, 412])
async def test_head_that_moved_on_without_us_closes_the_lane_with_nothing_written(status: int) -> None:
    writer = open_writer(ScriptedTable([Written(status)], head("W/9", sealed=True)))
    with pytest.raises(LaneClosed):
        await writer.append(packed())
    assert writer.is_closed


async def test_batch_of_another_writer_in_the_head_is_not_taken_for_ours() -> None:
    table = ScriptedTable([Written(412)], head("W/9", batch=1, batch_id="another's", records=1))
    with pytest.raises(LaneClosed):
        await open_writer(table).append(packed())


async def test_head_that_is_gone_closes_the_lane(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(LaneClosed):
        await open_writer(ScriptedTable([Written(404)], None)).append(packed())
    assert "is gone" in caplog.text


async def test_refusal_while_the_head_stands_is_told_as_unknown() -> None:
    with pytest.raises(LedgerUnavailable):
        await open_writer(ScriptedTable([Written(409)], head(SENT_ETAG))).append(packed())


@pytest.mark.parametrize("status", [400, 401, 403, 413])
async def test_request_that_storage_refuses_is_told_at_once_and_logged(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    table = ScriptedTable([Written(status, detail="the reason")])
    writer = open_writer(table)
    with pytest.raises(LedgerUnavailable):
        await writer.append(packed())
    assert len(table.bodies) == 1
    assert writer.is_closed
    assert [record.levelno for record in caplog.records if "the reason" in record.message] == [logging.ERROR]


async def test_fault_of_our_own_leaves_no_caller_waiting(caplog: pytest.LogCaptureFixture) -> None:
    table = ScriptedTable([RuntimeError("a bug")])
    writer = open_writer(table)
    with pytest.raises(LedgerUnavailable):
        await writer.append(packed())
    assert writer.is_closed
    assert "a bug" in caplog.text


async def test_records_behind_a_transaction_of_unknown_fate_are_told_that_nothing_was_written() -> None:
    table = SilentTable([Unanswered("unused")])
    writer = open_writer(table)
    in_flight = asyncio.create_task(writer.append(packed(1)))
    await table.reached.wait()
    behind = asyncio.create_task(writer.append(packed(2)))
    answers = await asyncio.gather(in_flight, behind, return_exceptions=True)
    assert [type(answer) for answer in answers] == [LedgerUnavailable, LaneClosed]
    await writer.drain()


async def test_stuck_transaction_ends_the_lane_even_when_its_own_caller_has_gone() -> None:
    table = SilentTable([Unanswered("unused")])
    writer = open_writer(table)
    in_flight = asyncio.create_task(writer.append(packed(1)))
    await table.reached.wait()
    behind = asyncio.create_task(writer.append(packed(2)))
    in_flight.cancel()
    with pytest.raises(LaneClosed):
        await behind
    await writer.drain()
    assert len({*table.bodies}) == 1
