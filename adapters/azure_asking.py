"""Ask a service again until it answers, for whatever may be done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.azure_storage import Answer, StorageService, Unanswered


@dataclass(frozen=True, slots=True)
class AskLimits:
    """`deadline_s` for all tries of one call, `attempt_s` for one."""

    deadline_s: float = 3.0
    attempt_s: float = 1.0


async def ask_again(
    service: StorageService,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    limits: AskLimits,
    pause_s: float,
) -> Answer:
    """The first answer that is no passing fault; at the deadline the last one, or Unanswered where it had none."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limits.deadline_s
    while True:
        try:
            answer = await service.request(method, path, headers, body, timeout_s=limits.attempt_s)
            if not answer.is_passing or loop.time() + pause_s >= deadline:
                return answer
        except Unanswered:
            if loop.time() + pause_s >= deadline:
                raise
        await asyncio.sleep(pause_s)
        pause_s *= 2
