"""Recorded decisions come out the same to the last bit, and whatever was changed is told."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from adapters.folder_models import FolderModels
from adapters.folder_policies import FolderPolicies
from flows.replaying.imagine_decisions import Comparison, imagine_decisions, week_of
from flows.replaying.replay_decisions import Fate, NotAtHand, Replayed, replay_decisions
from scoring.lookups import NO_TABLES, Tables
from scoring.model import Model
from scoring.policy import Policy
from tests.desk import ROOT, Desk, golden_deal, load_models

SCORED = "vouch.decision.scored.v1"


@dataclass
class Folders:
    """What lies in this repository; `missing` versions are not at hand."""

    models: FolderModels = field(default_factory=load_models)
    policies: FolderPolicies = field(default_factory=lambda: FolderPolicies(ROOT / "policies"))
    missing: frozenset[str] = frozenset()

    def model(self, name: str, version: str) -> Model:
        found = None if version in self.missing else self.models.find(name, version)
        if found is None:
            raise NotAtHand(f"{name} {version} is not at hand")
        return found

    def policy(self, name: str, version: str) -> Policy:
        found = self.policies.find(f"{name}/{version}")
        if found is None:
            raise NotAtHand(f"policy {name}/{version} is not at hand")
        return found

    def tables(self, references: Sequence[Mapping[str, Any]]) -> Tables:
        if any(one["snapshot"] is not None for one in references):
            raise NotAtHand("there are no snapshots")
        return NO_TABLES


def golden(version: str) -> list[dict[str, Any]]:
    lines = (ROOT / f"model_artifacts/deal-fraud/{version}/golden.jsonl").read_text().splitlines()
    return [json.loads(line)["features"] for line in lines]


@cache
def decide() -> list[str]:
    """The golden deals, decided by each version, as the ledger holds them."""
    return asyncio.run(_decide())


async def _decide() -> list[str]:
    desk = Desk()
    await desk.send("GET", "/health/ready", roles=None)
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        for number, features in enumerate(golden("1.0.0")):
            deal = golden_deal(f"D-{number}", features=features)
            answer = await desk.send(
                "POST", f"/api/v1/deals:score?explain={number % 3}", deal, "operator", {"X-Model-Version": version}
            )
            assert answer.status_code == 200, answer.get_body()
    records = [record for record in desk.ledger.records.values() if record.event["type"] == SCORED]
    await desk.service.stop()
    return [record.encoded.decode() for record in records]


@pytest.fixture
def recorded() -> list[dict[str, Any]]:
    return [json.loads(text) for text in decide()]


def is_explained(event: Mapping[str, Any]) -> bool:
    personal = event["data"]["personal"]
    return "contributions" in personal and personal["features"]["fault"] == "Policy Holder"


def replay(events: Sequence[Mapping[str, Any]], **more: Any) -> list[Replayed]:
    return list(replay_decisions(events, Folders(**more)))


def test_recorded_decisions_come_out_the_same_to_the_last_bit(recorded: list[dict[str, Any]]) -> None:
    assert len(recorded) == 3 * len(golden("1.0.0"))
    assert any("contributions" in event["data"]["personal"] for event in recorded)
    assert [one.details for one in replay(recorded) if one.fate is not Fate.EQUAL] == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data.update(score=data["score"] * (1 + 2e-16)), "score was"),
        (lambda data: data.update(risk_score=data["risk_score"] ^ 1), "risk_score was"),
        (lambda data: data.update(outcome="nothing"), "outcome was nothing"),
        (lambda data: data["personal"]["features"].update(fault="Third Party"), "score was"),
        (lambda data: data["personal"]["features"].update(unheard_of=1), "unheard_of"),
        (lambda data: data["personal"]["contributions"].__setitem__(0, 9.0), "the contribution of"),
        (lambda data: data["personal"]["contributions"].pop(), "contributions were recorded"),
        (lambda data: data["personal"].update(referenced={"x": 1}), "looked-up values"),
    ],
)
def test_what_was_changed_is_told(recorded: list[dict[str, Any]], change: Any, told: str) -> None:
    event = copy.deepcopy(next(one for one in recorded if is_explained(one)))
    change(event["data"])
    (found,) = replay([event])
    assert found.fate is Fate.DIFFERS
    assert any(told in detail for detail in found.details)


def test_erased_decision_is_counted_apart(recorded: list[dict[str, Any]]) -> None:
    event = copy.deepcopy(recorded[0])
    del event["data"]["personal"]
    assert [one.fate for one in replay([event, recorded[1]])] == [Fate.ERASED, Fate.EQUAL]


def test_version_that_is_not_at_hand_or_another_one_is_told(recorded: list[dict[str, Any]]) -> None:
    (missing,) = replay(recorded[:1], missing=frozenset({"1.0.0"}))
    assert (missing.fate, missing.details) == (Fate.NOT_AT_HAND, ("deal-fraud 1.0.0 is not at hand",))
    event = copy.deepcopy(recorded[0])
    event["data"]["model"]["digest"] = "sha256:other"
    (other,) = replay([event])
    assert other.fate is Fate.NOT_AT_HAND
    assert "decided with sha256:other" in other.details[0]


def test_same_version_and_policy_would_have_decided_the_same(recorded: list[dict[str, Any]]) -> None:
    events = [event for event in recorded if event["data"]["model"]["version"] == "1.0.0"]
    comparison = compare(events, "1.0.0")
    assert comparison.decisions == comparison.judged == len(events)
    assert comparison.flipped == 0


def test_another_version_flips_what_it_judges_otherwise(recorded: list[dict[str, Any]]) -> None:
    old = [event for event in recorded if event["data"]["model"]["version"] == "1.0.0"]
    new = [event for event in recorded if event["data"]["model"]["version"] == "1.1.0"]
    flips = sum(a["data"]["outcome"] != b["data"]["outcome"] for a, b in zip(old, new, strict=True))
    comparison = compare(old, "1.1.0")
    assert comparison.flipped == flips > 0
    document = comparison.to_json()
    assert document["flip_rate"] == flips / len(old)
    assert sum(one["deals"] for one in document["flips"]) == len(old)
    assert [sum(week["before"].values()) for week in document["weeks"]] == [len(old)]


def test_deals_that_a_version_does_not_accept_and_erased_ones_are_no_flips(
    recorded: list[dict[str, Any]],
) -> None:
    erased, odd = copy.deepcopy(recorded[0]), copy.deepcopy(recorded[1])
    del erased["data"]["personal"]
    odd["data"]["personal"]["features"]["age"] = "old"
    comparison = compare([erased, odd, recorded[2]], "1.0.0")
    assert (comparison.decisions, comparison.not_accepted, comparison.flipped) == (2, 1, 0)


def test_comparison_of_nothing_has_no_rates() -> None:
    assert Comparison().to_json()["flip_rate"] is None
    assert compare([], "1.0.0").decisions == 0


@pytest.mark.parametrize(
    ("time", "week"), [("2026-11-23T21:00:00.000Z", "2026-W48"), ("2027-01-01T00:00:00Z", "2026-W53")]
)
def test_week_is_that_of_iso_8601(time: str, week: str) -> None:
    assert week_of(time) == week


def compare(events: Sequence[Mapping[str, Any]], version: str) -> Comparison:
    folders, comparison = Folders(), Comparison()
    judged_by = folders.policy("standard", "1")
    for imagined in imagine_decisions(events, folders.model("deal-fraud", version), judged_by, NO_TABLES):
        comparison.add(imagined)
    return comparison
