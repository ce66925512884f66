"""Notices: signed, sent once taken, tried again where they weren't, and given up at last."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from flows.ports import NotTaken
from flows.rolling_out.documents import Documents
from flows.rolling_out.notices import Notices
from flows.rolling_out.tell_people import GIVE_UP_AFTER, LONGEST_PAUSE_S, TellPeople
from flows.times import format_time
from tests.fakes import FakeClock, MemoryRows

SECRET = b"a secret of some length"


@dataclass
class Receiver:
    """Takes notices unless it is told not to."""

    is_well: bool = True
    taken: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    tries: int = 0

    async def __call__(self, headers: Mapping[str, str], body: bytes) -> None:
        self.tries += 1
        if not self.is_well:
            raise NotTaken("answered 503")
        self.taken.append((headers, body))


@dataclass
class Office:
    clock: FakeClock = field(default_factory=FakeClock)
    receiver: Receiver = field(default_factory=Receiver)

    def __post_init__(self) -> None:
        self.notices = Notices(Documents(MemoryRows()))
        self.tell = TellPeople(self.notices, self.receiver, SECRET, "westeurope", self.clock)

    async def notice(self, kind: str, message: str) -> None:
        """Somebody is to be told so of the rollout r-1."""
        event = {"rollout_id": "r-1", "source": "rollout", "what": kind, "message": message}
        await self.notices.add(kind, kind, {**event, "at": format_time(self.clock.now())})


async def test_notice_is_a_signed_cloudevent_sent_once() -> None:
    office = Office()
    await office.notice("stuck", "no sign of life")
    await office.notice("stuck", "no sign of life")
    assert (await office.tell(), await office.tell()) == (1, 0)
    ((headers, body),) = office.receiver.taken
    event = json.loads(body)
    assert (event["specversion"], event["type"], event["subject"]) == ("1.0", "vouch.rollout.stuck.v1", "r-1")
    expected = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    assert headers["X-Vouch-Signature"] == f"sha256={expected}"


async def test_notice_that_was_not_taken_is_tried_again_later_with_the_same_id() -> None:
    office = Office()
    office.receiver.is_well = False
    await office.notice("breach", "bad")
    await office.tell()
    await office.tell()
    assert office.receiver.tries == 1
    office.clock.advance(10)
    office.receiver.is_well = True
    assert await office.tell() == 1
    assert json.loads(office.receiver.taken[0][1])["id"] == "r-1-breach"


async def test_notice_that_nobody_ever_takes_is_given_up() -> None:
    office = Office()
    office.receiver.is_well = False
    await office.notice("breach", "bad")
    for _ in range(GIVE_UP_AFTER + 5):
        await office.tell()
        office.clock.advance(LONGEST_PAUSE_S + 1)
    assert office.receiver.tries == GIVE_UP_AFTER
    assert not await office.notices.pending()


async def test_nobody_is_told_where_nobody_is_configured() -> None:
    office = Office()
    await office.notice("breach", "bad")
    assert await TellPeople(office.notices, None, b"", "westeurope", office.clock)() == 0
    assert len(await office.notices.pending()) == 1
