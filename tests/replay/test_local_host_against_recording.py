"""The recorded app and its scenarios on the local host, in a process of its own, compared with what the real host said.

Messages may come in other batches than they did there, so a turn with no counterpart is compared by what the whole
history holds; everything else turn by turn. Polls for the same thing in a row count once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.replay.recordings import (
    HISTORIES,
    Record,
    last_polls,
    merged,
    normal,
    read_recording,
    turns_by_instance,
)
from tests.unit.local.conftest import ROOT, free_port, wait_for_port

RECORDER = Path(__file__).parent / "recorder" / "function_app.py"
REAL = read_recording(HISTORIES / "real_host.jsonl")
FIRST_CALLS = 'do("get_status","x"); run("chain","chain1")\n'
BATCHES_VARY = {"fan-1", "parent-1", "gate-early", "events-1"}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Record]]:
    """The local host's recording of all scenarios."""
    folder = tmp_path_factory.mktemp("recording")
    port = free_port()
    command = [sys.executable, "-m", "local.host", str(RECORDER), "--port", str(port)]
    host = subprocess.Popen(
        [*command, "--durable", str(folder / "hub.sqlite")],
        cwd=ROOT,
        env={**os.environ, "RECORD_FILE": str(folder / "local.jsonl")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_for_port(port, host)
        head, run, rest = (HISTORIES / "scenarios.py").read_text().replace(":7091", f":{port}").partition('run("chain"')
        assert run
        script = head + FIRST_CALLS + run + rest
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        yield read_recording(folder / "local.jsonl")
    finally:
        host.terminate()
        host.communicate(timeout=20)


def by_instance(records: list[Record]) -> dict[tuple[str, str], list[Record]]:
    """Turns by function and instance without GUIDs: those in the order they began in."""
    found: dict[tuple[str, str], list[Record]] = {}
    for (name, instance_id), turns in turns_by_instance(records).items():
        key = (name, normal(instance_id))
        assert key not in found, f"two instances look like {key}"
        found[key] = turns
    return found


def shown(record: Record) -> str:
    """A turn: what the function was given and what it answered."""
    return json.dumps(normal({name: record.get(name) for name in ("input", "output", "raised")}), indent=1)


def test_orchestrations_take_the_same_turns(local: list[Record]) -> None:
    ours, theirs = by_instance(local), by_instance(REAL)
    assert ours.keys() == theirs.keys()
    for key, turns in theirs.items():
        if key[1] not in BATCHES_VARY:
            assert list(map(shown, ours[key])) == list(map(shown, turns)), key


def test_orchestrations_whose_batches_vary_have_the_same_history_in_the_end(local: list[Record]) -> None:
    ours, theirs = turns_by_instance(local), turns_by_instance(REAL)
    varying = [key for key in theirs if key[1] in BATCHES_VARY]
    assert len(varying) == len(BATCHES_VARY)
    for key in varying:
        mine, real = ours[key], theirs[key]
        assert shown(mine[0]) == shown(real[0]) or len(mine) < len(real), key
        for part in ("output", "raised"):
            assert normal(mine[-1].get(part)) == normal(real[-1].get(part)), key
        assert normal(merged(mine[-1]["input"]["history"])) == normal(merged(real[-1]["input"]["history"])), key


def test_entities_are_given_the_same_batches(local: list[Record]) -> None:
    ours, theirs = ([normal(r) for r in records if r["kind"] == "entity"] for records in (local, REAL))
    assert [(r["input"], r["output"]) for r in ours] == [(r["input"], r["output"]) for r in theirs]


def test_client_binding_is_the_same_document(local: list[Record]) -> None:
    ours, theirs = (next(r["json"] for r in records if r["kind"] == "client_binding") for records in (local, REAL))
    assert json.dumps(normal(ours)) == json.dumps(normal(theirs))


def test_management_calls_are_answered_alike(local: list[Record]) -> None:
    ours, theirs = last_polls(local), last_polls(REAL)
    assert [call_shown(call) for call in ours] == [call_shown(call) for call in theirs]


def call_shown(call: Record) -> str:
    """A call and its answer. A list of instances is in order of ids, GUIDs first, so it is compared in its own order;
    whether a conflict finds its instance Pending or already Running is a matter of milliseconds."""
    document = normal({name: part for name, part in call.items() if name not in ("t", "kind")})
    if isinstance(document["answer"], list):
        document["answer"] = sorted(document["answer"], key=json.dumps)
    return json.dumps(document).replace("the status Running already", "the status Pending already")
