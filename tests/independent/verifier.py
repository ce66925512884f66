"""The section "Checking" of `docs/audit-trail.md` as plainly as it can be written: everything in memory, every rule a
sentence, nothing of ours imported. Whoever doubts `vouch verify` reads this one.

A rule that is broken accuses the file that breaks it; `Report.accused` says all that it is accused of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime

from tests.independent.chain import examine_region
from tests.independent.forms import Copy, Report, canonical_bytes, parse_time, sha256

HOURS = r"year=\d{4}/month=\d\d/day=\d\d/hour=\d\d"
OF_REGION = re.compile(r"audit/(decisions|releases|performance|manifests|chain)/v1/region=([^/]+)/")
FREE = re.compile(r"audit/(schemas/[a-z]+/v1\.schema\.json|witness/v1/region=[^/]+/\d{12}\.note)")


def examine(copy: Copy) -> Report:
    report = Report()
    regions = sorted({found[2] for name in copy.files if (found := OF_REGION.match(name))})
    lines: dict[str, bytes] = {}
    reached: dict[str, tuple[datetime, datetime]] = {}
    covered: set[str] = set()
    for region in regions:
        span, named = examine_region(copy, region, report, lines)
        covered |= named
        if span:
            reached[region] = span
    for name in copy.files:
        if name not in covered and not FREE.fullmatch(name) and not is_ahead(name, reached):
            report.accuse(name, "nothing names it")
    examine_receipts(copy.receipts, lines, reached, regions, report)
    return report


def is_ahead(name: str, reached: Mapping[str, tuple[datetime, datetime]]) -> bool:
    """Whether it belongs to a window that the chain has not come to yet."""
    found = re.fullmatch(rf"audit/[a-z]+/v1/region=([^/]+)/{HOURS}/(\d{{8}}T\d{{6}}Z)(-\w+)?\.(json|jsonl\.gz)", name)
    try:
        return bool(found and found[1] in reached and parse_time(found[2]) >= reached[found[1]][1])
    except ValueError:
        return False


def examine_receipts(
    receipts: Mapping[str, str],
    lines: Mapping[str, bytes],
    reached: Mapping[str, tuple[datetime, datetime]],
    regions: list[str],
    report: Report,
) -> None:
    for record_id, digest in receipts.items():
        if record_id in lines:
            value = json.loads(lines[record_id])
            value["data"].pop("personal", None)
            if f"sha256:{sha256(canonical_bytes(value))}" != digest:
                report.accuse(record_id, "it has another digest")
            continue
        made = datetime.fromtimestamp(int(record_id.replace("-", "")[:12], 16) / 1000).astimezone()
        if all(region in reached and reached[region][0] <= made < reached[region][1] for region in regions):
            report.accuse(record_id, "it is not there")
        else:
            report.warn(record_id, "its window is not sealed here")
