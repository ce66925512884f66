"""Record ids: UUIDv7 that tell their lane and rise inside it."""

from __future__ import annotations

from itertools import pairwise
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.ids import LAST_MS, RANDOM_BITS, lane_of, mint_id, parse_id, time_of

TIMES = st.integers(0, 2**48 - 1)
RANDOM = st.integers(0, 2**64 - 1)
LANES = st.integers(0, 2**16 - 1)


@given(TIMES, RANDOM, LANES)
def test_id_is_a_uuid7_that_tells_its_time_and_lane(unix_ms: int, random_bits: int, lane: int) -> None:
    record_id = mint_id(unix_ms, random_bits, lane)
    assert record_id.version == 7
    assert record_id.variant == RFC_4122
    assert (time_of(record_id), lane_of(record_id)) == (unix_ms, lane)
    assert str(record_id).endswith(f"{lane:04x}")


@given(st.lists(st.tuples(st.integers(0, 5), RANDOM), min_size=2, max_size=50), LANES)
def test_ids_of_one_lane_rise_whatever_the_clock_does(draws: list[tuple[int, int]], lane: int) -> None:
    ids: list[UUID] = []
    for unix_ms, random_bits in draws:
        ids.append(mint_id(unix_ms, random_bits, lane, ids[-1] if ids else None))
    assert all(earlier < later for earlier, later in pairwise(ids))
    assert [str(record_id) for record_id in ids] == sorted(str(record_id) for record_id in ids)
    assert all(record_id.version == 7 and lane_of(record_id) == lane for record_id in ids)


def test_millisecond_whose_ids_are_used_up_goes_on_in_the_next() -> None:
    last = mint_id(1_000, (1 << RANDOM_BITS) - 1, 7)
    following = mint_id(1_000, 0, 7, last)
    assert following > last
    assert time_of(following) == 1_001


def test_different_random_bits_give_different_ids() -> None:
    assert len({mint_id(1_000, 1 << bit, 7) for bit in range(RANDOM_BITS)}) == RANDOM_BITS


@pytest.mark.parametrize(
    "text",
    ["f10cc4f3-ae39-789a-81cf-e9d7627bffe1", "00000000-0000-0000-0000-000000000000", "1", "", "x" * 36,
     "01a2151f-ce85-46aa-89d5-f3bbf5c874e3"],
)  # fmt: skip
def test_text_that_can_be_no_record_is_no_id(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_id(text)


def test_id_that_was_minted_is_read_as_it_was_written() -> None:
    for unix_ms in (0, 1_795_467_600_000, LAST_MS):
        minted = mint_id(unix_ms, 2**57, 7)
        assert parse_id(str(minted)) == minted
