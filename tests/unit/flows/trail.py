"""A region's trail over storage in memory, which can be stopped at every step, and what must be in its lake."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.chain import read_entry
from audit.counters import Tally
from audit.ids import mint_id
from audit.layout import chain_name
from audit.manifests import Manifest, read_manifest
from audit.merkle import Tree, leaf_hash
from audit.notes import VerifierKey, open_note
from audit.personal import SUBJECT, Unreadable, handle_of, open_personal, read_named
from audit.records import Record, RecordType, build_record, digest_of_event
from audit.windows import Window, window_of
from flows.compose_records import RecordPorts, build_records
from flows.compose_trail import TrailPorts, TrailSettings, build_trail, open_keys
from flows.idempotency import Idempotency
from flows.keys.keyring import Keyring
from flows.keys.record_keys import RecordKeyring
from flows.keys.subject_keys import SubjectKeys
from flows.regions import Region
from flows.sealing.seal_window import SealSettings
from flows.write_record import WriteRecord
from tests.fakes import CountingEntropy, FakeClock, MemoryBundles, MemoryModels, MemoryReservations, MemoryRows
from tests.fakes_trail import (
    LanesLedger,
    MemoryIndex,
    MemoryLake,
    MemoryLanes,
    MemoryRecordKeys,
    MemoryVault,
    RecordingSealing,
    SteppedRows,
    Steps,
)

HOUR = 3600
RETENTION_S = 90 * 86_400
KEEP_HISTORY_S = 86_400
REGION = Region("westeurope", "eu", frozenset({"DE"}), "https://westeurope.example", witness="eastus2")
START = window_of(int(datetime(2026, 11, 23, 21, tzinfo=UTC).timestamp() * 1000), HOUR)
SETTINGS = SealSettings(window_s=HOUR, grace_s=60, at_once=4, look_back_s=86_400, suppressed_below=5)


class NoRegions:
    async def __call__(self, region: str, method: str, path: str, *rest: object) -> Any:
        raise AssertionError("nobody is to be called")


class Trail:
    """westeurope's trail. The clock stands at the end of the first window until it is moved."""

    def __init__(self) -> None:
        self.steps = Steps()
        self.clock = FakeClock()
        self.lake = MemoryLake(steps=self.steps)
        self.lanes = MemoryLanes(steps=self.steps)
        self.record_keys = MemoryRecordKeys(steps=self.steps)
        self.index = MemoryIndex(steps=self.steps)
        self.vault = MemoryVault(steps=self.steps)
        self.keyring_rows, self.witness_rows, self.reservations = MemoryRows(), MemoryRows(), MemoryReservations()
        self.subject_rows, self.erasure_rows = SteppedRows(steps=self.steps), SteppedRows(steps=self.steps)
        self.ledger = LanesLedger(self.lanes, self.clock, self.steps)
        self.entropy = CountingEntropy()
        self.engine = RecordingSealing()
        self.kept = MemoryBundles()
        self.note_rows = MemoryRows()
        self._count = 0
        self.restart()

    def restart(self) -> None:
        """A new process over the same storage."""
        ports = TrailPorts(
            lake=self.lake,
            lanes=self.lanes,
            record_keys=self.record_keys,
            index=self.index,
            vault=self.vault,
            keyring_rows=self.keyring_rows,
            subject_rows=self.subject_rows,
            witness_rows=self.witness_rows,
            erasure_rows=self.erasure_rows,
            note_rows=self.note_rows,
            old_reservations=self.reservations,
            sealing=self.engine,
        )
        self.records = build_records(self._record_ports(), ports, open_keys(ports, self.entropy))
        self.room = build_trail(
            REGION,
            ports,
            TrailSettings(
                origin="vouch/westeurope",
                seal=SETTINGS,
                pace={},
                hot_retention_s=RETENTION_S,
                reservation_retention_s=RETENTION_S,
                keep_history_s=KEEP_HISTORY_S,
            ),
            open_keys(ports, self.entropy),  # as an instance of its own, which may seal while the other one reads
            checkpoint_keys={},
            models=MemoryModels([]),
            kept=self.kept,
            clock=self.clock,
            call_region=NoRegions(),
            finish_erasures=self.records.privacy.finish,
        )

    def _record_ports(self) -> RecordPorts:
        idempotency = Idempotency(self.reservations, self.ledger, self.clock, b"k" * 32, lease_s=45)
        return RecordPorts(
            region=REGION.name,
            window_s=HOUR,
            ledger=self.ledger,
            lake=self.lake,
            reservations=self.reservations,
            idempotency=idempotency,
            write=WriteRecord(REGION.name, self.ledger, idempotency, self.clock, self.entropy),
            clock=self.clock,
            entropy=self.entropy,
        )

    def append(
        self, window: Window, lane: int, count: int = 1, kind: RecordType = RecordType.DECISION_SCORED, **personal: Any
    ) -> list[Record]:
        """Records of one lane, a minute after the window's start or its last record."""
        records = [self._record(window, lane, kind, personal) for _ in range(count)]
        self.lanes.write(records)
        return records

    def pass_windows(self, count: int = 1) -> None:
        """Move the clock past the end and the grace of the next windows."""
        self.clock.advance(count * HOUR + SETTINGS.grace_s)

    async def seal(self) -> None:
        """What timer and orchestrations do until nothing is due."""
        while due := await self.room.seal.due():
            for one in due:
                order = {"window": one.window.name, "correction": one.correction}
                fenced = await self.room.fence(order)
                sealed = [
                    await self.room.seal_lane({**order, "lane": lane["lane"], "types": sorted(lane["types"])})
                    for lane in fenced["lanes"]
                ]
                await self.room.finish({**order, "lanes": fenced["lanes"], "sealed": json.loads(json.dumps(sealed))})

    def use(self, steps: Steps) -> None:
        """Count, and stop, every call of storage and vault by these steps from now on."""
        rows = self.subject_rows, self.erasure_rows
        for port in (self.lake, self.lanes, self.record_keys, self.index, self.vault, self.ledger, *rows):
            port.steps = steps

    async def erase(self, subject: str) -> None:
        """Destroy a subject's key, as of now."""
        keys, handle = await self._keys(SUBJECT, subject)
        await keys.erase(handle, int(self.clock.now().timestamp() * 1000) + HOUR * 1000)

    async def find(self, kind: str, value: str) -> list[UUID]:
        """What the index holds of a subject, deal or decision."""
        _, handle = await self._keys(kind, value)
        return await self.index.find(handle)

    async def open(self, line: Mapping[str, Any]) -> Any:
        """What was personal in a line. Raises Unreadable."""
        keyring = Keyring(self.keyring_rows, self.vault, CountingEntropy())
        subjects = SubjectKeys(self.subject_rows, keyring, CountingEntropy())
        record_id, digest, sealed = UUID(line["id"]), digest_of_event(line), line["data"]["personal"]
        record_key = await RecordKeyring(self.record_keys, keyring, CountingEntropy()).reader().find(record_id)
        if record_key is None:
            raise Unreadable("no record key")
        named = read_named(sealed, record_id, digest, record_key)
        keys = {one.handle: await subjects.find(one.handle, one.check) for one in named}
        found = {handle: key for handle, key in keys.items() if key is not None}
        if len(found) < len(keys):
            raise Unreadable("no subject key")
        return json.loads(open_personal(sealed, record_id, digest, record_key, found))

    def payloads(self) -> list[bytes]:
        """The events of every row of the ledger, compressed as they lie there."""
        return [row["event"] for lane in self.lanes.lanes.values() for row in lane.record_rows()]

    def row_of(self, record_id: UUID) -> dict[str, Any]:
        return next(lane.rows[str(record_id)] for lane in self.lanes.lanes.values() if str(record_id) in lane.rows)

    def remove_row(self, record_id: UUID) -> None:
        for lane in self.lanes.lanes.values():
            lane.rows.pop(str(record_id), None)

    async def _keys(self, kind: str, value: str) -> tuple[SubjectKeys, str]:
        keyring = Keyring(self.keyring_rows, self.vault, CountingEntropy())
        handle = handle_of(await keyring.index_key(), kind, value)
        return SubjectKeys(self.subject_rows, keyring, CountingEntropy()), handle

    def manifests(self) -> list[Manifest]:
        """The chain's manifests, every one checked against its entry and checkpoint."""
        found, tree = [], Tree()
        public = self.vault.signing.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        key = VerifierKey("vouch/westeurope", public)
        for sequence in range(10_000):
            content = self.lake.files.get(chain_name("westeurope", sequence))
            if content is None:
                break
            entry = read_entry(content)
            manifest = self.lake.files[entry.manifest.name]
            assert entry.sequence == sequence
            tree.append(leaf_hash(manifest))
            checkpoint = open_note(entry.checkpoint, [key])
            assert (checkpoint.size, checkpoint.root) == (sequence + 1, tree.root)
            found.append(read_manifest(manifest))
        return found

    def lines(self, manifest: Manifest, dataset: str = "decisions") -> list[dict[str, Any]]:
        """The lines of a manifest's files of a dataset."""
        names = [file.name for file in manifest.files if file.dataset == dataset]
        texts = [gzip.decompress(self.lake.files[name]).decode() for name in names]
        return [json.loads(line) for text in texts for line in text.splitlines()]

    def _record(self, window: Window, lane: int, kind: RecordType, personal: Mapping[str, Any]) -> Record:
        self._count += 1
        unix_ms = window.start_s * 1000 + self._count
        record_id = mint_id(unix_ms, self._count << 32, lane)
        return build_record(
            record_id, kind, "westeurope", "2026-11-23T21:00:00.000Z", {"outcome": "approve"}, personal,
            f"{self._count:032x}", Tally(record_type=kind.value),
        )  # fmt: skip
