"""Subject keys: whatever order sealers, erasures and holds come in, nobody who was erased has a key for what was
before, and nobody else loses one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.personal import check_of
from flows.errors import StorageFailed, Superseded
from flows.keys.keyring import Keyring
from flows.keys.subject_keys import CLOCK_SKEW_MS, SubjectHeld, SubjectKeys
from flows.ports import Row
from tests.fakes import CountingEntropy, MemoryRows
from tests.fakes_trail import MemoryVault

ANNA, BERT = "a" * 32, "b" * 32
EARLY, LATE = 1_000_000, 2_000_000


def subject_keys(rows: MemoryRows) -> SubjectKeys:
    return SubjectKeys(rows, Keyring(MemoryRows(), MemoryVault(), CountingEntropy()), CountingEntropy())


@pytest.fixture
def rows() -> MemoryRows:
    return MemoryRows()


@pytest.fixture
def subjects(rows: MemoryRows) -> SubjectKeys:
    return subject_keys(rows)


async def key_of(subjects: SubjectKeys, handle: str, recorded_ms: int) -> bytes:
    key = await subjects.key_for(handle, recorded_ms)
    assert key is not None
    return key


async def test_subject_has_one_key_for_all_records(subjects: SubjectKeys) -> None:
    key = await key_of(subjects, ANNA, LATE)
    assert await subjects.key_for(ANNA, EARLY) == key
    assert await subjects.key_for(BERT, EARLY) != key
    assert await subjects.find(ANNA, check_of(key)) == key
    assert await subjects.find(BERT, check_of(key)) is None
    assert await subjects.find("c" * 32, check_of(key)) is None
    assert await subjects.erased_at(ANNA) is None


@dataclass
class AskedRows(MemoryRows):
    """Tells what it was asked."""

    asked: list[str] = field(default_factory=list)

    async def read(self, partition: str, key: str) -> Row | None:
        self.asked.append("read")
        return await super().read(partition, key)

    async def insert(self, partition: str, key: str, document: Mapping[str, object]) -> None:
        self.asked.append("insert")
        await super().insert(partition, key, document)


async def test_key_of_somebody_new_takes_one_read_and_one_insert() -> None:
    rows = AskedRows()
    await key_of(subject_keys(rows), ANNA, EARLY)
    assert rows.asked == ["read", "insert"]


async def test_erased_subject_has_no_key_for_what_was_before(subjects: SubjectKeys, rows: MemoryRows) -> None:
    key = await key_of(subjects, ANNA, EARLY)
    wrapped = rows.rows[ANNA, ANNA].document["wrapped"]
    await subjects.erase(ANNA, LATE)
    assert await subjects.find(ANNA, check_of(key)) is None
    assert await subjects.key_for(ANNA, LATE + CLOCK_SKEW_MS) is None
    assert await subjects.erased_at(ANNA) == LATE
    assert wrapped not in str(rows.rows)
    assert rows.rows[ANNA, ANNA].document["wrapped"] == ""


async def test_subject_who_came_back_has_another_key_and_the_tombstone_stays(subjects: SubjectKeys) -> None:
    old = await key_of(subjects, ANNA, EARLY)
    await subjects.erase(ANNA, LATE)
    new = await key_of(subjects, ANNA, LATE + CLOCK_SKEW_MS + 1)
    assert new != old
    assert await subjects.find(ANNA, check_of(new)) == new
    assert await subjects.find(ANNA, check_of(old)) is None
    assert await subjects.key_for(ANNA, LATE) is None
    assert await subjects.erased_at(ANNA) == LATE


async def test_erasure_that_is_tried_again_leaves_the_key_of_who_came_back(subjects: SubjectKeys) -> None:
    await subjects.erase(ANNA, EARLY)
    new = await key_of(subjects, ANNA, LATE)
    await subjects.erase(ANNA, EARLY)
    assert await subjects.find(ANNA, check_of(new)) == new
    await subjects.erase(ANNA, LATE + 1)
    assert await subjects.find(ANNA, check_of(new)) is None


async def test_unknown_subject_can_be_erased(subjects: SubjectKeys) -> None:
    await subjects.erase(ANNA, LATE)
    await subjects.erase(ANNA, LATE)
    assert await subjects.key_for(ANNA, EARLY) is None
    assert await subjects.erased_at(BERT) is None


async def test_held_subject_is_not_erased_until_the_last_hold_is_released(subjects: SubjectKeys) -> None:
    key = await key_of(subjects, ANNA, EARLY)
    for hold in ("h1", "h2", "h2"):
        await subjects.hold(ANNA, hold)
    await subjects.release(ANNA, "h1")
    await subjects.release(ANNA, "unknown")
    assert await subjects.is_held(ANNA)
    with pytest.raises(SubjectHeld):
        await subjects.erase(ANNA, LATE)
    assert await subjects.find(ANNA, check_of(key)) == key
    await subjects.release(ANNA, "h2")
    assert not await subjects.is_held(ANNA)
    await subjects.erase(ANNA, LATE)
    assert await subjects.find(ANNA, check_of(key)) is None


async def test_subject_without_records_can_be_held(subjects: SubjectKeys) -> None:
    await subjects.hold(ANNA, "h1")
    assert await subjects.is_held(ANNA)
    assert not await subjects.is_held(BERT)
    assert await subjects.key_for(ANNA, EARLY) is not None
    assert await subjects.is_held(ANNA)


async def test_releasing_an_unknown_subject_leaves_no_row(subjects: SubjectKeys, rows: MemoryRows) -> None:
    await subjects.release(ANNA, "h1")
    assert rows.rows == {}


async def test_keys_outlive_the_process_and_a_new_generation(rows: MemoryRows) -> None:
    keyring = Keyring(MemoryRows(), MemoryVault(), CountingEntropy())
    key = await key_of(SubjectKeys(rows, keyring, CountingEntropy()), ANNA, EARLY)
    await keyring.begin_generation()
    again = SubjectKeys(rows, keyring, CountingEntropy())
    assert await again.key_for(ANNA, EARLY) == key
    await again.key_for(BERT, EARLY)
    assert [row.document["generation"] for row in rows.rows.values()] == ["g1", "g2"]


class AlwaysChanged(MemoryRows):
    async def insert(self, partition: str, key: str, document: Mapping[str, object]) -> None:
        raise Superseded


async def test_row_that_never_stands_still_is_told() -> None:
    with pytest.raises(StorageFailed):
        await subject_keys(AlwaysChanged()).hold(ANNA, "h1")


@dataclass
class Person:
    """What must be so of one person after a history, in plain terms."""

    has_key: bool = False
    erased_at_ms: int = 0
    holds: set[str] = field(default_factory=set)

    def is_erased(self, recorded_ms: int) -> bool:
        return self.erased_at_ms > 0 and recorded_ms <= self.erased_at_ms + CLOCK_SKEW_MS


TIMES = st.integers(1, 6).map(lambda step: step * 4_000)
ACTS = st.one_of(
    st.tuples(st.just("key_for"), TIMES),
    st.tuples(st.just("erase"), TIMES),
    st.tuples(st.just("hold"), st.sampled_from(["h1", "h2"])),
    st.tuples(st.just("release"), st.sampled_from(["h1", "h2"])),
)


@given(st.lists(ACTS, max_size=12))
async def test_any_history_leaves_what_a_plain_model_says(acts: Sequence[tuple[str, int | str]]) -> None:
    subjects, person = subject_keys(MemoryRows()), Person()
    standing = b""
    for act, value in acts:
        if act == "key_for":
            key = await subjects.key_for(ANNA, int(value))
            assert (key is None) == person.is_erased(int(value))
            if key is not None:
                assert key == standing or not person.has_key
                standing, person.has_key = key, True
        elif act == "erase" and int(value) > person.erased_at_ms:
            if person.holds:
                with pytest.raises(SubjectHeld):
                    await subjects.erase(ANNA, int(value))
            else:
                await subjects.erase(ANNA, int(value))
                person.has_key, person.erased_at_ms = False, int(value)
        elif act == "erase":
            await subjects.erase(ANNA, int(value))
        elif act == "hold":
            await subjects.hold(ANNA, str(value))
            person.holds.add(str(value))
        else:
            await subjects.release(ANNA, str(value))
            person.holds.discard(str(value))
        found = await subjects.find(ANNA, check_of(standing)) if standing else None
        assert found == (standing if person.has_key else None)
        assert await subjects.erased_at(ANNA) == (person.erased_at_ms or None)
        assert await subjects.is_held(ANNA) == bool(person.holds)


class ShuffledRows(MemoryRows):
    """Storage whose calls take as long as a seed says, so that those who call at once get in each other's way."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)

    async def _wait(self) -> None:
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)

    async def read(self, partition: str, key: str) -> Row | None:
        await self._wait()
        return await super().read(partition, key)

    async def insert(self, partition: str, key: str, document: Mapping[str, object]) -> None:
        await self._wait()
        await super().insert(partition, key, document)

    async def replace(self, partition: str, row: Row, document: Mapping[str, object]) -> None:
        await self._wait()
        await super().replace(partition, row, document)


@settings(max_examples=150)
@given(st.lists(ACTS, min_size=2, max_size=10), st.integers(0, 10_000))
async def test_whoever_meets_at_once_no_erased_key_is_left_and_no_hold_is_lost(
    acts: Sequence[tuple[str, int | str]], seed: int
) -> None:
    subjects = subject_keys(ShuffledRows(seed))
    calls = [getattr(subjects, act)(ANNA, value) for act, value in acts]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    done = [(act, value, answer) for (act, value), answer in zip(acts, answers, strict=True)]
    assert all(answer is None or isinstance(answer, bytes | SubjectHeld) for _, _, answer in done)
    erased = [int(value) for act, value, answer in done if act == "erase" and answer is None]
    assert await subjects.erased_at(ANNA) == max(erased, default=None)
    keys = [(int(value), answer) for act, value, answer in done if act == "key_for" and isinstance(answer, bytes)]
    for recorded_ms, key in keys:
        if recorded_ms <= max(erased, default=0) + CLOCK_SKEW_MS and erased:
            assert await subjects.find(ANNA, check_of(key)) is None
        if not erased:
            assert await subjects.find(ANNA, check_of(key)) == key
    held = {value for act, value, _ in done if act == "hold"}
    released = {value for act, value, _ in done if act == "release"}
    if held - released:
        assert await subjects.is_held(ANNA)
