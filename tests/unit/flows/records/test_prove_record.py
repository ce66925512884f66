"""Proofs that a decision was sealed, as a region gives them."""

from __future__ import annotations

import pytest

from audit.proofs import check_proof, read_proof
from audit.windows import Window
from tests.unit.flows.reading import NEXT, believed, decide, purge, read, seal
from tests.unit.flows.trail import HOUR, START, Trail


@pytest.fixture
def trail() -> Trail:
    return Trail()


async def test_proof_of_a_sealed_decision_holds_offline(trail: Trail) -> None:
    for window in (START, NEXT, Window(NEXT.end_s, HOUR)):
        records = [decide(trail, f"D-{number}", window=window) for number in range(3)]
        await seal(trail)
    found = await read(trail, records[1], is_proven=True)
    proven = check_proof(read_proof(found["proof"]), believed(trail))
    assert (proven.record_id, proven.record_digest) == (records[1].record_id, records[1].digest)
    assert (proven.tree_size, proven.region) == (3, "westeurope")


async def test_proof_holds_after_an_erasure_and_a_purge(trail: Trail) -> None:
    record = decide(trail)
    await seal(trail)
    purge(trail)
    await trail.erase("P-1")
    found = await read(trail, record, is_proven=True)
    assert found["erased"] is True
    assert check_proof(read_proof(found["proof"]), believed(trail)).record_digest == record.digest


async def test_decision_that_is_not_sealed_says_so(trail: Trail) -> None:
    record = decide(trail)
    found = await read(trail, record, is_proven=True)
    assert found["proof"] is None
    assert START.name in found["unproven"]
    assert "proof" not in await read(trail, record)


async def test_decision_of_a_late_lane_is_proven_by_the_correction(trail: Trail) -> None:
    early = decide(trail)
    await seal(trail)
    (late,) = trail.append(START, 0x0001, deal_id="D-late")
    found = await read(trail, late, is_proven=True)
    assert (found["proof"], "correction" in found["unproven"]) == (None, True)
    await seal(trail)
    for record, size in ((early, 1), (late, 3)):
        proof = read_proof((await read(trail, record, is_proven=True))["proof"])
        proven = check_proof(proof, believed(trail))
        assert (proven.record_digest, proven.tree_size) == (record.digest, size)


async def test_manifest_that_is_not_in_the_chain_yet_is_no_proof(trail: Trail) -> None:
    record = decide(trail)
    await seal(trail)
    for name in [name for name in trail.lake.files if "/chain/" in name]:
        del trail.lake.files[name]
    found = await read(trail, record, is_proven=True)
    assert (found["proof"], "chain" in found["unproven"]) == (None, True)


async def test_chain_of_many_windows_is_walked_in_few_steps(trail: Trail) -> None:
    decide(trail)
    trail.pass_windows(40)
    await trail.seal()
    last = Window(START.start_s + 40 * HOUR, HOUR)
    record = decide(trail, window=last)
    await seal(trail)
    trail.steps.calls.clear()
    found = await read(trail, record, is_proven=True)
    assert check_proof(read_proof(found["proof"]), believed(trail)).tree_size == 41
    assert trail.steps.calls.count("lake.read") < 8
