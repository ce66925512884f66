"""`python -m vouch dataset`: a retraining set from a copy of a region's audit trail.

One row for every decision of the windows from --from to --to: what was decided, by which version, the latest label and
review, and the features as they were sent and looked up. Labels are taken from all later windows of the copy, too.
What was erased on a person's request is not in it, and has to leave it when it is erased later: make it anew then
(docs/retraining.md). Verify the copy first; the same copy gives the same bytes, as long as nobody is erased.

Exit codes: 0 it is made; 1 no decision is left for it, so nothing was written; 2 it could not be made, and nothing was
written; 3 it is made, without some records that are damaged.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from audit.counters import Traffic
from audit.records import RecordType
from audit.verifying.files import Unreadable
from flows.replaying.dataset_rows import LeftOut, Made, Wanted, build_row
from vouch.calls import Refused
from vouch.dataset_files import ENDINGS, DatasetWriter
from vouch.dataset_sources import Sources, find_sources, look_back
from vouch.datasheet import describe_dataset, tell_dataset
from vouch.opened_copies import OpenedCopy, add_copy_arguments, open_with_region, read_time, show_progress
from vouch.records import NotAsSealed, OpenedRecords

MADE, NOTHING, NOT_MADE, PARTLY = 0, 1, 2, 3
SCORED = RecordType.DECISION_SCORED.value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    add_copy_arguments(parser)
    parser.add_argument("--out", type=_read_out, required=True, metavar="FILE", help=f"{' or '.join(ENDINGS)}")
    parser.add_argument("--name", default="deal-fraud", help="the model (default deal-fraud)")
    parser.add_argument("--labelled", action="store_true", help="leave out decisions that have no label")
    parser.add_argument(
        "--labels-to", type=read_time, default="", metavar="TIME",
        help="labels of windows before this time (default: all that the copy holds)",
    )  # fmt: skip
    parser.add_argument(
        "--with", dest="traffic", action="append", choices=[Traffic.PINNED, Traffic.SYNTHETIC], default=[],
        help="take these in, too; repeatable",
    )  # fmt: skip


def _read_out(text: str) -> Path:
    path = Path(text)
    if not path.name.endswith(ENDINGS):
        raise argparse.ArgumentTypeError(f"{text!r} must end in {' or '.join(ENDINGS)}")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{path.parent} is no folder: make it first")
    return path


def run(arguments: argparse.Namespace) -> int:
    """Make it; the exit code."""
    try:
        return _run(arguments)
    except (Refused, Unreadable, NotAsSealed) as error:
        print(f"Not made. {error}", file=sys.stderr)
    except OSError as error:
        print(f"Not made. {arguments.out} can't be written: {error.strerror or error}.", file=sys.stderr)
    return NOT_MADE


def _run(arguments: argparse.Namespace) -> int:
    copy = open_with_region(arguments)
    sources = find_sources(copy, arguments.first, arguments.last, arguments.labels_to)
    wanted = Wanted(arguments.name, frozenset({Traffic.LIVE, *arguments.traffic}), arguments.labelled)
    made = Made()
    with DatasetWriter(arguments.out) as writer:
        _write_rows(copy, sources, wanted, made, writer)
        datasheet = describe_dataset(arguments.name, _describe_request(arguments, wanted), sources, made)
        if made.rows:
            datasheet = writer.finish(made.features, made.looked_up, datasheet)
    print(json.dumps(datasheet, indent=2) if arguments.json else "\n".join(tell_dataset(datasheet, arguments.out)))
    if not made.rows:
        return NOTHING
    return PARTLY if made.left_out[LeftOut.DAMAGED] else MADE


def _write_rows(copy: OpenedCopy, sources: Sources, wanted: Wanted, made: Made, writer: DatasetWriter) -> None:
    hindsight = look_back(copy, sources)
    records = OpenedRecords(copy.files, copy.region)
    for window in show_progress(sources.decided, "Decisions"):
        for event in records.of(window):
            if event["type"] == SCORED:
                row = build_row(event, wanted, hindsight, made, is_damaged=event["id"] in records.damaged)
                if row is not None:
                    writer.write(row)


def _describe_request(arguments: argparse.Namespace, wanted: Wanted) -> dict[str, Any]:
    return {
        "from": arguments.first,
        "to": arguments.last,
        "labels_to": arguments.labels_to,
        "traffic": sorted(wanted.traffic),
        "labelled_only": wanted.labelled_only,
    }
