"""One step of one region, asked until it is done or the time is up, so that no region holds up another."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from orchestrations.asking import Pace, Steps, ask_until


def persistent_step(context: Any) -> Steps:
    """`{activity, order, pace, until}` to the activity's last answer."""
    given = context.get_input()
    until = datetime.fromisoformat(given["until"])
    return (yield from ask_until(context, given["activity"], given["order"], Pace(**given["pace"]), until))
