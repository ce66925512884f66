"""Decide deals: the one way from a deal to an answered, recorded decision.

Single, batch, Open Inference and synthetic calls all go through here:

1. admit:   read each deal, check its residency, choose the version that answers, encode its features;
2. reserve: with an idempotency key, claim it, or answer what was recorded before;
3. judge:   score all deals of one version in one call, apply the policy, explain where reasons are due;
4. record:  append to the ledger, and only then answer.

A fault of one deal is that deal's answer; the others are decided.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from audit.counters import Traffic
from audit.records import SALT_BYTES, Record, digest_of_event
from flows.calls import Call
from flows.deciding.admit_deal import Admitted, Residency, admit_deal
from flows.deciding.decision_records import Circumstances, answer_from, build_decision_record
from flows.deciding.judge_deals import Judged, judge_deals
from flows.deciding.terms import FindTerms, Terms
from flows.errors import Erased, NotAttempted, VouchError
from flows.idempotency import Claim, Idempotency
from flows.ports import Clock, Entropy, Ledger
from flows.times import format_time
from flows.write_record import append_record
from scoring.deals import read_deal
from scoring.release import Variant


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """The caller's key and the body it came with."""

    key: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked: decoded JSON deals, in order. `explain` is the number of reasons (None: as the policy says);
    `generated_ids` are the indexes whose deal_id the server made up; with `all_or_nothing` none is scored unless all
    are sound."""

    payloads: Sequence[object]
    explain: int | None = None
    pinned_version: str | None = None
    synthetic: bool = False
    idempotency: IdempotencyKey | None = None
    generated_ids: frozenset[int] = frozenset()
    all_or_nothing: bool = False


@dataclass(frozen=True, slots=True)
class Decided:
    """An answered decision; `storage_ms` is the time it waited for storage."""

    decision: Mapping[str, object]
    replayed: bool
    model_version: str
    storage_ms: float


Answer = Decided | VouchError


class DecideDeals:
    """Composed once a process; every call is one request."""

    def __init__(
        self,
        residency: Residency,
        default_model: str,
        find_terms: FindTerms,
        ledger: Ledger,
        idempotency: Idempotency,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._residency = residency
        self._default_model = default_model
        self._find_terms = find_terms
        self._ledger = ledger
        self._idempotency = idempotency
        self._clock = clock
        self._entropy = entropy

    async def __call__(self, call: Call, asked: Asked) -> list[Answer]:
        """One answer per payload, in order. Raises IdempotencyMismatch, IdempotencyRunning or LedgerUnavailable
        where the whole request meets them."""
        answers: list[Admitted | Answer] = await self._admit(asked)
        admitted = [answer for answer in answers if isinstance(answer, Admitted)]
        if asked.all_or_nothing and len(admitted) < len(answers):
            return [NotAttempted() if isinstance(answer, Admitted) else answer for answer in answers]
        ids = await self._mint(admitted)
        claim = await self._claim(call, asked, ids)
        if claim is not None:
            admitted = self._replay(admitted, claim, answers)
        judged = judge_deals(admitted, asked.explain, self._clock.monotonic)
        recording = [
            self._record(call, asked, d, j, ids[d.index], claim) for d, j in zip(admitted, judged, strict=True)
        ]
        done = [await recording[0]] if len(recording) == 1 else await asyncio.gather(*recording)
        for deal, answer in zip(admitted, done, strict=True):
            answers[deal.index] = answer
        return cast("list[Answer]", answers)

    async def _admit(self, asked: Asked) -> list[Admitted | Answer]:
        readings = [read_deal(payload) for payload in asked.payloads]
        terms: dict[str, Terms | VouchError] = {}
        for deal, _ in readings:
            name = deal.model or self._default_model
            if name not in terms:
                terms[name] = await self._find_terms(name, asked.pinned_version)
        now = self._clock.now()
        return [
            admit_deal(index, deal, faults, terms[deal.model or self._default_model], self._residency, now)
            for index, (deal, faults) in enumerate(readings)
        ]

    async def _mint(self, admitted: Sequence[Admitted]) -> dict[int, UUID]:
        return {deal.index: await self._ledger.mint() for deal in admitted}

    async def _claim(self, call: Call, asked: Asked, ids: Mapping[int, UUID]) -> Claim | None:
        if asked.idempotency is None or not ids:
            return None
        digest = self._idempotency.digest
        partition = digest(call.caller.id, call.route, self._residency.region.name, asked.idempotency.key)
        wanted = {_row_key(index): record_id for index, record_id in ids.items()}
        return await self._idempotency.claim(partition, digest(asked.idempotency.body), wanted)

    def _replay(self, admitted: Sequence[Admitted], claim: Claim, answers: list[Admitted | Answer]) -> list[Admitted]:
        """Answer what was recorded before; returns the deals still to be judged."""
        for deal in admitted:
            event = claim.done.get(_row_key(deal.index))
            if event is not None:
                answers[deal.index] = _replayed(event)
        return [deal for deal in admitted if _row_key(deal.index) not in claim.done]

    async def _record(
        self, call: Call, asked: Asked, deal: Admitted, judged: Judged, record_id: UUID, claim: Claim | None
    ) -> Answer:
        async def move(moved_id: UUID) -> None:
            if claim is not None:
                await self._idempotency.move(claim, _row_key(deal.index), moved_id)

        started = self._clock.monotonic()
        try:
            record = await append_record(
                self._ledger, record_id, lambda minted: self._build(call, asked, deal, judged, minted), move
            )
        except VouchError as error:
            return error
        waited_ms = (self._clock.monotonic() - started) * 1000
        return _decided(record.event, record.digest, replayed=False, storage_ms=waited_ms)

    def _build(self, call: Call, asked: Asked, deal: Admitted, judged: Judged, record_id: UUID) -> Record:
        serving = deal.terms.serving
        return build_decision_record(
            record_id=record_id,
            region=self._residency.region.name,
            decided_at=format_time(self._clock.now()),
            salt=self._entropy.token_hex(SALT_BYTES),
            call=call,
            deal=deal.deal,
            judged=judged.judgement,
            under=Circumstances(
                variant=judged.variant,
                generation=serving.release.generation,
                traffic=_traffic(judged.variant, asked.synthetic),
                residency=deal.residency,
                release_stale=serving.stale,
                deal_id_generated=deal.index in asked.generated_ids,
                candidate_error=judged.candidate_error,
                shadow=judged.shadow,
            ),
            latency_ms=(self._clock.monotonic() - call.arrived) * 1000,
        )


def _row_key(index: int) -> str:
    return f"{index:04}"


def _traffic(variant: Variant, synthetic: bool) -> Traffic:
    if synthetic:
        return Traffic.SYNTHETIC
    return Traffic.PINNED if variant is Variant.PINNED else Traffic.LIVE


def _replayed(event: Mapping[str, Any]) -> Answer:
    """What was answered before, unless it was erased since."""
    if "personal" not in event["data"]:
        return Erased("decision")
    return _decided(event, digest_of_event(event), replayed=True, storage_ms=0.0)


def _decided(event: Mapping[str, object], digest: str, *, replayed: bool, storage_ms: float) -> Decided:
    decision = answer_from(event, digest)
    model = cast("Mapping[str, str]", decision["model"])
    return Decided(decision, replayed, model["version"], storage_ms)
