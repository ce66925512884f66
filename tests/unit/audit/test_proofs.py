"""A proof holds as it was made, and breaks wherever it is touched."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.chain import draft_entry
from audit.counters import Tally
from audit.ids import mint_id
from audit.layout import manifest_name, segment_name
from audit.manifests import Counts, LaneEntry, Manifest, read_manifest
from audit.merkle import Tree, leaf_hash, prove_last
from audit.notes import Checkpoint, VerifierKey, sign_note
from audit.paths import PathTree
from audit.proofs import (
    ChainPart,
    ManifestPart,
    NotProven,
    Proof,
    SegmentPart,
    check_proof,
    hex_path,
    read_proof,
)
from audit.records import Record, RecordType, build_record
from audit.segments import SegmentWriter
from audit.windows import window_of

START_MS = 1_795_467_600_000
WINDOW = window_of(START_MS, 3600)
SIGNING = ec.derive_private_key(0x51, ec.SECP256R1())
KEY = VerifierKey(
    "vouch/westeurope", SIGNING.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
)


def record(number: int, lane: int = 0x9F3A, start_ms: int = START_MS) -> Record:
    kind = RecordType.DECISION_SCORED
    return build_record(
        mint_id(start_ms + number, number, lane), kind, "westeurope", "2026-11-23T21:00:00.000Z",
        {"score": number / 7}, {"deal_id": f"D-{number}"}, "5a" * 16, Tally(record_type=kind.value),
    )  # fmt: skip


RECORDS = [record(number) for number in range(5)]
WANTED = RECORDS[3]


def believed(region: str) -> list[VerifierKey]:
    return [KEY] if region == "westeurope" else []


def sign(checkpoint: Checkpoint) -> str:
    return sign_note(checkpoint, KEY, SIGNING.sign(checkpoint.text.encode(), ec.ECDSA(SHA256())))


def build_proof(records: list[Record] = RECORDS, wanted: Record = WANTED, lane: str = "9f3a") -> Proof:
    """A proof in a chain that had six entries before."""
    name = segment_name("decisions", "westeurope", WINDOW, lane)
    writer, paths = SegmentWriter(), PathTree()
    for one in records:
        writer.add(one.encoded, str(one.record_id), str(one.event["type"]))
        paths.append(leaf_hash(one.encoded), is_wanted=one is wanted)
    writer.finish()
    types = {RecordType.DECISION_SCORED.value: len(records)}
    manifest = Manifest(
        region="westeurope",
        window=WINDOW,
        correction=0,
        lanes=[LaneEntry(lane, len(records), types)],
        files=[writer.entry("decisions", name, lane)],
        counts=Counts(*[len(records)] * 4),
        differences=[],
    )
    content, before = manifest.to_bytes(), Tree()
    for number in range(6):
        before.append(leaf_hash(b"%d" % number))
    after = Tree(before.size, before.frontier)
    after.append(leaf_hash(content))
    assert paths.index is not None
    return Proof(
        line=wanted.encoded.decode(),
        segment=SegmentPart(name, paths.index, paths.size, hex_path(paths.path)),
        manifest=ManifestPart(manifest_name("westeurope", WINDOW), content.decode()),
        chain=ChainPart(6, 6, 7, hex_path(prove_last(before))),
        checkpoint=sign(Checkpoint(KEY.name, after.size, after.root)),
    )


def as_document(proof: Proof) -> Any:
    return json.loads(msgspec.json.encode(proof))


def test_proof_shows_which_record_was_sealed_where() -> None:
    proven = check_proof(read_proof(as_document(build_proof())), believed)
    assert proven.record_id == WANTED.record_id
    assert proven.record_digest == WANTED.digest
    assert (proven.region, proven.window, proven.origin) == ("westeurope", WINDOW.name, KEY.name)
    assert (proven.record_type, proven.tree_size) == ("vouch.decision.scored.v1", 7)


def test_proof_of_the_first_entry_of_a_chain_is_no_path() -> None:
    proof = build_proof()
    entry = draft_entry(None, proof.manifest.name, proof.manifest.content.encode(), _manifest(proof))
    signed = sign(entry.checkpoint(KEY.name, "2026-11-23T22:05:04.123Z"))
    alone = msgspec.structs.replace(proof, chain=ChainPart(0, 0, 1, []), checkpoint=signed)
    assert check_proof(alone, believed).tree_size == 1


def _manifest(proof: Proof) -> Manifest:
    return read_manifest(proof.manifest.content.encode())


def other_key_signs(document: Any) -> None:
    other = ec.derive_private_key(0x52, ec.SECP256R1())
    proof = read_proof(document)
    lines = proof.checkpoint.splitlines()
    text = "\n".join(lines[:3]) + "\n"
    spki = other.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signature = other.sign(text.encode(), ec.ECDSA(SHA256()))
    forged = sign_note(
        Checkpoint(lines[0], int(lines[1]), base64.b64decode(lines[2])), VerifierKey(KEY.name, spki), signature
    )
    document["checkpoint"] = forged


TAMPERINGS: list[tuple[str, Callable[[Any], object]]] = [
    ("the line is not one of the segment's", lambda d: d.update(line=d["line"].replace("D-3", "D-4"))),
    ("canonical", lambda d: d.update(line=d["line"] + " ")),
    ("no JSON", lambda d: d.update(line="\ud800")),
    ("no JSON", lambda d: d.update(line="{" * 9)),
    ("no record", lambda d: d.update(line="[]")),
    ("another lane", lambda d: d.update(line=d["line"].replace("9f3a", "9f3b"))),
    ("does not name the segment", lambda d: d["segment"].update(name=d["segment"]["name"].replace("9f3a", "9f3b"))),
    ("another number of lines", lambda d: d["segment"].update(size=6)),
    ("another root", lambda d: d["segment"].update(index=2)),
    ("the path in the segment", lambda d: d["segment"].update(index=9)),
    ("the path in the segment", lambda d: d["segment"].update(index=-1)),
    ("the path in the segment", lambda d: d["segment"]["path"].pop()),
    ("another root", lambda d: d["segment"]["path"].reverse()),
    ("its manifest is none", lambda d: d["manifest"].update(content=d["manifest"]["content"] + " ")),
    ("its manifest is none", lambda d: d["manifest"].update(content="\ud800")),
    ("not in the signed tree", lambda d: d["manifest"].update(content=d["manifest"]["content"].replace(":5", ":6", 1))),
    ("another window", lambda d: d["manifest"].update(name=d["manifest"]["name"].replace("hour=21", "hour=22"))),
    ("not in the signed tree", lambda d: d["chain"]["path"].reverse()),
    ("the path in the chain", lambda d: d["chain"]["path"].pop()),
    ("another size", lambda d: d["chain"].update(size=8)),
    ("another size", lambda d: d["chain"].update(index=5)),
    ("another size", lambda d: d["chain"].update(sequence=5)),
    ("forged or damaged", lambda d: d.update(checkpoint=d["checkpoint"].replace("\n7\n", "\n8\n"))),
    ("none of the known keys", other_key_signs),
    ("it is no signed note", lambda d: d.update(checkpoint="")),
    ("it is no proof", lambda d: d.update(more=1)),
    ("it is no proof", lambda d: d.pop("chain")),
    ("it is no proof", lambda d: d["segment"].update(path=["xy"])),
    ("it is no proof", lambda d: d["segment"].update(path=["ab" * 32] * 65)),
    ("format", lambda d: d.update(format="vouch.proof.v2")),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "tamper"), TAMPERINGS, ids=range(len(TAMPERINGS)))
def test_proof_that_was_touched_says_where_it_breaks(reason: str, tamper: Callable[[Any], object]) -> None:
    document = as_document(build_proof())
    tamper(document)
    with pytest.raises(NotProven, match=reason):
        check_proof(read_proof(document), believed)


@pytest.mark.parametrize("value", [None, 1, [], {}, "x"])
def test_document_that_is_none_is_no_proof(value: object) -> None:
    with pytest.raises(NotProven, match="it is no proof"):
        read_proof(value)


def test_record_in_a_segment_of_another_lane_is_not_proven() -> None:
    with pytest.raises(NotProven, match="another lane"):
        check_proof(build_proof(lane="0001"), believed)


def test_record_from_before_the_window_is_not_proven() -> None:
    early = record(1, start_ms=START_MS - 7_200_000)
    with pytest.raises(NotProven, match="another lane or window"):
        check_proof(build_proof([early], early), believed)


def test_checkpoint_of_another_log_is_not_proven() -> None:
    proof = build_proof()
    lines = proof.checkpoint.splitlines()
    other = sign(Checkpoint("vouch/eastus2", int(lines[1]), base64.b64decode(lines[2])))
    with pytest.raises(NotProven, match="another log"):
        check_proof(msgspec.structs.replace(proof, checkpoint=other), believed)
