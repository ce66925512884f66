"""Runs what is due: turns of orchestrations and activities, each instance one turn at a time, on one loop.

Nothing is kept in memory for what waits. A kill loses the turn or activity that was running; its messages are still in
the file and come again, an activity after `return_delay_s`, which is the real host's queue visibility time-out.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from local.durable import events
from local.durable.answers import Answer
from local.durable.entities import Batch, build_batch_payload, fail_batch, finish_batch, is_entity
from local.durable.failures import describe_failure
from local.durable.functions import DurableFunctions
from local.durable.instances import Task
from local.durable.settings import DurableSettings, FailureStrategy
from local.durable.store import Store
from local.durable.ticks import TICKS_PER_SECOND, system_ticks
from local.durable.turns import Turn, build_new_events, build_payload, finish_turn

LONGEST_SLEEP_S = 3600.0
RETRY_S = 5.0
log = logging.getLogger("host.durable")


class Engine:
    """The loop over a store."""

    def __init__(
        self,
        store: Store,
        functions: DurableFunctions,
        settings: DurableSettings,
        return_delay_s: float,
        clock: Callable[[], int] = system_ticks,
    ) -> None:
        self._store, self._functions, self._settings, self._clock = store, functions, settings, clock
        self._return_delay = int(return_delay_s * TICKS_PER_SECOND)
        self._wake = asyncio.Event()
        self._turning: set[str] = set()
        self._running: set[int] = set()
        self._work: set[asyncio.Task[None]] = set()
        self._pump: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin on the running loop."""
        self._pump = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop; what was running is lost as by a kill."""
        running = [task for task in (self._pump, *self._work) if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def wake(self) -> None:
        """Look for work: something was written."""
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                wait_s = self._start_what_is_due()
            except Exception:
                log.exception("the file of the orchestrations can't be used; tried again in %s s", RETRY_S)
                await asyncio.sleep(RETRY_S)
                continue
            with contextlib.suppress(TimeoutError):  # not wait_for, which may swallow a cancellation before 3.12
                async with asyncio.timeout(min(wait_s, LONGEST_SLEEP_S)):
                    await self._wake.wait()

    def _start_what_is_due(self) -> float:
        """Seconds until something else is due."""
        now = self._clock()
        self._start_turns(now)
        self._start_tasks(now)
        due = self._store.next_due(now)
        return LONGEST_SLEEP_S if due is None else max(0.0, (due - self._clock()) / TICKS_PER_SECOND)

    def _start_turns(self, now: int) -> None:
        at_once = self._settings.orchestrators_at_once
        for instance_id in self._store.due_instances(now, at_once + len(self._turning)):
            if instance_id not in self._turning and len(self._turning) < at_once:
                self._turning.add(instance_id)
                self._spawn(self._serve(instance_id))

    def _start_tasks(self, now: int) -> None:
        free = self._settings.activities_at_once - len(self._running)
        if free <= 0:
            return
        due = self._store.due_tasks(now, free + 2 * len(self._running))
        tasks = [task for task in due if task.row not in self._running][:free]
        if tasks:
            self._store.claim(tasks, now + self._return_delay)
        for task in tasks:
            self._running.add(task.row)
            self._spawn(self._perform(task))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    # Turns

    async def _serve(self, instance_id: str) -> None:
        try:
            if is_entity(instance_id):
                await self._take_batch(self._store.load_batch(instance_id, self._clock()))
            elif (turn := self._store.load_turn(instance_id, self._clock())) is not None and self._admits(turn):
                await self._take_turn(turn)
        except Exception:
            log.exception("%s: its turn failed in the host; tried again in %s s", instance_id, RETRY_S)
            await asyncio.sleep(RETRY_S)
        finally:
            self._turning.discard(instance_id)
            self._wake.set()

    def _admits(self, turn: Turn) -> bool:
        """False where the instance waits for a host of another version, as on the real one."""
        if self._settings.failure is FailureStrategy.FAIL or self._settings.suits(turn.instance.version):
            return True
        log.warning("%s: version %s waits for another host", turn.instance.instance_id, turn.instance.version)
        self._store.park(turn.instance.instance_id)
        return False

    async def _take_turn(self, turn: Turn) -> None:
        new = build_new_events(turn, self._clock)
        if self._settings.suits(turn.instance.version):
            answer = await self._functions.answer(turn.instance.name, build_payload(turn, new))
        else:
            answer = Answer((), error=f"version {turn.instance.version} doesn't run on this host; see host.json.")
        commit = finish_turn(turn, new, answer, self._settings.default_version, self._clock)
        self._store.commit_turn(commit, self._clock())

    async def _take_batch(self, batch: Batch) -> None:
        if batch.name not in self._functions.entities:
            log.error("%s: the app has no entity %s", batch.entity_id, batch.name)
            answer = fail_batch(batch, f"The function '{batch.name}' doesn't exist or is no entity function.")
        else:
            try:
                answer = json.loads(await self._functions.run_entity(batch.name, build_batch_payload(batch)))
            except (Exception, SystemExit) as error:
                log.exception("%s: its function failed", batch.entity_id)
                answer = fail_batch(batch, f"{type(error).__name__}: {error}")
        instance, responses = finish_batch(batch, answer, self._clock())
        self._store.commit_batch(batch, instance, responses, self._clock())

    # Activities

    async def _perform(self, task: Task) -> None:
        try:
            if task.name.lower() in self._functions.activities:
                await self._run_task(task)
            else:
                log.warning("%s waits for ever: the app has no activity %s", task.instance_id, task.name)
                self._store.park_task(task)
        except Exception:
            log.exception("%s: %s failed in the host; it comes back", task.instance_id, task.name)
            await asyncio.sleep(RETRY_S)
        finally:
            self._running.discard(task.row)
            self._wake.set()

    async def _run_task(self, task: Task) -> None:
        try:
            result = await self._functions.run_activity(task.name, task.input_text)
            event = events.task_completed(self._clock(), task.task_id, result)
        except (Exception, SystemExit) as error:
            event = events.task_failed(self._clock(), task.task_id, *describe_failure(task.name, error))
        self._store.finish_task(task, event, self._clock())
