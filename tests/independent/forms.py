"""Names, times, canonical JSON and signed notes, and what a report is."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key


@dataclass
class Report:
    accused: dict[str, list[str]] = field(default_factory=dict)
    warned: dict[str, list[str]] = field(default_factory=dict)

    def accuse(self, name: str, reason: str) -> None:
        self.accused.setdefault(name, []).append(reason)

    def warn(self, name: str, reason: str) -> None:
        self.warned.setdefault(name, []).append(reason)


@dataclass
class Copy:
    """What there is to look at. `keys`: public keys (SPKI, DER) by name; `notes`: the witness's, None where there is
    no witness; `receipts`: digests by record id."""

    files: Mapping[str, bytes]
    keys: Mapping[str, bytes]
    notes: Mapping[str, bytes] | None = None
    receipts: Mapping[str, str] = field(default_factory=dict)


def in_hour(kind: str, region: str, window: str, ending: str) -> str:
    hour = f"year={window[:4]}/month={window[4:6]}/day={window[6:8]}/hour={window[9:11]}"
    return f"audit/{kind}/v1/region={region}/{hour}/{window}{ending}"


def parse_time(window: str) -> datetime:
    return datetime.strptime(f"{window}+0000", "%Y%m%dT%H%M%SZ%z")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def canonical_bytes(value: object) -> bytes:
    """RFC 8785 for what the trail holds: text, whole numbers, and fractions that Python writes as ECMAScript does."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def canonical(content: bytes) -> dict[str, Any] | None:
    """The object of canonical JSON, or None."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and canonical_bytes(value) == content else None


def root_text(digits: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(digits)).decode()
    except ValueError:
        return ""


def open_note(note: str, name: str, keys: Mapping[str, bytes]) -> list[str] | None:
    """The lines of a note that the key of this name has signed."""
    text, _, below = note.rpartition("\n\n")
    for line in below.splitlines():
        if not line.startswith(f"— {name} ") or name not in keys:
            continue
        blob = line.split(" ")[2]
        raw = base64.b64decode(blob)
        key_id = hashlib.sha256(keys[name]).digest()[:4]
        if base64.b64encode(raw).decode() != blob or raw[:4] != key_id:
            continue
        key = load_der_public_key(keys[name])
        assert isinstance(key, ec.EllipticCurvePublicKey)
        try:
            key.verify(raw[4:], f"{text}\n".encode(), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            continue
        return text.split("\n")
    return None
