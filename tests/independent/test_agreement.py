"""Both verifiers say the same of every lake: sound or not, and where."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from audit.verifying.findings import Finding
from audit.verifying.lake import Keys, LakeCheck
from tests.independent.forms import Copy
from tests.independent.verifier import examine
from tests.lakes import MemoryFiles, spki_of, two_regions
from tests.tamperings import ALL, Case, Tampering
from tests.tamperings.case import SOUND
from tests.unit.audit.verifying.test_tamperings import check_of

FOLDER = Path(__file__).resolve().parent


def test_independent_verifier_imports_nothing_of_ours() -> None:
    for path in sorted(FOLDER.glob("*.py")):
        if path.name.startswith("test_"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                room = name.split(".")[0]
                assert name.startswith("tests.independent.") or room in {*sys.stdlib_module_names, "cryptography"}, path


@pytest.mark.parametrize("tampering", ALL, ids=str)
def test_both_verifiers_see_a_tampering(tampering: Tampering) -> None:
    case = Case()
    tampering.do(case)
    report = examine(as_copy(case))
    findings = check_of(case)[1]
    assert bool(report.accused) == any(not finding.is_warning for finding in findings)
    for finding in findings:
        told = report.warned if finding.is_warning else report.accused
        assert finding.where in told, (finding, told)


def test_both_verifiers_find_a_sound_lake_sound() -> None:
    case = Case()
    case.notes, case.receipts = case.region.notes, case.region.receipts
    report = examine(as_copy(case))
    assert (report.accused, report.warned) == ({}, {})
    assert check_of(case)[1] == []


def test_both_verifiers_find_two_sound_regions_sound() -> None:
    west, north, files = two_regions()
    keys = [west.verifier_key, north.verifier_key]
    report = examine(Copy(files, {key.name: key.spki for key in keys}))
    assert (report.accused, report.warned) == ({}, {})
    check = LakeCheck(MemoryFiles(files), Keys(keys))
    assert not [step for step in check.run() if isinstance(step, Finding)]
    assert [examined.witnessed.agreed for examined in check.regions.values()] == [5, 5]


@pytest.mark.parametrize("name", sorted(SOUND.files), ids=lambda name: name.removeprefix("audit/"))
def test_both_verifiers_say_the_same_of_every_changed_byte(name: str) -> None:
    for at in range(0, len(SOUND.files[name]), 151):
        case = Case()
        content = bytearray(case.files[name])
        content[at] ^= 0x04
        case.files[name] = bytes(content)
        accused = set(examine(as_copy(case)).accused)
        assert {finding.where for finding in check_of(case)[1]} <= accused
        assert (name in accused) == (not name.startswith("audit/schemas/"))


def as_copy(case: Case) -> Copy:
    return Copy(case.files, {"vouch/westeurope": spki_of(case.region.key)}, case.notes, case.receipts)
