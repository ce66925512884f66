"""`python -m vouch proof`: check offline that a decision was sealed, by the answer to `GET /decisions/{id}?proof=true`.

Exit codes: 0 proven, 1 not proven, 2 it could not be checked (a wrong command line, or something that can't be read).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from audit.canonical import read_canonical
from audit.proofs import NotProven, Proven, check_proof, read_proof
from audit.records import digest_of_event, keeps_commitment
from vouch.verdict import escape
from vouch.verifier_keys import UnusableKey
from vouch.verify_inputs import add_key_arguments, read_trusted

NOT_PROVEN, NOT_CHECKED = 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A file, keys, and the receipt that the caller got."""
    parser.add_argument("file", type=Path, help="the answer to GET /api/v1/decisions/{id}?proof=true, or its proof")
    add_key_arguments(parser)
    parser.add_argument("--receipt", metavar="DIGEST", help="the record_digest that the caller of the decision got")
    parser.add_argument("--json", action="store_true", help="answer JSON")


def run(arguments: argparse.Namespace) -> int:
    """Check it and say what is proven."""
    try:
        keys = read_trusted(arguments.key, arguments.origin)
        document = read_canonical(arguments.file.read_bytes())
    except OSError as error:
        print(f"{arguments.file} can't be read: {error.strerror}. Give the answer as a file.", file=sys.stderr)
        return NOT_CHECKED
    except (UnusableKey, ValueError, RecursionError) as error:
        print(f"It can't be read: {error}", file=sys.stderr)
        return NOT_CHECKED
    try:
        proven = check_proof(read_proof(_proof_of(document)), keys.of)
        _check_answer(document, proven, arguments.receipt)
    except NotProven as error:
        return _say(arguments, {"proven": False, "reason": str(error)}, f"NOT PROVEN: {error}.", NOT_PROVEN)
    facts = {
        "record_id": str(proven.record_id),
        "record_digest": proven.record_digest,
        "type": proven.record_type,
        "region": proven.region,
        "window": proven.window,
        "origin": proven.origin,
        "tree_size": proven.tree_size,
    }
    text = (
        f"Proven: record {proven.record_id} ({proven.record_type}) with the digest {proven.record_digest} was sealed "
        f"in {proven.region}, window {proven.window}; {proven.origin} has signed it in its tree of "
        f"size {proven.tree_size}."
    )
    return _say(arguments, {"proven": True, **facts}, text, 0)


def _proof_of(document: Any) -> object:
    """The proof itself, or that of an answer that has one. Raises NotProven where the answer has none yet."""
    if not isinstance(document, dict) or "proof" not in document:
        return document
    if document["proof"] is None:
        reason = str(document.get("unproven") or "no reason was given").rstrip(".")
        raise NotProven(f"the answer holds no proof. {reason}. Ask for it again later")
    return document["proof"]


def _check_answer(document: Any, proven: Proven, receipt: str | None) -> None:
    """What was answered beside the proof, and the caller's receipt, are of the record that is proven."""
    if receipt is not None and receipt != proven.record_digest:
        raise NotProven(f"what is proven is another record than that of the receipt: {proven.record_digest}")
    if "proof" not in document:
        return
    try:
        decision = document["decision"]
        is_same = digest_of_event(decision) == document["record_digest"] == proven.record_digest
        is_same = is_same and keeps_commitment(decision)
    except (KeyError, TypeError, AttributeError, ValueError):
        is_same = False
    if not is_same:
        raise NotProven("the decision in the answer is not the record that is proven")


def _say(arguments: argparse.Namespace, facts: dict[str, object], text: str, code: int) -> int:
    print(json.dumps(facts) if arguments.json else escape(text))
    return code
