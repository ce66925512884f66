"""Lines that are none, sealed by who holds the key."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

from audit.canonical import canonical_json
from audit.manifests import LaneEntry, Manifest
from audit.segments import SegmentWriter
from audit.verifying.findings import Kind
from tests.tamperings.case import LONG, SEALED_ID, Case, finds, lines_of, packed, resealed


def _seal_lines(case: Case, lines: list[tuple[bytes, str, str]]) -> None:
    """Let who holds the key seal lines that are none in the last window."""

    def change(manifest: Manifest) -> Manifest:
        writer = SegmentWriter()
        for line, record_id, kind in lines:
            writer.add(line, record_id, kind)
        case.files[LONG] = writer.finish()
        entry = writer.entry("decisions", LONG, "00ab")
        counts = replace(manifest.counts, rows=len(lines), heads=len(lines), minutes=len(lines), lines=len(lines))
        lanes = [LaneEntry("00ab", len(lines), entry.types)]
        return replace(manifest, lanes=lanes, counts=counts, files=[entry, manifest.files[-1]])

    resealed(case, change)


def _events(case: Case) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines_of(case.files[LONG])]


def _seal_events(case: Case, events: list[dict[str, Any]]) -> None:
    _seal_lines(case, [(canonical_json(event), str(event["id"]), str(event["type"])) for event in events])


@finds((Kind.FALSE_FILE, LONG))
def what_is_personal_is_sealed_readable(case: Case) -> None:
    events = _events(case)
    events[7]["data"]["personal"] = {"deal_id": "D-1", "salt": "00"}
    _seal_events(case, events)


@finds((Kind.FALSE_FILE, LONG))
def a_record_of_another_dataset_is_sealed(case: Case) -> None:
    events = _events(case)
    events[7]["type"] = "vouch.release.changed.v1"
    _seal_events(case, events)


@finds((Kind.FALSE_FILE, LONG))
def a_record_of_another_lane_is_sealed(case: Case) -> None:
    events = _events(case)
    events[7]["id"] = f"{events[7]['id'][:-4]}9f3a"
    _seal_events(case, events)


@finds((Kind.FALSE_FILE, LONG))
def a_record_is_sealed_twice(case: Case) -> None:
    events = _events(case)
    _seal_events(case, [*events, events[-1]])


@finds((Kind.FALSE_FILE, LONG))
def a_record_from_before_the_window_is_sealed(case: Case) -> None:
    events = _events(case)
    events[0]["id"] = f"01a20000{events[0]['id'][8:]}"
    _seal_events(case, events)


@finds((Kind.FALSE_FILE, LONG))
def two_records_share_a_line_and_one_is_empty(case: Case) -> None:
    one, two, *_ = lines_of(case.files[LONG])
    ids = [event["id"] for event in _events(case)[:2]]
    joined = one.rstrip(b"\n") + two.rstrip(b"\n")
    _seal_lines(case, [(joined, ids[0], "vouch.decision.scored.v1"), (b"", ids[1], "vouch.decision.scored.v1")])


@finds((Kind.FALSE_FILE, LONG))
def a_record_is_no_utf_8(case: Case) -> None:
    line = b'{"data":{},"id":"%b","type":"vouch.decision.scored.v1","x":"\xff"}' % _events(case)[0]["id"].encode()
    _seal_lines(case, [(line, _events(case)[0]["id"], "vouch.decision.scored.v1")])


@finds((Kind.FALSE_FILE, LONG))
def a_long_record_is_sealed_twice(case: Case) -> None:
    event = {**_events(case)[0], "x": "x" * 300_000}
    _seal_events(case, [event, event])


@finds((Kind.FALSE_FILE, LONG))
def half_a_line_is_sealed_after_the_others(case: Case) -> None:
    content = packed([*lines_of(case.files[LONG]), b"{"])
    case.files[LONG] = content
    digest = sha256(content).hexdigest()

    def change(manifest: Manifest) -> Manifest:
        files = [replace(f, bytes=len(content), sha256=digest) if f.name == LONG else f for f in manifest.files]
        return replace(manifest, files=files)

    resealed(case, change)


@finds((Kind.FALSE_FILE, LONG))
def a_record_is_nested_endlessly(case: Case) -> None:
    deep = b'{"id":"%b","data":%b' % (SEALED_ID.encode(), b'{"a":' * 100_000)
    _seal_lines(case, [(deep + b"}" * 100_001, SEALED_ID, "vouch.decision.scored.v1")])


@finds((Kind.FALSE_FILE, LONG))
def what_is_no_record_is_sealed(case: Case) -> None:
    _seal_lines(case, [(b"[]", "", "vouch.decision.scored.v1")])
