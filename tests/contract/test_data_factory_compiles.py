"""The Bicep compiler, which knows the types of Data Factory's resources, finds no fault in the factory's objects.

It looks no deeper than one of several activities, so every activity also stands alone in a pipeline of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.factory.definitions import NESTED, ROOT, activities_of, files_of

BICEP = shutil.which("bicep")
API = "@2018-06-01"
TYPES = {
    "pipeline": "pipelines",
    "dataset": "datasets",
    "linkedService": "linkedservices",
    "trigger": "triggers",
    "integrationRuntime": "integrationRuntimes",
}

pytestmark = pytest.mark.skipif(BICEP is None, reason="There is no `bicep` on the PATH.")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the factory, to be compiled and spoilt."""
    return Path(shutil.copytree(ROOT, tmp_path / "factory"))


def alone(activity: dict[str, Any]) -> dict[str, Any]:
    """A pipeline of this activity, without those inside it."""
    properties = {key: [] if key in NESTED else value for key, value in activity["typeProperties"].items()}
    return {"properties": {"activities": [{**activity, "typeProperties": properties}]}}


def every_object(folder: Path) -> Iterator[tuple[str, str]]:
    """The type and the file of every object and, written anew, of every activity."""
    for kind, resource in TYPES.items():
        for path, _ in files_of(kind, folder):
            yield resource, path.relative_to(folder).as_posix()
    for path, pipeline in files_of("pipeline", folder):
        for number, activity in enumerate(activities_of(pipeline["properties"])):
            name = f"{path.stem}-{number}.json"
            (folder / name).write_text(json.dumps(alone(activity)))
            yield "pipelines", name


def compile_objects(folder: Path) -> list[str]:
    """What the compiler finds in every object."""
    lines = [f"resource factory 'Microsoft.DataFactory/factories{API}' existing = {{ name: 'vouch' }}"]
    for number, (resource, file) in enumerate(every_object(folder)):
        kind = f"Microsoft.DataFactory/factories/{resource}{API}"
        body = f"{{ parent: factory, name: 'o{number}', properties: loadJsonContent('{file}').properties }}"
        lines.append(f"resource o{number} '{kind}' = {body}")
    (folder / "all.bicep").write_text("\n".join(lines))
    return compile_file(folder / "all.bicep")


def compile_file(path: Path) -> list[str]:
    assert BICEP is not None
    done = subprocess.run(
        [BICEP, "build", str(path), "--stdout"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"},
    )
    faults = re.findall(r"(?:Warning|Error) [\w-]+: .*", done.stderr)
    assert (done.returncode == 0) or faults, done.stderr
    return faults


def test_compiler_finds_no_fault_in_the_factory(folder: Path) -> None:
    assert compile_objects(folder) == []
    assert compile_file(folder / "factory.bicep") == []


def test_compiler_finds_what_is_spoilt_at_any_depth(folder: Path) -> None:
    for file, sound, spoilt in (
        ("pipeline/ingest_chain.json", '"waitOnCompletion": true', '"waitOnCompletion": "yes"'),
        ("pipeline/ingest_entry.json", '"type": "GetMetadata"', '"type": "GetMetaData"'),
        ("trigger/ingest_audit_hourly.json", '"maxConcurrency": 1', '"maxConcurrency": "1"'),
        ("dataset/file.json", '"fileName"', '"filename"'),
    ):
        path = folder / file
        assert sound in path.read_text()
        path.write_text(path.read_text().replace(sound, spoilt, 1))
    found = " ".join(compile_objects(folder))
    for word in ("'yes'", "'GetMetaData'", '"maxConcurrency"', '"filename"'):
        assert word in found
