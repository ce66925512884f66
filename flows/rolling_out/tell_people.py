"""Tell people of rollouts: each notice one signed CloudEvent to a configured URL, tried until it was taken.

Notices are written with the transition they tell of, so that none is lost; a timer sends what is still to be sent,
all at the same time, so that a receiver that doesn't answer costs the timer one timeout.
The signature is HMAC-SHA-256 over the body, in `X-Vouch-Signature`, as GitHub's webhooks do it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flows.ports import Clock, Notifier, NotTaken, Row
from flows.rolling_out.notices import Notices
from flows.times import format_time

FIRST_PAUSE_S = 5
LONGEST_PAUSE_S = 3600
GIVE_UP_AFTER = 50
MOST_AT_ONCE = 50

logger = logging.getLogger("vouch.notices")


class TellPeople:
    """`notify` None: nobody is configured to be told, and notices are left standing."""

    def __init__(self, notices: Notices, notify: Notifier | None, secret: bytes, region: str, clock: Clock) -> None:
        self._notices = notices
        self._notify = notify
        self._secret = secret
        self._region = region
        self._clock = clock

    async def __call__(self) -> int:
        """Send what is due; how many were taken. Raises LedgerUnavailable."""
        if self._notify is None:
            return 0
        due = [row for row in await self._notices.pending() if _is_due(row.document, self._clock.now())]
        telling = (self._tell(self._notify, row) for row in due[:MOST_AT_ONCE])
        told = await asyncio.gather(*telling, return_exceptions=True)
        for fault in told:
            if isinstance(fault, BaseException):
                raise fault
        return sum(map(bool, told))

    async def _tell(self, notify: Notifier, row: Row) -> bool:
        """Send one and write down what came of it; whether it was taken."""
        settled = await self._send(notify, row.key, row.document)
        await self._notices.settle(row, {**row.document, **settled})
        return "told_at" in settled and "given_up" not in settled

    async def _send(self, notify: Notifier, key: str, notice: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is to be written down of this try."""
        body = json.dumps(build_event(key, notice, self._region)).encode()
        headers = {"Content-Type": "application/cloudevents+json", "X-Vouch-Signature": sign(self._secret, body)}
        try:
            await notify(headers, body)
        except NotTaken as error:
            tries = int(notice["tries"]) + 1
            logger.warning("Notice %s was not taken (try %d): %s", key, tries, error)
            gave_up = {"told_at": "never", "given_up": True} if tries >= GIVE_UP_AFTER else {}
            return {"tries": tries, "next_at": format_time(self._clock.now() + _pause(tries)), **gave_up}
        return {"told_at": format_time(self._clock.now())}


def build_event(key: str, notice: Mapping[str, Any], region: str) -> dict[str, Any]:
    """A CloudEvents 1.0 event; the same notice always has the same id, so that its receiver knows it again."""
    return {
        "specversion": "1.0",
        "id": key,
        "source": f"/regions/{region}/rollouts",
        "type": f"vouch.rollout.{notice['notice']}.v1",
        "time": notice["at"],
        "subject": notice["rollout_id"],
        "datacontenttype": "application/json",
        "data": {name: notice[name] for name in ("rollout_id", "source", "what", "message")},
    }


def sign(secret: bytes, body: bytes) -> str:
    """`sha256=<hex>`: HMAC-SHA-256 over the body."""
    return f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"


def _is_due(notice: Mapping[str, Any], now: datetime) -> bool:
    next_at = notice.get("next_at")
    return next_at is None or datetime.fromisoformat(next_at) <= now


def _pause(tries: int) -> timedelta:
    return timedelta(seconds=min(FIRST_PAUSE_S * 2 ** (tries - 1), LONGEST_PAUSE_S))
