"""The chain of a region, and what its witness has kept."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from tests.independent.forms import Copy, Report, canonical, in_hour, open_note, parse_time, root_text, sha256
from tests.independent.sealed import check_file, check_manifest, read_manifest
from tests.independent.trees import fold, grow, subtree_spans, tree_hash


def examine_region(
    copy: Copy, region: str, report: Report, lines: dict[str, bytes]
) -> tuple[tuple[datetime, datetime] | None, set[str]]:
    """The time that the chain covers, and the names that it covers."""
    folder = f"audit/chain/v1/region={region}/"
    there = {name for name in copy.files if re.fullmatch(re.escape(folder) + r"\d{12}\.json", name)}
    if not there:
        report.accuse(folder, "there is no chain")
        return None, set()
    last = max(int(name[len(folder) : -5]) for name in there)
    entries = [read_entry(copy, region, number, report) for number in range(last + 1)]
    leaves = [manifest_of(copy, entry) for entry in entries]
    compare_trees(region, entries, leaves, report)
    covered = {chain_file(region, number) for number in range(last + 1)} & set(copy.files)
    compare_witness(copy, region, entries, report)
    manifests = []
    for number, (entry, leaf) in enumerate(zip(entries, leaves, strict=True)):
        if entry is None:
            continue
        covered.add(entry["manifest"]["name"])
        if leaf is None:
            report.accuse(entry["manifest"]["name"], f"it is not what entry {number} names")
            if entry["manifest"]["name"] in copy.files:
                report.accuse(chain_file(region, number), "it names another manifest than lies there; who knows which")
        elif (manifest := read_manifest(entry["manifest"]["name"], leaf, report)) is not None:
            manifests.append((number, entry, manifest))
        else:
            report.accuse(chain_file(region, number), "what it names is no manifest of its window")
    span = follow_windows(region, manifests, len(entries), report)
    seen: set[str] = set()
    for _, entry, manifest in manifests:
        check_manifest(entry["manifest"]["name"], manifest, report, seen)
        covered |= {file["name"] for file in manifest["files"]}
        for file in manifest["files"]:
            check_file(copy, manifest, file, report, lines)
    return span, covered


def chain_file(region: str, number: int) -> str:
    return f"audit/chain/v1/region={region}/{number:012d}.json"


def read_entry(copy: Copy, region: str, number: int, report: Report) -> dict[str, Any] | None:
    name = chain_file(region, number)
    if name not in copy.files:
        report.accuse(name, "it is missing")
        return None
    entry = canonical(copy.files[name])
    wanted = {
        "format", "region", "sequence", "committed_at", "manifest", "window", "kind", "correction", "size", "root",
        "frontier", "checkpoint",
    }  # fmt: skip
    if entry is None or set(entry) != wanted or set(entry["manifest"]) != {"name", "sha256", "bytes"}:
        report.accuse(name, "it is no canonical entry")
        return None
    if (entry["format"], entry["region"], entry["sequence"]) != ("vouch.chain.v1", region, number):
        report.accuse(name, "it is another entry")
        return None
    suffix = f"-c{entry['correction']:02d}" if entry["correction"] else ""
    if entry["manifest"]["name"] != in_hour("manifests", region, entry["window"], f"{suffix}.json"):
        report.accuse(name, "its manifest has another name than its window")
        return None
    said = open_note(entry["checkpoint"], f"vouch/{region}", copy.keys)
    expected = [f"vouch/{region}", str(number + 1), root_text(entry["root"]), f"committed_at {entry['committed_at']}"]
    if said != expected or entry["size"] != number + 1 or entry["checkpoint"].count("\n— ") != 1:
        report.accuse(name, "its checkpoint is not signed, or not of this entry")
    return entry


def manifest_of(copy: Copy, entry: dict[str, Any] | None) -> bytes | None:
    """The manifest that an entry names, if it is the one."""
    if entry is None:
        return None
    content = copy.files.get(entry["manifest"]["name"])
    is_it = content is not None and (len(content), sha256(content)) == (
        entry["manifest"]["bytes"],
        entry["manifest"]["sha256"],
    )
    return content if is_it else None


def compare_trees(
    region: str, entries: list[dict[str, Any] | None], leaves: list[bytes | None], report: Report
) -> None:
    """Every tree by RFC 6962's own recursion where all manifests are there, and each one against its neighbour."""
    for number, entry in enumerate(entries):
        if entry is None:
            continue
        name, so_far = chain_file(region, number), leaves[: number + 1]
        known = [leaf for leaf in so_far if leaf is not None]
        if len(known) == number + 1:
            spans = subtree_spans(number + 1)
            frontier = [tree_hash(known[low:high]).hex() for low, high in spans]
            if entry["root"] != tree_hash(known).hex() or entry["frontier"] != frontier:
                report.accuse(name, "its tree is not that of the manifests")
        elif fold([bytes.fromhex(part) for part in entry["frontier"]]).hex() != entry["root"]:
            report.accuse(name, "its root is not that of its frontier")
        before, leaf = entries[number - 1] if number else None, leaves[number]
        if leaf is not None and (before is not None or number == 0):
            grown = grow(list(before["frontier"]) if before else [], number, leaf)
            if grown != entry["frontier"]:
                report.accuse(name, "its tree is not the one before with its manifest added")


def follow_windows(
    region: str, manifests: list[tuple[int, dict[str, Any], dict[str, Any]]], entries: int, report: Report
) -> tuple[datetime, datetime] | None:
    first = due = None
    corrections: Counter[str] = Counter()
    expected = 0
    for number, entry, manifest in manifests:
        name, window = chain_file(region, number), manifest["window"]
        is_next, expected = number == expected, number + 1
        said = (window["name"], manifest["kind"], manifest["correction"])
        if said != (entry["window"], entry["kind"], entry["correction"]):
            report.accuse(name, "it is of another window than its manifest")
        start = parse_time(window["name"])
        if entry["kind"] == "window":
            if due is not None and is_next and start != due:
                report.accuse(name, "its window does not follow")
            first, due = first or start, start + timedelta(seconds=window["seconds"])
        elif len(manifests) == entries:
            corrections[window["name"]] += 1
            if first is None or due is None or not first <= start < due:
                report.accuse(name, "it corrects a window that is not there")
            elif manifest["correction"] != corrections[window["name"]]:
                report.accuse(name, "it is not the next correction")
    return (first, due) if first and due else None


def compare_witness(copy: Copy, region: str, entries: list[dict[str, Any] | None], report: Report) -> None:
    folder = f"audit/witness/v1/region={region}/"
    kept = {name: note for name, note in copy.files.items() if name.startswith(folder)}
    given = {name: note for name, note in (copy.notes or {}).items() if name.startswith(folder)}
    if copy.notes is not None and not given:
        report.warn(region, "its witness has kept nothing")
    roots: dict[int, str] = {}
    for name, note in [*kept.items(), *given.items()]:
        said = open_note(note.decode(errors="replace"), f"vouch/{region}", copy.keys)
        if said is None or said[0] != f"vouch/{region}":
            report.accuse(name, "the witness's note is not signed")
            continue
        size = int(said[1])
        if roots.setdefault(size, said[2]) != said[2]:
            report.accuse(name, "another root was signed for its size")
        if size > len(entries):
            report.accuse(f"audit/chain/v1/region={region}/", "the witness has seen more of it")
            continue
        entry = entries[size - 1]
        if entry is not None and root_text(entry["root"]) != said[2]:
            report.accuse(chain_file(region, size - 1), "the witness has seen another root")
