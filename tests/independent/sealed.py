"""Manifests, and the files that they name."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from datetime import timedelta
from typing import Any

from tests.independent.forms import Copy, Report, canonical, in_hour, parse_time, sha256
from tests.independent.trees import tree_hash

ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
OF_DECISIONS = ("vouch.decision.", "vouch.subject.", "vouch.audit.")


def read_manifest(name: str, content: bytes, report: Report) -> dict[str, Any] | None:
    manifest = canonical(content)
    wanted = {"format", "kind", "region", "correction", "window", "lanes", "files", "counts", "differences"}
    if manifest is None or set(manifest) != wanted or manifest["format"] != "vouch.manifest.v1":
        report.accuse(name, "it is no canonical manifest")
        return None
    window, correction = manifest["window"], manifest["correction"]
    suffix = f"-c{correction:02d}" if correction else ""
    if name != in_hour("manifests", manifest["region"], window["name"], f"{suffix}.json"):
        report.accuse(name, "it belongs under another name")
        return None
    start = parse_time(window["name"])
    try:
        times = [start.isoformat().replace("+00:00", "Z"), (start + timedelta(seconds=window["seconds"])).isoformat()]
    except OverflowError:
        report.accuse(name, "its window ends after every calendar")
        return None
    if window["start"] != times[0] or window["end"] != times[1].replace("+00:00", "Z"):
        report.accuse(name, "its window's times don't fit its name")
    if manifest["kind"] != ("correction" if correction else "window"):
        report.accuse(name, "its kind doesn't fit its correction")
    return manifest


def check_manifest(name: str, manifest: dict[str, Any], report: Report, seen: set[str]) -> None:
    files = [file for file in manifest["files"] if file["dataset"] != "performance"]
    lanes, counts = manifest["lanes"], manifest["counts"]
    differing = {difference["lane"] for difference in manifest["differences"]}
    if differing:
        report.warn(name, "its counts differed")
    for thing in [*(f"{manifest['window']['name']}-{lane['lane']}" for lane in lanes), *(f["name"] for f in files)]:
        if thing in seen:
            report.accuse(name, f"{thing} is there twice")
        seen.add(thing)
    if counts["heads"] != sum(lane["records"] for lane in lanes) or counts["lines"] != sum(f["rows"] for f in files):
        report.accuse(name, "its counts are no sums")
    if not differing and len({counts[what] for what in ("rows", "heads", "minutes", "lines")}) != 1:
        report.accuse(name, "its counts differ without a word")
    for lane in lanes:
        types: Counter[str] = Counter()
        for file in files:
            types.update(file["types"] if file["lane"] == lane["lane"] else {})
        rows = sum(file["rows"] for file in files if file["lane"] == lane["lane"])
        if lane["lane"] not in differing and (dict(types) != lane["types"] or rows != lane["records"]):
            report.accuse(name, f"lane {lane['lane']} has other records than its files")
    if {file["lane"] for file in files} - {lane["lane"] for lane in lanes}:
        report.accuse(name, "a file is of a lane that it doesn't list")
    suffix = f"-c{manifest['correction']:02d}" if manifest["correction"] else ""
    for file in manifest["files"]:
        ending = suffix if file["dataset"] == "performance" and file["lane"] == "" else f"-{file['lane']}"
        if file["name"] != in_hour(
            file["dataset"], manifest["region"], manifest["window"]["name"], f"{ending}.jsonl.gz"
        ):
            report.accuse(name, f"{file['name']} is no name of {file['dataset']}")


def check_file(
    copy: Copy, manifest: dict[str, Any], file: dict[str, Any], report: Report, lines: dict[str, bytes]
) -> None:
    name, content = file["name"], copy.files.get(file["name"])
    if content is None:
        report.accuse(name, "it is missing")
        return
    if (len(content), sha256(content)) != (file["bytes"], file["sha256"]):
        report.accuse(name, "it is not the file that was sealed")
        return
    try:
        text = gzip.decompress(content)
        rows = text.split(b"\n")[:-1]
        values = [json.loads(row) for row in rows]
    except (OSError, EOFError, ValueError, RecursionError) as error:
        report.accuse(name, f"it is no segment: {error}")
        return
    if not text.endswith(b"\n") or max(map(len, rows)) > 2**20 or not all(isinstance(value, dict) for value in values):
        report.accuse(name, "it is no segment")
        return
    if file["dataset"] == "performance":
        ids, types = [], Counter({"performance": len(rows)})
    else:
        ids, types = [value.get("id", "") for value in values], Counter(value.get("type", "") for value in values)
        lines |= dict(zip(ids, rows, strict=True))
        check_records(name, manifest, file, values, report)
    found = (len(rows), tree_hash(rows).hex(), ids[0] if ids else "", ids[-1] if ids else "", dict(types))
    if found != (file["rows"], file["root"], file["first"], file["last"], file["types"]):
        report.accuse(name, "its manifest says something else of its lines")


def check_records(
    name: str, manifest: dict[str, Any], file: dict[str, Any], values: list[dict[str, Any]], report: Report
) -> None:
    ids = [str(value.get("id")) for value in values]
    if not all(ID.fullmatch(one) and one.endswith(file["lane"]) for one in ids) or sorted(set(ids)) != ids:
        report.accuse(name, "its ids don't rise, or are of another lane")
        return
    if (
        min(int(one.replace("-", "")[:12], 16) for one in ids)
        < parse_time(manifest["window"]["name"]).timestamp() * 1000
    ):
        report.accuse(name, "its ids are older than its window")
    for value in values:
        dataset = "decisions" if str(value.get("type")).startswith(OF_DECISIONS) else "releases"
        personal = value.get("data", {}).get("personal", {})
        if dataset != file["dataset"] or not set(personal) <= {"salt", "box", "subjects"}:
            report.accuse(name, "a record is of another dataset, or says something of a person")
