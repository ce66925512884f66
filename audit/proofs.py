"""A proof that one record was sealed: from its line to a checkpoint that the region has signed, with no lake at hand.

1. the line is a leaf of its segment's tree, whose root the manifest names;
2. the manifest, whole, is the last leaf of the region's tree as it was when the manifest was committed;
3. the checkpoint of that tree is signed with a key that the reader knows;
4. the line's record lies where its id says: in that lane, in that window.

What a proof says nothing about is what came later: that the region's tree has only grown since is what
`vouch verify` and the witness are for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import msgspec

from audit.canonical import NotCanonical, canonical_json, read_canonical
from audit.ids import lane_of, time_of
from audit.lanes import lane_name
from audit.layout import manifest_name
from audit.manifests import InvalidManifest, Manifest, read_manifest
from audit.merkle import HASH_BYTES, NotConsistent, leaf_hash, root_by_inclusion
from audit.notes import InvalidNote, VerifierKey, open_note
from audit.records import digest_of_event
from audit.segments import FileEntry

FORMAT = "vouch.proof.v1"
MAX_STEPS = 64

Hash = Annotated[str, msgspec.Meta(pattern=f"^[0-9a-f]{{{2 * HASH_BYTES}}}$")]
Path = Annotated[list[Hash], msgspec.Meta(max_length=MAX_STEPS)]


class NotProven(ValueError):
    """A document that proves nothing; the message says where it breaks."""


class SegmentPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The line is leaf `index` of the `size` lines of a segment; `path` leads to its root, hex."""

    name: str
    index: int
    size: int
    path: Path


class ManifestPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A manifest's file, whole, as text."""

    name: str
    content: str


class ChainPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The manifest is leaf `index` of the region's tree of `size`, in the entry `sequence` of its chain."""

    sequence: int
    index: int
    size: int
    path: Path


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`line` is the record as it lies in the lake, without the newline; `checkpoint` is a signed note."""

    line: str
    segment: SegmentPart
    manifest: ManifestPart
    chain: ChainPart
    checkpoint: str
    format: str = FORMAT


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof has shown. `record_digest` is what the caller got as a receipt."""

    record_id: UUID
    record_type: str
    record_digest: str
    region: str
    window: str
    origin: str
    tree_size: int


def hex_path(path: Sequence[bytes]) -> list[str]:
    """An audit path as proofs write it."""
    return [step.hex() for step in path]


def read_proof(value: object) -> Proof:
    """The proof of a decoded JSON document. Raises NotProven."""
    try:
        proof = msgspec.convert(value, Proof)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise NotProven(f"it is no proof: {error}") from None
    if proof.format != FORMAT:
        raise NotProven(f"it is no proof of the format {FORMAT}")
    return proof


def check_proof(proof: Proof, keys_of: Callable[[str], Sequence[VerifierKey]]) -> Proven:
    """Check every step. `keys_of` gives the keys that are believed for a region. Raises NotProven."""
    event = _read_line(proof.line)
    manifest = _read_manifest(proof.manifest)
    entry = _find_entry(manifest, proof.segment.name)
    record_id = _check_place(event, entry, manifest)
    _check_segment(proof, entry)
    origin = _check_chain(proof, keys_of(manifest.region))
    return Proven(
        record_id=record_id,
        record_type=str(event["type"]),
        record_digest=digest_of_event(event),
        region=manifest.region,
        window=manifest.window.name,
        origin=origin,
        tree_size=proof.chain.size,
    )


def _read_line(line: str) -> dict[str, Any]:
    try:
        event = read_canonical(line.encode())
        is_exact = canonical_json(event) == line.encode()
    except (ValueError, NotCanonical, RecursionError):
        raise NotProven("its line is no JSON") from None
    if not is_exact or not _is_record(event):
        raise NotProven("its line is no record in canonical form")
    record: dict[str, Any] = event
    return record


def _is_record(event: object) -> bool:
    return (
        isinstance(event, dict)
        and isinstance(event.get("id"), str)
        and isinstance(event.get("type"), str)
        and isinstance(event.get("data"), dict)
    )


def _read_manifest(part: ManifestPart) -> Manifest:
    try:
        manifest = read_manifest(part.content.encode())
    except (InvalidManifest, UnicodeEncodeError) as error:
        raise NotProven(f"its manifest is none: {error}") from None
    if part.name != manifest_name(manifest.region, manifest.window, manifest.correction):
        raise NotProven("its manifest is that of another window")
    return manifest


def _find_entry(manifest: Manifest, name: str) -> FileEntry:
    for entry in manifest.files:
        if entry.name == name:
            return entry
    raise NotProven("its manifest does not name the segment")


def _check_place(event: dict[str, Any], entry: FileEntry, manifest: Manifest) -> UUID:
    try:
        record_id = UUID(event["id"])
    except ValueError:
        raise NotProven("the record's id is none") from None
    is_in_lane = lane_name(lane_of(record_id)) == entry.lane
    if not is_in_lane or time_of(record_id) < manifest.window.start_s * 1000:
        raise NotProven("the record's id belongs to another lane or window")
    return record_id


def _check_segment(proof: Proof, entry: FileEntry) -> None:
    part = proof.segment
    if part.size != entry.rows:
        raise NotProven("the segment has another number of lines in the manifest")
    if _root(proof.line, part.index, part.size, part.path, "the segment").hex() != entry.root:
        raise NotProven("the line is not one of the segment's: its path leads to another root")


def _check_chain(proof: Proof, keys: Sequence[VerifierKey]) -> str:
    """The origin of the checkpoint."""
    part = proof.chain
    try:
        checkpoint = open_note(proof.checkpoint, list(keys))
    except InvalidNote as error:
        raise NotProven(f"its checkpoint: {error}") from None
    if checkpoint.origin not in {key.name for key in keys}:
        raise NotProven("its checkpoint is that of another log")
    if not part.sequence == part.index == part.size - 1 or checkpoint.size != part.size:
        raise NotProven("its checkpoint is of another size")
    if _root(proof.manifest.content, part.index, part.size, part.path, "the chain") != checkpoint.root:
        raise NotProven("the manifest is not in the signed tree: its path leads to another root")
    return checkpoint.origin


def _root(leaf: str, index: int, size: int, path: Sequence[str], what: str) -> bytes:
    try:
        return root_by_inclusion(leaf_hash(leaf.encode()), index, size, [bytes.fromhex(step) for step in path])
    except NotConsistent as error:
        raise NotProven(f"the path in {what} is none: {error}") from None
