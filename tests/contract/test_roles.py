"""Every endpoint with every role: who may, who may not, and who needs no token."""

from __future__ import annotations

import json

import pytest

from audit.layout import manifest_name
from audit.manifests import Counts, Manifest
from audit.windows import Window
from flows.calls import ROLES
from scoring.release import Release, Target
from tests.desk import ROOT, Desk, golden_deal, golden_features, read, sign_checkpoint
from tests.snapshots import digest_of, put, snapshot_of
from triggers.archives import MIMETYPE, digest_header, write_archive
from triggers.endpoints import (
    ENDPOINTS,
    OPEN_EXPORT,
    PUBLISH,
    PULL_POLICY,
    READ_ERASURE,
    READ_POLICY,
    RELEASE_HOLD,
    UNMATCHED,
    Endpoint,
)

TARGET = {"version": "1.0.0", "policy": "standard/1"}
ROLLOUT = "01a20b88-7c4e-7995-b00e-1b51e55f7352"
OPENED = Release("deal-fraud", Target("1.0.0", "standard/1"), generation=2, rollout_id=ROLLOUT)
PLAN = {"model": "deal-fraud", "version": "1.1.0"}
ORDER = {
    "id": ROLLOUT,
    "model": "other",
    "plan": {"waves": [["westeurope"]]},
    "target": {"version": "1.1.0", "policy": None},
    "starter": "somebody",
    "started_at": "2026-11-23T21:00:00.000Z",
}
WAITING = {
    "phase": "Paused",
    "message": "",
    "wave": 1,
    "gate": "wave-1",
    "seq": 2,
    "seen_at": "2026-11-23T21:00:00.000Z",
}
STAFF = snapshot_of(dataset="staff")
BODIES: dict[str, object] = {
    "deals_score": golden_deal(),
    "deals_score_batch": {"deals": [golden_deal()]},
    "decision_label": {"label": "fraud", "source": "desk", "labelled_at": "2026-12-01T00:00:00Z"},
    "decision_review": {"verdict": "uphold", "reason": "sound"},
    "release_change": {"stable": TARGET},
    "release_renew": {"rollout_id": ROLLOUT, "generation": 2, "valid_until": "2026-12-01T00:00:00Z"},
    "release_close": {"rollout_id": ROLLOUT},
    "release_withdraw": {"version": "1.1.0", "reason": "bad"},
    "release_unwithdraw": {"version": "1.1.0", "reason": "mended"},
    "release_unhold": {"reason": "seen"},
    "models_pull": {},
    "models_synthetic": {"policy": "standard/1"},
    "models_undo": {"leave": "1.1.0", "reason": "bad"},
    "models_unwithdraw": {"version": "1.1.0", "reason": "mended"},
    "rollouts_start": PLAN,
    "rollouts_lint": PLAN,
    "rollout_approve": {"gate": "wave-1"},
    "reference_activate": {"snapshot": "s1", "manifest_sha256": digest_of(STAFF).removeprefix("sha256:")},
    "exports_seal": {"reason": "why"},
    "exports_open": {},
    "decisions_search": {"deal_id": "D-1"},
    "subjects_erase": {"subject": "P-1", "reason": "asked"},
    "subjects_hold": {"subject": "P-1", "reason": "sued"},
    "subjects_release": {"subject": "P-1", "hold_id": "0" * 32, "reason": "settled"},
    "subjects_access": {"subject": "P-1"},
    "witness_keep": {"checkpoint": sign_checkpoint(1, b"\1" * 32), "old_size": 0, "proof": []},
    **{f"rollout_{verb}": {"reason": "why"} for verb in ("reject", "pause", "resume", "abort", "promote_full")},
    "v2_infer": {"inputs": [{"name": "age", "shape": [1], "datatype": "FP64", "data": [golden_features()["age"]]}]},
}
WINDOW = Window(1_795_467_600, 3600)
FOLDER = ROOT / "model_artifacts/deal-fraud/1.0.0"
ARCHIVE = write_archive({path.name: path.read_bytes() for path in FOLDER.iterdir()})
BODIES |= {
    "models_publish": ARCHIVE,
    "policies_publish": {"name": "deal-fraud", "version": "1.0.0", "thresholds": {"review": 900, "decline": 980}},
    "policies_pull": {},
}
BODIES["v2_infer_version"] = BODIES["v2_infer"]

TABLE = {
    "deals_score": {"scorer", "operator"},
    "deals_score_batch": {"scorer", "operator"},
    "decision_read": {"auditor"},
    "decision_label": {"labeller"},
    "decision_review": {"reviewer"},
    "models_list": set(ROLES),
    "models_read": set(ROLES),
    "release_read": {"operator", "approver", "auditor", "breakglass", "control"},
    "release_change": {"operator", "breakglass", "control"},
    "release_metrics": {"control", "operator", "auditor"},
    "release_renew": {"control"},
    "release_close": {"control"},
    "release_withdraw": {"control", "operator"},
    "release_unwithdraw": {"control", "operator"},
    "release_unhold": {"operator"},
    "models_publish": {"operator"},
    "models_versions": set(ROLES),
    "models_download": {"operator", "auditor"},
    "models_pull": {"control", "operator"},
    "policies_list": set(ROLES),
    "policies_read": set(ROLES),
    "policies_publish": {"operator"},
    "policies_pull": {"control", "operator"},
    "models_synthetic": {"control", "operator"},
    "models_undo": {"operator", "breakglass"},
    "models_unwithdraw": {"operator"},
    "rollouts_start": {"operator"},
    "rollouts_list": {"operator", "approver", "auditor"},
    "rollouts_lint": {"operator", "approver", "auditor"},
    "rollout_read": {"operator", "approver", "auditor"},
    "rollout_approve": {"approver"},
    "rollout_reject": {"approver"},
    "rollout_pause": {"operator"},
    "rollout_resume": {"operator"},
    "rollout_abort": {"operator"},
    "rollout_promote_full": {"operator", "approver"},
    "fleet_read": {"operator", "approver", "auditor"},
    "reference_activate": {"deliverer", "operator"},
    "reference_list": {"auditor", "deliverer", "operator"},
    "lake_list": {"auditor"},
    "lake_read": {"auditor"},
    "exports_list": {"auditor", "operator", "privacy"},
    "exports_seal": {"operator"},
    "witness_read": {"auditor", "control", "operator"},
    "witness_keep": {"control"},
    "exports_open": {"auditor"},
    "decisions_search": {"auditor"},
    "subjects_erase": {"privacy"},
    "subjects_hold": {"privacy"},
    "subjects_release": {"privacy"},
    "subjects_access": {"privacy"},
    "erasures_list": {"privacy"},
    "erasures_read": {"privacy"},
    "keys_rewrap": {"operator"},
    "openapi": None,
    "health_live": None,
    "health_ready": None,
    "page": None,
    "v2_server": set(ROLES),
    "v2_live": None,
    "v2_ready": None,
    "v2_model": set(ROLES),
    "v2_model_version": set(ROLES),
    "v2_model_ready": set(ROLES),
    "v2_model_version_ready": set(ROLES),
    "v2_infer": {"scorer", "operator"},
    "v2_infer_version": {"operator"},
}
ROUTED = [endpoint for endpoint in ENDPOINTS if endpoint is not UNMATCHED]


async def call(desk: Desk, endpoint: Endpoint, roles: str | None) -> int:
    """The status an endpoint answers, in a region that is ready."""
    scored = read(await desk.send("POST", "/api/v1/deals:score", golden_deal()))
    values = {"decision_id": scored["decision_id"], "name": "deal-fraud", "model": "deal-fraud", "version": "1.0.0"}
    values |= {"rollout_id": ROLLOUT, "dataset": "staff", "window": WINDOW.name, "region": "eastus2"}
    put(desk.lake, STAFF, dataset="staff")
    desk.lanes.register(WINDOW, "9f3a")
    values["file"] = next(iter(desk.lake.files))
    body = BODIES.get(endpoint.name)
    if endpoint is RELEASE_HOLD:
        placed = read(await desk.send("POST", "/api/v1/subjects:hold", BODIES["subjects_hold"], "privacy"))
        body = {"subject": "P-1", "hold_id": placed["hold_id"], "reason": "settled"}
    if endpoint is READ_ERASURE:
        erased = read(await desk.send("POST", "/api/v1/subjects:erase", BODIES["subjects_erase"], "privacy"))
        values["erasure_id"] = erased["erasure_id"]
    if endpoint is OPEN_EXPORT:
        sealed = Manifest("westeurope", WINDOW, 0, [], [], Counts(), [])
        desk.lake.files[manifest_name("westeurope", WINDOW)] = sealed.to_bytes()
    if endpoint in {PULL_POLICY, READ_POLICY}:
        policy = json.dumps(BODIES["policies_publish"]).encode()
        await desk.registry.write("policies", "deal-fraud", "1.0.0", {"policy.json": policy}, "")
    if endpoint.name == "release_renew":
        desk.store.rows["deal-fraud"] = OPENED
    await desk.rows.insert("rollouts", ROLLOUT, ORDER)
    await desk.rows.insert(ROLLOUT, "shown-rollout", WAITING)
    await desk.rows.insert("desired", "deal-fraud", {"model": "deal-fraud", "generation": 1, "target": TARGET})
    path = endpoint.path.format(**values)
    path += "?since=2026-11-23T21:00:00Z" if endpoint.name == "release_metrics" else ""
    headers = {"if-match": '"1"'} if endpoint.name == "release_change" else {}
    if endpoint is PUBLISH:
        headers = {"content-type": MIMETYPE, "content-digest": digest_header(ARCHIVE)}
    response = await desk.send(endpoint.methods[0], path, body, roles, headers)
    return response.status_code


def test_table_of_roles_names_every_endpoint() -> None:
    assert {endpoint.name for endpoint in ROUTED} == set(TABLE)


@pytest.mark.parametrize("endpoint", ROUTED, ids=lambda endpoint: endpoint.name)
@pytest.mark.parametrize("role", ROLES)
async def test_endpoint_answers_its_roles_and_refuses_the_others(desk: Desk, endpoint: Endpoint, role: str) -> None:
    allowed = TABLE[endpoint.name]
    expected = endpoint.status if allowed is None or role in allowed else 403
    assert await call(desk, endpoint, role) == expected


@pytest.mark.parametrize("endpoint", ROUTED, ids=lambda endpoint: endpoint.name)
async def test_endpoint_without_a_token_answers_only_what_is_open(desk: Desk, endpoint: Endpoint) -> None:
    assert await call(desk, endpoint, None) == (200 if TABLE[endpoint.name] is None else 401)


@pytest.mark.parametrize("endpoint", ROUTED, ids=lambda endpoint: endpoint.name)
async def test_endpoint_refuses_a_caller_without_roles(desk: Desk, endpoint: Endpoint) -> None:
    assert await call(desk, endpoint, "") == (200 if TABLE[endpoint.name] is None else 403)
