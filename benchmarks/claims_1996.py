"""The claims of 1996: as deals for Vouch, as encoded numbers for the servers that take nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import islice
from math import isnan
from pathlib import Path
from typing import Any

from adapters.folder_models import load_folder
from scoring.model import Model
from training.claims import read_claims

ROOT = Path(__file__).resolve().parent.parent
MODEL_FOLDER = ROOT / "model_artifacts" / "deal-fraud" / "1.0.0"
MODEL_FILE = MODEL_FOLDER / "model.txt"
DATA = ROOT / "training" / "data" / "vehicle_claims.csv.gz"


@cache
def load_model() -> Model:
    return load_folder(MODEL_FOLDER)


@cache
def read_deals(count: int) -> list[dict[str, Any]]:
    """The first `count` claims of 1996 that have nothing missing: JSON has no NaN, and the servers that are sent
    encoded numbers refuse what stands for it."""
    claims = (claim for claim in read_claims(DATA.read_bytes()) if claim.year == 1996)
    deals = ({"deal_id": f"C-{number}", "features": claim.features} for number, claim in enumerate(claims))
    return list(islice((deal for deal in deals if not any(map(isnan, encode_row(deal)))), count))


def encode_row(deal: dict[str, Any]) -> tuple[float, ...]:
    """A deal as LightGBM sees it."""
    return load_model().encode(deal["features"])[0].values


def encode_rows(deals: Sequence[dict[str, Any]]) -> list[tuple[float, ...]]:
    return [encode_row(deal) for deal in deals]
