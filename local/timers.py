"""The timer half of the host: NCRONTAB schedules (six fields, seconds first), in UTC.

As on Azure a timer never overlaps itself: the next occurrence is sought once the function has returned.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime

from azure.functions.meta import Datum
from azure.functions.timer import TimerRequestConverter
from croniter import croniter

from local.indexing import IndexedFunction, IndexingFailed
from local.invocations import Invoker

PAST_DUE_SECONDS = 1.0
log = logging.getLogger("host.timers")


def resolve_schedule(text: str) -> str:
    """An NCRONTAB expression; `%NAME%` is read from the environment. Raises IndexingFailed with what is wrong."""
    if len(text) > 2 and text.startswith("%") and text.endswith("%"):
        name = text[1:-1]
        if name not in os.environ:
            raise IndexingFailed(f"The schedule {text} needs the setting {name}.")
        text = os.environ[name]
    if len(text.split()) != 6 or not croniter.is_valid(text, second_at_beginning=True):
        raise IndexingFailed(f"{text!r} is no NCRONTAB expression of six fields, seconds first.")
    return text


def next_occurrence(schedule: str, after: datetime) -> datetime:
    """The first occurrence strictly after a time."""
    occurrence: datetime = croniter(schedule, after, second_at_beginning=True).get_next(datetime)
    return occurrence


def timer_request(due: datetime, now: datetime, following: datetime) -> object:
    """What the function is given, decoded by the library from the host's own document."""
    document = {
        "IsPastDue": (now - due).total_seconds() > PAST_DUE_SECONDS,
        "ScheduleStatus": {"Last": due.isoformat(), "Next": following.isoformat(), "LastUpdated": now.isoformat()},
        "Schedule": {"AdjustForDST": True},
    }
    return TimerRequestConverter.decode(Datum(json.dumps(document), "json"), trigger_metadata=None)


class TimerHost:
    """Runs the app's timer functions until it is stopped."""

    def __init__(self, functions: Sequence[IndexedFunction], invoke: Invoker) -> None:
        self._timers = [(function, resolve_schedule(function.trigger.schedule)) for function in functions]
        self._invoke = invoke
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start every timer on the running loop."""
        self._tasks = [asyncio.create_task(self._run(function, schedule)) for function, schedule in self._timers]

    async def stop(self) -> None:
        """Cancel the timers and wait for them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, function: IndexedFunction, schedule: str) -> None:
        if function.trigger.run_on_startup:
            await self._fire(function, schedule, datetime.now(UTC))
        due = datetime.now(UTC)
        while True:
            due = next_occurrence(schedule, max(due, datetime.now(UTC)))
            await asyncio.sleep((due - datetime.now(UTC)).total_seconds())
            await self._fire(function, schedule, due)

    async def _fire(self, function: IndexedFunction, schedule: str, due: datetime) -> None:
        now = datetime.now(UTC)
        try:
            await self._invoke(function, timer_request(due, now, next_occurrence(schedule, now)))
        except (Exception, SystemExit):
            log.exception("%s failed: it runs again at its next occurrence", function.name)
