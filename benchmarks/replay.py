"""What replaying recorded decisions costs, beside LightGBM's own batch over the same rows, which lie ready."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt

from adapters.folder_policies import FolderPolicies
from audit.canonical import read_canonical
from benchmarks.claims_1996 import MODEL_FILE, ROOT, encode_rows, load_model, read_deals
from benchmarks.composition import build_memory_service
from benchmarks.figures import Goal, Section, markdown_table, shown, spread
from benchmarks.in_process import CALL, SETTINGS, Work, in_turn
from benchmarks.sealed_lake import KeptRecords
from flows.deciding.decide_deals import Asked
from flows.replaying.replay_decisions import Fate, NotAtHand, replay_decisions
from scoring.lookups import NO_TABLES, Tables
from scoring.model import Model
from scoring.policy import Policy

DEALS, DECISIONS, AT_ONCE = 2_000, 20_000, 500
ROUNDS = 5
POLICY = "standard/1"
PLAIN, EXPLAINED = "scores alone", "scores and contributions"
PREDICT, REPLAY = "lightgbm.Booster.predict, numpy matrix", "replay of decoded records"
DECODE, ENCODE = "decode the record", "encode and check the features"
Event = Mapping[str, Any]
Matrix = npt.NDArray[np.float64]
Tell = Callable[[str], None]


class AtHand:
    """Implements `flows.replaying.replay_decisions.Versions`: the one version and policy of these decisions."""

    def __init__(self) -> None:
        found = FolderPolicies(ROOT / "policies").find(POLICY)
        assert found is not None
        self._policy = found

    def model(self, name: str, version: str) -> Model:
        return load_model()

    def policy(self, name: str, version: str) -> Policy:
        return self._policy

    def tables(self, references: Sequence[Mapping[str, Any]]) -> Tables:
        if references:
            raise NotAtHand("there are no snapshots")
        return NO_TABLES


@dataclass(frozen=True, slots=True)
class Compared:
    """Microseconds a decision, round by round: LightGBM's, the replay's, and each part of a replay by itself."""

    predict: Sequence[float]
    replay: Sequence[float]
    parts: Mapping[str, Sequence[float]]


def measure(_: Path, tell: Tell) -> Section:
    """All on one core, in turn."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        return build_section({what: asyncio.run(_compare(what, tell)) for what in (PLAIN, EXPLAINED)})
    finally:
        os.sched_setaffinity(0, before)


async def _compare(what: str, tell: Tell) -> Compared:
    tell(f"replay, {what}")
    lines = await _record(explain=what == EXPLAINED)
    events = [read_canonical(line) for line in lines]
    matrix = np.array(encode_rows(read_deals(DEALS)) * (DECISIONS // DEALS))
    fates = {replayed.fate for replayed in replay_decisions(events, AtHand())}
    if fates != {Fate.EQUAL}:
        raise RuntimeError(f"decisions that were replayed are {', '.join(sorted(fates))}")
    parts = _parts(what, lines, events)
    works = {
        PREDICT: _as_work(_predict(what, matrix)),
        REPLAY: _as_work(lambda: sum(1 for _ in replay_decisions(events, AtHand()))),
        **{name: _as_work(part) for name, part in parts.items()},
    }
    taken = await in_turn(works, ROUNDS, DECISIONS)
    return Compared(taken[PREDICT], taken[REPLAY], {name: taken[name] for name in parts})


async def _record(*, explain: bool) -> list[bytes]:
    """Decisions as the lake has them once they are opened; each deal comes again, decoded anew."""
    ledger = KeptRecords()
    service, _ = build_memory_service(SETTINGS, ledger)
    deals = read_deals(DEALS)
    for at in range(0, DEALS, AT_ONCE):
        await service.decide_deals(CALL, Asked(deals[at : at + AT_ONCE], explain=3 if explain else 0))
    lines = [record.encoded for record in ledger.records] * (DECISIONS // DEALS)
    if len(lines) != DECISIONS or explain != ("contributions" in json.loads(lines[0])["data"]["personal"]):
        raise RuntimeError("other decisions were recorded than asked for")
    return lines


def _predict(what: str, matrix: Matrix) -> Callable[[], object]:
    booster = lightgbm.Booster(model_file=str(MODEL_FILE))
    if what == PLAIN:
        return lambda: booster.predict(matrix, num_threads=1)
    return lambda: (
        booster.predict(matrix, num_threads=1),
        booster.predict(matrix, num_threads=1, pred_contrib=True),
    )


def _parts(what: str, lines: Sequence[bytes], events: Sequence[Event]) -> dict[str, Callable[[], object]]:
    """By name; the first comes before a replay and is not of it."""
    model = load_model()
    features = [event["data"]["personal"]["features"] for event in events]
    rows = [model.encode(one)[0].values for one in features]
    parts: dict[str, Callable[[], object]] = {
        DECODE: lambda: [None for line in lines if read_canonical(line) is None],
        ENCODE: lambda: [None for one in features if model.encode(one)[1]],
        "score, in one call": lambda: model.score_many(rows),
    }
    if what == EXPLAINED:
        parts["contributions"] = lambda: [None for row in rows if not model.contributions(row)]
    return parts


def _as_work(part: Callable[[], object]) -> Work:
    async def work() -> None:
        part()

    return work


def build_section(compared: Mapping[str, Compared]) -> Section:
    """Tables and goals."""
    rates = [
        [f"{name}, {what}", str(spread(taken)), str(spread([1e6 / us for us in taken]))]
        for what, found in compared.items()
        for name, taken in ((PREDICT, found.predict), (REPLAY, found.replay))
    ]
    tables = [markdown_table(["what", "us a decision", "decisions/s"], rates)]
    tables += [_parts_table(what, found) for what, found in compared.items()]
    goals = [_goal(what, found) for what, found in compared.items()]
    return Section("Replaying decisions", NOTE, tables, goals)


def _goal(what: str, found: Compared) -> Goal:
    share = spread([bare / whole for bare, whole in zip(found.predict, found.replay, strict=True)])
    whole, bare, encode = (spread(taken).median for taken in (found.replay, found.predict, found.parts[ENCODE]))
    why = (
        f"Of {shown(whole)} us LightGBM's own batch takes {shown(bare)}; reading {len(load_model().features)} named "
        f"values and checking them in Python takes {shown(encode)}, the rest is finding what each record names, and "
        "comparing. Encoding by columns was tried (apart from this run, on 2026-11-26): it saves 3 us, and the goal "
        "is as far. A compiled encoder with a compiled comparison would come near."
    )
    return Goal(f"replay, {what}, as a share of LightGBM's batch rate", "over 0.5", str(share), share.median > 0.5, why)


def _parts_table(what: str, found: Compared) -> str:
    whole = spread(found.replay).median
    taken = {name: spread(rounds) for name, rounds in found.parts.items()}
    inside = {name: one.median for name, one in taken.items() if name != DECODE}
    rest = whole - sum(inside.values())
    rows = [[name, str(taken[name]), f"{us / whole:.0%}"] for name, us in inside.items()]
    rows.append(["the rest: what each record names, comparing", shown(rest), f"{rest / whole:.0%}"])
    rows.append([f"before it: {DECODE}", str(taken[DECODE]), ""])
    return markdown_table([f"part of a replay, {what}", "us", "share"], rows)


NOTE = f"""{DECISIONS:,} recorded decisions of version 1.0.0 ({DEALS:,} deals over and over), each decoded for itself;
LightGBM is given a ready matrix of the same rows in one call, and is asked for what the replay is asked for: scores,
or {EXPLAINED}. One core, one round of warm-up and {ROUNDS} rounds, everything in turn; shares are within a round.
Before the first round every decision was replayed and came out equal to the last bit. The parts were run by
themselves. Decoding a record is no part of its replay, which gets it from whoever opened it."""
