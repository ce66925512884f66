"""What a bundle that is trained on people's deals may tell of them.

A bundle goes to every region, and what went there can't be erased. So it holds no deal, and no value that only a few
deals have: a category that the version before didn't know is named where at least ALIKE deals have it, numbers are
drawn in so far that at least ALIKE deals lie at either end, and a number that hardly any deal has is missing. Golden
deals are mixed: each takes every feature from another deal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from scoring.features import Feature, Key, Kind
from vouch.assembly import build_edge_deals
from vouch.packaging import mix_deals

ALIKE = 10
MADE_UP_KEY = "golden"
Deal = Mapping[str, Any]


def describe_features(features: Sequence[Feature], deals: Sequence[Deal]) -> tuple[Feature, ...]:
    """The same features with the categories and training ranges of these deals."""
    return tuple(_describe(feature, [deal[feature.name] for deal in deals]) for feature in features)


def draw_in(features: Sequence[Feature], deals: Sequence[Deal]) -> list[dict[str, Any]]:
    """The deals with their numbers inside the training ranges; without a range they are missing."""
    return [{feature.name: _draw_in(feature, deal[feature.name]) for feature in features} for deal in deals]


def build_golden(features: Sequence[Feature], keys: Sequence[Key], deals: Sequence[Deal]) -> dict[str, Deal]:
    """Golden deals that are nobody's, of deals that were drawn in. A key may be a person's, so it is made up where a
    deal needs one, and left out where not."""
    told = [{feature.name: _tell(feature, deal[feature.name]) for feature in features} for deal in deals]
    mixed = mix_deals(features, told)
    needed = {key.name: MADE_UP_KEY for key in keys if not key.nullable}
    golden = mixed | build_edge_deals(features, next(iter(mixed.values())))
    return {name: {**deal, **needed} for name, deal in golden.items()}


def _describe(feature: Feature, values: Sequence[Any]) -> Feature:
    known = [value for value in values if value is not None]
    if feature.kind is Kind.NUMERIC:
        ordered = sorted(map(float, known))
        is_enough = len(ordered) >= 2 * ALIKE
        return replace(
            feature,
            training_minimum=ordered[ALIKE - 1] if is_enough else None,
            training_maximum=ordered[-ALIKE] if is_enough else None,
        )
    return _describe_categories(feature, Counter(known)) if feature.kind is Kind.CATEGORICAL else feature


def _describe_categories(feature: Feature, found: Counter[Any]) -> Feature:
    """Those of the base that are still met, with their codes, and new ones. A base of which none is met stays."""
    codes = dict(zip(feature.categories, feature.codes or range(len(feature.categories)), strict=True))
    kept = [category for category in feature.categories if category in found]
    new = sorted(category for category, count in found.items() if category not in codes and count >= ALIKE)
    if not kept and not new:
        return feature
    free = range(max(codes.values()) + 1, max(codes.values()) + 1 + len(new))
    codes |= dict(zip(new, free, strict=True))
    categories = (*kept, *new)
    return replace(feature, categories=categories, codes=tuple(codes[category] for category in categories))


def _draw_in(feature: Feature, value: Any) -> Any:
    if feature.kind is not Kind.NUMERIC or value is None:
        return value
    low, high = feature.training_minimum, feature.training_maximum
    return None if low is None or high is None else min(max(value, low), high)


def _tell(feature: Feature, value: Any) -> Any:
    """The value if it may be told; of a feature that has to be there, another one that may."""
    if feature.kind is not Kind.CATEGORICAL or value in feature.categories:
        return value
    return None if feature.nullable else feature.categories[0]
