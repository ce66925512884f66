"""A sealed lake of real decisions: claims of 1996, decided and recorded, then sealed over and over under new ids.

Every line has a box of its own, encrypted with a key that is thrown away. So a lake of any size is made in seconds,
and its lines are as long and as hard to compress as those of a region.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.chain import ChainEntry, draft_entry
from audit.ids import mint_id
from audit.layout import DECISIONS, chain_name, manifest_name, segment_name
from audit.manifests import LaneEntry, Manifest, compare_counts
from audit.notes import VerifierKey, sign_note
from audit.personal import KEY_BYTES, seal_personal
from audit.records import Record
from audit.segments import FileEntry, SegmentWriter
from audit.windows import Window, parse_window
from benchmarks.claims_1996 import read_deals
from benchmarks.composition import build_memory_service
from benchmarks.in_memory import MemoryLedger
from benchmarks.in_process import CALL, SETTINGS
from flows.deciding.decide_deals import Asked

REGION = "westeurope"
FIRST = parse_window("20261123T210000Z", 3600)
DEALS = 500
LANES = 4
COMMITTED_AT = "2026-11-23T22:05:04.123Z"


class KeptRecords(MemoryLedger):
    """A ledger that keeps the records themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Record] = []

    async def append(self, record: Record) -> None:
        self.records.append(record)


async def record_decisions() -> Sequence[Record]:
    """Real records of real decisions."""
    ledger = KeptRecords()
    service, _ = build_memory_service(SETTINGS, ledger)
    await service.decide_deals(CALL, Asked(read_deals(DEALS)))
    return ledger.records


def write_lake(folder: Path, records: Sequence[Record], rows: int, windows: int) -> VerifierKey:
    """Seal so many rows, in as many windows, into a folder; the public key."""
    signing = ec.derive_private_key(1996, ec.SECP256R1())
    spki = signing.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key, last = VerifierKey(f"vouch/{REGION}", spki), None
    chance = random.Random(1996)
    endless = cycle(records)
    for number in range(windows):
        window = Window(FIRST.start_s + number * FIRST.length_s, FIRST.length_s)
        files = [
            _write_segment(folder, window, f"{lane:04x}", islice(endless, rows // windows // LANES), chance)
            for lane in range(LANES)
        ]
        last = _commit(folder, _manifest(window, files), signing, key, last)
    return key


def _write_segment(
    folder: Path, window: Window, lane: str, records: Iterator[Record], chance: random.Random
) -> FileEntry:
    writer, name, last = SegmentWriter(), segment_name(DECISIONS, REGION, window, lane), None
    parts = []
    for record in records:
        last = mint_id(window.start_s * 1000, chance.getrandbits(64), int(lane, 16), last)
        writer.add(_line(record, str(last), chance), str(last), record.tally.record_type)
        parts.append(writer.take() or b"")
    _write(folder, name, b"".join([*parts, writer.finish()]))
    return writer.entry(DECISIONS, name, lane)


def _line(record: Record, new_id: str, chance: random.Random) -> bytes:
    """The record under another id, its `personal` in a box of its own."""
    before, _, rest = record.encoded.partition(b'"personal":')
    personal, _, after = rest.partition(b',"personal_commitment":')
    key = chance.randbytes(KEY_BYTES)
    box = seal_personal(personal, record.record_id, record.digest, key, {})["box"].encode()
    line = b'%b"personal":{"box":"%b"},"personal_commitment":%b' % (before, box, after)
    return line.replace(str(record.record_id).encode(), new_id.encode())


def _manifest(window: Window, files: Sequence[FileEntry]) -> Manifest:
    lanes = [LaneEntry(file.lane, file.rows, file.types) for file in files]
    totals = {lane.lane: lane.records for lane in lanes}
    counts, differences = compare_counts(lanes, totals, totals, files)
    return Manifest(REGION, window, 0, lanes, files, counts, differences)


def _commit(
    folder: Path, manifest: Manifest, signing: ec.EllipticCurvePrivateKey, key: VerifierKey, last: ChainEntry | None
) -> ChainEntry:
    name, content = manifest_name(REGION, manifest.window), manifest.to_bytes()
    _write(folder, name, content)
    draft = draft_entry(last, name, content, manifest)
    checkpoint = draft.checkpoint(key.name, COMMITTED_AT)
    signature = signing.sign(checkpoint.text.encode(), ec.ECDSA(SHA256()))
    entry = draft.sign(sign_note(checkpoint, key, signature), COMMITTED_AT)
    _write(folder, chain_name(REGION, entry.sequence), entry.to_bytes())
    return entry


def _write(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
