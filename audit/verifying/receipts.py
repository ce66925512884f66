"""Receipts: what callers were told, held against what the lake has.

A receipt is the id of a record and its digest. It shows what the lake alone can't: that a record is not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from audit.canonical import NotCanonical, read_canonical
from audit.ids import time_of
from audit.records import digest_of_event
from audit.verifying.chain import Chained
from audit.verifying.findings import Finding, Kind

ID_MEMBERS = ("decision_id", "record_id")
DIGEST_MEMBER = "record_digest"


class InvalidReceipts(ValueError):
    """What was given is no receipt; the message says what one is."""


class Receipts:
    """The receipts that are still to be met, by record id."""

    def __init__(self, digests: Mapping[str, str]) -> None:
        self.asked = len(digests)
        self.met = 0
        self._waiting = dict(digests)
        self._others: list[Finding] = []

    def meet(self, ids: Sequence[str], lines: Sequence[bytes]) -> None:
        """Take what was waited for out of some lines."""
        if not self._waiting or self._waiting.keys().isdisjoint(ids):
            return
        for record_id, line in zip(ids, lines, strict=True):
            digest = self._waiting.pop(record_id, None)
            if digest is None:
                continue
            found = _digest_of(line)
            if found == digest:
                self.met += 1
            else:
                detail = f"its receipt says {digest}, the record in the lake has {found}"
                self._others.append(Finding(Kind.OTHER_RECORD, record_id, detail))

    def finish(self, chains: Mapping[str, Chained]) -> Iterator[Finding]:
        """What is wrong with receipts, once everything was gone over. `chains` by region."""
        yield from self._others
        for record_id in self._waiting:
            unix_s = time_of(UUID(record_id)) // 1000
            time = datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            if all(chain.covers(unix_s) for chain in chains.values()):
                detail = (
                    f"a receipt was given for it at {time}, that window is sealed, and the record is in none of its "
                    "files: it was removed before its window was sealed, or is in a file that was found to be wrong"
                )
                yield Finding(Kind.MISSING_RECORD, record_id, detail)
            else:
                detail = f"its window, that of {time}, is not sealed in this copy of {', '.join(sorted(chains))}"
                yield Finding(Kind.UNKNOWN_RECORD, record_id, detail)


def read_receipts(text: str) -> dict[str, str]:
    """Digests by record id, from an answer, a list of answers, a batch's answer, or JSON Lines of them. Raises
    InvalidReceipts."""
    receipts: dict[str, str] = {}
    try:
        for value in _values(text):
            _collect(value, receipts)
    except RecursionError:
        raise InvalidReceipts("It is nested too deeply for an answer of the API.") from None
    if not receipts:
        raise InvalidReceipts("It holds no receipt: an object with decision_id and record_digest, as the API answers.")
    return receipts


def _values(text: str) -> list[Any]:
    try:
        return [json.loads(text)]
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as error:
        raise InvalidReceipts(f"It is neither JSON nor JSON Lines: {error}") from None


def _collect(value: Any, receipts: dict[str, str]) -> None:
    """Take every receipt out of a value, however an answer wraps it."""
    if isinstance(value, list):
        for item in value:
            _collect(item, receipts)
    elif isinstance(value, dict) and DIGEST_MEMBER in value:
        record_id, digest = _read_one(value)
        if receipts.setdefault(record_id, digest) != digest:
            raise InvalidReceipts(f"It holds two receipts of {record_id} with different digests.")
    elif isinstance(value, dict):
        for name in ("results", "decision"):
            _collect(value.get(name), receipts)


def _read_one(value: Mapping[str, Any]) -> tuple[str, str]:
    record_id = next((value[name] for name in ID_MEMBERS if name in value), None)
    digest = value[DIGEST_MEMBER]
    try:
        return str(UUID(record_id)), _checked_digest(digest)
    except (ValueError, TypeError, AttributeError):
        raise InvalidReceipts("A receipt has decision_id, a UUID, and record_digest, sha256:<64 hex digits>.") from None


def _checked_digest(digest: str) -> str:
    kind, _, digits = digest.partition(":")
    if kind != "sha256" or len(bytes.fromhex(digits)) != 32:
        raise ValueError(digest)
    return f"sha256:{digits.lower()}"


def _digest_of(line: bytes) -> str:
    """The record digest of a line; says so where it has none."""
    try:
        return digest_of_event(read_canonical(line))
    except (NotCanonical, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "none"
