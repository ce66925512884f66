"""Being told, over real HTTP: each notice one signed CloudEvent, tried until it is taken, and in nobody's way."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from adapters.https_notifier import HttpsNotifier
from flows.ports import NotTaken
from flows.rolling_out.tell_people import FIRST_PAUSE_S, TellPeople
from flows.rolling_out.watch_rollouts import WatchRollouts
from tests.edge.notices.receiver import Receiver, listening
from tests.unit.flows.fleet import ROLLOUT, Papers

SECRET = b"a secret that is in no log"
KINDS = ("approval", "breach", "rollback", "stuck", "finished")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with listening() as found:
        yield found


@dataclass
class Desk:
    """The control region's papers, and whoever tells of them at a URL."""

    url: str
    timeout_s: float = 5.0
    papers: Papers = field(default_factory=Papers)

    def __post_init__(self) -> None:
        notifier = HttpsNotifier(self.url, self.timeout_s)
        self.tell = TellPeople(self.papers.notices, notifier, SECRET, "westeurope", self.papers.clock)
        self.watch = WatchRollouts(self.papers.papers, self.papers.engine, self.papers.clock, 60, 60)

    async def note(self, kind: str, seq: int = 1) -> None:
        """What the orchestration notes with a transition that somebody is to be told of."""
        await self.papers.log.note({
            "rollout_id": ROLLOUT, "source": "rollout", "seq": seq, "at": "2026-11-23T21:00:00Z", "what": kind,
            "message": f"this is {kind}", "notice": kind,
            "shown": {"phase": "Progressing", "message": "", "wave": 1, "gate": None},
        })  # fmt: skip


def verify(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """What a receiver does with the secret it was given."""
    expected = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(headers["X-Vouch-Signature"], f"sha256={expected}")
    assert headers["Content-Type"] == "application/cloudevents+json"
    event: dict[str, Any] = json.loads(body)
    return event


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "stuck"])
async def test_transition_of_each_kind_is_told_in_one_signed_event_however_often_it_is_noted(
    receiver: Receiver, kind: str
) -> None:
    desk = Desk(receiver.url)
    for _ in range(2):
        await desk.note(kind)
        await desk.tell()
    ((headers, body),) = receiver.taken
    event = verify(headers, body)
    assert (event["specversion"], event["type"]) == ("1.0", f"vouch.rollout.{kind}.v1")
    assert (event["subject"], event["source"]) == (ROLLOUT, "/regions/westeurope/rollouts")
    assert event["data"] == {"rollout_id": ROLLOUT, "source": "rollout", "what": kind, "message": f"this is {kind}"}


async def test_stuck_rollout_is_told_in_one_signed_event(receiver: Receiver) -> None:
    desk = Desk(receiver.url)
    await desk.papers.begin()
    desk.papers.engine.statuses[ROLLOUT] = "Running"
    desk.papers.clock.advance(61)
    for _ in range(3):
        await desk.watch("client")
        await desk.tell()
    ((headers, body),) = receiver.taken
    event = verify(headers, body)
    assert (event["type"], event["subject"]) == ("vouch.rollout.stuck.v1", ROLLOUT)
    assert event["data"]["message"].startswith("no sign of life since 2026-11-23T21:00:00")


async def test_transition_that_nobody_is_to_be_told_of_is_not_told(receiver: Receiver) -> None:
    desk = Desk(receiver.url)
    await desk.note("")
    assert await desk.tell() == 0
    assert receiver.tries == 0


async def test_events_of_one_rollout_have_ids_of_their_own(receiver: Receiver) -> None:
    desk = Desk(receiver.url)
    for seq, kind in enumerate(KINDS, start=1):
        await desk.note(kind, seq)
    assert await desk.tell() == len(KINDS)
    assert len({json.loads(body)["id"] for _, body in receiver.taken}) == len(KINDS)


async def test_body_that_was_tampered_with_no_longer_fits_its_signature(receiver: Receiver) -> None:
    desk = Desk(receiver.url)
    await desk.note("finished")
    await desk.tell()
    ((headers, body),) = receiver.taken
    with pytest.raises(AssertionError):
        verify(headers, body.replace(b"finished", b"rollback"))


@pytest.mark.parametrize("status", [500, 503, 429, 404, 401, 301, 307])
async def test_notice_that_is_refused_is_sent_again_with_the_same_id_and_then_never_more(
    receiver: Receiver, status: int
) -> None:
    receiver.statuses = [status]
    desk = Desk(receiver.url)
    await desk.note("breach")
    assert (await desk.tell(), receiver.tries) == (0, 1)
    assert (await desk.tell(), receiver.tries) == (0, 1), "it is too early"
    desk.papers.clock.advance(FIRST_PAUSE_S)
    assert (await desk.tell(), receiver.tries) == (1, 2)
    desk.papers.clock.advance(86_400)
    assert (await desk.tell(), receiver.tries) == (0, 2)
    assert verify(*receiver.taken[0])["id"] == f"{ROLLOUT}-rollout-00001"


async def test_one_notice_that_is_refused_does_not_keep_the_others_from_being_told(receiver: Receiver) -> None:
    receiver.statuses = [400]
    desk = Desk(receiver.url)
    await desk.note("breach", 1)
    await desk.note("rollback", 2)
    assert (await desk.tell(), receiver.tries) == (1, 2)
    assert len(await desk.papers.notices.pending()) == 1


async def test_receiver_that_never_answers_costs_its_timeout_and_no_more(receiver: Receiver) -> None:
    receiver.is_silent = True
    desk = Desk(receiver.url, timeout_s=0.2)
    await desk.note("breach")
    async with asyncio.timeout(5):
        assert await desk.tell() == 0
    (row,) = await desk.papers.notices.pending()
    assert row.document["tries"] == 1


async def test_receiver_that_never_answers_many_notices_costs_one_timeout_altogether(receiver: Receiver) -> None:
    """The control timer goes on to look after rollouts: twenty notices may not cost it twenty timeouts."""
    receiver.is_silent = True
    desk = Desk(receiver.url, timeout_s=0.5)
    for seq in range(1, 21):
        await desk.note("breach", seq)
    async with asyncio.timeout(4):
        assert await desk.tell() == 0


async def test_receiver_that_is_down_keeps_no_rollout_from_going_on() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        desk = Desk(f"http://127.0.0.1:{bound.getsockname()[1]}/hooks/x")
        await desk.papers.begin()
        for seq, kind in enumerate(KINDS, start=1):
            await desk.note(kind, seq)
        await desk.watch("client")
        assert await desk.tell() == 0
    assert (await desk.papers.log.read_story(ROLLOUT)).shown["rollout"]["seq"] == len(KINDS)
    assert len(desk.papers.ledger.events("vouch.rollout.changed.v1")) == len(KINDS)
    assert len(await desk.papers.notices.pending()) == len(KINDS)


async def test_notices_that_stood_while_the_receiver_was_down_are_told_when_it_is_back(receiver: Receiver) -> None:
    receiver.statuses = [503, 503, 503]
    desk = Desk(receiver.url)
    for seq in (1, 2, 3):
        await desk.note("breach", seq)
    assert await desk.tell() == 0
    desk.papers.clock.advance(FIRST_PAUSE_S)
    assert await desk.tell() == 3


@pytest.mark.parametrize("statuses", [[204], [500]])
async def test_no_log_holds_the_secret_the_address_or_the_signature(
    receiver: Receiver, statuses: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    receiver.statuses = list(statuses)
    desk = Desk(receiver.url)
    await desk.note("breach")
    with caplog.at_level(logging.DEBUG):
        caplog.handler.setLevel(logging.DEBUG)
        await desk.tell()
    said = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("aiohttp"))
    assert SECRET.decode() not in said
    assert "an-address-that-is-secret" not in said
    assert "sha256=" not in said
    assert ("was not taken" in said) == (statuses == [500])


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://no-such-host.invalid/secret", "http://[::1"])
async def test_notifier_says_why_without_the_address(url: str) -> None:
    with pytest.raises(NotTaken) as caught:
        await HttpsNotifier(url)({}, b"{}")
    assert url not in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.statuses = [307]
    with pytest.raises(NotTaken, match="answered 307"):
        await HttpsNotifier(receiver.url)({"X-Vouch-Signature": "sha256=0"}, b"{}")
    assert receiver.tries == 1
