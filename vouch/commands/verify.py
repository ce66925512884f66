"""`python -m vouch verify`: check a copy of a region's audit trail, offline, against public keys.

Exit codes: 0 everything that the chain covers is as it was sealed; 1 something is wrong, and each place is named;
2 it could not be checked (a wrong command line, or a key or a copy that can't be read); 3 nothing is wrong, but there
are warnings (counts that differed when a window was sealed; a witness or receipts that say nothing about this copy).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from audit.verifying.files import Unreadable
from audit.verifying.findings import Finding
from audit.verifying.lake import LakeCheck, NoTrail
from audit.verifying.receipts import InvalidReceipts, Receipt, Receipts, read_receipts
from vouch.calls import Refused
from vouch.copies import AUDITOR_TOKEN, open_copy
from vouch.verdict import NOT_CHECKED, Verdict, build_document, write_text
from vouch.verifier_keys import UnusableKey
from vouch.verify_inputs import WitnessCopy, add_key_arguments, read_trusted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    parser.add_argument("copy", metavar="PATH_OR_URL", help="a folder that is a copy of a lake, or a region's base URL")
    add_key_arguments(parser)
    parser.add_argument(
        "--witness", metavar="PATH_OR_URL", help="the witness's lake, a folder of its notes, or one of them"
    )
    parser.add_argument(
        "--receipt", action="append", type=Path, default=[], metavar="FILE",
        help="answers of scoring, as JSON or JSON Lines, that the lake has to hold; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--token-file",
        type=Path,
        default=AUDITOR_TOKEN,
        help=f"a file with a bearer token, for URLs (default {AUDITOR_TOKEN})",
    )
    parser.add_argument("--json", action="store_true", help="answer one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Check; the exit code."""
    try:
        check = _prepare(arguments)
        verdict = _go_over(check)
    except (Unreadable, NoTrail, Refused, UnusableKey, InvalidReceipts) as error:
        print(f"Not checked. {error}", file=sys.stderr)
        return NOT_CHECKED
    except KeyboardInterrupt:
        print("Not checked: it was left before the end.", file=sys.stderr)
        return NOT_CHECKED
    if arguments.json:
        print(json.dumps(build_document(verdict, check), indent=2))
    else:
        print("\n".join(write_text(verdict, check)))
    return verdict.exit_code


def _prepare(arguments: argparse.Namespace) -> LakeCheck:
    receipts: dict[str, Receipt] = {}
    for file in arguments.receipt:
        receipts |= read_receipts(_read(file))
    return LakeCheck(
        files=open_copy(arguments.copy, arguments.token_file),
        keys=read_trusted(arguments.key, arguments.origin),
        notes=WitnessCopy(arguments.witness, arguments.token_file) if arguments.witness else None,
        receipts=Receipts(receipts),
    )


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidReceipts(f"{file} can't be read: {error}") from error


def _go_over(check: LakeCheck) -> Verdict:
    """Everything that there is to find, with a bar of bytes meanwhile where somebody sees it."""
    verdict, console = Verdict(), Console(stderr=True)
    columns = (
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("")
        total = done = 0
        for step in check.run():
            if isinstance(step, Finding):
                verdict.add(step)
                wrong = f"{verdict.faults:,} faults" if verdict.faults else ""
                bar.update(task, description=wrong)
            else:
                total, done = total + step.known, done + step.done
                bar.update(task, total=total, completed=done)
    return verdict
