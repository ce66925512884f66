"""`python -m vouch replay`: score recorded deals again, and compare; or say what would have been decided.

Without --model and --policy every recorded decision is scored with the version, policy and reference snapshot that it
names, and has to come out the same to the last bit. With one of them (or both) the recorded deals are judged by that
version or policy instead: which outcomes would have flipped, and what there would have been to review, week by week.

Exit codes: 0 everything came out the same (or the comparison was made); 1 something differs; 2 it could not be done,
or there was no decision; 3 nothing differs, but some decisions could not be replayed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from audit.ids import parse_id
from audit.records import RecordType
from audit.verifying.files import Unreadable
from flows.replaying.imagine_decisions import OUTCOMES, Comparison, imagine_decisions
from flows.replaying.replay_decisions import Fate, NotAtHand, Replayed, replay_decisions
from scoring.booster import LightGBMMissing
from vouch.calls import Refused
from vouch.opened_copies import OpenedCopy, add_copy_arguments, open_with_region, show_progress
from vouch.records import NotAsSealed, OpenedRecords, find_decision, list_windows
from vouch.verdict import count_of
from vouch.versions_at_hand import VersionsAtHand

SAME, DIFFERS, NOT_DONE, PARTLY = 0, 1, 2, 3
VERDICTS = {
    SAME: "EQUAL: recorded decisions scored again.",
    DIFFERS: "DIFFERENT: recorded decisions scored again.",
    NOT_DONE: "NOTHING: these windows hold no decision.",
    PARTLY: "EQUAL, as far as could be replayed: recorded decisions scored again.",
}
SHOWN = 20
DAMAGED = "it can't be opened, though its keys are there. Tell the region's operators"
SCORED = RecordType.DECISION_SCORED.value
Event = Mapping[str, Any]


@dataclass(slots=True)
class Tally:
    """What became of the decisions, and the first of those that need looking at."""

    fates: Counter[Fate] = field(default_factory=Counter)
    shown: list[Replayed] = field(default_factory=list)
    models: Counter[str] = field(default_factory=Counter)

    def add(self, replayed: Replayed) -> None:
        self.fates[replayed.fate] += 1
        if replayed.details and len(self.shown) < SHOWN:
            self.shown.append(replayed)

    @property
    def exit_code(self) -> int:
        if self.fates[Fate.DIFFERS]:
            return DIFFERS
        if not self.fates.total():
            return NOT_DONE
        return PARTLY if self.fates[Fate.NOT_AT_HAND] else SAME

    def to_json(self) -> dict[str, Any]:
        return {
            "decisions": self.fates.total(),
            **{fate.value.replace(" ", "_"): self.fates[fate] for fate in Fate},
            "models": dict(sorted(self.models.items())),
            "shown": [
                {"decision_id": one.decision_id, "fate": one.fate.value, "details": list(one.details)}
                for one in self.shown
            ],
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    add_copy_arguments(parser)
    parser.add_argument("--decision", type=_read_id, metavar="ID", help="this decision alone, sealed or not yet")
    parser.add_argument("--model", metavar="VERSION", help="what would this version have said")
    parser.add_argument(
        "--policy", type=_read_policy, metavar="NAME/VERSION", help="what would this policy have decided"
    )
    parser.add_argument("--name", default="deal-fraud", help="the model, with --model or --policy (default deal-fraud)")


def _read_id(text: str) -> UUID:
    try:
        return parse_id(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no decision's id; it is the decision_id of an answer") from None


def _read_policy(text: str) -> str:
    name, _, version = text.partition("/")
    if not name or not version:
        raise argparse.ArgumentTypeError(f"{text!r} is no policy; one reads standard/1")
    return text


def run(arguments: argparse.Namespace) -> int:
    """Replay; the exit code."""
    try:
        code, document, text = _run(arguments)
    except (Refused, Unreadable, NotAsSealed, NotAtHand, LightGBMMissing) as error:
        print(f"Not replayed. {error}", file=sys.stderr)
        return NOT_DONE
    print(json.dumps(document, indent=2) if arguments.json else "\n".join(text))
    return code


def _run(arguments: argparse.Namespace) -> tuple[int, dict[str, Any], Iterator[str]]:
    copy = open_with_region(arguments)
    versions = VersionsAtHand(Path(), copy.region, copy.files)
    records = OpenedRecords(copy.files, copy.region)
    opened = _find(copy, arguments) if arguments.decision else _open(copy, records, arguments)
    if arguments.model or arguments.policy:
        return _imagine(opened, versions, arguments, records.damaged)
    return _replay(opened, versions, records.damaged)


def _open(copy: OpenedCopy, records: OpenedRecords, arguments: argparse.Namespace) -> Iterator[list[Event]]:
    """The decisions of each window."""
    windows = list_windows(copy.files, copy.name, arguments.first, arguments.last)
    if not windows:
        asked = "" if not arguments.first and not arguments.last else " from --from to --to"
        raise Unreadable(
            f"The copy holds no sealed window of {copy.name}{asked}. Is it a copy of that region? "
            "Where its decisions are young, copy it again later: a window is sealed once it is over."
        )
    for window in show_progress(windows):
        yield [event for event in records.of(window) if event["type"] == SCORED]


def _find(copy: OpenedCopy, arguments: argparse.Namespace) -> Iterator[list[Event]]:
    """The one decision that was asked for."""
    if arguments.first or arguments.last:
        raise Refused("--decision is one decision, whenever it was made: leave --from and --to out.")
    event, is_sealed = find_decision(copy.files, copy.region, copy.name, arguments.decision)
    if not is_sealed:
        print(f"{arguments.decision} is not sealed in this copy yet: this is how the ledger has it.", file=sys.stderr)
    yield [event]


def _replay(
    batches: Iterable[list[Event]], versions: VersionsAtHand, damaged: Collection[str] = ()
) -> tuple[int, dict[str, Any], Iterator[str]]:
    """`damaged` grows with the batches; what is in it comes without `personal`, and is not erased."""
    tally = Tally()
    for events in batches:
        tally.models.update(f"{event['data']['model']['name']} {event['data']['model']['version']}" for event in events)
        for replayed in replay_decisions(events, versions):
            is_damaged = replayed.decision_id in damaged
            tally.add(Replayed(replayed.decision_id, Fate.NOT_AT_HAND, (DAMAGED,)) if is_damaged else replayed)
    return tally.exit_code, tally.to_json(), _tell_replay(tally)


def _imagine(
    batches: Iterable[list[Event]],
    versions: VersionsAtHand,
    arguments: argparse.Namespace,
    damaged: Collection[str],
) -> tuple[int, dict[str, Any], Iterator[str]]:
    comparison = Comparison()
    erased = 0
    for events in batches:
        ours = [event for event in events if event["data"]["model"]["name"] == arguments.name]
        erased += sum(event["data"].get("personal") is None and event["id"] not in damaged for event in ours)
        for version, policy, group in _by_terms(ours, arguments):
            model = versions.model(arguments.name, version)
            judged_by = versions.policy(*policy.split("/", 1))
            for imagined in imagine_decisions(group, model, judged_by, versions.active_tables(model.datasets)):
                comparison.add(imagined)
    document = {**comparison.to_json(), "erased": erased, "damaged": len(damaged)}
    code = SAME if comparison.decisions or erased or damaged else NOT_DONE
    return code, document, _tell_comparison(comparison, arguments.name, erased, len(damaged))


def _by_terms(events: list[Event], arguments: argparse.Namespace) -> Iterator[tuple[str, str, list[Event]]]:
    """The events by the version and policy that would have judged them: what isn't asked for stays as recorded."""
    groups: dict[tuple[str, str], list[Event]] = {}
    for event in events:
        data = event["data"]
        policy = arguments.policy or f"{data['policy']['name']}/{data['policy']['version']}"
        groups.setdefault((arguments.model or data["model"]["version"], policy), []).append(event)
    for (version, policy), group in groups.items():
        yield version, policy, group


def _tell_replay(tally: Tally) -> Iterator[str]:
    fates = tally.fates
    equal, differ = fates[Fate.EQUAL], fates[Fate.DIFFERS]
    yield f"{count_of(fates.total(), 'decision')}: {equal:,} equal to the last bit, {differ:,} differ"
    if fates[Fate.ERASED]:
        yield f"{fates[Fate.ERASED]:,} were erased on a person's request and can't be replayed"
    if fates[Fate.NOT_AT_HAND]:
        yield f"{fates[Fate.NOT_AT_HAND]:,} could not be replayed: it, or what it was decided with, is not at hand"
    for one in tally.shown:
        yield f"  {one.decision_id} {one.fate.value}: {'; '.join(one.details)}"
    is_compared = fates[Fate.EQUAL] or fates[Fate.DIFFERS]
    yield VERDICTS[tally.exit_code] if is_compared or not fates else "NOTHING could be scored again."


def _tell_comparison(comparison: Comparison, name: str, erased: int, damaged: int) -> Iterator[str]:
    if not comparison.decisions and not erased and not damaged:
        yield f"NOTHING: these windows hold no decision of {name}."
        return
    yield f"{count_of(comparison.decisions, 'recorded deal')} judged again; {erased:,} more were erased"
    if damaged:
        yield f"{damaged:,} records are damaged: {DAMAGED}"
    if comparison.not_accepted:
        yield f"{comparison.not_accepted:,} of them have features that the version doesn't accept"
    if not comparison.judged:
        return
    yield f"{comparison.flipped:,} outcomes would have flipped ({comparison.flipped / comparison.judged:.2%}):"
    for before in OUTCOMES:
        for after in OUTCOMES:
            count = comparison.flips[before, after]
            if count and before != after:
                yield f"  {before} -> {after}: {count:,}"
    yield "week      " + "".join(f"{outcome:>20}" for outcome in OUTCOMES)
    for week, (old, new) in sorted(comparison.weeks.items()):
        yield f"{week:10}" + "".join(f"{f'{old[outcome]:,} -> {new[outcome]:,}':>20}" for outcome in OUTCOMES)
