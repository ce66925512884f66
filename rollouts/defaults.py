"""What a plan means where it says nothing, so that a model and a version are enough. Each figure is only here, but for
`MIN_SAMPLES`, which every rule has.

The metrics let a version pass that was retrained on more data, and stop one that is broken, at the first look that has
enough deals, in every region and at every step: `docs/decisions/0007-default-metrics.md` has the measurements.
"""

from __future__ import annotations

from collections.abc import Sequence

from rollouts.metrics import PAIRED
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
    MetricRule("latency_p95_ms", Of.DELTA, maximum=50.0),
    MetricRule("latency_p95_ms", Of.RATIO, maximum=10.0),
    MetricRule("decline_rate", Of.DELTA, maximum=0.08),
    MetricRule("review_rate", Of.DELTA, maximum=0.20),
    MetricRule("score_psi", maximum=0.5),
    MetricRule("flip_rate", maximum=0.15),
    MetricRule("approve_to_decline_per_10k", maximum=200.0),
)
BAKE_S = 600.0
APPROVAL_TIMEOUT_S = 86_400.0
DEADLINE_S = 86_400.0
ON_FAILURE = OnFailure.ROLLBACK_ALL
NO_DATA = NoDataPolicy.HOLD


def default_waves(fleet: Fleet) -> tuple[tuple[str, ...], ...]:
    """The control region first and alone, then all others; of a pair, one wave later each."""
    waves: list[list[str]] = []
    for region in fleet.regions:
        if region != fleet.control:
            wave = next((w for w in waves if not any(fleet.is_pair(region, other) for other in w)), None)
            if wave is None:
                waves.append(wave := [])
            wave.append(region)
    return ((fleet.control,), *(tuple(wave) for wave in waves))


def default_metrics(steps: Sequence[Step]) -> tuple[MetricRule, ...]:
    """Those that can be measured: without a shadow step no deal is judged by both versions."""
    has_pairs = any(isinstance(step, Shadow) for step in steps)
    return tuple(rule for rule in METRICS if has_pairs or rule.name not in PAIRED)
