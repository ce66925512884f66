"""What `vouch verify` costs, beside the work that nobody can leave out: SHA-256, gzip and JSON for the same bytes.

Each of the three is measured alone, on the same files in memory: SHA-256 over the files and over their text once
more, since a tree's leaves are its lines; gzip in pieces as they are read; JSON by msgspec, of each line's head and
no more, which is the fastest there is. Memory is that of a process of its own.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import median

import msgspec

from audit.merkle import Tree, leaf_hashes
from audit.notes import VerifierKey
from audit.segments import GZIP, INFLATE_BYTES, LineHead
from audit.verifying.findings import Finding
from audit.verifying.lake import Keys, LakeCheck
from benchmarks.claims_1996 import ROOT
from benchmarks.figures import Goal, Section, Spread, markdown_table, shown, spread
from benchmarks.sealed_lake import REGION, record_decisions, write_lake
from vouch.copies import FolderFiles

ROWS, FEW_ROWS = 100_000, 10_000
WINDOWS = 4
ROUNDS = 7
MOST = 2.0
SHA, UNZIP, PARSE, VERIFY = "SHA-256", "gzip", "JSON", "`vouch verify`"
Tell = Callable[[str], None]
PEAK = """
import sys
from vouch.__main__ import main
code = main(sys.argv[1:])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(peak.split()[1], file=sys.stderr)
sys.exit(code)
"""

_read_heads = msgspec.json.Decoder(LineHead).decode_lines


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds round by round; peak memory in MiB by rows."""

    seconds: Mapping[str, Sequence[float]]
    parts: Mapping[str, float]
    packed_bytes: int
    text_bytes: int
    peaks_mib: Mapping[int, float]


def measure(folder: Path, tell: Tell) -> Section:
    """All on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        return build_section(_measure(folder, tell))
    finally:
        os.sched_setaffinity(0, before)


def _measure(folder: Path, tell: Tell) -> Measured:
    tell(f"sealing {ROWS:,} decisions into a folder")
    records = asyncio.run(record_decisions())
    peaks = {}
    for rows in (FEW_ROWS, ROWS):
        key = write_lake(folder / str(rows), records, rows, WINDOWS)
        tell(f"verify, memory for {rows:,} rows")
        peaks[rows] = _peak_mib(folder / str(rows), key)
    lake = folder / str(ROWS)
    packed = [path.read_bytes() for path in sorted(lake.rglob("*.gz"))]
    text = [zlib.decompress(content, GZIP) for content in packed]
    works: dict[str, Callable[[], None]] = {
        SHA: lambda: _hash([*packed, *text]),
        UNZIP: lambda: _unzip(packed),
        PARSE: lambda: _parse(text),
        VERIFY: lambda: _verify(lake, key),
    }
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number in range(1, ROUNDS + 1):
        tell(f"verify, round {number} of {ROUNDS}")
        for name, work in works.items():
            seconds[name].append(_time(work))
    return Measured(seconds, _time_parts(packed, text), sum(map(len, packed)), sum(map(len, text)), peaks)


def _hash(contents: Sequence[bytes]) -> None:
    for content in contents:
        sha256(content).digest()


def _unzip(packed: Sequence[bytes]) -> None:
    for content in packed:
        inflate, left = zlib.decompressobj(GZIP), content
        while left:
            inflate.decompress(left, INFLATE_BYTES)
            left = inflate.unconsumed_tail


def _parse(text: Sequence[bytes]) -> None:
    for content in text:
        _read_heads(content)


def _verify(lake: Path, key: VerifierKey) -> None:
    """Raises RuntimeError unless the whole lake was found sound."""
    check = LakeCheck(FolderFiles(lake), Keys([key]))
    findings = [step for step in check.run() if isinstance(step, Finding)]
    if findings or check.regions[REGION].counted.rows != ROWS:
        raise RuntimeError(f"the lake was not verified: {findings[:1]}")


def _time(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _time_parts(packed: Sequence[bytes], text: Sequence[bytes]) -> dict[str, float]:
    """The steps of verifying, one after another over everything, by blocks of lines as they are verified; seconds."""
    blocks = [block for content in text for block in _cut(content)]
    lines = [block[:-1].split(b"\n") for block in blocks]
    leaves = [leaf_hashes(some) for some in lines]

    def split() -> None:
        for block in blocks:
            block[:-1].split(b"\n")

    def hash_lines() -> None:
        for some in lines:
            leaf_hashes(some)

    def hash_trees() -> None:
        tree = Tree()
        for some in leaves:
            tree.extend(some)

    return {
        "hash the files": _median_time(lambda: _hash(packed)),
        "unzip": _median_time(lambda: _unzip(packed)),
        "split into lines": _median_time(split),
        "read each line's id and type": _median_time(lambda: _parse(blocks)),
        "hash each line, a call each": _median_time(hash_lines),
        "hash the trees above them": _median_time(hash_trees),
    }


def _cut(content: bytes) -> Iterator[bytes]:
    """Blocks of whole lines, each as large as what is unzipped at once."""
    start = 0
    while start < len(content):
        end = content.rfind(b"\n", start, start + INFLATE_BYTES) + 1
        yield content[start:end]
        start = end


def _median_time(work: Callable[[], None]) -> float:
    return median(_time(work) for _ in range(3))


def _peak_mib(lake: Path, key: VerifierKey) -> float:
    """The most memory that a process took which verified the lake."""
    command = [sys.executable, "-c", PEAK, "verify", str(lake), "--key", str(key)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stderr) / 1024


def build_section(measured: Measured) -> Section:
    """Tables and goals."""
    seconds = measured.seconds
    alone = [sum(parts) for parts in zip(seconds[SHA], seconds[UNZIP], seconds[PARSE], strict=True)]
    times = spread([whole / least for whole, least in zip(seconds[VERIFY], alone, strict=True)])
    note = (
        f"{ROWS:,} recorded decisions in {WINDOWS} windows and {4 * WINDOWS} segments, "
        f"{measured.packed_bytes / 1e6:,.0f} MB as they lie there, {measured.text_bytes / 1e6:,.0f} MB of text. "
        f"One core, {ROUNDS} rounds in turn. SHA-256 alone goes over both, JSON alone reads each line's id and type."
    )
    rows = [_row(name, spread(seconds[name])) for name in (SHA, UNZIP, PARSE)]
    rows += [_row("the three together", spread(alone)), _row(VERIFY, spread(seconds[VERIFY]))]
    memory = [[f"{count:,} rows", f"{peak:.0f} MiB"] for count, peak in measured.peaks_mib.items()]
    return Section(
        "Verifying a copy of the lake",
        note,
        [
            markdown_table(["what", "seconds", "rows per second per core"], rows),
            markdown_table(["where it goes, step by step", "ms"], _part_rows(measured)),
            markdown_table(["peak memory of the process", ""], memory),
        ],
        [
            Goal(
                "verify beside SHA-256, gzip and JSON alone",
                f"at most {MOST:g} times",
                f"{times} times",
                times.median <= MOST,
                "A tree needs two calls of SHA-256 for each line, and a call costs more than its bytes.",
            ),
            Goal("verify, rows per second per core", "", _rate(spread(seconds[VERIFY])), None),
        ],
    )


def _row(name: str, took: Spread) -> list[str]:
    return [name, str(took), _rate(took)]


def _rate(took: Spread) -> str:
    return str(Spread(ROWS / took.median, ROWS / took.most, ROWS / took.least))


def _part_rows(measured: Measured) -> list[list[str]]:
    whole = spread(measured.seconds[VERIFY]).median
    rest = whole - sum(measured.parts.values())
    named = {**measured.parts, "the rest": rest}
    return [[name, shown(seconds * 1000)] for name, seconds in named.items()]
