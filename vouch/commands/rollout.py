"""`python -m vouch rollout`: start, watch and steer rollouts, from the command line of whoever may.

Exit codes: 0 done (of `watch`: Succeeded), 1 refused or unreachable, 2 a wrong command line, 3 RolledBack, 4 Failed,
5 still under way when `watch` was left.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vouch.calls import LOCAL_TOKENS, LOCAL_URL, Refused, Region, read_token
from vouch.rollout_picture import EXIT_CODES, LOOK_S, UNDER_WAY, watch_live, write_lines

Document = Mapping[str, Any]
ROLLOUTS = "/api/v1/rollouts"
SHOWN = frozenset({"id", "model", "target", "phase", "message", "wave", "waves", "gate", "plan", "regions", "timeline"})
PATIENCE_S = 120.0
"""For so long a rollout that is watched may be out of sight."""
ROLES = {"approve": "approver", "reject": "approver", "promote-full": "approver"}
"""Whose token is taken where none is named: as a rule the operator's, who may not promote in full what it started."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verbs and what each takes."""
    verbs = parser.add_subparsers(dest="verb", metavar="verb", required=True)
    for verb, summary in VERBS.items():
        _add_common(verbs.add_parser(verb, help=summary, description=summary.capitalize() + "."), verb)


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit code."""
    try:
        file = arguments.token_file or LOCAL_TOKENS / f"{ROLES.get(arguments.verb, 'operator')}.jwt"
        control = Region(arguments.url, read_token(file))
        return RUN[arguments.verb](control, arguments)
    except Refused as error:
        print(f"{error}", file=sys.stderr)
        return 1


def _start(control: Region, arguments: argparse.Namespace) -> int:
    rollout = control.ask("POST", ROLLOUTS, _plan(arguments), arguments.idempotency_key, SHOWN)
    if arguments.watch:
        arguments.id = rollout["id"]
        return _watch(control, arguments)
    _say(arguments, rollout, f"Rollout {rollout['id']} of {rollout['model']} has begun. See it: "
                             f"python -m vouch rollout watch {rollout['id']}")  # fmt: skip
    return 0


def _lint(control: Region, arguments: argparse.Namespace) -> int:
    linted = control.ask("POST", f"{ROLLOUTS}:lint", _plan(arguments), needs=["faults"])
    faults = [f"{fault['pointer']}: {fault['detail']}" for fault in linted["faults"]]
    _say(arguments, linted, "\n".join(faults) or "No fault found.")
    return 1 if faults else 0


def _watch(control: Region, arguments: argparse.Namespace) -> int:
    rollout_id = arguments.id or _newest(control)

    read = _patiently(lambda: control.ask("GET", _path(rollout_id), needs=SHOWN))
    try:
        if arguments.json:
            return _watch_json(read)
        return watch_live(read) if sys.stdout.isatty() else write_lines(read, partial(print, flush=True))
    except KeyboardInterrupt:
        return UNDER_WAY


def _patiently(read: Callable[[], Document]) -> Callable[[], Document]:
    """Reads again for a while where control is away: it starts again, and the rollout goes on. What could not be read
    even once is refused at once."""
    seen_at: float | None = None

    def read_on() -> Document:
        nonlocal seen_at
        while True:
            try:
                rollout = read()
            except Refused as error:
                if error.status in range(1, 500) or seen_at is None or time.monotonic() - seen_at > PATIENCE_S:
                    raise
                time.sleep(LOOK_S)
            else:
                seen_at = time.monotonic()
                return rollout

    return read_on


def _watch_json(read: Callable[[], Document]) -> int:
    """One line of JSON whenever something changed, until the end; that it was looked at again is no change."""
    last: object = None
    while True:
        rollout = read()
        seen = _without_looks(rollout)
        if seen != last:
            print(json.dumps(rollout), flush=True)
            last = seen
        if rollout["phase"] in EXIT_CODES:
            return EXIT_CODES[rollout["phase"]]
        time.sleep(LOOK_S)


def _without_looks(rollout: Document) -> Document:
    regions = {name: shown and {**shown, "seen_at": None} for name, shown in rollout["regions"].items()}
    return {**rollout, "seen_at": None, "regions": regions}


def _steer(control: Region, arguments: argparse.Namespace) -> int:
    rollout_id, verb = arguments.id or _newest(control), arguments.verb
    body = {"gate": arguments.gate or _gate(control, rollout_id)} if verb == "approve" else {"reason": arguments.reason}
    rollout = control.ask("POST", f"{_path(rollout_id)}:{PATHS.get(verb, verb)}", body, needs=SHOWN)
    _say(arguments, rollout, f"Rollout {rollout_id}: {verb} was taken; it is {rollout['phase']}.")
    return 0


def _list(control: Region, arguments: argparse.Namespace) -> int:
    found = control.ask("GET", ROLLOUTS, needs=["rollouts"])
    lines = [f"{r['id']}  {r['phase']:<11}  {r['model']} {_target(r)}  {r['message']}" for r in found["rollouts"]]
    _say(arguments, found, "\n".join(lines) or "No rollout yet.")
    return 0


def _undo(control: Region, arguments: argparse.Namespace) -> int:
    return _everywhere(control, arguments, {"leave": arguments.leave})


def _unwithdraw(control: Region, arguments: argparse.Namespace) -> int:
    return _everywhere(control, arguments, {"version": arguments.version})


def _everywhere(control: Region, arguments: argparse.Namespace, what: Document) -> int:
    """Ask for something in every region; 1 where one of them could not do it."""
    path = f"/api/v1/models/{quote(arguments.model, safe='')}:{arguments.verb}"
    body = {**what, "reason": arguments.reason or f"{arguments.verb} from the command line"}
    done = control.ask("POST", path, body, needs=["regions"])
    lines = [f"{name}: {_undone(said)}" for name, said in done["regions"].items()]
    _say(arguments, done, "\n".join(lines))
    return 1 if any("fault" in said for said in done["regions"].values()) else 0


def _undone(said: Document) -> str:
    if "fault" in said:
        return str(said["fault"])
    stable = said["release"]["stable"]
    return f"serves {stable['version']} with {stable['policy']}"


def _target(rollout: Document) -> str:
    return " ".join(filter(None, (rollout["target"]["version"], rollout["target"]["policy"])))


def _newest(control: Region) -> str:
    """The rollout that is meant where none is named."""
    found = control.ask("GET", ROLLOUTS, needs=["rollouts"])["rollouts"]
    if not found:
        raise Refused("There is no rollout yet. Start one: python -m vouch rollout start --model M --version V")
    return str(found[0]["id"])


def _gate(control: Region, rollout_id: str) -> str:
    gate = control.ask("GET", _path(rollout_id), needs=SHOWN)["gate"]
    if gate is None:
        raise Refused(
            f"The rollout waits at no gate now. See where it stands: python -m vouch rollout watch {rollout_id}"
        )
    return str(gate)


def _plan(arguments: argparse.Namespace) -> Document:
    """The plan of a file, and what the options say over it."""
    plan: dict[str, Any] = {}
    if arguments.plan:
        try:
            plan = json.loads(arguments.plan.read_text())
        except OSError as error:
            raise Refused(
                f"{arguments.plan} can't be read: {error.strerror}. It has to hold a plan as JSON."
            ) from error
        except ValueError as error:
            raise Refused(f"{arguments.plan} can't be read: {error}. It has to hold a plan as JSON.") from error
        if not isinstance(plan, dict):
            raise Refused(f'{arguments.plan} holds no plan as JSON: that is an object, such as {{"model": ...}}.')
    given = {"model": arguments.model, "version": arguments.version, "policy": arguments.policy}
    return plan | {name: value for name, value in given.items() if value is not None}


def _path(rollout_id: str) -> str:
    return f"{ROLLOUTS}/{quote(rollout_id, safe='')}"


def _say(arguments: argparse.Namespace, document: Document, text: str) -> None:
    print(json.dumps(document) if arguments.json else text)


def _add_common(parser: argparse.ArgumentParser, verb: str) -> None:
    parser.add_argument("--url", default=LOCAL_URL, help=f"the control region's base URL (default {LOCAL_URL})")
    parser.add_argument(
        "--token-file", type=Path, help=f"a file with a bearer token (default {LOCAL_TOKENS}/<role>.jwt)"
    )
    parser.add_argument("--json", action="store_true", help="answer JSON")
    if verb in {"start", "lint"}:
        parser.add_argument("--plan", type=Path, help="a file with a plan as JSON")
        for name in ("model", "version", "policy"):
            parser.add_argument(f"--{name}")
    if verb == "start":
        parser.add_argument("--idempotency-key", help="starting twice with the same key is starting once")
        parser.add_argument("--watch", action="store_true", help="watch it to its end")
    if verb in {*STEERING, "watch"}:
        parser.add_argument("id", nargs="?", help="the rollout's id (default: the newest)")
    if verb == "approve":
        parser.add_argument("--gate", help="the gate, such as wave-1 (default: the one it waits at)")
    if verb in STEERING:
        parser.add_argument("--reason", default="", help="why")
    if verb == "undo":
        parser.add_argument("model")
        parser.add_argument(
            "--leave",
            required=True,
            metavar="VERSION",
            help="the version, or the policy (name/version), that nobody is to serve",
        )
        parser.add_argument("--reason", default="", help="why")
    if verb == "unwithdraw":
        parser.add_argument("model")
        parser.add_argument("--version", required=True, help="the version, or the policy (name/version)")
        parser.add_argument("--reason", default="", help="why")


STEERING = ("approve", "reject", "pause", "resume", "abort", "promote-full")
PATHS = {"promote-full": "promoteFull"}
VERBS = {
    "start": "roll a version out to every region",
    "watch": "see regions, weights, verdicts and timeline as they change",
    "list": "list the rollouts",
    "lint": "find every fault of a plan",
    "approve": "approve the gate that a rollout waits at",
    "reject": "reject a rollout: every region goes back",
    "pause": "let a rollout go no further for now",
    "resume": "let a rollout go on",
    "abort": "abort a rollout: every region goes back",
    "promote-full": "skip pauses, bakes and gates, but no verdict",
    "undo": "take every region back from a version or a policy at once",
    "unwithdraw": "let a version or a policy that was undone be rolled out again",
}
RUN: Mapping[str, Callable[[Region, argparse.Namespace], int]] = {
    "start": _start,
    "watch": _watch,
    "list": _list,
    "lint": _lint,
    "undo": _undo,
    "unwithdraw": _unwithdraw,
    **dict.fromkeys(STEERING, _steer),
}
