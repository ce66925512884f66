"""Keys through rotations, outages and storms; time is the fake clock's, the issuer and its HTTP are real."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from adapters.jwt_keys import (
    AGAIN_S,
    AGAIN_WITHOUT_KEYS_S,
    DOCUMENT,
    MAX_AGE_S,
    REFRESH_S,
    JwtKeys,
)
from adapters.jwt_tokens import JwtTokens
from flows.calls import Caller
from flows.errors import KeysUnavailable, Unauthenticated
from tests.fakes import FakeClock
from tests.unit.adapters.loopback_issuer import AUDIENCE, ISSUER, LoopbackIssuer, MemoryDocuments


class Region:
    """A process of a region: starts afresh as often as wanted, over the same storage."""

    def __init__(self, issuer: LoopbackIssuer, documents: MemoryDocuments, clock: FakeClock) -> None:
        self._issuer, self._documents, self._clock = issuer, documents, clock
        self.start()

    def start(self, url: str = "") -> None:
        self.keys = JwtKeys(url or self._issuer.url, self._documents, self._clock)
        self.tokens = JwtTokens(self.keys, ISSUER, AUDIENCE, self._clock)

    async def authenticate(self, token: str) -> Caller:
        return await self.tokens.authenticate(f"Bearer {token}")

    async def known_ids(self) -> set[str]:
        return set(await self.keys.current())


@pytest.fixture
async def region(issuer: LoopbackIssuer, documents: MemoryDocuments, clock: FakeClock) -> AsyncIterator[Region]:
    region = Region(issuer, documents, clock)
    yield region
    await region.keys.settle()


async def test_keys_are_asked_for_once_and_kept_in_storage(
    region: Region, issuer: LoopbackIssuer, documents: MemoryDocuments
) -> None:
    assert [await region.known_ids() for _ in range(3)] == [{"k1"}] * 3
    await region.keys.settle()
    assert issuer.asked == 1
    assert DOCUMENT in documents.documents


async def test_first_callers_all_wait_for_one_answer(region: Region, issuer: LoopbackIssuer) -> None:
    found = await asyncio.gather(*(region.known_ids() for _ in range(50)))
    assert found == [{"k1"}] * 50
    assert issuer.asked == 1


async def test_caller_who_gives_up_does_not_take_the_others_along(region: Region, issuer: LoopbackIssuer) -> None:
    gate = issuer.hold()
    impatient = asyncio.create_task(region.known_ids())
    patient = asyncio.create_task(region.known_ids())
    await wait_for(gate.reached)
    impatient.cancel()
    gate.opened.set()
    assert await patient == {"k1"}
    assert issuer.asked == 1
    assert impatient.cancelled()


async def test_old_keys_serve_while_new_ones_are_fetched_in_the_background(
    region: Region, issuer: LoopbackIssuer, clock: FakeClock, other_key: rsa.RSAPrivateKey
) -> None:
    await region.known_ids()
    clock.advance(REFRESH_S + 1)
    issuer.keys = {"k2": other_key}
    gate = issuer.hold()
    assert await region.known_ids() == {"k1"}
    gate.opened.set()
    await region.keys.settle()
    assert await region.known_ids() == {"k2"}
    assert issuer.asked == 2


async def test_keys_that_did_not_change_are_the_same_object(
    region: Region, issuer: LoopbackIssuer, clock: FakeClock
) -> None:
    before = await region.keys.current()
    clock.advance(REFRESH_S + 1)
    await region.keys.current()
    await region.keys.settle()
    assert await region.keys.current() is before
    assert issuer.asked == 2


async def test_key_that_the_issuer_rotated_in_is_accepted_and_the_old_one_no_more(
    region: Region, issuer: LoopbackIssuer, clock: FakeClock, other_key: rsa.RSAPrivateKey
) -> None:
    old = issuer.token(clock)
    assert (await region.authenticate(old)).id == "claims-desk"
    issuer.keys = {"k2": other_key}
    clock.advance(AGAIN_S)
    assert (await region.authenticate(issuer.token(clock, "k2"))).id == "claims-desk"
    with pytest.raises(Unauthenticated):
        await region.authenticate(old)


async def test_storm_of_unknown_key_ids_asks_the_issuer_once_a_minute(
    region: Region, issuer: LoopbackIssuer, clock: FakeClock, other_key: rsa.RSAPrivateKey
) -> None:
    await region.known_ids()
    stranger = LoopbackIssuer({f"x{number}": other_key for number in range(20)})
    storm = [stranger.token(clock, key_id) for key_id in stranger.keys]
    for second in range(int(3 * AGAIN_S)):
        answers = await asyncio.gather(*map(region.authenticate, storm), return_exceptions=True)
        assert all(isinstance(answer, Unauthenticated) for answer in answers)
        assert issuer.asked == 1 + second // AGAIN_S
        clock.advance(1)


async def test_fresh_process_takes_the_keys_from_storage_without_the_issuer(
    region: Region, issuer: LoopbackIssuer, clock: FakeClock
) -> None:
    await region.known_ids()
    await region.keys.settle()
    issuer.is_down = True
    clock.advance(REFRESH_S - 1)
    region.start()
    assert (await region.authenticate(issuer.token(clock))).id == "claims-desk"
    assert issuer.asked == 1


async def test_fresh_process_serves_by_old_kept_keys_while_the_issuer_hangs(
    region: Region, issuer: LoopbackIssuer, clock: FakeClock
) -> None:
    await region.known_ids()
    await region.keys.settle()
    clock.advance(MAX_AGE_S)
    gate = issuer.hold()
    region.start()
    assert (await region.authenticate(issuer.token(clock))).id == "claims-desk"
    await wait_for(gate.reached)
    gate.opened.set()


async def test_fresh_process_with_a_key_id_that_is_not_kept_asks_at_once(
    region: Region, issuer: LoopbackIssuer, clock: FakeClock, other_key: rsa.RSAPrivateKey
) -> None:
    await region.known_ids()
    await region.keys.settle()
    issuer.keys = {"k2": other_key}
    region.start()
    assert (await region.authenticate(issuer.token(clock, "k2"))).id == "claims-desk"


async def test_issuer_down_and_nothing_kept_means_keys_unavailable_until_it_is_back(
    region: Region, issuer: LoopbackIssuer, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.is_down = True
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            await region.authenticate(issuer.token(clock))
    assert issuer.asked == 1
    assert "status 503" in caplog.text
    issuer.is_down = False
    clock.advance(AGAIN_WITHOUT_KEYS_S)
    assert (await region.authenticate(issuer.token(clock))).id == "claims-desk"


async def test_keys_that_grow_too_old_are_trusted_no_more(
    region: Region, issuer: LoopbackIssuer, clock: FakeClock
) -> None:
    token = issuer.token(clock, exp=clock.now().timestamp() + 2 * MAX_AGE_S)
    await region.authenticate(token)
    await region.keys.settle()
    issuer.is_down = True
    clock.advance(MAX_AGE_S)
    await region.authenticate(token)
    await region.keys.settle()
    clock.advance(AGAIN_S)
    with pytest.raises(KeysUnavailable):
        await region.authenticate(token)
    region.start()
    with pytest.raises(KeysUnavailable):
        await region.authenticate(token)


async def test_issuer_that_answers_nonsense_does_not_take_the_keys_away(
    region: Region, issuer: LoopbackIssuer, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    await region.known_ids()
    issuer.keys = {}
    clock.advance(REFRESH_S + 1)
    await region.known_ids()
    await region.keys.settle()
    assert issuer.asked == 2
    assert "none of 0 keys" in caplog.text
    assert await region.known_ids() == {"k1"}


async def test_issuer_that_is_down_is_asked_again_once_a_minute(
    region: Region, issuer: LoopbackIssuer, clock: FakeClock
) -> None:
    await region.known_ids()
    issuer.is_down = True
    clock.advance(REFRESH_S + 1)
    for second in range(int(3 * AGAIN_S)):
        await region.known_ids()
        await region.keys.settle()
        clock.advance(1)
        assert issuer.asked == 2 + second // AGAIN_S


async def test_storage_that_is_down_is_told_and_the_issuer_asked(
    region: Region, issuer: LoopbackIssuer, documents: MemoryDocuments, caplog: pytest.LogCaptureFixture
) -> None:
    documents.is_down = True
    assert await region.known_ids() == {"k1"}
    await region.keys.settle()
    assert "could not be read" in caplog.text
    assert "were not kept" in caplog.text


@pytest.mark.parametrize(
    "changes",
    [{"jwks": {"keys": []}}, {"jwks": "text"}, {"fetched_at": "yesterday"}, {"url": None}],
    ids=["no keys", "text", "no time", "no url"],
)
async def test_kept_keys_that_are_broken_are_told_and_left_aside(
    changes: dict[str, object],
    region: Region,
    issuer: LoopbackIssuer,
    documents: MemoryDocuments,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await keep(region, documents, **changes)
    assert await region.known_ids() == {"k1"}
    assert issuer.asked == 2
    assert "broken" in caplog.text


async def test_kept_keys_of_another_issuer_are_left_aside(
    region: Region, issuer: LoopbackIssuer, documents: MemoryDocuments
) -> None:
    await keep(region, documents, url="http://127.0.0.1/other")
    assert await region.known_ids() == {"k1"}
    assert issuer.asked == 2


async def test_kept_keys_of_the_future_are_left_aside(
    region: Region, issuer: LoopbackIssuer, documents: MemoryDocuments, clock: FakeClock
) -> None:
    await keep(region, documents, fetched_at=clock.now().timestamp() + 3600)
    assert await region.known_ids() == {"k1"}
    assert issuer.asked == 2


async def test_fault_of_the_issuer_is_told_without_a_token(
    region: Region, issuer: LoopbackIssuer, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.is_down = True
    token = issuer.token(clock)
    with caplog.at_level(logging.DEBUG), pytest.raises(KeysUnavailable):
        await region.authenticate(token)
    assert caplog.records
    assert not any(part in caplog.text for part in token.split("."))


async def keep(region: Region, documents: MemoryDocuments, **changes: object) -> None:
    """Have the keys kept, change what is kept, and start afresh."""
    await region.known_ids()
    await region.keys.settle()
    documents.edit(DOCUMENT, **changes)
    region.start()


async def wait_for(event: asyncio.Event) -> None:
    async with asyncio.timeout(5):
        await event.wait()
