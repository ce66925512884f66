"""`vouch verify` as an auditor meets it: what it is given, what it says, and its exit codes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.desk import Desk
from tests.lakes import FIRST, Region, copy_of, pem_of, private_key, spki_of, two_regions, write_lake
from tests.tamperings.case import LATER_ID, NEVER_SEALED_ID, SEALED_ID, SEGMENT, SOUND
from tests.unit.vouch.desk_region import desk_region
from vouch import verdict
from vouch.__main__ import main

SOUND_WORDS = "SOUND: everything that the chain covers is as it was sealed.\n"
ROOT = Path(__file__).parents[3]
NOTES = "audit/witness/v1/region=westeurope"


@pytest.fixture
def lake(tmp_path: Path) -> Region:
    """A sound lake, in the folder `lake`, its witness's in `witness`."""
    region = copy_of(SOUND)
    write_lake(region.files, tmp_path / "lake")
    write_lake(region.notes, tmp_path / "witness")
    (tmp_path / "key.pem").write_text(pem_of(region.key))
    (tmp_path / "key.txt").write_text(f"{region.verifier_key}\n")
    return region


def verify(folder: Path, *more: str, copy: str = "lake", key: str = "key.pem") -> int:
    named = copy if copy.startswith("http") else str(folder / copy)
    return main(["verify", named, "--key", str(folder / key) if "+" not in key else key, *more])


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_sound_lake_is_sound(tmp_path: Path, lake: Region, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(tmp_path) == 0
    said = capsys.readouterr()
    assert said.out.endswith(SOUND_WORDS)
    assert "westeurope: 4 windows, 1 correction, 12 files, 71 lines" in said.out
    assert "from 2026-11-23T21:00:00Z to 2026-11-24T01:00:00Z" in said.out
    assert "newest sound checkpoint: vouch/westeurope, size 5" in said.out
    assert "--witness" in said.out
    assert "--receipt" in said.out
    assert said.err == ""


@pytest.mark.parametrize("copy", ["lake", "lake/audit"])
@pytest.mark.parametrize("key", ["key.pem", "key.txt", "line", "named"])
def test_copy_and_key_come_in_any_form(tmp_path: Path, lake: Region, copy: str, key: str) -> None:
    given = {"line": str(lake.verifier_key), "named": f"vouch/westeurope={tmp_path / 'key.pem'}"}.get(key)
    assert main(["verify", str(tmp_path / copy), "--key", given or str(tmp_path / key)]) == 0


def test_audit_is_named_from_inside_it(tmp_path: Path, lake: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path / "lake" / "audit")
    assert main(["verify", ".", "--key", str(tmp_path / "key.pem")]) == 0


def test_progress_is_shown_on_a_terminal_and_kept_out_of_what_is_said(tmp_path: Path, lake: Region) -> None:
    us, terminal = pty.openpty()
    command = [sys.executable, "-m", "vouch", "verify", str(tmp_path / "lake"), "--key", str(tmp_path / "key.pem")]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=terminal, check=True)
    os.close(terminal)
    size = sum(len(content) for name, content in lake.files.items() if "/schemas/" not in name)
    assert f"{size / 1000:.1f}/{size / 1000:.1f} kB" in read_terminal(us)
    assert done.stdout.decode().endswith(SOUND_WORDS)
    assert b"\x1b" not in done.stdout


def read_terminal(us: int) -> str:
    """Everything that was written to a terminal which nobody has open any more."""
    shown = b""
    with open(us, "rb", buffering=0) as screen:
        while True:
            try:
                piece = screen.read(65_536)
            except OSError:  # how Linux says that the other side is closed
                piece = b""
            if not piece:
                return shown.decode()
            shown += piece


def test_wrong_lake_says_what_and_where(tmp_path: Path, lake: Region, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lake" / SEGMENT).unlink()
    assert verify(tmp_path) == 1
    said = capsys.readouterr().out
    assert said.startswith(f"Wrong:\n  {SEGMENT}\n      missing_file: ")
    assert said.endswith("NOT SOUND: 1 fault.\n")


def test_json_says_the_same(tmp_path: Path, lake: Region, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lake" / SEGMENT).unlink()
    assert verify(tmp_path, "--json") == 1
    said = document(capsys)
    assert said["verdict"] == "wrong"
    assert [(one["kind"], one["where"], one["region"]) for one in said["findings"]] == [
        ("missing_file", SEGMENT, "westeurope")
    ]
    assert (said["warnings"], said["left_out"], said["kinds"]) == ([], 0, {"missing_file": 1})
    shown = said["regions"]["westeurope"]
    assert (shown["from"], shown["to"]) == ("2026-11-23T21:00:00Z", "2026-11-24T01:00:00Z")
    assert (shown["counts"]["entries"], shown["counts"]["files"], shown["checkpoint"]["size"]) == (5, 11, 5)
    assert said["unknown"]


@pytest.mark.parametrize("witness", ["witness", "witness/audit", "witness/audit/witness", f"witness/{NOTES}"])
def test_witness_agrees(tmp_path: Path, lake: Region, witness: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(tmp_path, "--witness", str(tmp_path / witness), "--json") == 0
    assert document(capsys)["regions"]["westeurope"]["witness"] == {"kept": 5, "agreed": 5}


def test_one_note_is_a_witness_too(tmp_path: Path, lake: Region, capsys: pytest.CaptureFixture[str]) -> None:
    note = tmp_path / "from-the-fax.note"
    note.write_bytes(lake.notes[f"{NOTES}/000000000003.note"])
    assert verify(tmp_path, "--witness", str(note), "--json") == 0
    assert document(capsys)["regions"]["westeurope"]["witness"] == {"kept": 1, "agreed": 1}


def test_only_the_witness_sees_a_tail_that_was_cut_off(
    tmp_path: Path, lake: Region, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lake/audit/chain/v1/region=westeurope/000000000004.json").unlink()
    assert verify(tmp_path, "--json") == 0
    said = document(capsys)
    assert said["regions"]["westeurope"]["counts"]["pending"] == 3
    assert any("has not reached" in sentence for sentence in said["unknown"])
    assert verify(tmp_path, "--json", "--witness", str(tmp_path / "witness")) == 1
    assert document(capsys)["kinds"] == {"truncated_tail": 1}


def test_witness_of_another_region_is_a_warning(
    tmp_path: Path, lake: Region, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "witness" / NOTES).rename(tmp_path / "witness/audit/witness/v1/region=eastus2")
    assert verify(tmp_path, "--witness", str(tmp_path / "witness")) == 3
    said = capsys.readouterr().out
    assert "unwitnessed" in said
    assert said.endswith("SOUND, with 1 warning.\n")


def test_receipts_are_met(tmp_path: Path, lake: Region, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.dumps({"decision_id": one, "record_digest": digest}) for one, digest in lake.receipts.items()]
    (tmp_path / "receipts.jsonl").write_text("\n".join(lines))
    assert verify(tmp_path, "--receipt", str(tmp_path / "receipts.jsonl")) == 0
    assert f"Receipts: {len(lines)} of {len(lines)} are in the lake" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("record_id", "digest", "code", "kind"),
    [
        (SEALED_ID, "00", 1, "other_record"),
        (NEVER_SEALED_ID, "11", 1, "missing_record"),
        (LATER_ID, "22", 3, "unknown_record"),
    ],
)
def test_receipt_that_is_not_met_is_told(
    tmp_path: Path,
    lake: Region,
    record_id: str,
    digest: str,
    code: int,
    kind: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "answer.json").write_text(
        json.dumps({"decision_id": record_id, "record_digest": f"sha256:{digest * 32}", "region": "westeurope"})
    )
    assert verify(tmp_path, "--receipt", str(tmp_path / "answer.json"), "--json") == code
    assert document(capsys)["kinds"] == {kind: 1}


def test_two_regions_in_one_copy_are_checked_with_a_key_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    west, north, files = two_regions()
    write_lake(files, tmp_path / "both")
    keys = ["--key", str(west.verifier_key), "--key", str(north.verifier_key)]
    assert main(["verify", str(tmp_path / "both"), *keys, "--json"]) == 0
    shown = document(capsys)["regions"]
    assert {name: region["witness"]["agreed"] for name, region in shown.items()} == {"northeurope": 5, "westeurope": 5}
    assert main(["verify", str(tmp_path / "both"), *keys[:2], "--json"]) == 1
    assert {one["region"] for one in document(capsys)["findings"]} == {"northeurope"}


def test_region_of_another_origin_is_checked_under_it(tmp_path: Path, lake: Region) -> None:
    elsewhere = Region(origin="trail.example/westeurope")
    elsewhere.seal(FIRST, {})
    write_lake(elsewhere.files, tmp_path / "other")
    assert verify(tmp_path, copy="other") == 1
    assert verify(tmp_path, "--origin", "trail.example/<region>", copy="other") == 0


def test_region_is_read_over_http(
    tmp_path: Path, lake: Region, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vouch.copies.RANGE_BYTES", 1_000)
    (tmp_path / "token").write_text("auditor")
    desk = Desk()
    desk.lake.files |= lake.files | {"audit/schemas/empty/v1.schema.json": b""}
    with desk_region(desk) as url:
        assert verify(tmp_path, "--token-file", str(tmp_path / "token"), "--json", copy=url) == 0
        assert document(capsys)["regions"]["westeurope"]["counts"]["rows"] == 71
        desk.lake.files[SEGMENT] = desk.lake.files[SEGMENT][:-1]
        assert verify(tmp_path, "--token-file", str(tmp_path / "token"), "--json", copy=url) == 1
        assert document(capsys)["kinds"] == {"damaged_file": 1}
        (tmp_path / "token").write_text("scorer")
        assert verify(tmp_path, "--token-file", str(tmp_path / "token"), copy=url) == 2
        assert "role" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "--key", "key.pem"], "is no folder"),
        (["witness/audit/witness", "--key", "key.pem"], "holds no audit/"),
        (["witness", "--key", "key.pem"], "no file of a region's audit trail"),
        (["lake", "--key", "missing.pem"], "missing.pem: there is no such file"),
        (["lake", "--key", "vouch/westeurope=missing.pem"], "missing.pem: there is no such file"),
        (["lake", "--key", "lake"], "lake: there is no such file"),
        (["lake", "--key", "empty"], "empty"),
        (["lake", "--key", "key.pem", "--witness", "lake"], "holds no checkpoint"),
        (["lake", "--key", "key.pem", "--witness", "nowhere"], "nowhere"),
        (["lake", "--key", "key.pem", "--receipt", "nowhere"], "nowhere"),
        (["lake", "--key", "key.pem", "--receipt", "key.pem"], "neither JSON nor JSON Lines"),
        (["lake", "--key", "key.pem", "--receipt", "none.json"], "no receipt"),
        (["lake", "--key", "key.pem", "--receipt", "bad.json"], "A receipt has decision_id"),
        (["http://127.0.0.1:1", "--key", "key.pem"], "No token"),
    ],
)
def test_what_can_not_be_checked_says_why_and_is_2(
    tmp_path: Path,
    lake: Region,
    arguments: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "none.json").write_text('{"results": [{"problem": {}}]}')
    (tmp_path / "bad.json").write_text('{"decision_id": "1", "record_digest": "sha256:00"}')
    (tmp_path / "empty").touch()
    assert main(["verify", *arguments]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("Not checked. ")
    assert words in said.err
    assert said.out == ""


def test_file_that_can_not_be_read_is_2_and_named(
    tmp_path: Path, lake: Region, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lake" / SEGMENT).unlink()
    (tmp_path / "lake" / SEGMENT).symlink_to("/proc/self/mem")  # can be opened, and not read
    assert verify(tmp_path) == 2
    assert SEGMENT in capsys.readouterr().err


def test_link_in_a_circle_is_a_missing_file(tmp_path: Path, lake: Region, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lake" / SEGMENT).unlink()
    (tmp_path / "lake" / SEGMENT).symlink_to(Path(SEGMENT).name)
    assert verify(tmp_path, "--json") == 1
    assert [(one["kind"], one["where"]) for one in document(capsys)["findings"]] == [("missing_file", SEGMENT)]


def test_name_of_a_file_can_not_command_the_terminal(
    tmp_path: Path, lake: Region, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lake/audit/\x1b[2Jall is well\n").touch()
    (tmp_path / os.fsdecode(b"lake/audit/\xff\xfe")).touch()
    assert verify(tmp_path) == 1
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "audit/\\x1b[2Jall is well\\n" in said
    assert "audit/\\udcff\\udcfe" in said
    assert verify(tmp_path, "--json") == 1


def test_more_findings_than_anybody_reads_are_counted(
    tmp_path: Path, lake: Region, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdict, "MAX_FINDINGS", 30)
    for number in range(40):
        (tmp_path / f"lake/audit/{number}").touch()
    assert verify(tmp_path) == 1
    said = capsys.readouterr().out
    assert said.count("      added_file: ") == 20
    assert "  and 20 more of added_file, with --json\n" in said
    assert said.endswith("NOT SOUND: 40 faults.\n")
    assert verify(tmp_path, "--json") == 1
    shown = document(capsys)
    assert (len(shown["findings"]), shown["left_out"], shown["kinds"]) == (30, 10, {"added_file": 40})


def test_key_of_somebody_else_says_who_signed(tmp_path: Path, lake: Region, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.pem").write_text(pem_of(private_key(9)))
    assert spki_of(private_key(9)) != spki_of(lake.key)
    assert verify(tmp_path, key="other.pem") == 1
    said = capsys.readouterr().out
    assert said.count("forged_checkpoint") == 5
    assert f"vouch/westeurope+{lake.verifier_key.key_id.hex()}" in said
