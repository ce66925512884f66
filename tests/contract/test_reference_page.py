"""`docs/reference-data.md` says what the code does: its limits, its snapshot and the snippet that makes one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from flows.reference.load_snapshot import load_snapshot, snapshot_folder
from local.reference import demo_snapshot
from scoring import reference_table
from scoring.features import Feature
from scoring.reference_table import MANIFEST_FILE, SnapshotManifest, digest_of_manifest
from tests.desk import ROOT
from tests.fakes_trail import MemoryLake

PAGE = (ROOT / "docs" / "reference-data.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)\n```", PAGE, re.DOTALL)


def test_page_states_the_limits_of_the_code() -> None:
    packed, unpacked = reference_table.MAX_PACKED_BYTES // 2**20, reference_table.MAX_BYTES // 2**20
    stated = f"{reference_table.MAX_ROWS:,} rows, {reference_table.MAX_COLUMNS} columns, {packed} MiB packed, "
    assert stated + f"{unpacked} MiB unpacked" in PAGE


def test_page_lists_every_field_of_a_manifest() -> None:
    listed = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ", PAGE.partition("## Activation")[0], re.MULTILINE)
    named = {name for row in listed for name in re.findall(r"\w+", row)}
    assert named == set(SnapshotManifest.__dataclass_fields__)


def test_answer_on_the_page_names_the_demos_snapshot() -> None:
    answer = json.loads(blocks("json")[0])
    digest = digest_of_manifest(demo_snapshot()[MANIFEST_FILE])
    assert answer["references"] == [{"dataset": "policy-types", "snapshot": "1996-01-01", "digest": digest}]


def test_feature_on_the_page_is_one() -> None:
    feature = msgspec.convert(json.loads(blocks("json")[1]), Feature)
    assert feature.source is not None
    assert feature.source.key == "agent"


async def test_snippet_of_the_page_writes_a_snapshot_that_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (snippet,) = blocks("python")
    exec(compile(snippet, "reference-data.md", "exec"), {})
    folder = snapshot_folder("agents", "2026-11-01")
    lake = MemoryLake({f"{folder}{p.name}": p.read_bytes() for p in (tmp_path / "build/lake" / folder).iterdir()})
    digest = digest_of_manifest(lake.files[folder + MANIFEST_FILE])
    table = await load_snapshot(lake, "agents", "2026-11-01", digest)
    assert table.rows == {"A-7": (41,), "A-8": (None,)}
