"""The picture of a rollout: what stands in it in each phase, whatever people wrote, however narrow the terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from rollouts.phases import Phase
from tests.unit.vouch.loopback_region import event, region_shown, rollout
from vouch.rollout_picture import BAR_CHARACTERS, EXIT_CODES, TIMELINE_LINES, draw, draw_bar, write_lines


def picture(shown: dict[str, Any], width: int = 140) -> str:
    """What a terminal would show, without its colours."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(draw(shown))
    written = console.file
    assert isinstance(written, io.StringIO)
    return written.getvalue()


@pytest.mark.parametrize("phase", [phase.value for phase in Phase])
def test_picture_names_the_phase_the_target_the_wave_and_why(phase: str) -> None:
    drawn = picture(rollout(phase))
    head, message = drawn.splitlines()[:2]
    assert phase in head
    assert "deal-fraud 1.1.0  wave 1 of 2" in head
    assert message.strip() == f"it is {phase}"


def test_every_final_phase_has_a_code_of_its_own_and_no_other_has_one() -> None:
    assert set(EXIT_CODES) == {phase.value for phase in Phase if phase.is_final}
    assert len(set(EXIT_CODES.values())) == len(EXIT_CODES)


def test_picture_has_every_region_in_its_wave_also_those_that_wait() -> None:
    lines = [line.split() for line in picture(rollout(), 80).splitlines()]
    rows = [line for line in lines if line and line[0] in {"westeurope", "eastus2", "brazilsouth"}]
    assert rows[0] == ["westeurope", "1", "Progressing", "2/3", draw_bar(25), "25", "%", "50", "%", "Successful"]
    assert rows[1:3] == [["eastus2", "2", "waiting"], ["brazilsouth", "2", "waiting"]]
    assert rows[3] == ["westeurope", "setWeight", "25"]


def test_what_a_region_says_is_all_there_in_a_terminal_of_80_characters() -> None:
    said = "Successful: error_rate: 0, latency_p95_ms: 0.4, decline_rate: 0.01, flip_rate: 0.0133, score_psi: 0.02"
    drawn = picture(rollout(regions={"westeurope": region_shown(message=said)}), 80)
    assert all(word in drawn for word in said.split())


@pytest.mark.parametrize("verdict", ["Successful", "Failed", "Error", "Inconclusive", "NoData"])
def test_picture_has_the_verdict_of_a_region(verdict: str) -> None:
    assert verdict in picture(rollout(regions={"westeurope": region_shown(judgement={"verdict": verdict})}))


def test_region_without_a_verdict_is_drawn_without_one() -> None:
    drawn = picture(rollout(regions={"westeurope": region_shown(judgement=None, shadow_share=0.0)}))
    assert "None" not in drawn
    assert "0 %" not in drawn


AWAY = {"brazilsouth": {"message": "the region can't be connected to", "since": "2026-11-23T21:00:02.000Z"}}


def test_picture_says_what_a_region_lacks_though_nothing_was_done_there_yet() -> None:
    (line,) = [line for line in picture(rollout("Progressing", troubles=AWAY)).splitlines() if "connected" in line]
    assert line.split(maxsplit=1) == ["brazilsouth", "asked again since 21:00:02Z: the region can't be connected to"]


def test_lines_say_what_a_region_lacks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vouch.rollout_picture.LOOK_S", 0.01)
    away = rollout("Progressing", troubles=AWAY)
    script, said = iter([away, away, rollout()]), list[str]()
    assert write_lines(lambda: next(script), said.append) == 0
    assert [line for line in said if "connected" in line] == [
        "2026-11-23T21:00:02Z  brazilsouth   asked again: the region can't be connected to"
    ]


def test_picture_has_the_newest_lines_of_a_long_timeline() -> None:
    events = [event(number, "advanced", f"step-{number:03}") for number in range(40)]
    drawn = picture(rollout(timeline=events))
    shown = [number for number in range(40) if f"step-{number:03}" in drawn]
    assert shown == list(range(40 - TIMELINE_LINES, 40))


@pytest.mark.parametrize("text", ["[/]", "[red]no[/blue]", "[bold", "[link=x]", "\\[", "a\nb", "[" * 50])
def test_picture_shows_what_people_wrote_as_they_wrote_it(text: str) -> None:
    shown = rollout(
        message=text, timeline=[event(1, text, text, text)], regions={"westeurope": region_shown(message=text)}
    )
    drawn = picture(shown, width=400)
    assert drawn.count(text.replace("\n", " ")) >= 4


def test_terminal_is_given_no_control_characters_of_what_people_wrote() -> None:
    evil = "\x1b]0;title\x07\x1b[2Jgone\r"
    drawn = picture(rollout(message=evil, timeline=[event(1, evil, evil, evil)]), width=400)
    assert not set(drawn) & set("\x1b\x07\r")
    assert "gone" in drawn


@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_narrow_terminal_gets_a_picture_that_fits_with_phase_and_message(width: int) -> None:
    drawn = picture(rollout("RollingBack"), width)
    assert all(len(line) <= width for line in drawn.splitlines())
    assert "RollingBack" in drawn


def test_narrow_terminal_still_tells_the_regions_apart() -> None:
    drawn = picture(rollout(), 80)
    assert all(region in drawn for region in ("westeurope", "eastus2", "brazilsouth"))


@pytest.mark.parametrize("percent", [0, 1, 25, 50, 99, 100])
def test_bar_has_its_length_whatever_it_shows(percent: int) -> None:
    bar = draw_bar(percent)
    assert len(bar) == BAR_CHARACTERS
    assert (bar.count("█") == BAR_CHARACTERS) == (percent >= 96)
    assert bar.count("█") == pytest.approx(percent / 10, abs=0.51)


def test_policy_alone_is_named_as_the_target() -> None:
    assert "deal-fraud lax/1  wave" in picture(rollout(target={"version": None, "policy": "lax/1"}))
