"""Whatever single file of a lake is lost or damaged, the check says so and names it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import canonical_json
from audit.chain import read_entry
from audit.layout import chain_name
from audit.manifests import read_manifest
from audit.verifying.findings import Finding
from audit.verifying.lake import Keys, LakeCheck
from tests.lakes import MemoryFiles, copy_of, sound_lake

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


@given(st.data())
def test_file_with_any_part_replaced_is_the_one_finding(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(SEALED))
    content = LAKE.files[name]
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 40)))
    replaced = content[:start] + data.draw(st.binary(max_size=40)) + content[end:]
    wanted = [] if replaced == content else [name]
    assert [finding.where for finding in findings_of({**LAKE.files, name: replaced})] == wanted


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**53 - 1) | st.text(max_size=20) | st.sampled_from(["ab" * 32, ""]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def _paths(value: Any) -> list[tuple[Any, ...]]:
    """The paths to every member, at any depth."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, inner in members for path in [(key,), *((key, *rest) for rest in _paths(inner))]]


@given(st.data())
def test_member_of_a_chain_entry_with_any_value_is_the_one_finding(data: st.DataObject) -> None:
    """The entry stays canonical: what it says is judged, not its form."""
    name = data.draw(st.sampled_from([name for name in SEALED if name.startswith("audit/chain/")]))
    value = json.loads(LAKE.files[name])
    *steps, last = data.draw(st.sampled_from(_paths(value)))
    at = value
    for step in steps:
        at = at[step]
    at[last] = data.draw(JSON)
    changed = canonical_json(value)
    wanted = [] if changed == LAKE.files[name] else [name]
    assert [finding.where for finding in findings_of({**LAKE.files, name: changed})] == wanted


@given(st.data())
def test_member_of_a_signed_manifest_with_any_value_is_told(data: st.DataObject) -> None:
    """Signed by who holds the key: a manifest that is false all the same is seen through, or says less than it did."""
    entry = read_entry(LAKE.files[LAST_ENTRY])
    value = json.loads(LAKE.files[entry.manifest.name])
    *steps, last = data.draw(st.sampled_from(_paths(value)))
    at = value
    for step in steps:
        at = at[step]
    at[last] = data.draw(JSON)
    content = canonical_json(value)
    fooled = copy_of(LAKE)
    fooled.last = read_entry(LAKE.files[chain_name("westeurope", entry.sequence - 1)])
    fooled.commit(read_manifest(LAKE.files[entry.manifest.name]), content)
    assert bool(findings_of(fooled.files)) == (content != LAKE.files[entry.manifest.name])
