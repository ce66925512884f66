"""Record the rollouts of `rollout_stories` as the orchestrators of this version take them:

    python -m tests.replay.record_rollouts

One file a story, in the folder of the version that host.json gives orchestrations: one JSON object a line, gzipped,
an orchestration each, with the payload of its last turn and what it answered. See the folder's README before you
record a version again.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.desk import ROOT
from tests.replay.rollout_stories import STORIES, play
from tests.replay.virtual_hub import TakenTurn

HISTORIES = Path(__file__).parent / "rollout_histories"
Record = dict[str, Any]


def current_version() -> str:
    """What host.json gives new orchestrations."""
    settings = json.loads((ROOT / "host.json").read_text())["extensions"]["durableTask"]
    return str(settings["defaultVersion"])


def records_of(turns: Iterable[TakenTurn]) -> list[Record]:
    """The last turn of every orchestration, in the order of their beginnings."""
    last = {turn.instance_id: turn for turn in turns}
    return [
        {
            "name": turn.name,
            "payload": json.loads(turn.payload),
            "actions": list(turn.answer.actions),
            "is_done": turn.answer.is_done,
            "output": turn.answer.output,
            "error": turn.answer.error,
            "custom_status": turn.answer.custom_status,
        }
        for turn in last.values()
    ]


def read_records(file: Path) -> list[Record]:
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


def write_records(file: Path, records: Iterable[Record]) -> None:
    """The same records are the same bytes."""
    lines = (json.dumps(record, separators=(",", ":"), ensure_ascii=False) for record in records)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))


def main() -> None:
    logging.disable(logging.ERROR)
    for name, story in STORIES.items():
        file = HISTORIES / current_version() / f"{name}.jsonl.gz"
        records = records_of(asyncio.run(play(story)).hub.turns)
        write_records(file, records)
        print(f"{file.relative_to(ROOT)}: {len(records)} orchestrations")


if __name__ == "__main__":
    main()
