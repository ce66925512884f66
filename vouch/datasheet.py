"""A dataset's datasheet: what was asked for, what it was made from, what is in it, and what was left out and why."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.replaying.dataset_rows import UNLABELLED, LeftOut, Made
from vouch.dataset_files import datasheet_of
from vouch.dataset_sources import Sources
from vouch.records import SealedWindow
from vouch.verdict import count_of

FORMAT = "vouch.dataset.v1"
LABELS = ("fraud", "genuine", UNLABELLED)
REASONS = {
    LeftOut.OTHER_MODEL: "were made by other models",
    LeftOut.PINNED: "were asked of a version that an operator named (--with pinned)",
    LeftOut.SYNTHETIC: "were synthetic (--with synthetic)",
    LeftOut.ERASED: "were erased on a person's request",
    LeftOut.DAMAGED: "can't be opened, though their keys are there: tell the region's operators",
    LeftOut.UNLABELLED: "have no label (--labelled)",
}


def describe_dataset(model: str, asked: Mapping[str, Any], sources: Sources, made: Made) -> dict[str, Any]:
    """The datasheet but for the file: nothing of it depends on when, where or by whom it was made."""
    newest = sources.newest
    outcomes = sorted({outcome for outcome, _ in made.labels})
    return {
        "format": FORMAT,
        "model": model,
        "asked": asked,
        "lake": {
            "region": sources.region,
            "checkpoint": {
                "size": newest.size,
                "root": base64.b64encode(bytes.fromhex(newest.root)).decode(),
                "committed_at": newest.committed_at,
            },
            "decisions": _describe_windows(sources.decided),
            "labels": _describe_windows(sources.labelled),
        },
        "rows": made.rows,
        "decisions": made.decisions,
        "left_out": {reason.value: made.left_out[reason] for reason in LeftOut},
        "labels": {outcome: {label: made.labels[outcome, label] for label in LABELS} for outcome in outcomes},
        "versions": dict(sorted(made.versions.items())),
        "features": sorted(made.features),
        "looked_up": sorted(made.looked_up),
    }


def _describe_windows(windows: Sequence[SealedWindow]) -> dict[str, Any]:
    """`sha256` is of the lines `<SHA-256 of a segment, hex>  <its name>`, in order of windows and names."""
    segments = [file for window in windows for file in sorted(window.segments, key=lambda file: file.name)]
    lines = "".join(f"{file.sha256}  {file.name}\n" for file in segments)
    return {
        "windows": len(windows),
        "from": windows[0].start if windows else None,
        "to": windows[-1].end if windows else None,
        "segments": len(segments),
        "sha256": hashlib.sha256(lines.encode()).hexdigest(),
    }


def tell_dataset(datasheet: Mapping[str, Any], out: Path) -> Iterator[str]:
    """The same for a person; without rows there is no file."""
    lake, rows = datasheet["lake"], datasheet["rows"]
    decided, checkpoint = lake["decisions"], lake["checkpoint"]
    period = f" from {decided['from']} to {decided['to']}" if decided["windows"] else ""
    found = f"{count_of(datasheet['decisions'], 'decision')} in {count_of(decided['windows'], 'window')}"
    yield f"{found} of {lake['region']}{period}"
    for reason, said in REASONS.items():
        if left_out := datasheet["left_out"][reason.value]:
            yield f"  {left_out:,} {said}"
    if not rows:
        yield "No decision is left, so nothing was written."
        return
    labels = datasheet["labels"].values()
    fraud, genuine = (sum(counts[label] for counts in labels) for label in ("fraud", "genuine"))
    labelled = f"{fraud:,} fraud, {genuine:,} genuine, {rows - fraud - genuine:,} without a label"
    yield f"{count_of(rows, 'row')} in {out}: {labelled}"
    yield f"  {datasheet_of(out).name} says what from: checkpoint {checkpoint['size']}, root {checkpoint['root']}"
    if quoted := datasheet["file"].get("quoted_texts"):
        yield f"  {quoted:,} texts got a ' before them, or a spreadsheet would run them; .jsonl.gz has them as they are"
    yield "It is personal data. Who is erased from now on has to leave it, too: make it anew, and delete this one."
