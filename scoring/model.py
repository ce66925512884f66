"""A model that can be served: its bundle verified, its trees in memory, its golden deals answered as ever.

`load_model` scores every golden deal before it hands a model out. A score may differ from the recorded one by a
relative 1e-12: the sum over the trees is the same everywhere, but the sigmoid's `exp` comes from each machine's C
library, and those differ in the last bit. Contributions, sums of many products, may differ by 1e-9.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from scoring.booster import Booster, LightGBMFailed
from scoring.bundle import Bundle, GoldenDeal, InvalidBundle, read_bundle
from scoring.calibration import RiskScale
from scoring.faults import Fault
from scoring.features import EncodedRow, Encoder, LookedUp
from scoring.lookups import NOTHING, Lookups, Tables
from scoring.manifest import GOLDEN_FILE, MODEL_FILE

SCORE_TOLERANCE = 1e-12
CONTRIBUTION_TOLERANCE = 1e-9


class Model:
    """One version of a model. Immutable; safe to share between threads."""

    def __init__(self, bundle: Bundle) -> None:
        """Raises InvalidBundle where LightGBM refuses the model text or it has other features than the manifest."""
        self._booster = _load_booster(bundle)
        self._encoder = Encoder(bundle.manifest.features)
        self._lookups = _open_lookups(bundle)
        self._scale = RiskScale(bundle.manifest.calibration)
        self.name = bundle.manifest.name
        self.version = bundle.manifest.version
        self.digest = bundle.digest
        self.manifest = bundle.document
        self.features = bundle.manifest.features
        self.keys = bundle.manifest.keys
        self.datasets = self._lookups.datasets if self._lookups else ()
        sent = [feature.name for feature in self.features if feature.source is None]
        self.takes = frozenset([*sent, *(key.name for key in self.keys)])
        self.golden: tuple[Mapping[str, object], ...] = tuple(deal.features for deal in bundle.golden)

    def look_up(self, features: Mapping[str, object], tables: Tables) -> LookedUp:
        """What these reference tables, by dataset, hold for a deal's features. Never raises."""
        return self._lookups.look_up(features, tables) if self._lookups else NOTHING

    def encode(self, features: Mapping[str, object], looked_up: LookedUp = NOTHING) -> tuple[EncodedRow, list[Fault]]:
        """A deal's features as LightGBM sees them, and every fault of them. Never raises."""
        return self._lookups.encode(features, looked_up) if self._lookups else self._encoder.encode(features)

    def score(self, row: Sequence[float]) -> float:
        """Exactly LightGBM's `predict` of one encoded row: the probability of fraud, 0.0 to 1.0."""
        return self._booster.score(row)

    def score_many(self, rows: Sequence[Sequence[float]]) -> list[float]:
        """The same for many rows, in one call into LightGBM."""
        return self._booster.score_many(rows)

    def contributions(self, row: Sequence[float]) -> tuple[float, ...]:
        """One a feature, then the expected value; in raw-score (log-odds) units."""
        return self._booster.contributions(row)

    def risk_score(self, score: float) -> int:
        """0 to 1000 by the calibration table."""
        return self._scale.risk_score(score)


def load_model(files: Mapping[str, bytes]) -> Model:
    """Verify a bundle's files, by name, and load it. Raises InvalidBundle with the file and what differs."""
    bundle = read_bundle(files)
    model = Model(bundle)
    for number, deal in enumerate(bundle.golden, start=1):
        difference = compare_golden(model, deal)
        if difference:
            raise InvalidBundle(GOLDEN_FILE, f"line {number} ({deal.name}): {difference}")
    return model


def compare_golden(model: Model, deal: GoldenDeal) -> str | None:
    """How the model's answer differs from the recorded one, or None."""
    row, faults = model.encode(deal.features, LookedUp(deal.referenced))
    if faults:
        return f"{faults[0].pointer}: {faults[0].detail}"
    if (row.imputed, row.unseen, row.unusual) != (deal.imputed, deal.unseen, deal.unusual):
        return "other features are imputed, unseen or unusual than recorded"
    score = model.score(row.values)
    if not math.isclose(score, deal.score, rel_tol=SCORE_TOLERANCE):
        return f"the model scores {score!r} instead of {deal.score!r}"
    if model.risk_score(deal.score) != deal.risk_score:
        return f"the risk score is {model.risk_score(deal.score)} instead of {deal.risk_score}"
    return _compare_contributions(model.contributions(row.values), deal.contributions)


def _compare_contributions(found: Sequence[float], recorded: Sequence[float]) -> str | None:
    if len(found) != len(recorded):
        return f"there are {len(found)} contributions instead of {len(recorded)}"
    for index, (one, other) in enumerate(zip(found, recorded, strict=True)):
        if not math.isclose(one, other, rel_tol=CONTRIBUTION_TOLERANCE, abs_tol=CONTRIBUTION_TOLERANCE):
            return f"contribution {index} is {one!r} instead of {other!r}"
    return None


def _open_lookups(bundle: Bundle) -> Lookups | None:
    looks_up = any(feature.source for feature in bundle.manifest.features)
    return Lookups(bundle.manifest.features, bundle.manifest.keys) if looks_up else None


def _load_booster(bundle: Bundle) -> Booster:
    try:
        booster = Booster(bundle.model_text)
    except LightGBMFailed as error:
        raise InvalidBundle(MODEL_FILE, f"LightGBM refuses it: {error}") from error
    expected = len(bundle.manifest.features)
    if booster.class_count != 1:
        raise InvalidBundle(MODEL_FILE, f"is foreign: has {booster.class_count} classes, not one score")
    if booster.feature_count != expected:
        raise InvalidBundle(
            MODEL_FILE, f"is foreign: has {booster.feature_count} features, the manifest lists {expected}"
        )
    return booster
