"""One window: fence, seal its lanes side by side, finish. Every step may be run twice, or at once by two.

    fence --lanes--> seal, a few at a time --files--> finish: performance, manifest, chain

Each step is asked for until it is done or the time is up; then this orchestration ends with a fault, and the timer,
which sees the window still due, starts another one that goes on from what stands.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from orchestrations.asking import Answer, Pace, SideBySide, Steps, ask_until, cancel, fault_of, wait_until
from orchestrations.names import FENCE_WINDOW, FINISH_WINDOW, SEAL_LANE

LANES_AT_ONCE = 8
Document = Mapping[str, Any]


def seal_window(context: Any) -> Steps:
    """`{window, correction, pace}` to `{window, correction, lanes, manifest}`, or to a fault."""
    order = context.get_input()
    due = {"window": order["window"], "correction": order["correction"]}
    pace = Pace(**order["pace"])
    until = context.current_utc_datetime + timedelta(seconds=pace.rollback_s)
    fenced = yield from ask_until(context, FENCE_WINDOW, due, pace, until)
    if fault_of(fenced):
        return fenced
    sealed = yield from _seal_lanes(context, due, fenced["lanes"], pace, until)
    faults = [answer for answer in sealed if fault_of(answer)]
    if faults:
        return faults[0]
    finishing = {**due, "lanes": fenced["lanes"], "sealed": sealed}
    return (yield from ask_until(context, FINISH_WINDOW, finishing, pace, until))


def _seal_lanes(
    context: Any, due: Document, lanes: Sequence[Document], pace: Pace, until: datetime
) -> Generator[Any, Any, list[Answer]]:
    sealed: list[Answer] = []
    for at in range(0, len(lanes), LANES_AT_ONCE):
        context.set_custom_status({"lanes": len(lanes), "sealed": at})
        beside = SideBySide(
            {
                lane["lane"]: wait_until(
                    context, SEAL_LANE, {**due, "lane": lane["lane"], "types": sorted(lane["types"])}, pace, until
                )
                for lane in lanes[at : at + LANES_AT_ONCE]
            }
        )
        while beside.tasks:
            timer = context.create_timer(context.current_utc_datetime + timedelta(seconds=pace.slice_s))
            yield context.task_any([*beside.tasks, timer])
            cancel(timer)
            beside.go_on()
        sealed += beside.answers.values()
    return sealed
