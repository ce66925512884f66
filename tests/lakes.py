"""A sound lake, made from nothing with the real modules: the same bytes every time.

`Region` seals one region by hand; `sound_lake` is a region with all that a lake can hold, `two_regions` is two that
witness each other. Files are a dictionary from names to bytes, so that tampering with one is a line.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.chain import ChainEntry, draft_entry
from audit.counters import Tally
from audit.ids import mint_id
from audit.layout import (
    PERFORMANCE,
    chain_name,
    dataset_of,
    manifest_name,
    performance_name,
    schema_name,
    segment_name,
    witness_name,
)
from audit.manifests import Difference, LaneEntry, Manifest, compare_counts
from audit.notes import VerifierKey, sign_note
from audit.personal import handle_of
from audit.records import Record, RecordType, build_record
from audit.sealing import build_line, read_row
from audit.segments import FileEntry, SegmentWriter
from audit.times import format_second
from audit.verifying.files import ListedFile
from audit.windows import Window, parse_window

HOUR_S = 3600
FIRST = parse_window("20261123T210000Z", HOUR_S)
INDEX_KEY = b"i" * 32
KINDS = {
    RecordType.DECISION_SCORED: ("deal", "subject"),
    RecordType.DECISION_REJECTED: (),
    RecordType.DECISION_LABELLED: (),
    RecordType.DECISION_REVIEWED: ("deal",),
    RecordType.RELEASE_CHANGED: (),
}


def private_key(number: int = 1) -> ec.EllipticCurvePrivateKey:
    """A signing key of one's own choosing."""
    return ec.derive_private_key(1_000_003 + number, ec.SECP256R1())


def spki_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pem_of(key: ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass
class MemoryFiles:
    """A copy of a lake in memory; pieces are small, so that boundaries fall everywhere."""

    files: Mapping[str, bytes]
    piece_bytes: int = 1000

    def list(self, prefix: str) -> Iterator[ListedFile]:
        return (ListedFile(name, len(self.files[name])) for name in sorted(self.files) if name.startswith(prefix))

    def read(self, name: str) -> Iterator[bytes] | None:
        content = self.files.get(name)
        if content is None:
            return None
        return (content[at : at + self.piece_bytes] for at in range(0, len(content), self.piece_bytes))


@dataclass
class Region:
    """A region that is sealed by hand. `files` is its lake, `notes` what its witness keeps, `receipts` what callers
    were told: digests by record id."""

    name: str = "westeurope"
    key: ec.EllipticCurvePrivateKey = field(default_factory=private_key)
    origin: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    notes: dict[str, bytes] = field(default_factory=dict)
    receipts: dict[str, str] = field(default_factory=dict)
    chance: random.Random = field(default_factory=lambda: random.Random(20261123))
    last: ChainEntry | None = None

    @property
    def verifier_key(self) -> VerifierKey:
        return VerifierKey(self.origin or f"vouch/{self.name}", spki_of(self.key))

    def records(self, window: Window, lane: str, kinds: Sequence[RecordType]) -> list[Record]:
        """Records of these kinds, as they would be in the ledger."""
        made, last = [], None
        for number, kind in enumerate(kinds):
            unix_ms = window.start_s * 1000 + number * 7
            last = mint_id(unix_ms, self.chance.getrandbits(64), int(lane, 16), last)
            made.append(self._record(last, kind, format_second(unix_ms // 1000)))
        self.receipts |= {str(record.record_id): record.digest for record in made}
        return made

    def seal(
        self,
        window: Window,
        lanes: Mapping[str, Sequence[Record]],
        correction: int = 0,
        erased: Sequence[UUID] = (),
        differences: Sequence[Difference] = (),
    ) -> Manifest:
        """Write the window's segments and manifest and commit it."""
        files = [file for lane, records in lanes.items() for file in self._segments(window, lane, records, erased)]
        entries = [_lane_entry(lane, records) for lane, records in lanes.items()]
        totals = {entry.lane: entry.records for entry in entries}
        counts, found = compare_counts(entries, totals, totals, files)
        if totals and any(totals.values()):
            files.append(self._performance(window, correction))
        manifest = Manifest(self.name, window, correction, entries, files, counts, [*found, *differences])
        self.commit(manifest)
        return manifest

    def commit(self, manifest: Manifest, content: bytes = b"") -> ChainEntry:
        """Write a manifest (or other content in its place), its chain entry and the witness's note."""
        content = content or manifest.to_bytes()
        name = manifest_name(self.name, manifest.window, manifest.correction)
        self.files[name] = content
        draft = draft_entry(self.last, name, content, manifest)
        committed_at = f"{format_second(manifest.window.end_s + 300)[:-1]}.000Z"
        checkpoint = draft.checkpoint(self.origin or f"vouch/{self.name}", committed_at)
        note = sign_note(checkpoint, self.verifier_key, self.sign(checkpoint.text))
        self.last = draft.sign(note, committed_at)
        self.files[chain_name(self.name, draft.sequence)] = self.last.to_bytes()
        self.notes[witness_name(self.name, draft.tree.size)] = note.encode()
        return self.last

    def sign(self, text: str) -> bytes:
        return self.key.sign(text.encode(), ec.ECDSA(SHA256(), deterministic_signing=True))

    def _segments(
        self, window: Window, lane: str, records: Sequence[Record], erased: Sequence[UUID]
    ) -> Iterator[FileEntry]:
        datasets: dict[str, SegmentWriter] = {}
        for record in records:
            writer = datasets.setdefault(dataset_of(record.tally.record_type), SegmentWriter())
            line = self._line(record, is_erased=record.record_id in erased)
            writer.add(line, str(record.record_id), record.tally.record_type)
        for dataset, writer in datasets.items():
            yield self._write(writer, dataset, segment_name(dataset, self.name, window, lane), lane)

    def _performance(self, window: Window, correction: int) -> FileEntry:
        writer = SegmentWriter()
        for version in ("1.0.0", "1.1.0"):
            writer.add(b'{"decisions":null,"version":"%b"}' % version.encode(), "", PERFORMANCE)
        return self._write(writer, PERFORMANCE, performance_name(self.name, window, correction), "")

    def _write(self, writer: SegmentWriter, dataset: str, name: str, lane: str) -> FileEntry:
        self.files[name] = writer.finish()
        return writer.entry(dataset, name, lane)

    def _record(self, record_id: UUID, kind: RecordType, time: str) -> Record:
        held = KINDS[kind]
        personal: dict[str, object] = {}
        if held:
            personal = {"deal_id": f"D-{self.chance.randrange(10**6)}", "features": {"amount": self.chance.random()}}
        if "subject" in held:
            personal["subjects"] = [f"person-{self.chance.randrange(100)}"]
        data = {"region": self.name, "score": self.chance.random(), "note": "Grüße, 東京, 🙂"}
        salt = self.chance.randbytes(16).hex()
        return build_record(record_id, kind, self.name, time, data, personal, salt, Tally(record_type=kind.value))

    def _line(self, record: Record, is_erased: bool) -> bytes:
        row = read_row(
            {
                "event": zlib.compress(record.encoded, 1),
                "digest": record.digest,
                "RowKey": str(record.record_id),
                "type": record.tally.record_type,
            }
        )
        key = None if is_erased else self.chance.randbytes(32)
        subjects = {handle_of(INDEX_KEY, "subject", subject): bytes(32) for subject in row.subjects}
        return build_line(row, key, subjects)


def _lane_entry(lane: str, records: Sequence[Record]) -> LaneEntry:
    types: dict[str, int] = {}
    for record in records:
        types[record.tally.record_type] = types.get(record.tally.record_type, 0) + 1
    return LaneEntry(lane, len(records), types)


def after(window: Window, count: int = 1) -> Window:
    return Window(window.start_s + count * window.length_s, window.length_s)


def sound_lake(name: str = "westeurope", number: int = 1) -> Region:
    """Five windows: two lanes with all there is; nothing; one lane, with people erased; a late lane of the first
    window as its correction; a window whose counts differed is left to whoever wants one."""
    region = Region(name, private_key(number), chance=random.Random(number))
    scored, rejected, labelled, reviewed, changed = KINDS
    mixed = [scored, scored, changed, rejected, scored, labelled, reviewed, scored]
    first = FIRST
    region.seal(
        first,
        {
            "0001": region.records(first, "0001", mixed),
            "9f3a": region.records(first, "9f3a", [scored] * 5),
            "ffff": [],
        },
    )
    region.seal(after(first), {})
    third = after(first, 2)
    records = region.records(third, "00ab", mixed)
    region.seal(third, {"00ab": records}, erased=[records[0].record_id])
    region.seal(first, {"c0de": region.records(first, "c0de", [scored, changed])}, correction=1)
    region.seal(after(first, 3), {"00ab": region.records(after(first, 3), "00ab", [scored] * 40)})
    for dataset in ("decisions", "releases", "performance"):
        region.files[schema_name(dataset)] = b'{"$schema":"https://json-schema.org/draft/2020-12/schema"}'
    return region


def copy_of(region: Region) -> Region:
    """The same to tamper with."""
    chance = random.Random()
    chance.setstate(region.chance.getstate())
    files, notes, receipts = dict(region.files), dict(region.notes), dict(region.receipts)
    return replace(region, files=files, notes=notes, receipts=receipts, chance=chance)


def two_regions() -> tuple[Region, Region, dict[str, bytes]]:
    """Two regions, each with the other's checkpoints in its lake, and a copy of both in one."""
    west, north = sound_lake("westeurope", 1), sound_lake("northeurope", 2)
    west.files |= north.notes
    north.files |= west.notes
    return west, north, west.files | north.files


def write_lake(files: Mapping[str, bytes], folder: Path) -> Path:
    """The files in a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
