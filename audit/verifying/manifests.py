"""Whether a manifest agrees with itself: names, lanes, and its four counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from audit.layout import PERFORMANCE, performance_name, segment_name
from audit.manifests import Manifest
from audit.segments import FileEntry


@dataclass(slots=True)
class Held:
    """What the manifests of one window, its own and its corrections, have named so far."""

    lanes: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)


def faults_of(manifest: Manifest, held: Held) -> list[str]:
    """What a manifest can't be right about, whatever its files hold. `held` takes up what it names."""
    faults = [
        f"it names {file.name} as {file.dataset} of lane {file.lane!r}"
        for file in manifest.files
        if not _fits(manifest, file)
    ]
    lanes = [lane.lane for lane in manifest.lanes]
    files = [file.name for file in manifest.files]
    faults += [f"it has {name} once more" for name in [*_again(lanes, held.lanes), *_again(files, held.files)]]
    strays = {file.lane for file in manifest.files if file.dataset != PERFORMANCE} - set(lanes)
    faults += [f"it names a file of lane {lane}, which it doesn't list" for lane in sorted(strays)]
    return faults + _count_faults(manifest)


def _fits(manifest: Manifest, file: FileEntry) -> bool:
    """Whether a file is named after its dataset, window and lane."""
    if file.dataset == PERFORMANCE:
        return not file.lane and file.name == performance_name(manifest.region, manifest.window, manifest.correction)
    return file.name == segment_name(file.dataset, manifest.region, manifest.window, file.lane)


def _again(names: list[str], held: set[str]) -> list[str]:
    """Those that were named before, which `held` then has all of."""
    again = [name for name, count in Counter(names).items() if count > 1 or name in held]
    held.update(names)
    return again


def _count_faults(manifest: Manifest) -> list[str]:
    """Sums that are none, and differences that it keeps to itself."""
    records = {lane.lane: lane.records for lane in manifest.lanes}
    lines, types = _add_up(manifest)
    counts, told = manifest.counts, {difference.lane for difference in manifest.differences}
    faults = []
    if counts.heads != sum(records.values()) or counts.lines != sum(lines.values()):
        faults.append("its counts are not the sums of its lanes and files")
    if not told and not counts.rows == counts.heads == counts.minutes == counts.lines:
        faults.append("its counts differ and it doesn't say so")
    for lane in manifest.lanes:
        is_equal = lines.get(lane.lane, 0) == lane.records and types.get(lane.lane, {}) == dict(lane.types)
        if not is_equal and lane.lane not in told:
            faults.append(f"its files hold other records of lane {lane.lane} than it lists")
    return faults


def _add_up(manifest: Manifest) -> tuple[dict[str, int], dict[str, Mapping[str, int]]]:
    """Lines, and types, of each lane's files."""
    lines: Counter[str] = Counter()
    types: dict[str, Counter[str]] = {}
    for file in manifest.files:
        if file.dataset != PERFORMANCE:
            lines[file.lane] += file.rows
            types.setdefault(file.lane, Counter()).update(file.types)
    return dict(lines), {lane: dict(counted) for lane, counted in types.items()}
