"""Problems (RFC 9457): one table from error type to status, slug, title and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flows import errors
from flows.errors import VouchError
from scoring.faults import Fault
from triggers.endpoints import allowed_methods

RETRY_AFTER_S = 1


class LengthRequired(VouchError):
    """A chunked request: the host hands it over without its body."""


class BodyTooLarge(VouchError):
    """A body beyond the endpoint's limit."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"more than {limit_bytes} bytes")
        self.limit_bytes = limit_bytes


class InvalidParameter(VouchError):
    """A header or query parameter that is wrong. `name` is ours, never the caller's text."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}.")


class PreconditionRequired(VouchError):
    """A change without If-Match."""


class NoSuchPath(VouchError):
    """Nothing answers at this path."""


class MethodNotAllowed(VouchError):
    """Something answers at this path, but not to this method."""

    def __init__(self, allowed: list[str]) -> None:
        super().__init__(f"allowed: {', '.join(allowed)}")
        self.allowed = allowed


def nothing_answers(path: str) -> VouchError:
    """What a request meets that no endpoint answers: a wrong method, or a path where nothing is."""
    allowed = allowed_methods(path)
    return MethodNotAllowed(allowed) if allowed else NoSuchPath()


class PartlyRecorded(VouchError):
    """Some rows were recorded before the ledger failed; the faults say which, and under which id."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(f"{len(faults)} rows were recorded")
        self.faults = tuple(faults)


class InternalError(VouchError):
    """A fault of ours. What it was stands in the log under the request's id."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How one type of error is answered. `advice` says what to do next; `{error}` is the error's own message."""

    status: int
    slug: str
    title: str
    advice: str
    headers: Callable[[Any], Mapping[str, str]] = field(default=lambda error: {})


def _retry_after(error: VouchError) -> Mapping[str, str]:
    return {"Retry-After": str(getattr(error, "retry_after_s", RETRY_AFTER_S))}


KINDS: Mapping[type[VouchError], Kind] = {
    errors.InvalidDeal: Kind(
        422, "invalid-deal", "The deal can't be scored as it stands", "Mend every fault listed under errors."
    ),
    errors.InvalidRequest: Kind(
        422, "invalid-request", "The request can't be carried out as it stands", "Mend every fault listed under errors."
    ),
    errors.InvalidBody: Kind(400, "malformed-body", "The body can't be read", "{error}"),
    InvalidParameter: Kind(400, "invalid-parameter", "A header or query parameter is wrong", "{error}"),
    errors.WrongContentType: Kind(
        415, "wrong-content-type", "The body is of another type", "Send Content-Type: {error}."
    ),
    LengthRequired: Kind(
        411, "length-required", "Content-Length is required", "Send the body in one piece with its Content-Length."
    ),
    BodyTooLarge: Kind(413, "body-too-large", "The body is too large", "It has {error}; send less at once."),
    errors.RecordTooLarge: Kind(
        413, "record-too-large", "The deal is too large to be recorded", "Nothing was scored; send shorter values."
    ),
    errors.ForeignDeal: Kind(
        421,
        "foreign-deal",
        "The deal belongs to another jurisdiction",
        "Send it to one of the regions listed; none listed means that no region accepts its residency.",
    ),
    errors.Unauthenticated: Kind(
        401,
        "unauthenticated",
        "A valid token is required",
        "Send Authorization: Bearer with a token of this region's issuer and audience.",
        lambda error: {"WWW-Authenticate": "Bearer"},
    ),
    errors.KeysUnavailable: Kind(
        503, "keys-unavailable", "Tokens can't be checked now", "Try again shortly.", _retry_after
    ),
    errors.NotAllowed: Kind(403, "not-allowed", "The caller's roles don't allow this", "It {error}."),
    errors.NotFound: Kind(404, "not-found", "Not here", "This region has {error}."),
    NoSuchPath: Kind(404, "no-such-path", "Nothing is at this path", "GET /api/openapi.json lists what there is."),
    MethodNotAllowed: Kind(
        405,
        "method-not-allowed",
        "The path does not answer this method",
        "Use one of those in Allow.",
        lambda error: {"Allow": ", ".join(error.allowed)},
    ),
    errors.IdempotencyMismatch: Kind(
        422,
        "idempotency-mismatch",
        "The Idempotency-Key was used with another body",
        "Use a new key for a new request.",
    ),
    errors.IdempotencyRunning: Kind(
        409,
        "idempotency-running",
        "The first request with this key is still under way",
        "Repeat it after Retry-After seconds.",
        _retry_after,
    ),
    errors.Superseded: Kind(
        412, "superseded", "Somebody else changed it", "Read it again and decide anew; it is at {error}."
    ),
    PreconditionRequired: Kind(
        428, "precondition-required", "If-Match is required", "Read the release and send its ETag as If-Match."
    ),
    errors.VersionWithdrawn: Kind(409, "version-withdrawn", "The version may not be served", "{error}."),
    errors.RolloutEnded: Kind(409, "rollout-ended", "The rollout may not change this release", "{error}."),
    errors.RolloutUnderWay: Kind(
        409,
        "rollout-under-way",
        "A rollout of this model is under way",
        "{error}; abort it first, or wait for its end.",
    ),
    errors.NoRegistry: Kind(409, "no-registry", "There is no registry", "Set VOUCH_REGISTRY_BLOBS_URL; {error}."),
    errors.UnsoundVersion: Kind(422, "unsound-version", "The version can't be served", "Nothing was kept: {error}."),
    errors.UnsoundSnapshot: Kind(
        422, "unsound-snapshot", "The snapshot can't be activated", "What was active still is: {error}."
    ),
    errors.DigestDiffers: Kind(409, "digest-differs", "The version is another one", "{error}."),
    errors.RolloutOver: Kind(409, "rollout-over", "The rollout has ended", "{error}."),
    errors.NotCounted: Kind(409, "not-counted", "That does not count", "Nothing was changed: {error}."),
    errors.NotControl: Kind(421, "not-control", "This is not the control region", "Ask there: {error}."),
    errors.NothingToReturnTo: Kind(
        409, "nothing-to-return-to", "No other version can be served", "{error}. Release another version first."
    ),
    errors.Erased: Kind(
        410,
        "erased",
        "It was erased",
        "{error}, on request; what is left of it is read with GET /api/v1/decisions/{id}.",
    ),
    errors.Archived: Kind(
        409,
        "archived",
        "It lies in an offline tier",
        "{error}. Rehydrate it there (set its tier to Hot or Cool; that takes up to 15 hours), then ask again.",
    ),
    errors.SpanNotThere: Kind(
        416,
        "range-not-satisfiable",
        "The range begins after the end of the file",
        "Ask for less: {error}.",
        lambda error: {"Content-Range": f"bytes */{error.total}"},
    ),
    errors.StorageUnavailable: Kind(
        503,
        "storage-unavailable",
        "The region's storage or key vault did not answer",
        "Nothing is lost. Repeat the request after Retry-After seconds; what it had begun goes on where it stopped.",
        _retry_after,
    ),
    errors.VersionsUnavailable: Kind(
        503,
        "versions-unavailable",
        "Versions can't be reached",
        "{error}. What this region has in memory or keeps is served all the same. "
        "Try again after Retry-After seconds: what had begun goes on where it stopped.",
        _retry_after,
    ),
    errors.WindowOpen: Kind(409, "window-open", "The window can't be sealed yet", "{error}."),
    errors.CheckpointRefused: Kind(
        409, "checkpoint-refused", "The checkpoint can't be kept", "Nothing was changed: {error}."
    ),
    errors.LedgerUnavailable: Kind(
        503,
        "ledger-unavailable",
        "The ledger did not confirm the record",
        "Whether it was recorded is unknown. Repeat the request with the same Idempotency-Key.",
        _retry_after,
    ),
    PartlyRecorded: Kind(
        503,
        "partly-recorded",
        "The ledger failed for some rows",
        "Those under errors were recorded. Repeat the request with the same Idempotency-Key for the rest.",
        _retry_after,
    ),
    errors.LedgerBusy: Kind(
        503,
        "ledger-busy",
        "The ledger is busy",
        "Nothing was recorded. Repeat the request after Retry-After seconds.",
        _retry_after,
    ),
    errors.NotReady: Kind(503, "not-ready", "The region can't score yet", "It waits: {error}.", _retry_after),
    InternalError: Kind(
        500, "internal-error", "A fault of ours", "Tell us the request id; the log holds what happened under it."
    ),
}


def kind_of(error: VouchError) -> Kind:
    """How an error is answered; one that the table doesn't know is a fault of ours."""
    return KINDS.get(type(error)) or KINDS[InternalError]


def build_problem(error: VouchError, instance: str, *, is_open_inference: bool = False) -> dict[str, object]:
    """The problem's document. `instance` is the request's id as a URN; nothing internal is in it."""
    kind = kind_of(error)
    problem: dict[str, object] = {
        "type": f"urn:vouch:problem:{kind.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": kind.advice.replace("{error}", str(error)),
        "instance": f"urn:vouch:request:{instance}",
    }
    faults: tuple[Fault, ...] = getattr(error, "faults", ())
    if faults:
        problem["errors"] = [{"pointer": fault.pointer, "detail": fault.detail} for fault in faults]
    if isinstance(error, errors.ForeignDeal):
        problem["regions"] = error.regions
    if is_open_inference:
        problem["error"] = _sentence(problem, faults)
    return problem


def _sentence(problem: Mapping[str, object], faults: tuple[Fault, ...]) -> str:
    """The Open Inference Protocol's error: one text that says it all."""
    said = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults)
    return f"{problem['title']}. {said or problem['detail']}"
