"""What LightGBM gets to see of a deal, and what is said about it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.canonical import canonical_json
from scoring.faults import Fault
from scoring.features import EncodedRow, Encoder, Feature, Kind

FEATURES = (
    Feature("amount", Kind.NUMERIC, minimum=0, maximum=1_000, training_minimum=10, training_maximum=500),
    Feature("balance", Kind.NUMERIC),
    Feature("channel", Kind.CATEGORICAL, categories=("web", "shop")),
    Feature("shop", Kind.CATEGORICAL, categories=(3, 7, 12), codes=(3, 7, 12)),
    Feature("rush", Kind.BOOLEAN),
    Feature("country/of ~origin", Kind.CATEGORICAL, categories=("DE", "FR"), codes=(5, 2), nullable=False),
)
SOUND: dict[str, object] = {
    "amount": 100,
    "balance": -2.5,
    "channel": "shop",
    "shop": 7,
    "rush": True,
    "country/of ~origin": "FR",
}
ENCODER = Encoder(FEATURES)
NAN = "nan"
TOO_LARGE = "Must be a whole number from -9007199254740991 to 9007199254740991; write a larger one as 1.5e20."


def _shown(row: EncodedRow) -> list[object]:
    return [NAN if math.isnan(value) else value for value in row.values]


def test_sound_deal_is_encoded_in_the_models_order() -> None:
    row, faults = ENCODER.encode(dict(reversed(SOUND.items())))
    assert (_shown(row), faults) == ([100.0, -2.5, 1.0, 7.0, 1.0, 2.0], [])
    assert (row.imputed, row.unseen, row.unusual) == ((), (), ())
    assert all(type(value) is float for value in row.values)


@pytest.mark.parametrize(
    ("change", "seen", "imputed", "unseen", "unusual"),
    [
        ({"amount": None}, (0, NAN), ("amount",), (), ()),
        ({"channel": None}, (2, NAN), ("channel",), (), ()),
        ({"channel": "fax"}, (2, NAN), (), ("channel",), ()),
        ({"channel": ""}, (2, NAN), (), ("channel",), ()),
        ({"shop": 8}, (3, NAN), (), ("shop",), ()),
        ({"shop": 12.0}, (3, 12.0), (), (), ()),
        ({"shop": 2**53 - 1}, (3, NAN), (), ("shop",), ()),
        ({"shop": 1e300}, (3, NAN), (), ("shop",), ()),
        ({"channel": "x" * 256}, (2, NAN), (), ("channel",), ()),
        ({"rush": False}, (4, 0.0), (), (), ()),
        ({"amount": 10}, (0, 10.0), (), (), ()),
        ({"amount": 500.0}, (0, 500.0), (), (), ()),
        ({"amount": 9.99}, (0, 9.99), (), (), ("amount",)),
        ({"amount": 501}, (0, 501.0), (), (), ("amount",)),
        ({"amount": 0}, (0, 0.0), (), (), ("amount",)),
        ({"amount": 1_000}, (0, 1000.0), (), (), ("amount",)),
        ({"balance": 1.7e308}, (1, 1.7e308), (), (), ()),
        ({"balance": -1.7e308}, (1, -1.7e308), (), (), ()),
        ({"balance": 2**53 - 1}, (1, 2.0**53 - 1), (), (), ()),
        ({"balance": 1 - 2**53}, (1, 1 - 2.0**53), (), (), ()),
    ],
)
def test_odd_value_is_scored_and_listed(
    change: dict[str, object], seen: tuple[int, object], imputed: Any, unseen: Any, unusual: Any
) -> None:
    row, faults = ENCODER.encode(SOUND | change)
    assert faults == []
    assert _shown(row)[seen[0]] == seen[1]
    assert (row.imputed, row.unseen, row.unusual) == (imputed, unseen, unusual)


def test_absent_features_are_imputed_like_null() -> None:
    row, faults = ENCODER.encode({"country/of ~origin": "DE"})
    assert (_shown(row), faults) == ([NAN] * 5 + [5.0], [])
    assert row.imputed == ("amount", "balance", "channel", "shop", "rush")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"amount": -0.01}, Fault("/features/amount", "Must be at least 0.")),
        ({"amount": 1000.5}, Fault("/features/amount", "Must be at most 1000.")),
        ({"amount": "100"}, Fault("/features/amount", "Must be a number.")),
        ({"amount": True}, Fault("/features/amount", "Must be a number.")),
        ({"amount": [1]}, Fault("/features/amount", "Must be a number.")),
        ({"balance": 10**400}, Fault("/features/balance", "Must be a finite number, at most 1.7976931348623157e308.")),
        ({"balance": math.nan}, Fault("/features/balance", "Must be a finite number, at most 1.7976931348623157e308.")),
        (
            {"balance": -math.inf},
            Fault("/features/balance", "Must be a finite number, at most 1.7976931348623157e308."),
        ),
        ({"balance": 2**53}, Fault("/features/balance", TOO_LARGE)),
        ({"balance": -(2**53)}, Fault("/features/balance", TOO_LARGE)),
        ({"shop": 2**53}, Fault("/features/shop", TOO_LARGE)),
        ({"shop": -(10**30)}, Fault("/features/shop", TOO_LARGE)),
        ({"channel": "x" * 257}, Fault("/features/channel", "Must be at most 256 characters.")),
        ({"channel": "a\ud800"}, Fault("/features/channel", "Holds half a surrogate pair, which is no character.")),
        ({"channel": 1}, Fault("/features/channel", "Must be a string.")),
        ({"channel": {"a": 1}}, Fault("/features/channel", "Must be a string.")),
        ({"shop": "7"}, Fault("/features/shop", "Must be a whole number: it names a category.")),
        ({"shop": 7.5}, Fault("/features/shop", "Must be a whole number: it names a category.")),
        ({"shop": True}, Fault("/features/shop", "Must be a whole number: it names a category.")),
        ({"rush": 1}, Fault("/features/rush", "Must be true or false.")),
        ({"rush": "true"}, Fault("/features/rush", "Must be true or false.")),
        ({"country/of ~origin": None}, Fault("/features/country~1of ~0origin", "Is required.")),
        ({"color": "red"}, Fault("/features/color", "Is no feature of this model.")),
    ],
)
def test_value_that_is_refused_is_pointed_at(change: dict[str, object], fault: Fault) -> None:
    assert ENCODER.encode(SOUND | change)[1] == [fault]


def test_all_faults_are_listed_at_once() -> None:
    _, faults = ENCODER.encode({"amount": "x", "rush": 2, "shop": [], "a": 1, "b/c": 2})
    assert [fault.pointer for fault in faults] == [
        "/features/amount",
        "/features/shop",
        "/features/rush",
        "/features/country~1of ~0origin",
        "/features/a",
        "/features/b~1c",
    ]


def test_unknown_feature_beside_all_known_ones_is_refused() -> None:
    _, faults = ENCODER.encode({**SOUND, "extra": None})
    assert faults == [Fault("/features/extra", "Is no feature of this model.")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["web", "DE", 7]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
NAMES = st.sampled_from([feature.name for feature in FEATURES]) | st.text(max_size=4)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES, JSON, max_size=9))
def test_encoder_never_raises_and_finds_a_fault_exactly_where_a_value_is_wrong(deal: dict[str, Any]) -> None:
    row, faults = ENCODER.encode(deal)
    assert len(row.values) == len(FEATURES)
    assert all(type(value) is float for value in row.values)
    wrong = {name for name in deal if name not in SOUND}
    wrong |= {feature.name for feature in FEATURES if not _is_allowed(feature, deal.get(feature.name))}
    assert len(faults) == len(wrong)
    assert bool(faults) == bool(wrong)


ODD_TEXT = st.text(st.characters() | st.sampled_from("\ud800\udc00"), max_size=3)
ODD_VALUES = ODD_TEXT | st.integers() | st.floats() | st.integers(2**53 - 2, 2**53 + 1) | st.booleans() | st.none()


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(list(SOUND)), ODD_VALUES))
def test_deal_without_a_fault_has_canonical_json_for_its_record(deal: dict[str, Any]) -> None:
    if not ENCODER.encode(SOUND | deal)[1]:
        canonical_json(SOUND | deal)


def _is_allowed(feature: Feature, value: Any) -> bool:  # noqa: PLR0911 - one rule a line
    """The rules again, said slowly."""
    if value is None:
        return feature.nullable
    if feature.kind is Kind.BOOLEAN:
        return isinstance(value, bool)
    if feature.kind is Kind.CATEGORICAL and isinstance(feature.categories[0], str):
        return isinstance(value, str)
    if isinstance(value, int) and abs(value) >= 2**53:
        return False
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if isinstance(value, float) and not math.isfinite(value):
        return False
    if feature.kind is Kind.CATEGORICAL:
        return value == int(value)
    return (feature.minimum is None or value >= feature.minimum) and (
        feature.maximum is None or value <= feature.maximum
    )
