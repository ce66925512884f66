"""The datasets' schemas: every record that the app can write is what they say, and they never change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator

from audit.counters import Counters, Traffic
from audit.feature_counts import FeatureBins, FeatureCounts
from audit.layout import DATASETS, DECISIONS, PERFORMANCE, manifest_name, schema_name
from audit.manifests import Manifest
from audit.performance import build_performance
from audit.records import Record, RecordType
from audit.windows import parse_window
from flows.deciding.decision_records import Circumstances, Judgement, ShadowJudgement, build_decision_record
from flows.errors import Superseded
from flows.sealing.publish_schemas import PublishSchemas, read_schema
from rollouts.plan import MetricRule, Of
from rollouts.verdicts import judge_metrics, judgement_data
from scoring.bundle import read_bundle
from scoring.deals import Deal
from scoring.features import LookedUp, ReferenceUsed
from scoring.policy import Outcome
from scoring.release import Variant
from tests.contract.test_reference import activate
from tests.desk import Desk, golden_deal, load_models, read
from tests.fakes import OnePolicy
from tests.lines import faults_of, find_faults, lines_of, row_of, schema_of
from tests.unit.flows.conftest import CALL
from tests.unit.scoring.bundles import read_demo

PINS = {
    "decisions": "e9cf07f84c089bd6acbdb2d44ae57d2a100b3cd5ade4e267753f87a62db33bf6",
    "releases": "a8057078317c98606fb65ab28ce63688734718249b7afa4fdeb82f5ff7949a01",
    "performance": "0c9d934c3a7fd7069c85d9d6829b68ec9d8cd45c1c1c29c1ea94931088336a69",
}
"""SHA-256 of version 1 of each schema. A schema that lies in a lake stays there: what needs another one is version 2,
under a name of its own."""

WINDOW = parse_window("20261123T210000Z", 3600)
ORDER = {"subject": "P-1", "reason": "asked for"}


async def fill(desk: Desk) -> None:
    """Have every type of record written, as callers do."""
    scored = read(await desk.send("POST", "/api/v1/deals:score", golden_deal(subjects=["P-1"])))
    await desk.send("POST", "/api/v1/deals:score", {"deal_id": 1})
    decision = f"/api/v1/decisions/{scored['decision_id']}"
    label = {"label": "fraud", "source": "claims", "labelled_at": "2026-11-24T09:00:00Z"}
    await desk.send("POST", f"{decision}:label", label, "labeller")
    for review in ({"verdict": "uphold"}, {"verdict": "overturn", "outcome": "approve"}):
        await desk.send("POST", f"{decision}:review", {**review, "reason": "I know him"}, "reviewer")
    await read_trail(desk, decision)
    await change_releases(desk)
    policy = (await desk.send("GET", "/api/v1/policies/standard/versions/1")).get_body()
    published = policy.replace(b'"version": "1"', b'"version": "9"').replace(b'"version":"1"', b'"version":"9"')
    await desk.send("PUT", "/api/v1/policies/standard/versions/9", published, "operator")
    await steer_rollout(desk)
    await note_transitions(desk)
    await activate_snapshots(desk)
    await desk.send("POST", "/api/v1/subjects:erase", ORDER, "privacy")
    for subject in ("P-2", f"deal:{scored['decision_id']}"):
        order = {**ORDER, "subject": subject}
        hold = read(await desk.send("POST", "/api/v1/subjects:hold", order, "privacy"))
        await desk.send("POST", "/api/v1/subjects:erase", order, "privacy")
        await desk.send("POST", "/api/v1/subjects:release", {**order, "hold_id": hold["hold_id"]}, "privacy")
    await desk.send("POST", "/api/v1/keys:rewrap", {"reason": "due"}, "operator")


async def read_trail(desk: Desk, decision: str) -> None:
    await desk.send("GET", decision, roles="auditor")
    await desk.send("POST", "/api/v1/decisions:search", {"deal_id": "D-1"}, "auditor")
    await desk.send("POST", "/api/v1/subjects:access", {"subject": "P-1"}, "privacy")
    name = manifest_name("westeurope", WINDOW)
    desk.lake.files[name] = Manifest("westeurope", WINDOW).to_bytes()
    await desk.send("POST", f"/api/v1/exports/{WINDOW.name}:open", {"dataset": DECISIONS}, "auditor")
    for file in ("audit/decisions/v1/hour/20261123T210000Z-0001.jsonl.gz", "reference/agents/v1/notes.txt"):
        desk.lake.files[file] = b"some bytes"
        await desk.send("GET", f"/api/v1/lake/{file}", roles="auditor")


async def change_releases(desk: Desk) -> None:
    withdrawal = {"version": "1.1.0", "reason": "bad"}
    await desk.send("POST", "/api/v1/releases/deal-fraud:withdraw", withdrawal, "operator")
    await desk.send("POST", "/api/v1/releases/deal-fraud:unwithdraw", withdrawal, "operator")
    standing = read(await desk.send("GET", "/api/v1/releases/deal-fraud", roles="operator"))
    change = {
        "stable": standing["stable"],
        "candidate": {"version": "1.1.0", "policy": "standard/1"},
        "weight": 0,
        "shadow_share": 0.5,
        "reason": "to look on",
    }
    headers = {"if-match": f'"{standing["generation"]}"'}
    await desk.send("PUT", "/api/v1/releases/deal-fraud", change, "operator", headers)
    replace = desk.store.replace
    desk.store.replace = be_late  # type: ignore[method-assign]
    await desk.send("POST", "/api/v1/releases/deal-fraud:withdraw", withdrawal, "operator")
    desk.store.replace = replace  # type: ignore[method-assign]


async def steer_rollout(desk: Desk) -> None:
    await desk.send(
        "POST", "/api/v1/models/deal-fraud:unwithdraw", {"version": "1.1.0", "reason": "mended"}, "operator"
    )
    plan = {"model": "deal-fraud", "version": "1.1.0"}
    rollout = read(await desk.send("POST", "/api/v1/rollouts", plan, "operator"))
    await desk.send("POST", f"/api/v1/rollouts/{rollout['id']}:pause", {"reason": "lunch"}, "operator")


async def note_transitions(desk: Desk) -> None:
    room = desk.service.control
    assert room is not None
    rule = MetricRule("error_rate", Of.CANDIDATE, maximum=0.1)
    for seq, source in enumerate(("rollout", "westeurope"), start=1):
        transition = {
            "rollout_id": "r-1",
            "source": source,
            "seq": seq,
            "at": "2026-11-23T21:00:00.000Z",
            "what": "judged",
            "message": "it went well",
            "shown": {},
            "notice": "",
        }
        judged = {"judgement": judgement_data(judge_metrics([rule], None, "no answer"))}
        await room.papers.log.note({**transition, **(judged if source != "rollout" else {})})


async def activate_snapshots(desk: Desk) -> None:
    insert = desk.reference_rows.insert
    desk.reference_rows.insert = be_late  # type: ignore[method-assign]
    await activate(desk)
    desk.reference_rows.insert = insert  # type: ignore[method-assign]
    await activate(desk)


async def be_late(*written: object) -> None:
    """Write where somebody else was quicker."""
    raise Superseded


def decisions() -> Iterator[Record]:
    """Decisions in all circumstances."""
    model = load_models().find("deal-fraud", "1.0.0")
    assert model is not None
    deal = Deal("D-1", occurred_at="2026-11-23T21:00:00Z", subjects=("P-1", "P-2"), features=dict(model.golden[0]))
    row, _ = model.encode(deal.features)
    policy = OnePolicy().find("standard/1")
    assert policy is not None
    used = LookedUp({"age": None}, ("age",), (ReferenceUsed("agents", "s-1", "sha256:" + "0" * 64), ReferenceUsed("x")))
    shadows = [
        ShadowJudgement("1.1.0", "standard/1", 0.5, 500, Outcome.REVIEW),
        ShadowJudgement("1.1.0", "standard/1", 0.5, 500, Outcome.REVIEW, looked_up=used),
        ShadowJudgement("1.1.0", "standard/1", error="failed to score"),
    ]
    residency = {"jurisdiction": "eu", "country": None, "assumed": True}
    under = Circumstances(Variant.STABLE, 3, Traffic.LIVE, residency)
    for circumstances in (
        under,
        replace(under, variant=Variant.PINNED, traffic=Traffic.PINNED, residency={**residency, "country": "DE"}),
        replace(under, release_stale=True, deal_id_generated=True, candidate_error="failed to score"),
        *(replace(under, shadow=shadow) for shadow in shadows),
    ):
        for found in (row, replace(row, looked_up=used, unused=("agent",))):
            judged = Judgement(model, policy, found, 0.25, 250, Outcome.APPROVE, contributions=(0.1, -2.5e-7))
            yield build_decision_record(
                UUID("01a20ace-50a9-71c0-849e-50605cd5cbed"), "westeurope", "2026-11-23T21:00:00.000Z", "0" * 32,
                CALL, deal, judged, circumstances, 12.0,
            )  # fmt: skip


async def test_every_record_that_is_written_is_what_its_schema_says(desk: Desk) -> None:
    await fill(desk)
    records = list(desk.ledger.records.values())
    assert {record.tally.record_type for record in records} == {kind.value for kind in RecordType}
    for record in records:
        assert faults_of(record) == []


def test_every_decision_is_what_its_schema_says() -> None:
    for record in decisions():
        assert faults_of(record) == []


def test_lines_are_sealed_salted_or_without_what_was_personal() -> None:
    sealed, erased = (json.loads(line) for line in lines_of(next(decisions())))
    assert set(sealed["data"]["personal"]) == {"box", "subjects"}
    assert "personal" not in erased["data"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": {}}, "personal_commitment"),
        ({"type": "vouch.release.changed.v1"}, "vouch.release.changed.v1"),
        ({"id": "1"}, "$.id"),
        ({"extra": 1}, "extra"),
    ],
)
def test_line_that_is_none_is_found_out(change: dict[str, Any], said: str) -> None:
    line = json.loads(row_of(next(decisions())).rest)
    assert any(said in fault for fault in find_faults(DECISIONS, json.dumps({**line, **change}).encode()))


@pytest.mark.parametrize("data", [{"new_member": 1}, {"outcome": "perhaps"}, {"personal": {"deal_id": "D-1"}}])
def test_member_that_is_none_or_not_described_is_found_out(data: dict[str, Any]) -> None:
    line = json.loads(row_of(next(decisions())).rest)
    line["data"] |= data
    assert find_faults(DECISIONS, json.dumps(line).encode())


def test_type_that_a_later_app_writes_is_no_fault_for_readers() -> None:
    line = json.loads(row_of(next(decisions())).rest) | {"type": "vouch.decision.replayed.v1"}
    assert Draft202012Validator(schema_of(DECISIONS)).is_valid(line)


@pytest.mark.parametrize("count", [4, 6, 30])
def test_performance_lines_are_what_their_schema_says(count: int) -> None:
    bundle, counters, features = read_bundle(read_demo()), Counters(), FeatureCounts()
    bins = FeatureBins.of(bundle.manifest.reference.features)
    for record in list(decisions())[:6] * count:
        counters.add(record.tally)
        features.add(row_of(record), lambda model, version: bins)
    lines = build_performance("westeurope", WINDOW, counters, features, 5)
    assert len(lines) == 2
    for line in lines:
        assert find_faults(PERFORMANCE, line) == []
    assert any(json.loads(line).get("features") for line in lines)


def test_performance_line_of_few_is_what_its_schema_says_and_nothing_more_is_allowed() -> None:
    counters = Counters()
    counters.add(next(decisions()).tally)
    (line,) = build_performance("westeurope", WINDOW, counters, FeatureCounts(), 5)
    assert find_faults(PERFORMANCE, line) == []
    told = json.loads(line)
    assert find_faults(PERFORMANCE, json.dumps(told | {"decisions": 3}).encode())
    assert find_faults(PERFORMANCE, json.dumps(told | {"few": False}).encode())


@pytest.mark.parametrize("dataset", DATASETS)
def test_schema_never_changes(dataset: str) -> None:
    assert sha256(read_schema(dataset)).hexdigest() == PINS[dataset]


@pytest.mark.parametrize("dataset", DATASETS)
def test_schema_describes_every_member(dataset: str) -> None:
    schema = schema_of(dataset)
    assert schema["$id"].endswith(schema_name(dataset))
    assert schema["title"]
    assert schema["description"]
    members = {name: member for name, member in schema.items() if name != "allOf"}  # those only choose
    assert list(find_bare(members, schema["$defs"], dataset)) == []


def find_bare(schema: Any, defs: dict[str, Any], where: str) -> Iterator[str]:
    """Members without a title of their own or of what they refer to."""
    if not isinstance(schema, dict):
        return
    for name, member in schema.get("properties", {}).items():
        referred = defs.get(str(member.get("$ref", "")).removeprefix("#/$defs/"), {})
        if "title" not in {**referred, **member}:
            yield f"{where}.{name}"
    for key, inner in schema.items():
        if key != "if":
            yield from find_bare(inner, defs, f"{where}.{key}")


async def test_schemas_are_laid_beside_the_data_once(desk: Desk) -> None:
    await PublishSchemas(desk.lake)()
    assert [desk.lake.files[schema_name(dataset)] for dataset in DATASETS] == list(map(read_schema, DATASETS))
    publish = PublishSchemas(desk.lake)
    await publish()
    assert publish.fault == ""


async def test_other_schema_that_lies_there_is_left_alone_and_told(desk: Desk) -> None:
    desk.lake.files[schema_name(DECISIONS)] = b"{}"
    publish = PublishSchemas(desk.lake)
    await publish()
    assert desk.lake.files[schema_name(DECISIONS)] == b"{}"
    assert publish.fault == "other schemas than this app's lie in the lake: decisions"
    del desk.lake.files[schema_name(DECISIONS)]
    await publish()
    assert publish.fault == ""
