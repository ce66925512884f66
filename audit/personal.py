"""What is personal, encrypted so that destroying one key makes it unreadable and nothing else changes.

`docs/audit-trail.md` has the formulas. Keys are 32 bytes; randomness comes in as arguments. A content key belongs to
one message, so that its nonce is fixed and sealing a record again gives the same bytes.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from audit.canonical import canonical_json

KEY_BYTES = 32
NONCE_BYTES = 12
WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + 16
HANDLE_DIGITS = 32
CHECK_DIGITS = 8
ONCE = bytes(NONCE_BYTES)  # the nonce of a key that encrypts one message

SUBJECT, DEAL, DECISION = "subject", "deal", "decision"
_CONTENT, _LIST = b"vouch personal v1 content\x01", b"vouch personal v1 subjects\x01"


class Unreadable(Exception):
    """A box whose key is gone, or that was changed."""


@dataclass(frozen=True, slots=True)
class Named:
    """A subject as a record's list names it: its handle and the check of the key that it had then."""

    handle: str
    check: str


def handle_of(index_key: bytes, kind: str, value: str) -> str:
    """The pseudonym of a subject's id, a deal id or a decision id; `kind` keeps them apart."""
    text = f"{kind}\x00{value}".encode(errors="surrogatepass")
    return hmac.digest(index_key, text, "sha256").hex()[:HANDLE_DIGITS]


def check_of(subject_key: bytes) -> str:
    """What tells a subject's key from an earlier one."""
    return hmac.digest(subject_key, b"vouch key check", "sha256").hex()[:CHECK_DIGITS]


def wrap_key(intermediate: bytes, key: bytes, nonce: bytes, context: bytes) -> bytes:
    """60 bytes. `nonce`: 12 random bytes; `context` says whose key it is."""
    return nonce + AESGCM(intermediate).encrypt(nonce, key, context)


def unwrap_key(intermediate: bytes, wrapped: bytes, context: bytes) -> bytes:
    """The reverse. Raises Unreadable."""
    try:
        return AESGCM(intermediate).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], context)
    except (InvalidTag, ValueError):
        raise Unreadable("a key was wrapped by another one, or for another use") from None


def seal_personal(
    personal: bytes, record_id: UUID, digest: str, record_key: bytes, subject_keys: Mapping[str, bytes]
) -> dict[str, str]:
    """The sealed form of a record's `personal`, given as its canonical JSON. `digest` is the record's, `sha256:<hex>`;
    `subject_keys` are by handle."""
    context = _context(digest)
    box_key = _derive(record_id, record_key, subject_keys, _CONTENT)
    sealed = {"box": _encrypt(box_key, personal, context)}
    if subject_keys:
        named = canonical_json([[handle, check_of(key)] for handle, key in sorted(subject_keys.items())])
        sealed["subjects"] = _encrypt(_derive(record_id, record_key, {}, _LIST), named, context)
    return sealed


def read_named(sealed: Mapping[str, str], record_id: UUID, digest: str, record_key: bytes) -> list[Named]:
    """Whose keys the box needs besides the record's. Raises Unreadable."""
    if "subjects" not in sealed:
        return []
    text = _decrypt(_derive(record_id, record_key, {}, _LIST), sealed["subjects"], _context(digest))
    return [Named(handle, check) for handle, check in json.loads(text)]


def open_personal(
    sealed: Mapping[str, str], record_id: UUID, digest: str, record_key: bytes, subject_keys: Mapping[str, bytes]
) -> bytes:
    """The canonical JSON of `personal`. Raises Unreadable."""
    key = _derive(record_id, record_key, subject_keys, _CONTENT)
    return _decrypt(key, sealed["box"], _context(digest))


def _derive(record_id: UUID, record_key: bytes, subject_keys: Mapping[str, bytes], use: bytes) -> bytes:
    """HKDF-SHA-256 (RFC 5869), one block."""
    material = record_key + b"".join(subject_keys[handle] for handle in sorted(subject_keys))
    return hmac.digest(hmac.digest(record_id.bytes, material, "sha256"), use, "sha256")


def _encrypt(key: bytes, text: bytes, context: bytes) -> str:
    return base64.b64encode(AESGCM(key).encrypt(ONCE, zlib.compress(text, 1), context)).decode()


def _decrypt(key: bytes, box: str, context: bytes) -> bytes:
    try:
        return zlib.decompress(AESGCM(key).decrypt(ONCE, base64.b64decode(box, validate=True), context))
    except (InvalidTag, binascii.Error, ValueError, zlib.error):
        raise Unreadable("the box can't be opened with these keys") from None


def _context(digest: str) -> bytes:
    return bytes.fromhex(digest.removeprefix("sha256:"))
