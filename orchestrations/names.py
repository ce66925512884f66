"""The names of orchestrators, activities and events. An unknown activity hangs for ever on the real host: a test holds
every name used against those registered."""

from __future__ import annotations

ROLLOUT = "rollout"
REGION_ROLLOUT = "region_rollout"
REGION_WATCH = "region_watch"
SEAL_WINDOW = "seal_window"
ORCHESTRATORS = (ROLLOUT, REGION_ROLLOUT, REGION_WATCH, SEAL_WINDOW)

OPEN_ROLLOUT = "run_open_rollout"
PULL_VERSION = "run_pull_version"
SET_RELEASE = "run_set_release"
WATCH_REGION = "run_watch_region"
RUN_SYNTHETIC = "run_synthetic_deals"
CLOSE_ROLLOUT = "run_close_rollout"
NOTE_TRANSITION = "run_note_transition"
READ_ORDERS = "run_read_orders"
FINISH_ROLLOUT = "run_finish_rollout"
ACTIVITIES = (
    OPEN_ROLLOUT,
    PULL_VERSION,
    SET_RELEASE,
    WATCH_REGION,
    RUN_SYNTHETIC,
    CLOSE_ROLLOUT,
    NOTE_TRANSITION,
    READ_ORDERS,
    FINISH_ROLLOUT,
)

FENCE_WINDOW = "run_fence_window"
SEAL_LANE = "run_seal_lane"
FINISH_WINDOW = "run_finish_window"
TRAIL_ACTIVITIES = (FENCE_WINDOW, SEAL_LANE, FINISH_WINDOW)

DOING = {
    OPEN_ROLLOUT: "opening the rollout there",
    PULL_VERSION: "bringing the version there",
    SET_RELEASE: "changing the release",
    WATCH_REGION: "reading the metrics",
    RUN_SYNTHETIC: "scoring the golden set",
    CLOSE_ROLLOUT: "closing the rollout there",
    NOTE_TRANSITION: "writing down where the rollout stands",
    READ_ORDERS: "reading what people have said",
    FINISH_ROLLOUT: "writing down how the rollout ended",
    FENCE_WINDOW: "fencing the window",
    SEAL_LANE: "sealing a lane",
    FINISH_WINDOW: "finishing the window",
}
"""What each activity does, in the words of whoever reads that it wasn't done."""

NUDGE = "nudge"
"""Raised when somebody has said something: look at the orders now. Nothing is in it."""
