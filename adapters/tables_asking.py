"""Ask a table until it answers: the rule for everything but the ledger's own writes.

A write whose answer was lost is sent again; it can then meet its own first try, so whoever gets a conflict has to
look whether what stands is his own. Faults that pass are tried again until the deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from adapters.azure_asking import AskLimits
from adapters.azure_storage import Unanswered
from adapters.tables_rest import ReadFailed, Written
from flows.errors import StorageFailed

FIRST_PAUSE_S = 0.02

T = TypeVar("T")


async def ask(call: Callable[[float], Awaitable[T]], limits: AskLimits) -> T:
    """The answer of `call(timeout_s)`, tried again while it fails in a way that may pass. Raises StorageFailed."""
    loop = asyncio.get_running_loop()
    deadline, pause_s = loop.time() + limits.deadline_s, FIRST_PAUSE_S
    while True:
        try:
            answer = await call(min(limits.attempt_s, max(deadline - loop.time(), FIRST_PAUSE_S)))
            if not (isinstance(answer, Written) and answer.is_passing):
                return answer
            fault = answer.detail
        except (Unanswered, ReadFailed) as error:
            fault = str(error)
        if loop.time() + pause_s >= deadline:
            raise StorageFailed(f"storage did not answer in {limits.deadline_s} s; the last fault was: {fault}")
        await asyncio.sleep(pause_s)
        pause_s *= 2
