"""Our own time per decision, in one process on one core, beside LightGBM's own predict on ready numbers."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import lightgbm
import msgspec
import numpy as np
import numpy.typing as npt

from audit.records import Record, RecordType, build_record
from benchmarks.claims_1996 import MODEL_FILE, ROOT, encode_rows, load_model, read_deals
from benchmarks.composition import build_memory_service
from benchmarks.figures import Goal, Section, Spread, markdown_table, shown, spread
from benchmarks.in_memory import MemoryLedger
from flows.calls import Call, Caller
from flows.deciding.decide_deals import Asked, Decided
from flows.service import Service
from scoring.booster import load_library
from scoring.deals import read_deal
from triggers.bodies import decode_json

DEALS = 1_000
SINGLES = 200
ROUNDS = 25
BATCH_ROUNDS = 11
PART_ROUNDS = 40
CALL = Call(Caller("benchmark", frozenset({"scorer"})), "score", "request", f"00-{'a' * 32}-{'b' * 16}-01", 0.0)
SETTINGS = {
    "VOUCH_REGION": "westeurope",
    "VOUCH_REGIONS_FILE": str(ROOT / "regions.json"),
    "VOUCH_ISSUER": "http://127.0.0.1:1/none",
    "VOUCH_JWKS_URL": "http://127.0.0.1:1/none/keys",
    "VOUCH_HMAC_KEY": "00" * 32,
    "VOUCH_VAULT_FOLDER": "none",
}
PREDICT, FAST, FLOW = (
    "lightgbm.Booster.predict, one numpy row",
    "LightGBM's C fast call, one row",
    "Vouch, one decision",
)
MATRIX, SCORED, RECORDED = (
    "lightgbm.Booster.predict, numpy matrix",
    "Vouch: encode and score",
    "Vouch: recorded decisions",
)
RECORD_ENDS = "the record"
Matrix = npt.NDArray[np.float64]
Tell = Callable[[str], None]
Work = Callable[[], Awaitable[None]]


def measure(tell: Tell) -> Section:
    """All of it, interleaved round by round; garbage collection as it is in production: on."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        return asyncio.run(_measure(tell))
    finally:
        os.sched_setaffinity(0, before)


async def _measure(tell: Tell) -> Section:
    service, _ = build_memory_service(SETTINGS)
    deals = read_deals(DEALS)
    matrix = np.array(encode_rows(deals))
    booster = lightgbm.Booster(model_file=str(MODEL_FILE))
    bodies = [json.dumps(deal).encode() for deal in deals]
    await _check(service, bodies, cast("Sequence[float]", booster.predict(matrix, num_threads=1)))
    tell("single decisions, in process")
    single = await in_turn(_single_works(service, bodies[:SINGLES], booster, matrix[:SINGLES]), ROUNDS, SINGLES)
    tell("batches of 1,000, in process")
    batch = await in_turn(_batch_works(service, deals, booster, matrix), BATCH_ROUNDS, DEALS)
    tell("a decision by its parts")
    return build_section(single, batch, await _parts(service, bodies))


async def _check(service: Service, bodies: Sequence[bytes], expected: Sequence[float]) -> None:
    """The same work: every score equals Booster.predict's."""
    for body, score in zip(bodies, expected, strict=True):
        (answer,) = await service.decide_deals(CALL, Asked([decode_json(body)]))
        if not isinstance(answer, Decided) or answer.decision["score"] != score:
            raise RuntimeError(f"Vouch answers {answer} where LightGBM predicts {score!r}.")


def _single_works(
    service: Service, bodies: Sequence[bytes], booster: lightgbm.Booster, matrix: Matrix
) -> dict[str, Work]:
    rows = [matrix[index : index + 1] for index in range(len(matrix))]
    fast = FastRow(booster, matrix)

    async def predict() -> None:
        for row in rows:
            booster.predict(row, num_threads=1)

    async def call_fast() -> None:
        for index in range(len(rows)):
            fast(index)

    return {PREDICT: predict, FAST: call_fast, FLOW: _decider(service, bodies)}


def _decider(service: Service, bodies: Sequence[bytes]) -> Work:
    async def decide() -> None:
        for body in bodies:
            (answer,) = await service.decide_deals(CALL, Asked([decode_json(body)], explain=0))
            msgspec.json.encode(cast("Decided", answer).decision)

    return decide


def _batch_works(
    service: Service, deals: Sequence[Mapping[str, Any]], booster: lightgbm.Booster, matrix: Matrix
) -> dict[str, Work]:
    body = json.dumps({"deals": deals}).encode()
    model = load_model()

    async def predict() -> None:
        booster.predict(matrix, num_threads=1)

    async def score() -> None:
        model.score_many([model.encode(deal["features"])[0].values for deal in deals])

    async def decide() -> None:
        answers = await service.decide_deals(CALL, Asked(decode_json(body)["deals"], explain=0))
        msgspec.json.encode({"results": [{"decision": cast("Decided", one).decision} for one in answers]})

    return {MATRIX: predict, SCORED: score, RECORDED: decide}


class FastRow:
    """LightGBM's single-row fast call on a row that lies ready in memory: nothing but the call."""

    def __init__(self, booster: lightgbm.Booster, matrix: Matrix) -> None:
        self._booster, self._matrix = booster, np.ascontiguousarray(matrix)
        self._call = load_library().LGBM_BoosterPredictForMatSingleRowFast
        self._config, self._written, self._result = ctypes.c_void_p(), ctypes.c_int64(), ctypes.c_double()
        code = load_library().LGBM_BoosterPredictForMatSingleRowFastInit(
            booster._handle, 0, 0, -1, 1, matrix.shape[1], b"num_threads=1", ctypes.byref(self._config)
        )
        if code != 0:
            raise RuntimeError("LightGBM refuses the fast call.")
        start, width = self._matrix.ctypes.data, self._matrix.strides[0]
        self._rows = [ctypes.c_void_p(start + width * index) for index in range(len(matrix))]

    def __call__(self, index: int) -> float:
        self._call(self._config, self._rows[index], ctypes.byref(self._written), ctypes.byref(self._result))
        return self._result.value


async def in_turn(works: Mapping[str, Work], rounds: int, per_round: int) -> dict[str, list[float]]:
    """Microseconds a deal, by work, by round; the first round of each is warm-up and dropped."""
    measured: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            started = time.perf_counter()
            await work()
            if number:
                measured[name].append((time.perf_counter() - started) / per_round * 1e6)
    return measured


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a decision, run by itself."""

    name: str
    us: Spread
    is_record: bool = False


class _Catch(MemoryLedger):
    """Keeps the last record."""

    caught: Record

    async def append(self, record: Record) -> None:
        self.caught = record


async def _parts(service: Service, bodies: Sequence[bytes]) -> list[Part]:
    """Each part over the first hundred deals by itself; what is left of the whole is `the flow around them`."""
    model, policy = load_model(), service.policies.find("standard/1")
    assert policy is not None
    bodies = bodies[:100]
    payloads = [decode_json(body) for body in bodies]
    rows = [model.encode(payload["features"])[0].values for payload in payloads]
    records = [await _record_of(service, payload) for payload in payloads]
    answers = [await service.decide_deals(CALL, Asked([payload])) for payload in payloads]
    decisions = [cast("Decided", answer[0]).decision for answer in answers]
    parts: dict[str, Callable[[], object]] = {
        "decode the JSON body, strictly": lambda: [decode_json(body) for body in bodies],
        "read the deal (`read_deal`)": lambda: [read_deal(payload) for payload in payloads],
        "encode and check the features": lambda: [model.encode(payload["features"]) for payload in payloads],
        "predict": lambda: [model.score(row) for row in rows],
        "risk score and policy": lambda: [policy.decide_outcome(model.risk_score(0.1)) for _ in rows],
        "canonical JSON, commitment and digest of the record": lambda: [_rebuild(record) for record in records],
        "compress the record": lambda: [zlib.compress(record.encoded, 1) for record in records],
        "write the answer": lambda: [msgspec.json.encode(decision) for decision in decisions],
    }
    works = {name: _as_work(part) for name, part in parts.items()} | {FLOW: _decider(service, bodies)}
    times = await in_turn(works, PART_ROUNDS, len(bodies))
    return [Part(name, spread(taken), name.endswith(RECORD_ENDS)) for name, taken in times.items()]


async def _record_of(service: Service, payload: object) -> Record:
    """The record that a decision appends."""
    catch = _Catch()
    decide = service.decide_deals
    usual, decide._ledger = decide._ledger, catch
    try:
        await decide(CALL, Asked([payload], explain=0))
    finally:
        decide._ledger = usual
    return catch.caught


def _rebuild(record: Record) -> Record:
    """The same record once more, from its parts."""
    data = dict(cast("Mapping[str, Any]", record.event["data"]))
    personal = data.pop("personal")
    del data["personal_commitment"]
    kind, time_text = RecordType.DECISION_SCORED, str(record.event["time"])
    return build_record(record.record_id, kind, "westeurope", time_text, data, personal, personal["salt"], record.tally)


def _as_work(part: Callable[[], object]) -> Work:
    async def work() -> None:
        part()

    return work


def build_section(
    single: Mapping[str, Sequence[float]], batch: Mapping[str, Sequence[float]], parts: Sequence[Part]
) -> Section:
    """Tables and goals from microseconds a deal."""
    over_predict = _ratio(single[FLOW], single[PREDICT])
    over_fast = _ratio(single[FLOW], single[FAST])
    share_scored = _ratio(batch[MATRIX], batch[SCORED])
    share_recorded = _ratio(batch[MATRIX], batch[RECORDED])
    whole = next(part.us.median for part in parts if part.name == FLOW)
    parts = [part for part in parts if part.name != FLOW]
    rest = whole - sum(part.us.median for part in parts)
    rows = [[part.name, str(part.us), f"{part.us.median / whole:.0%}"] for part in parts]
    rows += [
        [
            "the flow around them: ids, residency, terms, the record's fields, the ledger's queue",
            shown(rest),
            f"{rest / whole:.0%}",
        ]
    ]
    singles = [[name, str(spread(times))] for name, times in single.items()]
    batches = [[name, str(spread(times)), str(spread([1e6 / one for one in times]))] for name, times in batch.items()]
    predict = "lightgbm.Booster.predict"
    goals = [
        _at_most(f"a decision, as a multiple of {predict} on a numpy row", over_predict, 3, _why_slow(parts, whole)),
        Goal("the same, of the C library's single-row fast call", "", str(over_fast), None),
        _over_half(f"batch of 1,000, encode and score, as a share of {predict}'s rows/s", share_scored, WHY_ENCODE),
        _over_half("batch of 1,000, whole recorded decisions, the same share", share_recorded, WHY_RECORD),
    ]
    tables = [
        markdown_table(["one at a time", "us"], singles),
        markdown_table(["batch of 1,000", "us a row", "rows/s"], batches),
        markdown_table(["part of one decision", "us", "share"], rows),
    ]
    return Section("In process", NOTE, tables, goals)


def _at_most(what: str, found: Spread, limit: float, why: str) -> Goal:
    return Goal(what, f"at most {limit:g}", str(found), found.median <= limit, why)


def _over_half(what: str, found: Spread, why: str) -> Goal:
    return Goal(what, "over 0.5", str(found), found.median > 0.5, why)


def _why_slow(parts: Sequence[Part], whole: float) -> str:
    """The longest parts by name and figure, and what is left without the record."""
    longest = sorted(parts, key=lambda part: -part.us.median)[:3]
    named = "; ".join(f"{part.name} {shown(part.us.median)} us" for part in longest)
    record = sum(part.us.median for part in parts if part.is_record)
    return (
        f"Of {shown(whole)} us the longest parts are: {named}; the rest is Python around them (table below). "
        f"The record's JSON, digests and compression alone take {shown(record)} us, which nothing that LightGBM's "
        "predict does corresponds to; writing records in a compiled extension should save most of that."
    )


def _ratio(over: Sequence[float], under: Sequence[float]) -> Spread:
    return spread([one / other for one, other in zip(over, under, strict=True)])


WHY_ENCODE = (
    "Reading named JSON values, checking their types, categories and ranges in Python costs more than LightGBM's trees "
    "for the same row, which are given as numbers; an encoder in a compiled extension should reach it."
)
WHY_RECORD = (
    "Every row becomes an audit record of its own, with canonical JSON, two digests and compression, which costs tens "
    "of times what the trees do. A compiled record writer would narrow it; with a record a row, half of bare "
    "prediction is not in sight."
)
NOTE = f"""One process on one core. A decision is body bytes to answer bytes: strict JSON, validation, encoding, score,
policy, audit record with canonical JSON, digests and compression into a ledger in memory; without reasons. LightGBM is
given rows that lie ready as numbers. All {DEALS:,} scores equalled Booster.predict's to the last bit before the first
round. One round of warm-up, then {ROUNDS} rounds of {SINGLES} deals ({BATCH_ROUNDS} of a batch of 1,000), the works in
turn; ratios are within a round; medians with (min to max). The parts were each run by themselves over 100 deals, in
turn with the whole, {PART_ROUNDS} rounds."""
