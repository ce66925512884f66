"""`vouch replay`: what can't be replayed is told apart by why."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from audit.windows import Window
from tests.lakes import FIRST
from tests.unit.vouch.loopback_region import TOKEN, LoopbackRegion, loopback_region
from tests.unit.vouch.recorded import SECOND_WINDOW, Recorded
from vouch.__main__ import main

Refuse = Callable[..., int]
Replay = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def region() -> Iterator[LoopbackRegion]:
    with loopback_region() as started:
        yield started


@pytest.fixture
def replay(tmp_path: Path, region: LoopbackRegion, capsys: pytest.CaptureFixture[str]) -> Replay:
    """Runs the command over a copy: its exit code and what it answers as JSON."""
    token = tmp_path / "auditor.jwt"
    token.write_text(TOKEN)

    def run(recorded: Recorded, *words: str) -> tuple[int, dict[str, Any]]:
        lake = recorded.seal(tmp_path / "lake")
        code = main(["replay", str(lake), "--region", region.url, "--token-file", str(token), "--json", *words])
        return code, json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def refused(tmp_path: Path, region: LoopbackRegion) -> Refuse:
    """Runs the command over a copy: its exit code."""
    (tmp_path / "auditor.jwt").write_text(TOKEN)

    def run(recorded: Recorded, *words: str, windows: Sequence[Window] = (FIRST, SECOND_WINDOW)) -> int:
        lake = recorded.seal(tmp_path / "lake", windows)
        return main(
            ["replay", str(lake), "--region", region.url, "--token-file", str(tmp_path / "auditor.jwt"), *words]
        )

    return run


@pytest.fixture
def gone(region: LoopbackRegion) -> Recorded:
    """Two decisions: the person of one was erased, the other one is damaged."""
    recorded = Recorded()
    erased, damaged = recorded.decide(), recorded.decide()
    recorded.erase(erased)
    recorded.open(region, damaged=[damaged])
    return recorded


@pytest.fixture
def told(region: LoopbackRegion) -> tuple[Recorded, str]:
    """One decision, whose person was erased, and the region that has it."""
    recorded = Recorded()
    decision = recorded.decide()
    recorded.erase(decision)
    recorded.open(region)
    region.answer("GET", f"/api/v1/decisions/{decision}", {"decision": event_of(recorded)})
    return recorded, decision


def event_of(recorded: Recorded, **changes: Any) -> dict[str, Any]:
    """The first record without what was personal, as it was made or changed."""
    event: dict[str, Any] = recorded.records[FIRST][0].event
    data = {name: value for name, value in event["data"].items() if name != "personal"}
    return {**event, "data": {**data, **changes}}


def test_one_decision_is_replayed_as_the_copy_holds_it(told: tuple[Recorded, str], replay: Replay) -> None:
    recorded, decision = told
    code, said = replay(recorded, "--decision", decision.upper())
    assert (code, said["decisions"], said["erased"]) == (0, 1, 1)


def test_one_decision_is_judged_by_another_policy(told: tuple[Recorded, str], replay: Replay) -> None:
    recorded, decision = told
    code, said = replay(recorded, "--decision", decision, "--policy", "standard/1")
    assert (code, said["decisions"], said["erased"], said["weeks"]) == (0, 0, 1, [])


def test_one_decision_that_is_not_in_the_copy_yet_is_told_as_such(
    told: tuple[Recorded, str], region: LoopbackRegion, refused: Refuse, capsys: pytest.CaptureFixture[str]
) -> None:
    later = Recorded()
    decision = later.decide(SECOND_WINDOW)
    region.answer("GET", f"/api/v1/decisions/{decision}", {"decision": later.records[SECOND_WINDOW][0].event})
    assert refused(told[0], "--decision", decision, windows=[FIRST]) == 3  # made by a version that nobody has
    assert f"{decision} is not sealed in this copy yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change", [{"outcome": "decline"}, {"personal": {"features": {}}}, {"personal_commitment": None}], ids=str
)
def test_one_decision_that_the_copy_has_otherwise_is_not_replayed(
    told: tuple[Recorded, str],
    change: dict[str, Any],
    region: LoopbackRegion,
    refused: Refuse,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recorded, decision = told
    region.answer("GET", f"/api/v1/decisions/{decision}", {"decision": event_of(recorded, **change)})
    assert refused(recorded, "--decision", decision) == 2
    assert f"Not replayed. What the region opened as {decision} is not the record" in capsys.readouterr().err


def test_one_decision_that_is_not_in_its_sealed_window_is_not_replayed(
    told: tuple[Recorded, str], region: LoopbackRegion, refused: Refuse, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Recorded()
    decision = [other.decide() for _ in range(3)][-1]
    region.answer("GET", f"/api/v1/decisions/{decision}", {"decision": other.records[FIRST][-1].event})
    assert refused(told[0], "--decision", decision) == 2
    assert "is sealed in the copy, and the record is in none of its files" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--decision", "D-1"], "no decision's id"),
        (["--decision", "übel"], "no decision's id"),
        (["--decision", "../models"], "no decision's id"),
        (["--policy", "standard"], "one reads standard/1"),
        (["--policy", "/1"], "one reads standard/1"),
    ],
)
def test_words_that_name_nothing_are_refused(
    words: list[str], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["replay", str(tmp_path), *words])
    assert caught.value.code == 2
    assert why in capsys.readouterr().err


def test_one_decision_has_no_time_beside_it(
    told: tuple[Recorded, str], refused: Refuse, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded, decision = told
    assert refused(recorded, "--decision", decision, "--from", "2026") == 2
    assert "leave --from and --to out" in capsys.readouterr().err


def test_nothing_is_called_equal_where_nothing_could_be_compared(
    gone: Recorded, refused: Refuse, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(gone) == 3
    assert capsys.readouterr().out.endswith("NOTHING could be scored again.\n")


def test_erased_decisions_alone_are_not_called_equal(
    told: tuple[Recorded, str], refused: Refuse, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(told[0]) == 0
    assert capsys.readouterr().out.endswith("NOTHING could be scored again.\n")


@pytest.mark.parametrize("words", [[], ["--policy", "standard/1"]])
def test_windows_without_a_decision_are_no_success(
    words: list[str], region: LoopbackRegion, refused: Refuse, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = Recorded()
    recorded.label(Recorded().decide(), "fraud")
    recorded.open(region)
    assert refused(recorded, *words) == 2
    assert "NOTHING: these windows hold no decision" in capsys.readouterr().out


def test_decisions_of_another_model_are_nothing_to_compare(
    told: tuple[Recorded, str], refused: Refuse, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(told[0], "--model", "1.0.0", "--name", "deal-fruad") == 2
    assert "NOTHING: these windows hold no decision of deal-fruad." in capsys.readouterr().out


@pytest.mark.parametrize(("words", "name"), [(["--from", "2027"], "westeurope"), ([], "northeurope")])
def test_copy_without_such_windows_can_not_be_replayed(
    words: list[str],
    name: str,
    told: tuple[Recorded, str],
    region: LoopbackRegion,
    refused: Refuse,
    capsys: pytest.CaptureFixture[str],
) -> None:
    region.answer("GET", "/health/live", {"region": name})
    assert refused(told[0], *words) == 2
    said = capsys.readouterr().err
    assert f"Not replayed. The copy holds no sealed window of {name}" in said
    assert "copy it again later" in said


NO_RECORDS = [
    b"nope", b"{}", b"null", b'{"id":5,"type":"x"}', b'{"id":"a","type":"b"}', b'{"id":"a","type":"b","data":[]}',
    b'{"id":"\xff","type":"b","data":{}}', b'{"id":"a","type":"b","data":%b}' % (b"[" * 100_000 + b"]" * 100_000),
    b'{"id":"a","type":"vouch.decision.labelled.v1","data":{"decision_id":"x"}}',
    b'{"id":"a","type":"vouch.decision.labelled.v1","data":{}}',
]  # fmt: skip


@pytest.mark.parametrize("line", NO_RECORDS, ids=lambda line: line[:60])
@pytest.mark.parametrize("command", ["replay", "dataset"])
def test_line_of_the_copy_that_is_no_record_is_told_with_its_file(
    command: str, line: bytes, region: LoopbackRegion, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = Recorded()
    recorded.label(recorded.decide(), "fraud")
    recorded.open(region)
    lake = recorded.seal(tmp_path / "lake")
    for file in lake.rglob("audit/decisions/**/*.gz"):
        file.write_bytes(gzip.compress(line + b"\n"))
    (tmp_path / "auditor.jwt").write_text(TOKEN)
    words = ["--region", region.url, "--token-file", str(tmp_path / "auditor.jwt")]
    words += ["--out", str(tmp_path / "set.csv")] if command == "dataset" else []
    assert main([command, str(lake), *words]) == 2
    said = capsys.readouterr().err
    assert "Verify the copy" in said
    assert "-0001.jsonl.gz is" in said


@pytest.mark.parametrize("records", [["x"], [{}], [{"record": None}], [{"record": {}}], [[]], "abc"], ids=str)
def test_region_that_answers_no_records_is_told(
    records: Any, region: LoopbackRegion, refused: Refuse, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = Recorded()
    recorded.decide()
    recorded.open(region)
    region.answer("POST", f"/api/v1/exports/{FIRST.name}:open", {"records": records, "next": None})
    assert refused(recorded) == 2
    assert "answered no records" in capsys.readouterr().err


def test_damaged_record_is_not_counted_as_erased(gone: Recorded, replay: Replay) -> None:
    code, said = replay(gone)
    assert code == 3
    assert (said["erased"], said["not_at_hand"], said["equal"]) == (1, 1, 0)
    assert "can't be opened, though its keys are there" in said["shown"][0]["details"][0]


def test_damaged_record_is_not_counted_as_erased_in_a_comparison(gone: Recorded, replay: Replay) -> None:
    code, said = replay(gone, "--policy", "standard/1")
    assert code == 0
    assert (said["erased"], said["damaged"], said["decisions"]) == (1, 1, 0)
