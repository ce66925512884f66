"""Phases: where every event leads, from everywhere."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.outcome import judge_rollback
from rollouts.phases import TRANSITIONS, Event, ImpossibleTransition, Phase, next_phase


def follow(events: list[Event]) -> list[Phase]:
    """The phases that a rollout goes through; an event that is impossible is left out."""
    phases = [Phase.PENDING]
    for event in events:
        if event in TRANSITIONS[phases[-1]]:
            phases.append(next_phase(phases[-1], event))
    return phases


def test_phases_are_those_that_callers_are_told() -> None:
    names = ["Pending", "Progressing", "Paused", "RollingBack", "Succeeded", "RolledBack", "Failed"]
    assert [phase.value for phase in TRANSITIONS] == names


def test_final_phases_lead_nowhere_and_every_other_one_leads_to_an_end() -> None:
    for phase, following in TRANSITIONS.items():
        assert phase.is_final == (not following)
        reached = {phase}
        for _ in Phase:
            reached |= {after for one in reached for after in TRANSITIONS[one].values()}
        assert any(one.is_final for one in reached), phase


@pytest.mark.parametrize(
    ("phase", "event"), list(product([phase for phase in Phase if not phase.is_final], [Event.FAILED, Event.STOPPED]))
)
def test_failure_and_abort_win_in_every_phase(phase: Phase, event: Event) -> None:
    assert next_phase(phase, event) is Phase.ROLLING_BACK


@pytest.mark.parametrize(("phase", "event"), list(product(Phase, Event)))
def test_event_is_in_the_table_or_a_fault_of_ours(phase: Phase, event: Event) -> None:
    if event in TRANSITIONS[phase]:
        assert next_phase(phase, event) is TRANSITIONS[phase][event]
    else:
        with pytest.raises(ImpossibleTransition, match=phase.value):
            next_phase(phase, event)


@given(st.lists(st.sampled_from(Event), max_size=30))
def test_rollback_that_began_never_becomes_a_success(events: list[Event]) -> None:
    phases = follow(events)
    if Phase.ROLLING_BACK in phases:
        after = phases[phases.index(Phase.ROLLING_BACK) :]
        assert set(after) <= {Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.FAILED}


@given(st.lists(st.sampled_from(Event), max_size=30))
def test_success_follows_only_on_progress(events: list[Event]) -> None:
    phases = follow(events)
    if Phase.SUCCEEDED in phases:
        assert phases[-1] is Phase.SUCCEEDED
        assert phases[-2] is Phase.PROGRESSING


@given(st.dictionaries(st.text(min_size=1, max_size=4), st.none() | st.text(min_size=1, max_size=9), max_size=5))
def test_rollback_has_failed_just_when_a_region_was_left_behind(faults: dict[str, str | None]) -> None:
    event, told = judge_rollback(faults)
    left = [f"{region}: {fault}" for region, fault in faults.items() if fault is not None]
    assert next_phase(Phase.ROLLING_BACK, event) is (Phase.FAILED if left else Phase.ROLLED_BACK)
    assert all(said in told for said in left)
