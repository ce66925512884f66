"""What a flow can answer besides success. Each error carries facts; `triggers/problems.py` maps them to responses."""

from __future__ import annotations

from collections.abc import Sequence

from scoring.faults import Fault


class VouchError(Exception):
    """The base of every error that a caller is told about."""


class InvalidDeal(VouchError):
    """A deal that can't be scored as it stands; every fault is listed."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = tuple(faults)


class InvalidRequest(VouchError):
    """Any other request body or parameter that is wrong; every fault is listed."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = tuple(faults)


class ForeignDeal(VouchError):
    """A deal whose residency this region does not accept; `regions` maps those that do to their base URLs."""

    def __init__(self, regions: dict[str, str]) -> None:
        super().__init__("the deal belongs to another jurisdiction")
        self.regions = regions


class RecordTooLarge(VouchError):
    """A deal whose record can't fit the ledger; refused before scoring."""


class NotAttempted(VouchError):
    """A sound deal that was not scored because another of the same request was refused."""


class NotFound(VouchError):
    """What was asked for is not here. `what` says which kind of thing."""

    def __init__(self, what: str) -> None:
        super().__init__(f"no such {what}")
        self.what = what


class InvalidBody(VouchError):
    """A body that is no sound JSON. `detail` says what and where, and repeats nothing of the body."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class WrongContentType(VouchError):
    """A body that is declared to be something else; the message is the type that is wanted."""


class Unauthenticated(VouchError):
    """No valid token came. `reason` is for the log: it holds nothing of the token, and never goes out."""

    def __init__(self, reason: str) -> None:
        super().__init__("a valid token is required")
        self.reason = reason


class KeysUnavailable(VouchError):
    """Tokens can't be checked: the issuer's keys are to be had neither from it nor from the region's storage."""


class NotAllowed(VouchError):
    """The caller's roles don't allow this; `roles` are those that would."""

    def __init__(self, roles: Sequence[str]) -> None:
        super().__init__(f"needs one of the roles {', '.join(roles)}")
        self.roles = tuple(roles)


class IdempotencyMismatch(VouchError):
    """The same Idempotency-Key came with another body."""


class IdempotencyRunning(VouchError):
    """The first call with this Idempotency-Key is still under way."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("the first call is still running")
        self.retry_after_s = retry_after_s


class Superseded(VouchError):
    """A conditional change met another generation than it expected."""


class VersionWithdrawn(VouchError):
    """A release names a version that was withdrawn, or meets a hold."""


class RolloutEnded(VouchError):
    """A step of a rollout that was closed in this region, or that meets another one."""


class RolloutUnderWay(VouchError):
    """What was asked for has to wait for the rollout that is under way, or end it first."""

    def __init__(self, rollout_id: str) -> None:
        super().__init__(f"rollout {rollout_id} is under way")
        self.rollout_id = rollout_id


class NoRegistry(VouchError):
    """This region has no registry to publish to or to pull from."""

    def __init__(self) -> None:
        super().__init__("no registry is configured")


class UnsoundVersion(VouchError):
    """A bundle or a policy that must not be served; the message names the file and what differs."""


class UnsoundSnapshot(VouchError):
    """A snapshot of a reference dataset that must not be looked into; the message names the file and what differs."""


class DigestDiffers(VouchError):
    """A version that is not the one that was meant."""


class RolloutOver(VouchError):
    """A rollout that has come to its end takes no orders."""


class NotCounted(VouchError):
    """An approval or a promotion that does not count, and why."""


class NotControl(VouchError):
    """Rollouts are driven from the control region; `url` is its base URL."""

    def __init__(self, region: str, url: str) -> None:
        super().__init__(f"rollouts are driven from {region}, {url}")
        self.url = url


class NothingToReturnTo(VouchError):
    """A version can't be withdrawn because nothing else could be served."""


class Erased(VouchError):
    """Something of a person who was erased, which can't be shown or added to any more. `what` says what it is."""

    def __init__(self, what: str) -> None:
        super().__init__(f"what was personal in this {what} was erased")
        self.what = what


class Archived(VouchError):
    """A file of the lake that lies in an offline tier; `path` is its container and name."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} lies in the archive tier")
        self.path = path


class SpanNotThere(VouchError):
    """A range that begins after the end of a file of `total` bytes."""

    def __init__(self, total: int) -> None:
        super().__init__(f"it has {total} bytes")
        self.total = total


class StorageUnavailable(VouchError):
    """The region's storage did not answer or refused, for something that can be asked for again."""


class VersionsUnavailable(VouchError):
    """Where versions lie did not answer: the registry, or what this region keeps; the message says which."""


class CheckpointRefused(VouchError):
    """A checkpoint that a witness can't keep: not signed, not consistent with what it holds, or not the next."""


class WindowOpen(VouchError):
    """A window that can't be sealed yet; the message says from when on it can."""


class LedgerUnavailable(VouchError):
    """The record could not be written within its deadline; whether it was is unknown."""


class LedgerBusy(VouchError):
    """The ledger's queue is full: nothing was recorded."""


class NotReady(VouchError):
    """The region can't score yet; `reasons` say what it waits for."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


class LaneClosed(Exception):
    """The lane of this record id takes no more records: mint a new id and build the record again. Never shown."""


class AlreadyReserved(Exception):
    """A reservation stands in the partition already: read it. Never shown."""


class StorageFailed(Exception):
    """The region's storage did not answer or refused; `unknown` is true where a write may have happened."""
