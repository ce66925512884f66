"""The real host's rules of replay, one by one: numbers, open tasks, suspension, changes of code."""

from __future__ import annotations

import re
from typing import Any

import pytest

from local.durable import events
from local.durable.answers import Answer
from local.durable.decisions import CreateChild, CreateTimer, Outcome, ScheduleTask, Status
from local.durable.events import Event
from local.durable.replay import Execution, replay
from local.durable.ticks import format_ticks

EXECUTION = Execution("i", "e", "rollout", "1.0")
AT = 17954725310000000
SECOND = 10_000_000
STARTED = [
    events.orchestrator_started(AT),
    events.execution_started(AT, "i", "e", "rollout", "1.0", None),
]


def activity(name: str) -> dict[str, Any]:
    return {"actionType": 0, "functionName": name, "input": "null"}


def timer(seconds: int, *, is_cancelled: bool = False) -> dict[str, Any]:
    return {"actionType": 5, "fireAt": format_ticks(AT + seconds * SECOND), "isCanceled": is_cancelled}


def event(name: str) -> dict[str, Any]:
    return {"actionType": 6, "externalEventName": name, "reason": "ExternalEvent"}


def any_of(*actions: dict[str, Any]) -> dict[str, Any]:
    return {"actionType": 11, "compoundActions": list(actions)}


def all_of(*actions: dict[str, Any]) -> dict[str, Any]:
    return {"actionType": 12, "compoundActions": list(actions)}


def run(actions: list[dict[str, Any]], *history: Event, **answer: Any) -> Outcome:
    return replay(EXECUTION, Answer(actions, **answer), [*STARTED, *history], lambda: AT)


def names(outcome: Outcome) -> list[object]:
    return [d.name if isinstance(d, ScheduleTask | CreateChild) else type(d).__name__ for d in outcome.decisions]


def test_action_begins_only_when_the_one_before_has_ended() -> None:
    actions = [activity("a"), activity("b")]
    assert names(run(actions)) == ["a"]
    done = [events.task_scheduled(AT, 0, "a"), events.task_completed(AT, 0, "1")]
    assert names(run(actions, *done)) == ["b"]


def test_actions_of_a_group_begin_together_with_numbers_in_order() -> None:
    outcome = run([all_of(activity("a"), timer(1), activity("b"))])
    assert [(type(d), d.id) for d in outcome.decisions] == [(ScheduleTask, 0), (CreateTimer, 1), (ScheduleTask, 2)]


def test_task_that_lost_a_race_keeps_the_orchestration_running() -> None:
    actions = [any_of(activity("slow"), timer(1))]
    history = [
        events.task_scheduled(AT, 0, "slow"),
        events.timer_created(AT, 1, AT + SECOND),
        events.timer_fired(AT, 1, AT + SECOND),
    ]
    assert run(actions, *history, is_done=True).completion is None
    ended = run(actions, *history, events.task_completed(AT, 0, "1"), is_done=True, output="late")
    assert ended.completion is not None
    assert (ended.completion.status, ended.completion.result) == (Status.COMPLETED, '"late"')


def test_cancelled_timer_keeps_nothing_open_but_was_set() -> None:
    outcome = run([any_of(event("go"), timer(60, is_cancelled=True))], events.event_raised(AT, "go", "1"), is_done=True)
    assert names(outcome) == ["CreateTimer"]
    assert outcome.completion is not None


def test_timer_left_over_keeps_the_orchestration_running() -> None:
    outcome = run([any_of(event("go"), timer(60))], events.event_raised(AT, "go", "1"), is_done=True)
    assert outcome.completion is None


def test_group_that_must_all_end_waits_for_the_others_after_a_failure() -> None:
    actions = [all_of(activity("bad"), activity("slow")), activity("clean_up")]
    history = [
        events.task_scheduled(AT, 0, "bad"),
        events.task_scheduled(AT, 1, "slow"),
        events.task_failed(AT, 0, "no", "{}"),
    ]
    assert names(run(actions, *history)) == []
    assert names(run(actions, *history, events.task_completed(AT, 1, "1"))) == ["clean_up"]


def retried(attempts: int) -> dict[str, Any]:
    options = {"firstRetryIntervalInMilliseconds": 2000, "maxNumberOfAttempts": attempts}
    return activity("flaky") | {"actionType": 1, "retryOptions": options}


def test_failed_attempt_waits_before_the_next() -> None:
    history = [events.task_scheduled(AT, 0, "flaky"), events.task_failed(AT, 0, "no", "{}")]
    assert run([retried(2)], *history).decisions == (CreateTimer(1, AT + 2 * SECOND),)
    history += [events.timer_created(AT, 1, AT), events.timer_fired(AT, 1, AT)]
    assert [d.id for d in run([retried(2)], *history).decisions] == [2]


def test_last_failed_attempt_sets_one_more_timer_that_is_due_at_once() -> None:
    history = [events.task_scheduled(AT, 0, "flaky"), events.task_failed(AT, 0, "no", "{}")]
    assert run([retried(1), activity("next")], *history).decisions == (CreateTimer(1, AT),)
    history += [events.timer_created(AT, 1, AT), events.timer_fired(AT, 1, AT)]
    assert names(run([retried(1), activity("next")], *history)) == ["next"]


def test_event_raised_early_is_kept_and_its_name_ignores_case() -> None:
    early = [events.event_raised(AT, "GO", "1"), events.task_scheduled(AT, 0, "a"), events.task_completed(AT, 0, "1")]
    assert names(run([activity("a"), event("go"), activity("b")], *early)) == ["b"]


def test_suspended_orchestration_takes_what_came_when_it_resumes() -> None:
    history = [events.execution_suspended(AT, "wait"), events.event_raised(AT, "go", "1")]
    suspended = run([event("go"), activity("a")], *history)
    assert (names(suspended), suspended.is_suspended) == ([], True)
    resumed = run([event("go"), activity("a")], *history, events.execution_resumed(AT, "on"))
    assert (names(resumed), resumed.is_suspended) == (["a"], False)


def test_suspended_orchestration_can_be_terminated() -> None:
    outcome = run([event("go")], events.execution_suspended(AT, "wait"), events.execution_terminated(AT, "enough"))
    assert outcome.completion is not None
    assert (outcome.completion.status, outcome.completion.result) == (Status.TERMINATED, "enough")


def test_continue_as_new_waits_for_what_is_open_and_carries_later_events_over() -> None:
    actions = [any_of(activity("slow"), event("go")), {"actionType": 4, "input": "2"}]
    late = events.event_raised(AT, "more", "2")
    history = [events.task_scheduled(AT, 0, "slow"), events.event_raised(AT, "go", "1"), late]
    assert run(actions, *history, is_done=True).completion is None
    outcome = run(actions, *history, events.task_completed(AT, 0, "1"), is_done=True)
    assert outcome.completion is not None
    assert (outcome.completion.status, outcome.completion.result) == (Status.CONTINUED, '"2"')
    assert outcome.completion.carried_over == (late,)


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (
            [activity("b")],
            "named 'a', but the current orchestration replay instead scheduled an activity task named 'b'",
        ),
        ([timer(1)], "produced a CreateTimerOrchestratorAction action"),
        ([], "hasn't \\(yet\\?\\) scheduled this task"),
    ],
)
def test_changed_code_fails_the_orchestration_with_what_it_did_before(
    actions: list[dict[str, Any]], message: str
) -> None:
    outcome = run(actions, events.task_scheduled(AT, 0, "a"))
    assert outcome.completion is not None
    assert outcome.completion.status is Status.FAILED
    assert re.search(message, outcome.completion.result or "")
    assert outcome.decisions == ()


def test_action_that_is_not_run_here_fails_the_orchestration_by_name() -> None:
    outcome = run([{"actionType": 8, "httpRequest": {}}])
    assert outcome.completion is not None
    assert "doesn't run actions of type 8" in (outcome.completion.result or "")


def test_child_without_an_id_is_named_after_its_parents_execution() -> None:
    outcome = run([{"actionType": 2, "functionName": "child", "input": "1", "instanceId": None, "version": None}])
    assert outcome.decisions == (CreateChild(0, "child", "e:0", "1.0", '"1"'),)
