"""Whatever happens in whatever order, the lake holds in the end what was recorded, each record once and whole; nobody
who was erased can be read, nobody else is lost, and a stranger finds the trail sound."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from adapters.azure_storage import connect_by_string
from audit.notes import VerifierKey
from audit.verifying.findings import Finding
from audit.verifying.lake import Keys, LakeCheck
from local.azurite import Azurite
from tests.edge.conftest import take_account
from tests.edge.trail.world import World, lines_of
from tests.independent.forms import Copy
from tests.independent.verifier import examine
from tests.lakes import MemoryFiles

PEOPLE = st.sampled_from(["anna", "ben", "cleo"])
GROUPS = st.frozensets(PEOPLE, max_size=2)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("score"), st.integers(0, 2), GROUPS),
        st.tuples(st.just("score"), st.integers(0, 2), GROUPS),
        st.tuples(st.sampled_from(["label", "review"]), st.integers(0, 30)),
        st.tuples(st.sampled_from(["erase", "hold", "release"]), PEOPLE),
        st.tuples(st.just("advance"), st.integers(1, 2)),
        st.tuples(st.just("seal")),
        st.tuples(st.just("seal_and_be_killed"), st.integers(1, 120), st.booleans()),
    ),
    min_size=4,
    max_size=14,
)

Step = tuple[Any, ...]


async def take(world: World, step: Step) -> None:
    """One step; a label or a review is of one of the decisions there are."""
    name, *more = step
    if name in {"label", "review"}:
        decisions = [record_id for record_id, record in world.written.items() if record.deal_id]
        if decisions:
            await getattr(world, name)(decisions[more[0] % len(decisions)])
    elif name == "seal_and_be_killed":
        await world.seal_and_be_killed(more[0], late=more[1])
    else:
        await getattr(world, name)(*more)


async def check(world: World) -> None:
    files = await world.files()
    lines = lines_of(files)
    for record_id, record in world.written.items():
        assert lines.get(record_id) == record.digest, (record_id, record)
        state, personal = await world.open(record_id)
        if record.is_personal:
            assert state == ("erased" if record.is_erased else "readable"), (record_id, record)
            assert personal.get("deal_id", "") == ("" if record.is_erased else record.deal_id)
    if not files:  # nothing was ever recorded
        assert not world.written
        return
    check_is_sound(files, VerifierKey("vouch/westeurope", await world.vault.public_key()))


def check_is_sound(files: dict[str, bytes], key: VerifierKey) -> None:
    found = [step for step in LakeCheck(MemoryFiles(files), Keys([key])).run() if isinstance(step, Finding)]
    assert found == []
    report = examine(Copy(files, {key.name: key.spki}))
    assert (report.accused, report.warned) == ({}, {})


async def play(connection_string: str, steps: list[Step]) -> None:
    storage = connect_by_string(connection_string)
    world = World(storage)
    try:
        for step in steps:
            await take(world, step)
        await world.advance(3)
        await world.seal()
        await check(world)
    finally:
        await world.close()
        await storage.close()


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(STEPS)
def test_lake_holds_in_the_end_what_was_recorded_whatever_happened(azurite: Azurite, steps: list[Step]) -> None:
    asyncio.run(play(azurite.connection_string(take_account()), steps))
