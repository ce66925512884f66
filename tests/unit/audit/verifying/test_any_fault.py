"""Whatever single file of a lake is lost or damaged, the check says so and names it."""

from __future__ import annotations

import pytest

from audit.verifying.findings import Finding
from audit.verifying.lake import Keys, LakeCheck
from tests.lakes import MemoryFiles, sound_lake

LAKE = sound_lake()
SEALED = sorted(name for name in LAKE.files if not name.startswith("audit/schemas/"))
LAST_ENTRY = max(name for name in SEALED if name.startswith("audit/chain/"))


def findings_of(files: dict[str, bytes]) -> list[Finding]:
    check = LakeCheck(MemoryFiles(files), Keys([LAKE.verifier_key]))
    return [step for step in check.run() if isinstance(step, Finding)]


def test_sound_lake_has_no_findings() -> None:
    assert findings_of(LAKE.files) == []


@pytest.mark.parametrize("name", [name for name in SEALED if name != LAST_ENTRY])
def test_missing_file_is_the_one_finding(name: str) -> None:
    findings = findings_of({other: content for other, content in LAKE.files.items() if other != name})
    assert [finding.where for finding in findings] == [name]


@pytest.mark.parametrize("name", SEALED)
def test_damaged_file_is_the_one_finding(name: str) -> None:
    for at in range(0, len(LAKE.files[name]), 97):
        content = bytearray(LAKE.files[name])
        content[at] ^= 0x10
        assert [finding.where for finding in findings_of({**LAKE.files, name: bytes(content)})] == [name], at
