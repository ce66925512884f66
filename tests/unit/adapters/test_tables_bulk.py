"""Pages as real storage may cut them: short ones, and empty ones that are not the last."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from adapters.azure_asking import AskLimits
from adapters.azure_signing import TableKeySigner
from adapters.azure_storage import StorageService, Unanswered
from adapters.tables_bulk import find_first, stream_pages
from adapters.tables_rest import Page, Read, ReadFailed, Table
from flows.errors import StorageFailed

LIMITS = AskLimits(deadline_s=0.1, attempt_s=0.05)
A, B = Read({"RowKey": "a"}, "1"), Read({"RowKey": "b"}, "2")


class ScriptedTable(Table):
    """Answers queries from a list and keeps what it was asked to go on with."""

    def __init__(self, answers: Sequence[Page | Exception]) -> None:
        super().__init__(StorageService("http://127.0.0.1:1/none", TableKeySigner("none", "AAAA")), "ledger")
        self.answers = list(answers)
        self.asked: list[str] = []

    async def read_page(
        self, condition: str, timeout_s: float, following: str = "", top: int = 0, select: Sequence[str] = ()
    ) -> Page:
        self.asked.append(following)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_stream_goes_on_after_an_empty_page() -> None:
    table = ScriptedTable([Page([], "&1"), Page([A], "&2"), Page([], "&3"), Page([B], ""), ReadFailed("no more")])
    assert [page async for page in stream_pages(table, "c", LIMITS)] == [[A], [B]]
    assert table.asked == ["", "&1", "&2", "&3"]


async def test_stream_asks_again_for_the_page_that_failed() -> None:
    table = ScriptedTable([Page([A], "&1"), Unanswered("reset"), ReadFailed("503"), Page([B], "")])
    assert [page async for page in stream_pages(table, "c", LIMITS)] == [[A], [B]]
    assert table.asked == ["", "&1", "&1", "&1"]


async def test_stream_that_breaks_off_is_told_and_not_taken_for_its_end() -> None:
    table = ScriptedTable([Page([A], "&1"), Unanswered("reset")])
    pages = stream_pages(table, "c", LIMITS)
    assert await anext(pages) == [A]
    with pytest.raises(StorageFailed):
        await anext(pages)


async def test_first_row_is_found_behind_empty_pages() -> None:
    assert await find_first(ScriptedTable([Page([], "&1"), Page([A], "&2")]), "c", LIMITS) == A
    assert await find_first(ScriptedTable([Page([], "&1"), Page([], "")]), "c", LIMITS) is None
