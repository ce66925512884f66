"""What a plan means where it says nothing, so that a model and a version are enough. Each figure is only here."""

from __future__ import annotations

from rollouts.plan import Analysis, Fleet, MetricRule, NoDataPolicy, Of, OnFailure, SetWeight, Shadow, Step

STEPS: tuple[Step, ...] = (
    Shadow(1.0),
    Analysis(),
    SetWeight(10),
    Analysis(),
    SetWeight(50),
    Analysis(),
    SetWeight(100),
    Analysis(),
)
METRICS = (
    MetricRule("error_rate", maximum=0.01),
    MetricRule("latency_p95_ms", maximum=500.0),
    MetricRule("decline_rate", Of.DELTA, minimum=-0.05, maximum=0.05),
    MetricRule("review_rate", Of.DELTA, minimum=-0.10, maximum=0.10),
    MetricRule("score_psi", maximum=0.25),
    MetricRule("flip_rate", maximum=0.20),
    MetricRule("approve_to_decline_per_10k", maximum=300.0),
)
BAKE_S = 600.0
APPROVAL_TIMEOUT_S = 86_400.0
DEADLINE_S = 86_400.0
ON_FAILURE = OnFailure.ROLLBACK_ALL
NO_DATA = NoDataPolicy.HOLD


def default_waves(fleet: Fleet) -> tuple[tuple[str, ...], ...]:
    """The control region first and alone, then all others; of a pair, one wave later each."""
    waves: list[list[str]] = [[fleet.control]]
    for region in fleet.regions:
        if region != fleet.control:
            wave = next((w for w in waves[1:] if fleet.pairs.get(region) not in w), None)
            if wave is None:
                waves.append(wave := [])
            wave.append(region)
    return tuple(tuple(wave) for wave in waves)
