"""What a privacy officer can do, composed once a process."""

from __future__ import annotations

from dataclasses import dataclass

from flows.privacy.access_subject import AccessSubject
from flows.privacy.erase_subject import EraseSubject
from flows.privacy.erasure_log import ErasureLog
from flows.privacy.finish_erasures import FinishErasures
from flows.privacy.hold_subject import HoldSubject


@dataclass(frozen=True, slots=True)
class PrivacyRoom:
    """`log` tells how far erasures have come."""

    log: ErasureLog
    erase: EraseSubject
    finish: FinishErasures
    hold: HoldSubject
    access: AccessSubject
