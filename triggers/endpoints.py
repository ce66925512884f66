"""The one table of endpoints: routes, roles, bodies and the problems they answer.

Blueprints register from it, the edge authorises by it, the OpenAPI document and the contract tests are made of it.
The host tries routes in alphabetical order of function name, so the catch-all's name sorts last.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flows.calls import ROLES
from triggers import schemas

EVERY_ROLE = frozenset(ROLES)
DEAL_BYTES = 256 * 1024
BATCH_BYTES = 8 * 1024 * 1024
SMALL_BYTES = 16 * 1024
ARCHIVE_BYTES = 64 * 1024 * 1024

AUTHENTICATED = ("unauthenticated", "keys-unavailable", "not-allowed")
BODY = ("malformed-body", "wrong-content-type", "length-required", "body-too-large")
RECORDING = ("ledger-unavailable", "ledger-busy")
STORED = ("storage-unavailable",)
CHANGING = (*AUTHENTICATED, *BODY, *RECORDING, "invalid-request", "superseded", "not-found")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`roles` None means open. `request` and `response` are types of `triggers/schemas.py`, `mimetype` is that of the
    request's body, `status` that of a success."""

    name: str
    methods: tuple[str, ...]
    route: str
    summary: str
    roles: frozenset[str] | None = None
    request: Any = None
    max_bytes: int = 0
    response: Any = None
    problems: tuple[str, ...] = ()
    is_open_inference: bool = False
    status: int = 200
    mimetype: str = "application/json"

    @property
    def path(self) -> str:
        """The route as people and OpenAPI write it: a catch-all is a parameter like any other."""
        return f"/{self.route.strip('/').replace('{*', '{')}"


def _roles(*names: str) -> frozenset[str]:
    return frozenset(names)


SCORE = Endpoint(
    "deals_score", ("POST",), "api/v1/deals:score", "Score a deal",
    _roles("scorer", "operator"), schemas.Deal, DEAL_BYTES, schemas.Decision,
    (*AUTHENTICATED, *BODY, *RECORDING, "invalid-parameter", "invalid-deal", "foreign-deal", "record-too-large",
     "idempotency-mismatch", "idempotency-running", "not-found", "version-withdrawn", "not-ready", "erased"),
)  # fmt: skip
SCORE_BATCH = Endpoint(
    "deals_score_batch", ("POST",), "api/v1/deals:scoreBatch", "Score up to 1,000 deals",
    _roles("scorer", "operator"), schemas.Batch, BATCH_BYTES, schemas.BatchResults,
    (*AUTHENTICATED, *BODY, *RECORDING, "invalid-parameter", "invalid-request", "idempotency-mismatch",
     "idempotency-running", "not-found", "version-withdrawn", "not-ready"),
)  # fmt: skip
READ_DECISION = Endpoint(
    "decision_read", ("GET",), "api/v1/decisions/{decision_id}", "Read a decision as it was recorded",
    _roles("auditor"), response=schemas.RecordedDecision,
    problems=(*AUTHENTICATED, *RECORDING, *STORED, "invalid-parameter", "not-found", "archived"),
)  # fmt: skip
SEARCH = Endpoint(
    "decisions_search", ("POST",), "api/v1/decisions:search", "Find the decisions of a deal",
    _roles("auditor"), schemas.DealSearch, SMALL_BYTES, schemas.FoundDecisions,
    (*AUTHENTICATED, *BODY, *RECORDING, *STORED, "invalid-request"),
)  # fmt: skip
LABEL = Endpoint(
    "decision_label", ("POST",), "api/v1/decisions/{decision_id}:label", "Say what a deal turned out to be",
    _roles("labeller"), schemas.Label, SMALL_BYTES, schemas.Receipt,
    (*AUTHENTICATED, *BODY, *RECORDING, *STORED, "invalid-request", "idempotency-mismatch", "idempotency-running",
     "not-found", "archived"),
)  # fmt: skip
REVIEW = Endpoint(
    "decision_review", ("POST",), "api/v1/decisions/{decision_id}:review", "Uphold or overturn a decision",
    _roles("reviewer"), schemas.Review, SMALL_BYTES, schemas.Receipt,
    (*AUTHENTICATED, *BODY, *RECORDING, *STORED, "invalid-request", "idempotency-mismatch", "idempotency-running",
     "not-found", "archived", "erased"),
)  # fmt: skip
MODELS = Endpoint(
    "models_list", ("GET",), "api/v1/models", "List the models this region holds",
    EVERY_ROLE, response=schemas.ModelList, problems=AUTHENTICATED,
)  # fmt: skip
MODEL_VERSION = Endpoint(
    "models_read", ("GET",), "api/v1/models/{name}/versions/{version}", "Read a model version's manifest",
    EVERY_ROLE, response=schemas.Manifest, problems=(*AUTHENTICATED, "not-found"),
)  # fmt: skip
READ_RELEASE = Endpoint(
    "release_read", ("GET",), "api/v1/releases/{model}", "Read what this region serves",
    _roles("operator", "approver", "auditor", "breakglass", "control"), response=schemas.Release,
    problems=(*AUTHENTICATED, "not-found", "ledger-unavailable"),
)  # fmt: skip
CHANGE_RELEASE = Endpoint(
    "release_change", ("PUT",), "api/v1/releases/{model}", "Change what this region serves",
    _roles("operator", "breakglass", "control"), schemas.ReleaseChange, SMALL_BYTES, schemas.Release,
    (*CHANGING, "invalid-parameter", "precondition-required", "version-withdrawn", "rollout-ended",
     "rollout-under-way"),
)  # fmt: skip
READ_METRICS = Endpoint(
    "release_metrics", ("GET",), "api/v1/releases/{model}/metrics", "What the ledger counted for a release",
    _roles("control", "operator", "auditor"), response=schemas.Metrics,
    problems=(*AUTHENTICATED, "not-found", "ledger-unavailable", "invalid-parameter"),
)  # fmt: skip
RENEW_RELEASE = Endpoint(
    "release_renew", ("POST",), "api/v1/releases/{model}:renew", "Lengthen the lease of an open rollout",
    _roles("control"), schemas.ReleaseRenewal, SMALL_BYTES, schemas.Release, CHANGING,
)  # fmt: skip
CLOSE_RELEASE = Endpoint(
    "release_close", ("POST",), "api/v1/releases/{model}:close", "End a rollout in this region",
    _roles("control"), schemas.ReleaseClosing, SMALL_BYTES, schemas.Release, CHANGING,
)  # fmt: skip
WITHDRAW = Endpoint(
    "release_withdraw", ("POST",), "api/v1/releases/{model}:withdraw",
    "Never serve a version or a policy in this region",
    _roles("control", "operator"), schemas.Withdrawal, SMALL_BYTES, schemas.Release,
    (*CHANGING, "nothing-to-return-to"),
)  # fmt: skip
UNWITHDRAW = Endpoint(
    "release_unwithdraw", ("POST",), "api/v1/releases/{model}:unwithdraw",
    "Let a version or a policy be served again here",
    _roles("control", "operator"), schemas.Withdrawal, SMALL_BYTES, schemas.Release, CHANGING,
)  # fmt: skip
UNHOLD = Endpoint(
    "release_unhold", ("POST",), "api/v1/releases/{model}:unhold", "Let rollouts change the release again",
    _roles("operator"), schemas.Reasoned, SMALL_BYTES, schemas.Release, CHANGING,
)  # fmt: skip
SYNTHETIC = Endpoint(
    "models_synthetic", ("POST",), "api/v1/models/{model}/versions/{version}:synthetic",
    "Score a version's golden set in this region",
    _roles("control", "operator"), schemas.SyntheticRun, SMALL_BYTES, schemas.Metrics,
    (*AUTHENTICATED, *BODY, *RECORDING, "invalid-request", "not-found", "not-ready"),
)  # fmt: skip
_STORING = ("versions-unavailable", "unsound-version", "digest-differs", "no-registry")
_REACHING = (*_STORING, "not-found")
PUBLISH = Endpoint(
    "models_publish", ("PUT",), "api/v1/models/{name}/versions/{version}", "Publish a version; it never changes",
    _roles("operator"), schemas.Archive, ARCHIVE_BYTES, schemas.Published,
    (*AUTHENTICATED, *BODY, *RECORDING, *_STORING, "invalid-parameter"),
    status=201, mimetype="application/x-tar",
)  # fmt: skip
LIST_VERSIONS = Endpoint(
    "models_versions", ("GET",), "api/v1/models/{name}/versions", "List a model's versions, and where they are",
    EVERY_ROLE, response=schemas.VersionList, problems=(*AUTHENTICATED, "versions-unavailable", "not-found"),
)  # fmt: skip
DOWNLOAD = Endpoint(
    "models_download", ("GET",), "api/v1/models/{name}/versions/{version}:download", "Download a version's files",
    _roles("operator", "auditor"), problems=(*AUTHENTICATED, "versions-unavailable", "not-found"),
)  # fmt: skip
PULL = Endpoint(
    "models_pull", ("POST",), "api/v1/models/{name}/versions/{version}:pull",
    "Fetch, verify, keep and load a version in this region",
    _roles("control", "operator"), schemas.Pull, SMALL_BYTES, schemas.Pulled,
    (*AUTHENTICATED, *BODY, *_REACHING, "invalid-request"),
)  # fmt: skip
POLICIES = Endpoint(
    "policies_list", ("GET",), "api/v1/policies", "List the policies this region holds",
    EVERY_ROLE, response=schemas.PolicyList, problems=AUTHENTICATED,
)  # fmt: skip
READ_POLICY = Endpoint(
    "policies_read", ("GET",), "api/v1/policies/{name}/versions/{version}", "Read a policy",
    EVERY_ROLE, response=schemas.PolicyDocument, problems=(*AUTHENTICATED, "versions-unavailable", "not-found"),
)  # fmt: skip
PUBLISH_POLICY = Endpoint(
    "policies_publish", ("PUT",), "api/v1/policies/{name}/versions/{version}", "Publish a policy; it never changes",
    _roles("operator"), schemas.PolicyDocument, SMALL_BYTES, schemas.Published,
    (*AUTHENTICATED, *BODY, *RECORDING, *_STORING), status=201,
)  # fmt: skip
PULL_POLICY = Endpoint(
    "policies_pull", ("POST",), "api/v1/policies/{name}/versions/{version}:pull",
    "Fetch, verify, keep and load a policy in this region",
    _roles("control", "operator"), schemas.Pull, SMALL_BYTES, schemas.PulledPolicy,
    (*AUTHENTICATED, *BODY, *_REACHING, "invalid-request"),
)  # fmt: skip
UNDO = Endpoint(
    "models_undo", ("POST",), "api/v1/models/{model}:undo", "Take every region back from a version or a policy at once",
    _roles("operator", "breakglass"), schemas.Undo, SMALL_BYTES, schemas.Undone, CHANGING,
)  # fmt: skip
LIFT = Endpoint(
    "models_unwithdraw", ("POST",), "api/v1/models/{model}:unwithdraw",
    "Let every region serve a version or a policy again",
    _roles("operator"), schemas.Withdrawal, SMALL_BYTES, schemas.Undone, CHANGING,
)  # fmt: skip

_SEEING = _roles("operator", "approver", "auditor")
_ROLLOUT = (*AUTHENTICATED, "not-control", "not-found", "ledger-unavailable")
_STEERING = (*_ROLLOUT, *BODY, "ledger-busy", "invalid-request", "rollout-over")
START_ROLLOUT = Endpoint(
    "rollouts_start", ("POST",), "api/v1/rollouts", "Roll a version out to every region",
    _roles("operator"), schemas.RolloutPlan, SMALL_BYTES, schemas.Rollout,
    (*_ROLLOUT, *BODY, "ledger-busy", "invalid-request", "invalid-parameter", "rollout-under-way", "version-withdrawn",
     "idempotency-mismatch", "versions-unavailable"),
    status=202,
)  # fmt: skip
LIST_ROLLOUTS = Endpoint(
    "rollouts_list", ("GET",), "api/v1/rollouts", "List the rollouts, the newest first",
    _SEEING, response=schemas.RolloutList, problems=_ROLLOUT,
)  # fmt: skip
LINT_ROLLOUT = Endpoint(
    "rollouts_lint", ("POST",), "api/v1/rollouts:lint", "Find every fault of a plan, and change nothing",
    _SEEING, schemas.RolloutPlan, SMALL_BYTES, schemas.LintedPlan,
    (*AUTHENTICATED, *BODY, "not-control", "ledger-unavailable", "versions-unavailable"),
)  # fmt: skip
READ_ROLLOUT = Endpoint(
    "rollout_read", ("GET",), "api/v1/rollouts/{rollout_id}", "See where a rollout stands",
    _SEEING, response=schemas.Rollout, problems=_ROLLOUT,
)  # fmt: skip
APPROVE = Endpoint(
    "rollout_approve", ("POST",), "api/v1/rollouts/{rollout_id}:approve", "Approve the gate a rollout waits at",
    _roles("approver"), schemas.Approval, SMALL_BYTES, schemas.Rollout, (*_STEERING, "not-counted"),
)  # fmt: skip
REJECT = Endpoint(
    "rollout_reject", ("POST",), "api/v1/rollouts/{rollout_id}:reject", "Reject a rollout: every region goes back",
    _roles("approver"), schemas.Said, SMALL_BYTES, schemas.Rollout, _STEERING,
)  # fmt: skip
PAUSE = Endpoint(
    "rollout_pause", ("POST",), "api/v1/rollouts/{rollout_id}:pause", "Let a rollout go no further for now",
    _roles("operator"), schemas.Said, SMALL_BYTES, schemas.Rollout, _STEERING,
)  # fmt: skip
RESUME = Endpoint(
    "rollout_resume", ("POST",), "api/v1/rollouts/{rollout_id}:resume", "Let a rollout go on",
    _roles("operator"), schemas.Said, SMALL_BYTES, schemas.Rollout, _STEERING,
)  # fmt: skip
ABORT = Endpoint(
    "rollout_abort", ("POST",), "api/v1/rollouts/{rollout_id}:abort", "Abort a rollout: every region goes back",
    _roles("operator"), schemas.Said, SMALL_BYTES, schemas.Rollout, _STEERING,
)  # fmt: skip
PROMOTE_FULL = Endpoint(
    "rollout_promote_full", ("POST",), "api/v1/rollouts/{rollout_id}:promoteFull",
    "Skip pauses, bakes and gates, but no verdict",
    _roles("operator", "approver"), schemas.Said, SMALL_BYTES, schemas.Rollout, (*_STEERING, "not-counted"),
)  # fmt: skip
READ_FLEET = Endpoint(
    "fleet_read", ("GET",), "api/v1/fleet/{model}", "What every region is to serve, and what the reconciler found",
    _SEEING, response=schemas.Fleet, problems=_ROLLOUT,
)  # fmt: skip
ACTIVATE = Endpoint(
    "reference_activate", ("POST",), "api/v1/reference/{dataset}:activate", "Look into another snapshot from now on",
    _roles("deliverer", "operator"), schemas.Activation, SMALL_BYTES, schemas.ActiveSnapshot,
    (*AUTHENTICATED, *BODY, *RECORDING, "invalid-request", "unsound-snapshot", "superseded"),
)  # fmt: skip
LIST_REFERENCE = Endpoint(
    "reference_list", ("GET",), "api/v1/reference", "List the reference datasets and their active snapshots",
    _roles("auditor", "deliverer", "operator"), response=schemas.ReferenceList,
    problems=(*AUTHENTICATED, "ledger-unavailable"),
)  # fmt: skip
LIST_LAKE = Endpoint(
    "lake_list", ("GET",), "api/v1/lake", "List the files of the region's lake",
    _roles("auditor"), response=schemas.LakeFiles,
    problems=(*AUTHENTICATED, *STORED, "invalid-parameter"),
)  # fmt: skip
READ_LAKE = Endpoint(
    "lake_read", ("GET",), "api/v1/lake/{*file}", "Read a file of the region's lake, or a range of it",
    _roles("auditor"),
    problems=(*AUTHENTICATED, *RECORDING, "invalid-parameter", "not-found", "archived", "range-not-satisfiable",
              *STORED),
)  # fmt: skip
READ_EXPORTS = Endpoint(
    "exports_list", ("GET",), "api/v1/exports", "Which windows of the trail are sealed, and how far behind it is",
    _roles("operator", "auditor", "privacy"), response=schemas.Exports,
    problems=(*AUTHENTICATED, "ledger-unavailable", "invalid-parameter"),
)  # fmt: skip
SEAL_EXPORT = Endpoint(
    "exports_seal", ("POST",), "api/v1/exports/{window}:seal", "Seal a closed window now",
    _roles("operator"), schemas.Said, SMALL_BYTES, schemas.SealedWindow,
    (*AUTHENTICATED, *BODY, "ledger-unavailable", "invalid-request", "not-found", "window-open"), status=202,
)  # fmt: skip
READ_WITNESS = Endpoint(
    "witness_read", ("GET",), "api/v1/witness/{region}", "The last checkpoint that is kept here of another region",
    _roles("control", "auditor", "operator"), response=schemas.HeldCheckpoint,
    problems=(*AUTHENTICATED, "not-found", "ledger-unavailable"),
)  # fmt: skip
KEEP_CHECKPOINT = Endpoint(
    "witness_keep", ("POST",), "api/v1/witness/{region}:keep", "Keep another region's checkpoint",
    _roles("control"), schemas.CheckpointProof, BATCH_BYTES, schemas.HeldCheckpoint,
    (*AUTHENTICATED, *BODY, "not-found", "ledger-unavailable", "invalid-request", "checkpoint-refused"),
)  # fmt: skip
OPEN_EXPORT = Endpoint(
    "exports_open", ("POST",), "api/v1/exports/{window}:open", "Open the records of a sealed window",
    _roles("auditor"), schemas.WindowOpening, SMALL_BYTES, schemas.OpenedRecords,
    (*AUTHENTICATED, *BODY, *RECORDING, *STORED, "invalid-request", "not-found", "archived"),
)  # fmt: skip
_PRIVACY = (*AUTHENTICATED, *BODY, *RECORDING, *STORED, "invalid-request")
ERASE = Endpoint(
    "subjects_erase", ("POST",), "api/v1/subjects:erase", "Erase what is personal of somebody, or of one decision",
    _roles("privacy"), schemas.SubjectOrder, SMALL_BYTES, schemas.Erasure, (*_PRIVACY, "idempotency-running"),
)  # fmt: skip
HOLD = Endpoint(
    "subjects_hold", ("POST",), "api/v1/subjects:hold", "Keep somebody, or one decision, from being erased",
    _roles("privacy"), schemas.SubjectOrder, SMALL_BYTES, schemas.PlacedHold, _PRIVACY,
)  # fmt: skip
RELEASE_HOLD = Endpoint(
    "subjects_release", ("POST",), "api/v1/subjects:release", "Take a legal hold back",
    _roles("privacy"), schemas.SubjectRelease, SMALL_BYTES, schemas.ReleasedHold, (*_PRIVACY, "not-found"),
)  # fmt: skip
ACCESS = Endpoint(
    "subjects_access", ("POST",), "api/v1/subjects:access", "Read everything that was recorded about somebody",
    _roles("privacy"), schemas.SubjectAccess, SMALL_BYTES, schemas.SubjectRecords, _PRIVACY,
)  # fmt: skip
LIST_ERASURES = Endpoint(
    "erasures_list", ("GET",), "api/v1/erasures", "List the erasures that are not complete",
    _roles("privacy"), response=schemas.ErasureList, problems=(*AUTHENTICATED, *STORED),
)  # fmt: skip
READ_ERASURE = Endpoint(
    "erasures_read", ("GET",), "api/v1/erasures/{erasure_id}", "See how far an erasure has come",
    _roles("privacy"), response=schemas.ErasureState, problems=(*AUTHENTICATED, *STORED, "not-found"),
)  # fmt: skip
REWRAP = Endpoint(
    "keys_rewrap", ("POST",), "api/v1/keys:rewrap", "Wrap the keyring anew by the newest key-encryption key",
    _roles("operator"), response=schemas.Rewrapped, problems=(*AUTHENTICATED, *RECORDING, *STORED),
)  # fmt: skip
OPENAPI = Endpoint("openapi", ("GET",), "api/openapi.json", "This API as an OpenAPI 3.1 document")
LIVE = Endpoint("health_live", ("GET", "HEAD"), "health/live", "Is the process alive", response=schemas.Health)
READY = Endpoint(
    "health_ready", ("GET", "HEAD"), "health/ready", "Can the region score", response=schemas.Health,
    problems=("not-ready",),
)  # fmt: skip
PAGE = Endpoint("page", ("GET",), "/", "A page to try it on")

V2_SERVER = Endpoint(
    "v2_server", ("GET",), "v2", "Open Inference: server metadata", EVERY_ROLE,
    response=schemas.ServerMetadata, problems=AUTHENTICATED, is_open_inference=True,
)  # fmt: skip
V2_LIVE = Endpoint(
    "v2_live", ("GET", "HEAD"), "v2/health/live", "Open Inference: is the server alive",
    response=schemas.ServerLive, is_open_inference=True,
)  # fmt: skip
V2_READY = Endpoint(
    "v2_ready", ("GET", "HEAD"), "v2/health/ready", "Open Inference: is the server ready",
    response=schemas.ServerReady, problems=("not-ready",), is_open_inference=True,
)  # fmt: skip
_V2_READ = (*AUTHENTICATED, "not-found", "not-ready")
V2_MODEL = Endpoint(
    "v2_model", ("GET",), "v2/models/{model}", "Open Inference: model metadata", EVERY_ROLE,
    response=schemas.ModelMetadata, problems=_V2_READ, is_open_inference=True,
)  # fmt: skip
V2_VERSION = Endpoint(
    "v2_model_version", ("GET",), "v2/models/{model}/versions/{version}", "Open Inference: version metadata",
    EVERY_ROLE, response=schemas.ModelMetadata, problems=_V2_READ, is_open_inference=True,
)  # fmt: skip
V2_MODEL_READY = Endpoint(
    "v2_model_ready", ("GET",), "v2/models/{model}/ready", "Open Inference: is the model ready", EVERY_ROLE,
    response=schemas.ModelReady, problems=_V2_READ, is_open_inference=True,
)  # fmt: skip
V2_VERSION_READY = Endpoint(
    "v2_model_version_ready", ("GET",), "v2/models/{model}/versions/{version}/ready",
    "Open Inference: is the version ready", EVERY_ROLE,
    response=schemas.ModelReady, problems=_V2_READ, is_open_inference=True,
)  # fmt: skip
_V2_INFER = (
    *AUTHENTICATED, *BODY, *RECORDING, "invalid-request", "invalid-parameter", "foreign-deal",
    "record-too-large", "partly-recorded", "idempotency-mismatch",
    "idempotency-running", "not-found", "version-withdrawn", "not-ready", "erased",
)  # fmt: skip
V2_INFER = Endpoint(
    "v2_infer", ("POST",), "v2/models/{model}/infer", "Open Inference: score rows",
    _roles("scorer", "operator"), schemas.InferRequest, BATCH_BYTES, schemas.InferResponse, _V2_INFER,
    is_open_inference=True,
)  # fmt: skip
V2_VERSION_INFER = Endpoint(
    "v2_infer_version", ("POST",), "v2/models/{model}/versions/{version}/infer",
    "Open Inference: score rows with one version",
    _roles("operator"), schemas.InferRequest, BATCH_BYTES, schemas.InferResponse, _V2_INFER, is_open_inference=True,
)  # fmt: skip

UNMATCHED = Endpoint(
    "zz_unmatched", ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"), "{*path}", "Whatever is not here",
    problems=("no-such-path", "method-not-allowed"),
)  # fmt: skip

ENDPOINTS: Sequence[Endpoint] = (
    SCORE, SCORE_BATCH, READ_DECISION, SEARCH, LABEL, REVIEW, MODELS, MODEL_VERSION, READ_RELEASE, CHANGE_RELEASE,
    READ_METRICS, RENEW_RELEASE, CLOSE_RELEASE, WITHDRAW, UNWITHDRAW, UNHOLD,
    PUBLISH, LIST_VERSIONS, DOWNLOAD, PULL, POLICIES, READ_POLICY, PUBLISH_POLICY, PULL_POLICY, SYNTHETIC, UNDO, LIFT,
    START_ROLLOUT, LIST_ROLLOUTS, LINT_ROLLOUT, READ_ROLLOUT, APPROVE, REJECT, PAUSE, RESUME, ABORT, PROMOTE_FULL,
    READ_FLEET,
    ACTIVATE, LIST_REFERENCE,
    OPEN_EXPORT, LIST_LAKE, READ_LAKE,
    ERASE, HOLD, RELEASE_HOLD, ACCESS, LIST_ERASURES, READ_ERASURE, REWRAP,
    READ_EXPORTS, SEAL_EXPORT, READ_WITNESS, KEEP_CHECKPOINT,
    OPENAPI, LIVE, READY, PAGE,
    V2_SERVER, V2_LIVE, V2_READY, V2_MODEL, V2_VERSION, V2_MODEL_READY, V2_VERSION_READY, V2_INFER, V2_VERSION_INFER,
    UNMATCHED,
)  # fmt: skip


def allowed_methods(path: str) -> list[str]:
    """The methods that are answered at a path, by the most particular of its routes; empty where there is nothing."""
    answering = [e for e in ENDPOINTS if e is not UNMATCHED and _pattern(e).fullmatch(path.strip("/"))]
    particular = max(map(_literal_length, answering), default=0)
    return sorted({method for e in answering if _literal_length(e) == particular for method in e.methods})


def _literal_length(endpoint: Endpoint) -> int:
    return len(re.sub(r"\{\*?\w+\}", "", endpoint.route))


def _pattern(endpoint: Endpoint) -> re.Pattern[str]:
    route, rest = endpoint.route.strip("/"), ""
    if "{*" in route:
        route, rest = route.partition("{*")[0], "[^:]+"
    literals = re.split(r"\{\w+\}", route)
    return re.compile("[^/:]+".join(map(re.escape, literals)) + rest, re.IGNORECASE)
