"""What `vouch verify` says in the end: as plain text, or as one JSON document."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from audit.times import format_second
from audit.verifying.findings import Finding
from audit.verifying.lake import Examined, LakeCheck

SOUND, WRONG, NOT_CHECKED, WARNED = 0, 1, 2, 3
WORDS = {SOUND: "sound", WRONG: "wrong", WARNED: "sound_with_warnings"}
MAX_FINDINGS = 10_000
MAX_SHOWN_OF_A_KIND = 20
NEVER_KNOWN = (
    "whether a record was removed from the ledger before its window was sealed. A caller's receipt shows it: --receipt",
    "whether a `personal` that is gone or can't be opened was erased on a person's request. The records of erasures "
    "and the requesters' salts show it",
    "whether a model was right. The trail proves what was recorded",
    "whether schemas and reference data are as they were. The chain doesn't cover them",
)


@dataclass(slots=True)
class Verdict:
    """Findings as they come; of more than ten thousand the number only."""

    findings: list[Finding] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    warnings: int = 0

    def add(self, finding: Finding) -> None:
        self.kinds[finding.kind.value] += 1
        self.faults += not finding.is_warning
        self.warnings += finding.is_warning
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)

    @property
    def exit_code(self) -> int:
        if self.faults:
            return WRONG
        return WARNED if self.warnings else SOUND

    @property
    def left_out(self) -> int:
        return self.faults + self.warnings - len(self.findings)


def build_document(verdict: Verdict, check: LakeCheck) -> dict[str, Any]:
    """The JSON document."""
    told = [(finding.is_warning, asdict(finding)) for finding in verdict.findings]
    return {
        "verdict": WORDS[verdict.exit_code],
        "findings": [finding for is_warning, finding in told if not is_warning],
        "warnings": [finding for is_warning, finding in told if is_warning],
        "left_out": verdict.left_out,
        "kinds": dict(sorted(verdict.kinds.items())),
        "regions": {region: _describe_region(examined) for region, examined in check.regions.items()},
        "receipts": {"asked": check.receipts.asked, "met": check.receipts.met},
        "unknown": list(_unknown(check)),
    }


def _describe_region(examined: Examined) -> dict[str, Any]:
    chained, counted, witnessed = examined.chained, examined.counted, examined.witnessed
    checkpoint = chained.checkpoint
    return {
        "counts": {
            "entries": chained.entries,
            "windows": chained.windows,
            "corrections": chained.corrections,
            **asdict(counted),
        },
        "from": _time(chained.first_s),
        "to": _time(chained.end_s),
        "checkpoint": checkpoint and {
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": base64.b64encode(checkpoint.root).decode(),
            "committed_at": chained.committed_at,
        },
        "witness": {"kept": len(witnessed.roots), "agreed": witnessed.agreed},
    }  # fmt: skip


def _time(unix_s: int | None) -> str | None:
    return None if unix_s is None else format_second(unix_s)


def write_text(verdict: Verdict, check: LakeCheck) -> Iterator[str]:
    """The lines of the summary; text of the copy is escaped."""
    for title, is_warning in (("Wrong:", False), ("Warnings:", True)):
        told = [finding for finding in verdict.findings if finding.is_warning is is_warning]
        if told:
            yield title
            yield from _tell_findings(verdict, told)
    for region, examined in check.regions.items():
        yield from _tell_region(region, examined, check.notes is not None)
    if check.receipts.asked:
        yield f"Receipts: {check.receipts.met:,} of {check.receipts.asked:,} are in the lake with their digests."
    yield "What can't be known from this:"
    for sentence in _unknown(check):
        yield f"  - {sentence}."
    yield _conclude(verdict)


def _tell_findings(verdict: Verdict, told: Sequence[Finding]) -> Iterator[str]:
    """Each one with its place, but of a kind no more than one reads."""
    shown: Counter[str] = Counter()
    for finding in told:
        kind = finding.kind.value
        shown[kind] += 1
        if shown[kind] <= MAX_SHOWN_OF_A_KIND:
            yield f"  {escape(finding.where)}"
            yield f"      {kind}: {escape(finding.detail)}"
    for kind in shown:
        if verdict.kinds[kind] > MAX_SHOWN_OF_A_KIND:
            yield f"  and {verdict.kinds[kind] - MAX_SHOWN_OF_A_KIND:,} more of {kind}, with --json"


def _tell_region(region: str, examined: Examined, is_witnessed: bool) -> Iterator[str]:
    chained, counted, witnessed = examined.chained, examined.counted, examined.witnessed
    sizes = {"window": chained.windows, "correction": chained.corrections, "file": counted.files}
    things = {**sizes, "line": counted.rows, "byte": counted.bytes}
    yield f"{region}: {', '.join(count_of(number, thing) for thing, number in things.items())}"
    if chained.first_s is not None and chained.end_s is not None:
        yield f"  from {format_second(chained.first_s)} to {format_second(chained.end_s)}"
    if chained.checkpoint:
        root = base64.b64encode(chained.checkpoint.root).decode()
        yield f"  newest sound checkpoint: {chained.checkpoint.origin}, size {chained.checkpoint.size}, root {root}"
    if is_witnessed or witnessed.roots:
        yield f"  the witness's checkpoints: {witnessed.agreed:,} of {len(witnessed.roots):,} are on this tree"
    if counted.unproven:
        yield f"  not checked: {counted.unproven:,} files that a lost manifest may have named"


def _unknown(check: LakeCheck) -> Iterator[str]:
    if check.notes is None:
        yield (
            "whether the newest windows were cut off, or whether who holds the key has signed another history. "
            "What the witness has kept shows it: --witness"
        )
    for region, examined in check.regions.items():
        if examined.counted.pending:
            yield (
                f"what {examined.counted.pending:,} files of {region} are worth: they belong to windows that "
                "the chain has not reached in this copy"
            )
    if check.strangers:
        yield f"what is kept here of {', '.join(sorted(check.strangers))}: this is no copy of its lake"
    yield from NEVER_KNOWN[1:] if check.receipts.asked else NEVER_KNOWN


def _conclude(verdict: Verdict) -> str:
    if verdict.faults:
        return f"NOT SOUND: {count_of(verdict.faults, 'fault')}."
    if verdict.warnings:
        return f"SOUND, with {count_of(verdict.warnings, 'warning')}."
    return "SOUND: everything that the chain covers is as it was sealed."


def count_of(number: int, thing: str) -> str:
    """Such as `1 window` or `1,802 windows`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def escape(text: str) -> str:
    """Text of a copy, with nothing in it that a terminal obeys."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
