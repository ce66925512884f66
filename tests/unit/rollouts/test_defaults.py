"""The defaults: waves that spare pairs, sound steps, and metrics held to the demo's own versions and claims."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.folder_models import FolderModels
from adapters.folder_policies import load_policy
from rollouts.defaults import METRICS, STEPS, default_waves
from rollouts.lint import lint_plan
from rollouts.plan import Analysis, Before, Fleet, SetWeight, Shadow, plan_data
from rollouts.readings import Counts, Reading
from rollouts.verdicts import Verdict, judge_metrics
from scoring.model import Model, load_model
from tests.unit.rollouts.test_lint import ENOUGH, FLEET, sound
from training.build import NAME, Version, build_version, digest_data
from training.claims import Claim, read_claims

ROOT = Path(__file__).parents[3]
POLICY = load_policy(ROOT / "policies" / "standard" / "1.json")
Outcomes = list[tuple[int, str]]
"""Of each claim of 1996, risk score and outcome."""


def test_model_and_version_are_enough() -> None:
    plan = sound(ENOUGH)
    assert plan.waves == (("westeurope",), ("northeurope", "eastus2", "brazilsouth"))
    assert (plan.steps, plan.metrics, plan.approval.before) == (STEPS, METRICS, Before.NEVER)
    assert plan.steps[0] == Shadow(1.0)
    assert [step.weight for step in plan.steps if isinstance(step, SetWeight)] == [10, 50, 100]
    assert plan.steps[1::2] == (Analysis(),) * 4


def test_default_plan_written_out_is_sound_itself() -> None:
    assert lint_plan(plan_data(sound(ENOUGH)), FLEET) == (sound(ENOUGH), [])


NAMES = st.lists(st.sampled_from("abcdefgh"), min_size=1, unique=True)


@given(NAMES, st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")), st.data())
def test_default_waves_are_sound_for_every_fleet(
    regions: list[str], neighbours: dict[str, str], data: st.DataObject
) -> None:
    pairs = {one: other for one, other in neighbours.items() if one != other}
    fleet = Fleet(tuple(regions), pairs, data.draw(st.sampled_from(regions)))
    waves = default_waves(fleet)
    assert waves[0] == (fleet.control,)
    assert sorted(region for wave in waves for region in wave) == sorted(regions)
    document = ENOUGH | {"waves": [list(wave) for wave in waves], "deadline": "P30D"}
    assert lint_plan(document, fleet)[1] == []


@pytest.fixture(scope="module")
def claims() -> list[Claim]:
    return read_claims((ROOT / "training" / "data" / "vehicle_claims.csv.gz").read_bytes())


def outcomes(model: Model, claims: Sequence[Claim]) -> Outcomes:
    rows = [model.encode(claim.features)[0].values for claim in claims if claim.year == 1996]
    risks = [model.risk_score(score) for score in model.score_many(rows)]
    return [(risk, POLICY.decide_outcome(risk).value) for risk in risks]


@pytest.fixture(scope="module")
def stable(claims: list[Claim]) -> Outcomes:
    return outcomes(bundled("1.0.0"), claims)


def bundled(version: str) -> Model:
    model = FolderModels(ROOT / "model_artifacts").find(NAME, version)
    assert model is not None
    return model


def counts(judged: Outcomes) -> Counts:
    histogram = Counter(min(risk // 20, 49) for risk, _ in judged)
    return Counts(len(judged), 0, Counter(outcome for _, outcome in judged), {5: len(judged)}, histogram)


def verdict_at(step: str, stable: Outcomes, candidate: Outcomes, seed: int) -> Verdict:
    """The verdict at the first look that has enough deals: a hundred by the candidate; where it answers every tenth
    deal, stable has answered the rest."""
    chance = random.Random(seed)
    pairs = chance.choices(list(zip(stable, candidate, strict=True)), k=100)
    flips = Counter((one[1], other[1]) for one, other in pairs)
    answered = [one for one, _ in pairs]
    judged = [other for _, other in pairs]
    if step == "canary":
        judged, answered = chance.choices(candidate, k=100), answered + chance.choices(stable, k=900)
    reading = Reading(counts(answered), counts(judged), flips, tuple(float(bound) for bound in range(1, 20)))
    return judge_metrics(METRICS, reading).verdict


@pytest.mark.parametrize("step", ["shadow", "canary"])
def test_version_retrained_on_more_data_passes_the_default_metrics(
    step: str, claims: list[Claim], stable: Outcomes
) -> None:
    candidate = outcomes(bundled("1.1.0"), claims)
    verdicts = Counter(verdict_at(step, stable, candidate, seed) for seed in range(500))
    assert verdicts[Verdict.SUCCESSFUL] >= 497, verdicts


@pytest.fixture(scope="module")
def flipped(claims: list[Claim]) -> Outcomes:
    """Of a version that was trained on flipped labels."""
    wrong = [replace(claim, is_fraud=not claim.is_fraud) for claim in claims if claim.year != 1995]
    version = Version("0.0.1", (1994,), "1995-01-31T00:00:00Z")
    files, _ = build_version(version, wrong, digest_data(b"flipped"), POLICY, {})
    return outcomes(load_model(files), claims)


@pytest.mark.parametrize("step", ["shadow", "canary"])
def test_version_trained_on_flipped_labels_fails_the_default_metrics_at_the_first_look(
    step: str, stable: Outcomes, flipped: Outcomes
) -> None:
    assert {verdict_at(step, stable, flipped, seed) for seed in range(200)} == {Verdict.FAILED}


def test_version_that_ranks_the_other_way_round_fails_the_default_metrics(stable: Outcomes) -> None:
    candidate = [(1000 - risk, POLICY.decide_outcome(1000 - risk).value) for risk, _ in stable]
    assert {verdict_at("shadow", stable, candidate, seed) for seed in range(200)} == {Verdict.FAILED}
