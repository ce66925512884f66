"""How often a rollout looks: at once where something happens, seldom where nothing does, never after a lease. And what
people read of an activity that gave no answer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrations.asking import Pace, describe_failure, describe_silence, next_slice
from orchestrations.names import ACTIVITIES, TRAIL_ACTIVITIES

AZURE = Pace(slice_s=30, attempt_s=60, lease_s=600, rollback_s=1800)
LOCAL = Pace(slice_s=1, attempt_s=10, lease_s=30, rollback_s=60)
DAY_S = 86_400


@pytest.mark.parametrize(
    ("pace", "waited_s", "slice_s"),
    [
        (AZURE, 0, 30),
        (AZURE, 1800, 30),
        (AZURE, 3600, 60),
        (AZURE, DAY_S, 200),
        (LOCAL, 0, 1),
        (LOCAL, 300, 5),
        (LOCAL, DAY_S, 10),
        (Pace(slice_s=60, attempt_s=1, lease_s=90, rollback_s=1), DAY_S, 60),
    ],
)
def test_slice_grows_with_the_wait_and_no_longer_than_a_third_of_the_lease(
    pace: Pace, waited_s: float, slice_s: float
) -> None:
    assert next_slice(pace, timedelta(seconds=waited_s)) == timedelta(seconds=slice_s)


def test_day_of_waiting_takes_some_hundred_looks() -> None:
    waited, looks = timedelta(), 0
    while waited < timedelta(seconds=DAY_S):
        waited += next_slice(AZURE, waited)
        looks += 1
    assert looks < 600


@pytest.mark.parametrize("activity", [*ACTIVITIES, *TRAIL_ACTIVITIES])
def test_activity_that_gave_no_answer_is_told_in_words_and_never_by_its_name(activity: str) -> None:
    silence, failure = describe_silence(activity, 60), describe_failure(activity)
    assert "took longer than 60 s: see " in silence
    assert "the log says which" in failure
    assert "run_" not in silence + failure
