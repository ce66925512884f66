"""Checkpoints as signed notes: C2SP tlog-checkpoint (https://c2sp.org/tlog-checkpoint) over signed-note.

    vouch/westeurope                                     the origin
    24                                                   the tree's size
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=         its root, base64
    committed_at 2026-11-23T22:05:04.123Z                extension lines, which are signed with it

    — vouch/westeurope <base64(key id || signature)>

Signatures are of type 0x02: ECDSA P-256 over SHA-256, ASN.1 DER; the key id is the first four bytes of the SHA-256
of the public key's DER (SPKI).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from audit.merkle import HASH_BYTES

ECDSA_TYPE = b"\x02"
KEY_ID_BYTES = 4
MAX_SIGNATURES = 16
MAX_NOTE_BYTES = 64 * 1024
DASH = "— "

_UNCLEAN = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")
_NAME = re.compile(r"[^\s+]+")
_SIZE = re.compile(r"0|[1-9][0-9]{0,17}")


class InvalidNote(ValueError):
    """A note that is malformed, or that no known key has signed; the message says which."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: its origin, how many leaves it has and their root (32 bytes), and what lines are signed with
    them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The note's text, which is what is signed."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key under its name. `spki` is its DER."""

    name: str
    spki: bytes

    @property
    def key_id(self) -> bytes:
        return sha256(self.spki).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:
        """`<name>+<key id>+<base64(type || key)>`, as C2SP writes verifier keys."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(ECDSA_TYPE + self.spki).decode()}"

    def has_signed(self, text: str, signature: bytes) -> bool:
        key = _load_public(self.spki)
        try:
            key.verify(signature, text.encode(), ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True


def read_verifier_key(text: str, name: str = "") -> VerifierKey:
    """A key from its C2SP line, or from PEM, which has no name, so that `name` gives it. Raises InvalidNote."""
    text = text.strip()
    if text.startswith("-----BEGIN"):
        return VerifierKey(_checked_name(name), read_spki(text))
    given_name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    material = _decode(encoded, "the verifier key")
    if material[:1] != ECDSA_TYPE:
        raise InvalidNote("the verifier key is not of type 2 (ECDSA)")
    key = VerifierKey(_checked_name(given_name), material[1:])
    _load_public(key.spki)
    if key.key_id.hex() != key_id:
        raise InvalidNote("the verifier key's id is not that of its key")
    return key


def read_spki(pem: str) -> bytes:
    """The DER (SPKI) of a public key in PEM. Raises InvalidNote."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidNote("it holds no public key in PEM") from None
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    _load_public(spki)
    return spki


def signers_of(note: str) -> list[str]:
    """Who says to have signed a note, as `<name>+<key id>`, believed or not. Raises InvalidNote."""
    return [f"{name}+{key_id.hex()}" for name, key_id, _ in _split(note)[1]]


def sign_note(checkpoint: Checkpoint, key: VerifierKey, signature: bytes) -> str:
    """The note of a checkpoint. `signature` is the key's, of `checkpoint.text`, as DER."""
    line = base64.b64encode(key.key_id + signature).decode()
    return f"{checkpoint.text}\n{DASH}{key.name} {line}\n"


def open_note(note: str, keys: list[VerifierKey]) -> Checkpoint:
    """The checkpoint of a note that one of these keys has signed. Raises InvalidNote."""
    text, signatures = _split(note)
    known = {(key.name, key.key_id): key for key in keys}
    signed = False
    for name, key_id, signature in signatures:
        key = known.get((name, key_id))
        if key is None:
            continue
        if not key.has_signed(text, signature):
            raise InvalidNote(f"the signature of {name} is forged or damaged")
        signed = True
    if not signed:
        raise InvalidNote(f"none of the known keys has signed it, but {', '.join(signers_of(note))}")
    return _read_checkpoint(text)


def _split(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    text, separator, below = note.rpartition("\n\n")
    *lines, rest = below.split("\n")
    is_clean = len(note) <= MAX_NOTE_BYTES and not _UNCLEAN.search(note)
    if not separator or not is_clean or rest or not 0 < len(lines) <= MAX_SIGNATURES:
        raise InvalidNote("it is no signed note")
    return f"{text}\n", [_read_signature(line) for line in lines]


def _read_signature(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix(DASH).partition(" ")
    if not line.startswith(DASH):
        raise InvalidNote("a signature line does not begin as one")
    raw = _decode(encoded, "a signature")
    if len(raw) <= KEY_ID_BYTES:
        raise InvalidNote("a signature is none")
    return _checked_name(name), raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:]


def _read_checkpoint(text: str) -> Checkpoint:
    lines = text.removesuffix("\n").split("\n")
    if len(lines) < 3 or not all(lines):
        raise InvalidNote("it is no checkpoint")
    root = _decode(lines[2], "the root")
    if not _SIZE.fullmatch(lines[1]) or len(root) != HASH_BYTES:
        raise InvalidNote("the checkpoint has no size and root")
    return Checkpoint(lines[0], int(lines[1]), root, tuple(lines[3:]))


def is_key_name(name: str) -> bool:
    """Whether a key may have this name: something without spaces and pluses."""
    return _NAME.fullmatch(name) is not None


def _checked_name(name: str) -> str:
    if not is_key_name(name):
        raise InvalidNote("a key's name is empty, or holds a space or a plus")
    return name


def _decode(text: str, what: str) -> bytes:
    """The bytes of base64 in its one canonical form."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidNote(f"{what} is no base64") from None
    if base64.b64encode(data).decode() != text:
        raise InvalidNote(f"{what} is no canonical base64")
    return data


@lru_cache(maxsize=64)
def _load_public(spki: bytes) -> ec.EllipticCurvePublicKey:
    try:
        key = load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidNote("the key is no public key in DER") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise InvalidNote("the key is not of the curve P-256")
    return key
