"""The shapes of requests and answers, for decoding the small bodies and for the OpenAPI document.

Deals are read by `scoring/deals.py`, which lists every fault at once; the types here describe them. Answers are
built as plain values; the contract tests hold them to these types.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from scoring.deals import MAX_ID_CHARACTERS

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARACTERS, description="Printable characters.")]
ShortText = Annotated[str, Meta(min_length=1, max_length=200)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Timestamp = Annotated[datetime, Meta(tz=True)]
RolloutId = Annotated[str, Meta(pattern=r"^[0-9a-f-]{36}$")]
Digest = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$")]


class Deal(Struct, forbid_unknown_fields=True):
    """What a deal system asks about. Features are those of the model; a missing one is imputed and listed."""

    deal_id: Id
    features: dict[str, Any]
    model: str | None = None
    occurred_at: Timestamp | None = None
    residency: str | None = None
    subjects: Annotated[list[Id], Meta(max_length=16)] | None = None


class Reason(Struct):
    """Contribution: TreeSHAP, in log-odds; positive raises the risk."""

    code: str
    feature: str
    value: Any
    contribution: float
    text: str


class ModelRef(Struct):
    name: str
    version: str
    digest: Digest


class PolicyRef(Struct):
    name: str
    version: str


class ReferenceRef(Struct):
    """The snapshot of a reference dataset that was looked into; null where the region had none."""

    dataset: str
    snapshot: str | None
    digest: Digest | None


class Decision(Struct):
    """A decision, recorded before it was answered. `record_digest` is the caller's receipt. `references` and
    `unmatched`, the features that no row was found for, are there where the version looks features up; `unused`, what
    only other versions take, where something was."""

    decision_id: str
    deal_id: str
    outcome: Literal["approve", "review", "decline"]
    score: Share
    risk_score: Annotated[int, Meta(ge=0, le=1000)]
    reasons: list[Reason]
    imputed: list[str]
    unseen: list[str]
    unusual: list[str]
    model: ModelRef
    policy: PolicyRef
    region: str
    decided_at: datetime
    record_digest: Digest
    references: list[ReferenceRef] | UnsetType = UNSET
    unmatched: list[str] | UnsetType = UNSET
    unused: list[str] | UnsetType = UNSET
    deal_id_generated: bool | UnsetType = UNSET


class Batch(Struct, forbid_unknown_fields=True):
    deals: Annotated[list[Deal], Meta(min_length=1, max_length=1000)]


class Fault(Struct):
    """`pointer` is a JSON Pointer into the request."""

    pointer: str
    detail: str


class Problem(Struct):
    """RFC 9457, `application/problem+json`."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[Fault] | UnsetType = UNSET
    regions: dict[str, str] | UnsetType = UNSET
    error: str | UnsetType = UNSET


class DecisionResult(Struct):
    decision: Decision


class ProblemResult(Struct):
    problem: Problem


class BatchResults(Struct):
    """One result a deal, in order: its decision or its problem."""

    results: list[Any]


class RecordedDecision(Struct):
    """CloudEvents 1.0 as they were recorded, and the decision's digest computed anew. `erased`: what was personal is
    gone. With `?proof=true` also its `proof` (`audit/proofs.py` checks one), or null and under `unproven` why."""

    decision: dict[str, Any]
    record_digest: Digest
    erased: bool
    labels: list[dict[str, Any]]
    reviews: list[dict[str, Any]]
    proof: dict[str, Any] | UnsetType | None = UNSET
    unproven: str | UnsetType = UNSET


class DealSearch(Struct, forbid_unknown_fields=True):
    """`after` is `next` of the page before."""

    deal_id: Id
    after: UUID | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class FoundDecisions(Struct):
    """Each like a RecordedDecision; `{decision_id, archived}` where one lies in an offline tier."""

    decisions: list[dict[str, Any]]
    next: str | None


class WindowOpening(Struct, forbid_unknown_fields=True):
    """`after` is `next` of the page before."""

    dataset: Literal["decisions"] = "decisions"
    after: UUID | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 200


class OpenedRecord(Struct):
    """A CloudEvent as it was recorded; `erased`: without what was personal. `damaged`: that can't be opened, though
    its keys are there."""

    record: dict[str, Any]
    record_digest: Digest
    erased: bool
    damaged: bool | UnsetType = UNSET


class OpenedRecords(Struct):
    """A page of a window's records."""

    window: str
    records: list[OpenedRecord]
    next: str | None


class SubjectOrder(Struct, forbid_unknown_fields=True):
    """`subject` is a person's id as deals named it, or `deal:<decision id>` for one decision. The reason is kept
    encrypted; name nobody in it."""

    subject: Id
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


class SubjectRelease(Struct, forbid_unknown_fields=True):
    subject: Id
    hold_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]


class SubjectAccess(Struct, forbid_unknown_fields=True):
    """`after` is `next` of the page before."""

    subject: Id
    after: UUID | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class ErasureState(Struct):
    """`deferred`: a legal hold stands in the way, of `shared_records`; it is carried out upon the release.
    `pending`: done, but for what was being sealed; `open_until` is the end of the last window that is waited for.
    `archived_records` lie in an offline tier: they can't be read either, but still be counted under their deal's id."""

    erasure_id: str
    state: Literal["ordered", "deferred", "erasing", "pending", "complete"]
    ordered_at: str
    records: int
    shared_records: int
    archived_records: int
    open_until: str | None
    completed_at: str | None


class Erasure(ErasureState):
    """`commitment` is SHA-256 over salt and subject, as it was recorded; the salt is nowhere but in this answer."""

    commitment: Digest
    salt: str


class ErasureList(Struct):
    """Those that are not complete."""

    erasures: list[ErasureState]


class StandingHold(Struct):
    hold_id: str
    placed_at: str


class PlacedHold(Struct):
    """`holds` are all that stand on that subject; `erasures_under_way` had begun before and can't be taken back."""

    hold_id: str
    holds: list[StandingHold]
    erasures_under_way: int
    commitment: Digest
    salt: str


class ReleasedHold(Struct):
    """`holds` still stand on that subject; `erasures_carried_out` had waited for this."""

    hold_id: str
    holds: list[StandingHold]
    erasures_carried_out: int
    commitment: Digest
    salt: str


class SubjectRecords(Struct):
    """Each `{record, record_digest, erased, about}`, or `{record_id, archived, about}` where it lies in an offline
    tier; `about` are the records that speak of it: labels and reviews. `total` counts them over all pages."""

    records: list[dict[str, Any]]
    next: str | None
    total: int
    commitment: Digest
    salt: str


class Rewrapped(Struct):
    """How many keys were wrapped anew; 0: all were already."""

    rewrapped: int
    record_id: str
    record_digest: Digest


class Label(Struct, forbid_unknown_fields=True):
    """`source` says who found out: a system or a desk, never a person's name."""

    label: Literal["fraud", "genuine"]
    source: ShortText
    labelled_at: Timestamp


class Review(Struct, forbid_unknown_fields=True):
    """`outcome` is what it should have been; it goes with `overturn`."""

    verdict: Literal["uphold", "overturn"]
    reason: Annotated[str, Meta(min_length=1, max_length=2000)]
    outcome: Literal["approve", "review", "decline"] | None = None


class Receipt(Struct):
    """`replayed`: the same was recorded before, and this is its receipt."""

    record_id: str
    record_digest: Digest
    replayed: bool


class ModelEntry(Struct):
    name: str
    versions: list[str]


class ModelList(Struct):
    models: list[ModelEntry]
    default_model: str


class Manifest(Struct):
    """A model bundle's manifest; `scoring/manifest.schema.json` is its whole schema."""

    name: str
    version: str
    features: list[dict[str, Any]]


class Target(Struct, forbid_unknown_fields=True):
    """`policy` reads `name/version`."""

    version: ShortText
    policy: ShortText


class ReleaseChange(Struct, forbid_unknown_fields=True):
    """`weight` is the candidate's share of live deals in percent, `shadow_share` (0 to 1) what it scores unseen."""

    stable: Target
    candidate: Target | None = None
    weight: Percent = 0
    shadow_share: Share = 0.0
    rollout_id: Annotated[str, Meta(max_length=100)] = ""
    valid_until: Timestamp | None = None
    reason: Annotated[str, Meta(max_length=500)] = ""
    change_id: Annotated[str, Meta(max_length=100)] = ""


class Release(Struct):
    model: str
    generation: int
    stable: Target
    candidate: Target | None
    weight: int
    shadow_share: float
    rollout_id: str | None
    valid_until: datetime | None
    withdrawn: list[str]
    hold: str | None
    change_id: str
    previous: Target | None
    ended_rollout: str | None


class Counts(Struct):
    """`errors` are deals it was asked about and could not judge; histograms are lists of `[bin, count]`."""

    decisions: int
    errors: int
    outcomes: dict[str, int]
    latency: list[tuple[int, int]]
    risk: list[tuple[int, int]]


class Metrics(Struct):
    """`flips` are `[stable's outcome, the candidate's, count]`, the latter empty where the candidate failed."""

    model: str
    generation: int
    since: datetime
    stable: Counts
    candidate: Counts
    flips: list[tuple[str, str, int]]
    latency_bounds_ms: list[float]


class ReleaseRenewal(Struct, forbid_unknown_fields=True):
    """The lease of the rollout that is open at this generation is to last until then."""

    rollout_id: RolloutId
    generation: Annotated[int, Meta(ge=1)]
    valid_until: Timestamp


class ReleaseClosing(Struct, forbid_unknown_fields=True):
    """`stable` is what to go back to; without it, what the rollout promoted stays."""

    rollout_id: RolloutId
    stable: Target | None = None
    reason: Annotated[str, Meta(max_length=500)] = ""
    change_id: Annotated[str, Meta(max_length=100)] = ""


class Withdrawal(Struct, forbid_unknown_fields=True):
    """`version` is never to be served, or may be served again: a model version, or a policy such as `standard/2`."""

    version: ShortText
    reason: Annotated[str, Meta(max_length=500)] = ""
    change_id: Annotated[str, Meta(max_length=100)] = ""


class Reasoned(Struct, forbid_unknown_fields=True):
    """Why somebody does this."""

    reason: Annotated[str, Meta(min_length=1, max_length=500)]
    change_id: Annotated[str, Meta(max_length=100)] = ""


class Undo(Struct, forbid_unknown_fields=True):
    """`leave` is what no region is to serve any more: a model version, or a policy such as `standard/2`."""

    leave: ShortText
    reason: Annotated[str, Meta(max_length=400)] = ""


class Undone(Struct):
    """What each region said of the `version`, or policy: its `release`, or a `fault`."""

    model: str
    version: str
    regions: dict[str, dict[str, Any]]


class RolloutPlan(Struct):
    """Durations are ISO 8601 (`PT10M`). Only `model` and one of `version` and `policy` are required."""

    model: str
    version: str | UnsetType = UNSET
    policy: str | UnsetType = UNSET
    waves: list[list[str]] | UnsetType = UNSET
    steps: list[dict[str, Any]] | UnsetType = UNSET
    bake: str | UnsetType = UNSET
    approval: dict[str, str] | UnsetType = UNSET
    metrics: list[dict[str, Any]] | UnsetType = UNSET
    onFailure: Literal["rollbackAll", "pause"] | UnsetType = UNSET  # noqa: N815 - the words are Argo's
    noData: Literal["hold", "synthetic", "fail"] | UnsetType = UNSET  # noqa: N815
    deadline: str | UnsetType = UNSET


class LintedPlan(Struct):
    """Every fault of a plan, and the plan with its gaps filled in where there is none."""

    faults: list[Fault]
    plan: dict[str, Any] | None


class RolloutSummary(Struct):
    id: str
    model: str
    target: dict[str, str | None]
    starter: str
    started_at: datetime
    phase: Literal["Pending", "Progressing", "Paused", "RollingBack", "Succeeded", "RolledBack", "Failed"]
    message: str
    wave: int
    waves: int
    gate: str | None
    seen_at: datetime | None


class RolloutList(Struct):
    rollouts: list[RolloutSummary]


class Rollout(RolloutSummary):
    """`troubles` is what keeps regions' steps from being done, `orders` what people have said and still stands,
    `timeline` every transition and every order, oldest first."""

    plan: dict[str, Any]
    regions: dict[str, dict[str, Any] | None]
    troubles: dict[str, dict[str, str]]
    orders: dict[str, dict[str, Any]]
    timeline: list[dict[str, Any]]


class Approval(Struct, forbid_unknown_fields=True):
    """`gate` is the one that the rollout waits at now, such as `wave-1`."""

    gate: ShortText


class Said(Struct, forbid_unknown_fields=True):
    """Why somebody does this."""

    reason: Annotated[str, Meta(max_length=500)] = ""


class LakeEntry(Struct):
    name: str
    size: int


class LakeFiles(Struct):
    """In order of names; `next` asks for the page that follows, as `after`; null at the end."""

    files: list[LakeEntry]
    next: str | None


class ExportWindow(Struct):
    """`state`: `open`, `closed`, `sealed` or `late` (sealed, and a lane has appeared since). `rows` and `differences`
    are what its manifest says."""

    window: str
    start: str
    end: str
    state: Literal["open", "closed", "sealed", "late"]
    correction: int = 0
    sequence: int | None = None
    manifest: str | None = None
    rows: int | None = None
    differences: int | None = None


class TrailHealth(Struct):
    """How the trail was when it was last looked after; each reason says what is wrong and what to do."""

    at: str
    status: Literal["healthy", "degraded"]
    reasons: list[str]


class Exports(Struct):
    """`windows`, the newest first; `waiting` counts those that are closed and not sealed; `lag_s` is the time since
    the end of the last sealed one. `health` is null until the trail was looked after."""

    region: str
    windows: list[ExportWindow]
    waiting: int
    lag_s: float
    sealed_until: str | None
    checkpoint: dict[str, Any] | None
    witness: dict[str, Any] | None
    health: TrailHealth | None


class SealedWindow(Struct):
    """`started`: whether this call started it; one that is sealed or under way is left alone. Of a window that is late,
    the lanes that appeared since are sealed, as a correction."""

    window: str
    state: Literal["closed", "sealed", "late"]
    started: bool


class HeldCheckpoint(Struct):
    """A checkpoint that is kept: the tree's size, its root (hex) and the signed note; size 0: none."""

    size: int
    root: str
    checkpoint: str


class CheckpointProof(Struct, forbid_unknown_fields=True):
    """`proof` leads from the tree of `old_size`, which is what is held, to the checkpoint's (RFC 9162, 2.1.4), hex."""

    checkpoint: Annotated[str, Meta(max_length=64 * 1024)]
    old_size: Annotated[int, Meta(ge=0)]
    proof: Annotated[list[Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]], Meta(max_length=64)]


class Fleet(Struct):
    """What every region is to serve, and what the reconciler last found there."""

    model: str
    desired: dict[str, Any] | None
    found: dict[str, Any] | None


class Pull(Struct, forbid_unknown_fields=True):
    """`digest` is the one that is meant; empty: whichever there is."""

    digest: Annotated[str, Meta(pattern=r"^(sha256:[0-9a-f]{64})?$")] = ""


class Pulled(Struct):
    """A version that this region can serve with everything else gone; `golden` deals were answered as ever."""

    name: str
    version: str
    digest: Digest
    golden: int


class Archive(Struct):
    """An uncompressed tar of a bundle's files, with its Content-Digest (RFC 9530) beside it."""


class Published(Struct):
    """`is_new` is false where the same had been published before."""

    name: str
    version: str
    digest: Digest
    is_new: bool


class VersionEntry(Struct):
    version: str
    in_memory: bool
    kept_here: bool
    in_registry: bool


class VersionList(Struct):
    name: str
    versions: list[VersionEntry]


class PolicyList(Struct):
    """Policies by `name/version`."""

    policies: list[str]


class PolicyDocument(Struct):
    """Thresholds stand on the risk score, 0 to 1000."""

    name: str
    version: str
    thresholds: dict[str, int]
    description: str | UnsetType = UNSET
    reasons: dict[str, Any] | UnsetType = UNSET


class PulledPolicy(Struct):
    name: str
    version: str


class SyntheticRun(Struct, forbid_unknown_fields=True):
    """`policy` reads `name/version`."""

    policy: ShortText


class Activation(Struct, forbid_unknown_fields=True):
    """`snapshot` lies in the region's lake; `manifest_sha256` is that of its manifest.json, in hex. One
    without a row is refused unless `allow_empty` says that it is meant."""

    snapshot: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    manifest_sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    allow_empty: bool = False


class ActiveSnapshot(Struct):
    """What is active now. Every activation has a generation of its own."""

    dataset: str
    snapshot: str
    digest: Digest
    rows: int
    generation: int
    activated_at: datetime


class ReferenceDataset(ActiveSnapshot):
    """`serving` is the snapshot that the answering instance looks into, null where none of its models needs it."""

    serving: str | None


class ReferenceList(Struct):
    datasets: list[ReferenceDataset]


class Health(Struct):
    """`degraded` says what keeps a region that is ready from deciding as well as it should."""

    status: str
    region: str
    degraded: list[str] | UnsetType = UNSET


class ServerMetadata(Struct):
    name: str
    version: str
    extensions: list[str]


class ServerLive(Struct):
    live: bool


class ServerReady(Struct):
    ready: bool


class ModelReady(Struct):
    name: str
    ready: bool


class TensorMetadata(Struct):
    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(Struct):
    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class InputTensor(Struct):
    """Data in row-major order, flat or nested."""

    name: str
    shape: list[Annotated[int, Meta(ge=0)]]
    datatype: str
    data: list[Any]
    parameters: dict[str, Any] | None = None


class RequestedOutput(Struct):
    name: str
    parameters: dict[str, Any] | None = None


class InferRequest(Struct):
    """`parameters` may hold deal_ids, residencies and subjects, one a row."""

    inputs: list[InputTensor]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[RequestedOutput] | None = None


class OutputTensor(Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class InferResponse(Struct):
    model_name: str
    model_version: str
    outputs: list[OutputTensor]
    id: str | UnsetType = UNSET
    parameters: dict[str, Any] | UnsetType = UNSET
