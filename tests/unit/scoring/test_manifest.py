"""What is wrong in a feature whose types are right."""

from __future__ import annotations

import pytest

from scoring.features import Feature, Kind
from scoring.manifest import find_feature_faults


@pytest.mark.parametrize(
    ("feature", "says"),
    [
        (Feature("f", Kind.CATEGORICAL), "need them"),
        (Feature("f", Kind.CATEGORICAL, ("a", "a")), "twice"),
        (Feature("f", Kind.CATEGORICAL, ("a", 1)), "all strings"),
        (Feature("f", Kind.CATEGORICAL, (1, 2**53)), "2^53"),
        (Feature("f", Kind.CATEGORICAL, ("a", "b"), codes=(1,)), "as many codes"),
    ],
)
def test_feature_that_cannot_be_served_says_why(feature: Feature, says: str) -> None:
    assert any(says in fault for fault in find_feature_faults(feature))


def test_feature_with_whole_number_categories_up_to_the_limit_is_sound() -> None:
    assert list(find_feature_faults(Feature("f", Kind.CATEGORICAL, (1, 2**53 - 1)))) == []
