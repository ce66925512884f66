"""Receipts: what callers were told, held against what the lake has.

A receipt is the id of a record and its digest. It shows what the lake alone can't: that a record is not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.canonical import NotCanonical, read_canonical
from audit.ids import parse_id, time_of
from audit.records import digest_of_event
from audit.times import format_second
from audit.verifying.chained import Chained
from audit.verifying.findings import Finding, Kind

ID_MEMBERS = ("decision_id", "record_id")
DIGEST_MEMBER = "record_digest"
TENSORS = "outputs"


class InvalidReceipts(ValueError):
    """What was given is no receipt; the message says what one is."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a caller was told of a record; `region` is empty where the answer doesn't name it."""

    digest: str
    region: str = ""


class Receipts:
    """The receipts that are still to be met, by record id."""

    def __init__(self, receipts: Mapping[str, Receipt]) -> None:
        self.asked = len(receipts)
        self.met = 0
        self._waiting = dict(receipts)
        self._others: list[Finding] = []

    def meet(self, ids: Sequence[str], lines: Sequence[bytes]) -> None:
        """Take what was waited for out of some lines."""
        if not self._waiting or self._waiting.keys().isdisjoint(ids):
            return
        for record_id, line in zip(ids, lines, strict=True):
            receipt = self._waiting.pop(record_id, None)
            if receipt is None:
                continue
            found = _digest_of(line)
            if found == receipt.digest:
                self.met += 1
            else:
                detail = f"its receipt says {receipt.digest}, the record in the lake has {found}"
                self._others.append(Finding(Kind.OTHER_RECORD, record_id, detail))

    def finish(self, chains: Mapping[str, Chained]) -> Iterator[Finding]:
        """What is wrong with receipts, once everything was gone over. `chains` by region."""
        yield from self._others
        for record_id, receipt in self._waiting.items():
            asked = {receipt.region: chains.get(receipt.region, Chained())} if receipt.region else chains
            yield _judge(record_id, asked)


def _judge(record_id: str, chains: Mapping[str, Chained]) -> Finding:
    """What it means that a record of one of these regions was not found."""
    unix_s = time_of(UUID(record_id)) // 1000
    time = format_second(unix_s)
    if all(chain.covers(unix_s) for chain in chains.values()):
        detail = (
            f"a receipt was given for it at {time}, that window is sealed, and the record is in none of its files: it "
            "was removed before its window was sealed, or is in a file that was found to be wrong"
        )
        return Finding(Kind.MISSING_RECORD, record_id, detail)
    detail = f"its window, that of {time}, is not sealed in this copy of {', '.join(sorted(chains))}"
    return Finding(Kind.UNKNOWN_RECORD, record_id, detail)


def read_receipts(text: str) -> dict[str, Receipt]:
    """Receipts by record id, from an answer, a list of answers, a batch's answer, or JSON Lines of them. Raises
    InvalidReceipts."""
    receipts: dict[str, Receipt] = {}
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


def _collect(value: Any, receipts: dict[str, Receipt]) -> None:
    """Take every receipt out of a value, however an answer wraps it."""
    if isinstance(value, list):
        for item in value:
            _collect(item, receipts)
    elif isinstance(value, dict) and DIGEST_MEMBER in value:
        record_id, receipt = _read_one(value)
        if receipts.setdefault(record_id, receipt).digest != receipt.digest:
            raise InvalidReceipts(f"It holds two receipts of {record_id} with different digests.")
    elif isinstance(value, dict):
        for name in ("results", "decision"):
            _collect(value.get(name), receipts)
        _collect(_rows_of(value.get(TENSORS)), receipts)


def _rows_of(tensors: Any) -> list[dict[str, Any]]:
    """The receipts in an answer of the Open Inference Protocol, which has a column of ids and one of digests."""
    listed = tensors if isinstance(tensors, list) else []
    columns = {str(one.get("name")): one.get("data") for one in listed if isinstance(one, dict)}
    ids, digests = columns.get(ID_MEMBERS[0]), columns.get(DIGEST_MEMBER)
    if not isinstance(ids, list) or not isinstance(digests, list) or len(ids) != len(digests):
        return []
    return [{ID_MEMBERS[0]: one, DIGEST_MEMBER: digest} for one, digest in zip(ids, digests, strict=True)]


def _read_one(value: Mapping[str, Any]) -> tuple[str, Receipt]:
    record_id = next((value[name] for name in ID_MEMBERS if name in value), "")
    region = value.get("region")
    try:
        digest = _checked_digest(value[DIGEST_MEMBER])
        return str(parse_id(record_id)), Receipt(digest, region if isinstance(region, str) else "")
    except (ValueError, TypeError, AttributeError):
        raise InvalidReceipts(
            "A receipt has decision_id, a UUID of version 7, and record_digest, sha256:<64 hex digits>."
        ) from None


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
