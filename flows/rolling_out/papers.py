"""All that the control region knows of rollouts: their log, what every region is to serve, and whom to tell."""

from __future__ import annotations

from dataclasses import dataclass

from flows.ports import Clock, Rows
from flows.rolling_out.desired_state import DesiredState
from flows.rolling_out.documents import Documents
from flows.rolling_out.notices import Notices
from flows.rolling_out.rollout_log import RolloutLog
from flows.write_record import WriteRecord


@dataclass(frozen=True, slots=True)
class Papers:
    log: RolloutLog
    desired: DesiredState
    notices: Notices


def open_papers(rows: Rows, write: WriteRecord, clock: Clock) -> Papers:
    """The papers that lie in these rows."""
    documents = Documents(rows)
    notices = Notices(documents)
    return Papers(RolloutLog(documents, notices, write, clock), DesiredState(documents), notices)
