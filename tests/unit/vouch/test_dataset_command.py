"""`vouch dataset`: what of a sealed trail becomes a row, what is left out, and that a file is whole or not there."""

from __future__ import annotations

import csv
import errno
import gzip
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.canonical import canonical_json
from audit.manifests import read_manifest
from tests.lakes import FIRST
from tests.unit.vouch.loopback_region import TOKEN, LoopbackRegion, loopback_region, problem
from tests.unit.vouch.recorded import SECOND_WINDOW, Recorded
from training.retrain import main as retrain
from vouch import dataset_files
from vouch.__main__ import main
from vouch.dataset_files import datasheet_of, read_rows

ROOT = Path(__file__).parents[3]
OPEN_FIRST = f"/api/v1/exports/{FIRST.name}:open"
Make = Callable[..., int]


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.fixture
def region() -> Iterator[LoopbackRegion]:
    with loopback_region() as started:
        yield started


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "made").mkdir()
    return tmp_path / "made" / "set.jsonl.gz"


@pytest.fixture
def make(tmp_path: Path, region: LoopbackRegion, recorded: Recorded, out: Path) -> Make:
    """Seals what was recorded unless that was done, and runs the command."""
    token = tmp_path / "auditor.jwt"
    token.write_text(TOKEN)

    def run(*words: str, to: Path = out) -> int:
        lake = tmp_path / "lake"
        if not lake.exists():
            recorded.seal(lake)
        if ("POST", OPEN_FIRST) not in region.answers:
            recorded.open(region)
        return main(
            ["dataset", str(lake), "--region", region.url, "--token-file", str(token), "--out", str(to), *words]
        )

    return run


def rows_of(path: Path) -> list[dict[str, Any]]:
    return list(read_rows(path))


def sheet_of(path: Path) -> dict[str, Any]:
    sheet: dict[str, Any] = json.loads(datasheet_of(path).read_bytes())
    return sheet


def test_decision_becomes_a_row_with_its_label_its_review_and_its_features(
    recorded: Recorded, make: Make, out: Path
) -> None:
    decision = recorded.decide(personal={"referenced": {"rate": 0.25}, "unmatched": []}, variant="candidate")
    recorded.label(decision, "fraud")
    recorded.review(decision, "overturn", "decline")
    assert make() == 0
    assert rows_of(out) == [
        {
            "decision_id": decision,
            "decided_at": "2026-11-23T21:00:00.000Z",
            "model": "deal-fraud",
            "version": "1.0.0",
            "policy": "standard/1",
            "variant": "candidate",
            "traffic": "live",
            "outcome": "approve",
            "score": 0.125,
            "risk_score": 40,
            "label": "fraud",
            "label_source": "claims-desk",
            "labelled_at": "2026-11-24T08:00:00.000Z",
            "review": "overturn",
            "review_outcome": "decline",
            "features": {"age": 40, "make": "Honda"},
            "looked_up": {"rate": 0.25},
        }
    ]


def test_row_names_no_deal_and_no_person(recorded: Recorded, make: Make, out: Path) -> None:
    recorded.review(recorded.decide(personal={"deal_id": "D-77", "subjects": ["anna"]}), "uphold")
    assert make() == 0
    text = gzip.decompress(out.read_bytes()).decode() + datasheet_of(out).read_text()
    assert not any(word in text for word in ("D-77", "anna", "Anna"))


def test_label_that_was_found_out_last_counts_and_of_one_moment_the_one_recorded_last(
    recorded: Recorded, make: Make, out: Path
) -> None:
    late, same = recorded.decide(), recorded.decide()
    recorded.label(late, "fraud", at="2026-12-02T00:00:00.000Z")
    recorded.label(late, "genuine", at="2026-12-01T00:00:00.000Z")
    recorded.label(same, "fraud")
    recorded.label(same, "genuine")
    recorded.review(same, "overturn", "decline")
    recorded.review(same, "uphold")
    assert make() == 0
    first, second = rows_of(out)
    assert (first["label"], first["labelled_at"]) == ("fraud", "2026-12-02T00:00:00.000Z")
    assert (second["label"], second["review"], second["review_outcome"]) == ("genuine", "uphold", None)


def test_what_is_left_out_is_counted_by_its_reason(
    recorded: Recorded, make: Make, out: Path, region: LoopbackRegion, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, erased, damaged = recorded.decide(), recorded.decide(), recorded.decide()
    recorded.decide(traffic="synthetic")
    recorded.decide(traffic="pinned", variant="pinned")
    recorded.decide(model={"name": "other", "version": "1", "digest": "sha256:0"})
    recorded.label(erased, "fraud")
    recorded.erase(erased)
    recorded.open(region, damaged=[damaged])
    assert make() == 3
    assert [row["decision_id"] for row in rows_of(out)] == [kept]
    sheet = sheet_of(out)
    assert sheet["left_out"] == {
        "other_model": 1, "pinned": 1, "synthetic": 1, "erased": 1, "damaged": 1, "unlabelled": 0,
    }  # fmt: skip
    assert (sheet["rows"], sheet["decisions"]) == (1, 6)
    said = capsys.readouterr().out
    assert said.startswith("6 decisions in 2 windows of westeurope")
    assert "1 row in " in said
    assert "1 were erased on a person's request" in said
    assert "1 were synthetic" in said


def test_pinned_and_synthetic_decisions_are_taken_in_where_asked_for(recorded: Recorded, make: Make, out: Path) -> None:
    for traffic in ("live", "pinned", "synthetic"):
        recorded.decide(traffic=traffic)
    assert make("--with", "pinned", "--with", "synthetic") == 0
    assert [row["traffic"] for row in rows_of(out)] == ["live", "pinned", "synthetic"]


def test_labelled_alone_leaves_out_the_others_and_still_counts_them_by_outcome(
    recorded: Recorded, make: Make, out: Path
) -> None:
    first = recorded.decide(outcome="review")
    recorded.decide(outcome="review")
    recorded.decide(outcome="decline")
    recorded.label(first, "genuine")
    assert make("--labelled") == 0
    assert [row["label"] for row in rows_of(out)] == ["genuine"]
    sheet = sheet_of(out)
    assert sheet["left_out"]["unlabelled"] == 2
    assert sheet["labels"] == {
        "decline": {"fraud": 0, "genuine": 0, "none": 1},
        "review": {"fraud": 0, "genuine": 1, "none": 1},
    }


def test_bounds_choose_windows_of_decisions_and_labels_come_from_later_ones(
    recorded: Recorded, make: Make, out: Path
) -> None:
    early, late = recorded.decide(FIRST), recorded.decide(SECOND_WINDOW)
    recorded.label(early, "fraud")
    recorded.label(late, "fraud")
    assert make("--to", "2026-11-23T22:00:00Z") == 0
    assert [(row["decision_id"], row["label"]) for row in rows_of(out)] == [(early, "fraud")]
    assert make("--from", "2026-11-23T22") == 0
    assert [row["decision_id"] for row in rows_of(out)] == [late]
    assert make("--to", "2026-11-23T22", "--labels-to", "2026-11-23T22") == 0
    assert [row["label"] for row in rows_of(out)] == [None]


def test_late_lanes_are_in_it_like_the_others(recorded: Recorded, make: Make, out: Path, tmp_path: Path) -> None:
    recorded.decide(lane=1)
    recorded.seal(tmp_path / "lake")
    late = recorded.decide(lane=2)
    recorded.lake.seal(FIRST, {"0002": recorded.records[FIRST][1:]}, correction=1)
    for name, content in recorded.lake.files.items():
        (tmp_path / "lake" / name).write_bytes(content)
    assert make() == 0
    assert late in [row["decision_id"] for row in rows_of(out)]


def test_window_that_the_chain_has_not_reached_is_not_taken(
    recorded: Recorded, make: Make, out: Path, tmp_path: Path
) -> None:
    sealed = recorded.decide(FIRST)
    recorded.decide(SECOND_WINDOW)
    lake = recorded.seal(tmp_path / "lake")
    (lake / "audit/chain/v1/region=westeurope/000000000001.json").unlink()
    assert make() == 0
    assert [row["decision_id"] for row in rows_of(out)] == [sealed]
    assert sheet_of(out)["lake"]["checkpoint"]["size"] == 1


def test_datasheet_names_the_checkpoint_and_the_segments_it_was_made_from(
    recorded: Recorded, make: Make, out: Path
) -> None:
    recorded.label(recorded.decide(), "fraud")
    recorded.decide(lane=0xFFFF)
    assert make() == 0
    sheet, last = sheet_of(out), recorded.lake.last
    assert last is not None
    lines = last.checkpoint.splitlines()
    assert sheet["lake"]["checkpoint"] == {
        "size": int(lines[1]), "root": lines[2], "committed_at": lines[3].removeprefix("committed_at "),
    }  # fmt: skip
    manifest = read_manifest(recorded.lake.files[f"audit/manifests/v1/{_hour(21)}/20261123T210000Z.json"])
    other = read_manifest(recorded.lake.files[f"audit/manifests/v1/{_hour(22)}/20261123T220000Z.json"])
    named = [file for one in (manifest, other) for file in one.files if file.dataset == "decisions"]
    listed = "".join(f"{file.sha256}  {file.name}\n" for file in named)
    assert len(named) == 3
    assert sheet["lake"]["decisions"] == {
        "windows": 2, "from": "2026-11-23T21:00:00Z", "to": "2026-11-23T23:00:00Z", "segments": 3,
        "sha256": hashlib.sha256(listed.encode()).hexdigest(),
    }  # fmt: skip
    assert sheet["file"] == {
        "name": out.name, "bytes": out.stat().st_size, "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
    }  # fmt: skip


def _hour(hour: int) -> str:
    return f"region=westeurope/year=2026/month=11/day=23/hour={hour}"


def test_same_lake_gives_the_same_bytes_however_the_region_pages(
    recorded: Recorded, make: Make, out: Path, region: LoopbackRegion
) -> None:
    for number in range(7):
        recorded.label(recorded.decide(lane=1 + number % 2), "fraud")
    assert make() == 0
    first = out.read_bytes(), datasheet_of(out).read_bytes()
    recorded.open(region, page=2)
    assert make() == 0
    assert len(rows_of(out)) == 7
    assert (out.read_bytes(), datasheet_of(out).read_bytes()) == first


def test_who_was_erased_meanwhile_has_left_it_when_it_is_made_anew(
    recorded: Recorded, make: Make, out: Path, region: LoopbackRegion
) -> None:
    kept, erased = recorded.decide(), recorded.decide(personal={"features": {"age": 4711}})
    assert make() == 0
    assert b"4711" in gzip.decompress(out.read_bytes())
    recorded.erase(erased)
    recorded.open(region)
    assert make() == 0
    assert [row["decision_id"] for row in rows_of(out)] == [kept]
    assert b"4711" not in gzip.decompress(out.read_bytes()) + datasheet_of(out).read_bytes()


def test_table_has_a_column_for_each_feature_of_any_row_and_marks_what_was_looked_up(
    recorded: Recorded, make: Make, out: Path
) -> None:
    recorded.decide(personal={"features": {"age": 40, "new": True}, "referenced": {"rate": None}})
    recorded.decide(personal={"features": {"make": 'Say "hello", 東京\n', "age": 0.1}, "referenced": {"rate": 0.25}})
    table = out.with_name("set.csv")
    assert make(to=table) == 0
    with table.open(newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert list(first)[-4:] == ["feature.age", "feature.make", "feature.new", "looked_up.rate"]
    assert [first[name] for name in list(first)[-4:]] == ["40", "", "true", ""]
    assert [second[name] for name in list(first)[-4:]] == ["0.1", 'Say "hello", 東京\n', "", "0.25"]
    assert (first["label"], first["score"], first["traffic"]) == ("", "0.125", "live")


def test_text_that_a_spreadsheet_would_run_is_quoted_in_a_table_and_told(
    recorded: Recorded, make: Make, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.decide(personal={"features": {"make": "=HYPERLINK(1)", "age": -5}})
    table = out.with_name("set.csv")
    assert make(to=table) == 0
    with table.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["feature.make"], row["feature.age"]) == ("'=HYPERLINK(1)", "-5")
    assert sheet_of(table)["file"]["quoted_texts"] == 1
    assert "1 texts got a '" in capsys.readouterr().out
    assert make() == 0
    assert rows_of(out)[0]["features"]["make"] == "=HYPERLINK(1)"


def test_files_are_for_their_owners_eyes_and_nothing_else_is_left(recorded: Recorded, make: Make, out: Path) -> None:
    recorded.decide()
    out.write_text("an old one, which anybody reads")
    out.chmod(0o644)
    assert make() == 0
    assert make(to=out.with_name("set.csv")) == 0
    files = sorted(out.parent.iterdir())
    assert [file.name for file in files] == [
        "set.csv", "set.csv.datasheet.json", "set.jsonl.gz", "set.jsonl.gz.datasheet.json",
    ]  # fmt: skip
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


@pytest.mark.parametrize("name", ["set.jsonl.gz", "set.csv"])
def test_disk_that_fills_up_leaves_the_old_files_and_no_others(
    recorded: Recorded, make: Make, out: Path, name: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    recorded.decide()
    target = out.with_name(name)
    target.write_text("the old one")

    def fill_up(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(dataset_files.os, "fsync", fill_up)
    assert make(to=target) == 2
    assert [(file.name, file.read_text()) for file in out.parent.iterdir()] == [(name, "the old one")]
    assert "No space left on device" in capsys.readouterr().err


def test_region_that_fails_half_way_leaves_nothing(
    recorded: Recorded, make: Make, out: Path, region: LoopbackRegion, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.decide()
    recorded.decide()
    recorded.open(region, page=1)
    region.answers["POST", OPEN_FIRST][1] = problem(403, "Not allowed", "This needs the role auditor.")
    assert make() == 2
    assert list(out.parent.iterdir()) == []
    assert "This needs the role auditor." in capsys.readouterr().err


def test_trail_without_a_decision_to_take_writes_nothing_and_says_why(
    recorded: Recorded, make: Make, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.decide(traffic="synthetic")
    assert make() == 1
    assert list(out.parent.iterdir()) == []
    said = capsys.readouterr().out
    assert "1 were synthetic" in said
    assert "nothing was written" in said
    assert make("--from", "2030") == 1


def test_copy_without_a_chain_of_the_region_is_refused(
    recorded: Recorded, make: Make, region: LoopbackRegion, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.decide()
    recorded.open(region)
    region.answer("GET", "/health/live", {"region": "eastus2"})
    assert make() == 2
    assert "no chain of eastus2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda record: record["data"].update(outcome="decline"), "is not the record that the copy"),
        (lambda record: record["data"]["personal"]["features"].update(age=41), "is not the record that the copy"),
    ],
)
def test_record_that_is_not_the_one_in_the_copy_is_refused(
    recorded: Recorded, make: Make, out: Path, region: LoopbackRegion, change: Any, told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    recorded.decide()
    recorded.open(region)
    page = json.loads(json.dumps(region.answers["POST", OPEN_FIRST][0][1]))
    change(page["records"][0]["record"])
    region.answer("POST", OPEN_FIRST, page)
    assert make() == 2
    assert list(out.parent.iterdir()) == []
    assert told in capsys.readouterr().err


def test_segment_of_labels_that_is_not_the_sealed_one_is_refused(
    recorded: Recorded, make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.label(recorded.decide(), "genuine")
    lake = recorded.seal(tmp_path / "lake")
    (segment,) = lake.glob("audit/decisions/v1/**/20261123T220000Z-*.jsonl.gz")
    segment.write_bytes(gzip.compress(gzip.decompress(segment.read_bytes()).replace(b"genuine", b"fraud"), mtime=0))
    assert make() == 2
    assert "is not the file that its manifest names" in capsys.readouterr().err


LAST_ENTRY = "audit/chain/v1/region=westeurope/000000000001.json"
LAST_MANIFEST = "audit/manifests/v1/region=westeurope/year=2026/month=11/day=23/hour=22/20261123T220000Z.json"


def lead_away(file: dict[str, Any], lane: str) -> None:
    """A lane whose file lies outside the copy."""
    file.update(lane=lane, name=file["name"].replace("-0001.", f"-{lane}."))


OTHERS = "../" * 20 + "etc/passwd"


@pytest.mark.parametrize(
    ("file", "change"),
    [
        (LAST_ENTRY, lambda entry: entry.update(sequence=2, kind="correction")),
        (LAST_ENTRY, lambda entry: entry.update(region="eastus2")),
        (LAST_ENTRY, lambda entry: entry.update(root="none")),
        (LAST_ENTRY, lambda entry: entry.update(size=9)),
        (LAST_MANIFEST, lambda manifest: manifest.update(region="eastus2")),
        (LAST_MANIFEST, lambda manifest: manifest.update(correction=1, kind="correction")),
        (LAST_MANIFEST, lambda manifest: manifest["files"][0].update(name=OTHERS)),
        (LAST_MANIFEST, lambda manifest: manifest["files"][0].update(lane="9f3a")),
        (LAST_MANIFEST, lambda manifest: lead_away(manifest["files"][0], "1/../../../../../../../../../../secret")),
    ],
)
def test_chain_or_manifest_that_is_none_is_told_with_its_file(
    recorded: Recorded, make: Make, tmp_path: Path, file: str, change: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.decide()
    recorded.decide(SECOND_WINDOW)
    path = recorded.seal(tmp_path / "lake") / file
    value = json.loads(path.read_bytes())
    change(value)
    path.write_bytes(canonical_json(value))
    assert make() == 2
    assert capsys.readouterr().err.startswith(f"Not made. {file} is damaged: ")


def test_stranger_beside_the_chain_is_passed_over(recorded: Recorded, make: Make, tmp_path: Path) -> None:
    recorded.decide()
    lake = recorded.seal(tmp_path / "lake")
    (lake / "audit/chain/v1/region=westeurope/notes.txt").touch()
    assert make() == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--out", "set.txt"], "must end in .jsonl.gz or .csv"),
        (["--out", "nowhere/set.csv"], "nowhere is no folder"),
        (["--from", "yesterday"], "no time in UTC"),
        (["--with", "shadow"], "invalid choice"),
    ],
)
def test_call_that_makes_no_sense_is_refused_with_what_would(
    make: Make, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        make(*words)
    assert caught.value.code == 2
    assert told in capsys.readouterr().err


def test_answer_as_json_is_the_datasheet(
    recorded: Recorded, make: Make, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.decide()
    assert make("--json") == 0
    assert json.loads(capsys.readouterr().out) == sheet_of(out)


def test_page_on_retraining_describes_every_field_and_its_commands_are_there(
    recorded: Recorded, make: Make, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.decide()
    assert make() == 0
    page = (ROOT / "docs" / "retraining.md").read_text()
    table = page.partition("| field | what it is |")[2].partition("\n\n")[0]
    described = {name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert described == set(rows_of(out)[0])
    capsys.readouterr()
    for command, tell_usage in (("vouch dataset", main), ("training.retrain", retrain)):
        (line,) = [line for line in page.splitlines() if line.startswith(f"python -m {command} ")]
        with pytest.raises(SystemExit):
            tell_usage([*command.split()[1:], "--help"])
        usage = capsys.readouterr().out
        assert [option for option in re.findall(r"--[a-z-]+", line) if option not in usage] == []
