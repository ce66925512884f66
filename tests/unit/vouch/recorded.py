"""A small trail that is made by hand: decisions, labels and reviews, sealed, and the region that opens them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from audit.counters import Tally
from audit.ids import lane_of, mint_id
from audit.lanes import lane_name
from audit.records import Record, RecordType, build_record
from audit.times import format_second
from audit.windows import Window
from tests.lakes import FIRST, Region, after, write_lake
from tests.unit.vouch.loopback_region import LoopbackRegion

SECOND_WINDOW = after(FIRST)


@dataclass
class Recorded:
    """Records by window, and those whose person was erased. `lake` is sealed of them."""

    records: dict[Window, list[Record]] = field(default_factory=dict)
    erased: set[UUID] = field(default_factory=set)
    lake: Region = field(default_factory=Region)
    _last: UUID | None = None

    def decide(
        self, window: Window = FIRST, *, lane: int = 1, personal: Mapping[str, Any] | None = None, **data: Any
    ) -> str:
        """A decision; its id."""
        recorded = {
            "outcome": "approve", "score": 0.125, "risk_score": 40, "variant": "stable", "traffic": "live",
            "model": {"name": "deal-fraud", "version": "1.0.0", "digest": "sha256:0"},
            "policy": {"name": "standard", "version": "1"},
            **data,
        }  # fmt: skip
        said = {"deal_id": "D-1", "subjects": ["anna"], "features": {"age": 40, "make": "Honda"}, **(personal or {})}
        return self._add(window, lane, RecordType.DECISION_SCORED, recorded, said)

    def label(
        self, decision: str, label: str, at: str = "2026-11-24T08:00:00.000Z", window: Window = SECOND_WINDOW
    ) -> str:
        data = {"decision_id": decision, "label": label, "source": "claims-desk", "labelled_at": at}
        return self._add(window, 1, RecordType.DECISION_LABELLED, data, {})

    def review(self, decision: str, verdict: str, outcome: str | None = None, window: Window = SECOND_WINDOW) -> str:
        data = {"decision_id": decision, "verdict": verdict, **({"outcome": outcome} if outcome else {})}
        return self._add(window, 1, RecordType.DECISION_REVIEWED, data, {"reason": "said Anna"})

    def erase(self, *ids: str) -> None:
        self.erased |= {UUID(record_id) for record_id in ids}

    def seal(self, folder: Path, windows: Sequence[Window] = (FIRST, SECOND_WINDOW)) -> Path:
        """The copy of the lake."""
        for window in windows:
            lanes: dict[str, list[Record]] = {}
            for record in sorted(self.records.get(window, []), key=lambda record: record.record_id):
                lanes.setdefault(lane_name(lane_of(record.record_id)), []).append(record)
            self.lake.seal(window, lanes, erased=sorted(self.erased))
        return write_lake(self.lake.files, folder)

    def open(self, region: LoopbackRegion, page: int = 1000, damaged: Collection[str] = ()) -> None:
        """Have the region answer as it would, in pages of so many records."""
        region.answer("GET", "/health/live", {"region": "westeurope"})
        for window, records in self.records.items():
            ordered = sorted(records, key=lambda record: (lane_of(record.record_id), record.record_id))
            pages = [ordered[at : at + page] for at in range(0, len(ordered), page)]
            bodies = [
                {
                    "records": [self._show(record, str(record.record_id) in damaged) for record in one],
                    "next": None if one is pages[-1] else str(one[-1].record_id),
                }
                for one in pages
            ]
            region.answer("POST", f"/api/v1/exports/{window.name}:open", *bodies)

    def _show(self, record: Record, is_damaged: bool) -> dict[str, Any]:
        is_erased = record.record_id in self.erased
        event: Any = record.event
        if is_erased or is_damaged:
            event = {**event, "data": {key: value for key, value in event["data"].items() if key != "personal"}}
        said = {"record": event, "record_digest": record.digest, "erased": is_erased}
        return {**said, "damaged": True} if is_damaged else said

    def _add(
        self, window: Window, lane: int, kind: RecordType, data: Mapping[str, Any], personal: Mapping[str, Any]
    ) -> str:
        number = sum(map(len, self.records.values()))
        record_id = mint_id((window.start_s + number) * 1000, 12345 << 40, lane)
        time = f"{format_second(window.start_s + number)[:-1]}.000Z"
        record = build_record(
            record_id, kind, "westeurope", time, data, personal, f"{number:032x}", Tally(record_type=kind.value)
        )
        self.records.setdefault(window, []).append(record)
        return str(record_id)
