"""Feature counts: the same as the reference histograms' own counting, from what the ledger keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.counters import Tally
from audit.feature_counts import Bins, Counted, FeatureBins, FeatureCounts
from audit.lanes import pack_record
from audit.records import RecordType, build_record
from audit.sealing import LedgerRow, read_row, without_personal
from scoring.bundle import read_bundle
from scoring.histograms import Histogram, count_categories, count_numbers
from tests.unit.scoring.bundles import read_demo

BUNDLE = read_bundle(read_demo())
DEMO = FeatureBins.of(BUNDLE.manifest.reference.features)
SMALL = FeatureBins((Bins("age", (20.0, 30.0)), Bins("make", (), ("Ford", "Saab")), Bins("sold", (), (False, True))))


def row(
    features: Mapping[str, Any],
    kind: RecordType = RecordType.DECISION_SCORED,
    traffic: str = "live",
    policy: str = "standard",
    version: str = "1.0.0",
    **personal: Any,
) -> LedgerRow:
    """A record's row, as the sealer reads it."""
    record_id = UUID("01a20ace-50a9-71c0-849e-50605cd5cbed")
    data = {
        "outcome": "approve",
        "model": {"name": "deal-fraud", "version": version, "digest": "sha256:00"},
        "policy": {"name": policy, "version": "1"},
        "traffic": traffic,
    }
    about = {"deal_id": "D-1", "subjects": [], "features": features, **personal}
    record = build_record(record_id, kind, "westeurope", "2026-11-23T21:00:00Z", data, about, "00" * 16, Tally(kind))
    return read_row(
        {
            "RowKey": str(record_id),
            "type": kind.value,
            "digest": record.digest,
            "event": pack_record(record).payload,
        }
    )


def find_small(model: str, version: str) -> FeatureBins | None:
    return SMALL if version == "1.0.0" else None


def count(rows: list[LedgerRow]) -> FeatureCounts:
    counts = FeatureCounts()
    for each in rows:
        counts.add(each, find_small)
    return counts


def histograms(counted: Counted) -> dict[str, Histogram]:
    return {
        bins.feature: Histogram(tuple(cells[:-2]), bins.edges, bins.categories, missing=cells[-2], unseen=cells[-1])
        for bins, cells in counted.by_feature()
    }


def test_counts_of_the_demo_deals_equal_those_of_reference_histograms() -> None:
    counts = FeatureCounts()
    deals = [deal.features for deal in BUNDLE.golden]
    for deal in deals:
        counts.add(row(deal), lambda model, version: DEMO)
    counted = counts.counted["deal-fraud", "1.0.0", "standard/1"]
    assert counted.decisions == len(deals)
    for name, found in histograms(counted).items():
        values: list[Any] = [deal.get(name) for deal in deals]
        again = count_categories(values, found.categories) if found.categories else count_numbers(values, found.edges)
        assert found == again, name


VALUES = st.fixed_dictionaries(
    {},
    optional={
        "age": st.one_of(st.none(), st.integers(0, 100), st.floats(0, 100)),
        "make": st.sampled_from(["Ford", "Saab", "Lada", None]),
        "sold": st.sampled_from([True, False, None]),
    },
)
DEALS = st.lists(st.tuples(VALUES, st.sampled_from(["standard", "careful"])), max_size=12)


@given(DEALS, st.integers(0, 12))
def test_merged_counts_equal_those_of_all_rows_and_outlast_json(
    deals: list[tuple[dict[str, Any], str]], at: int
) -> None:
    rows = [row(features, policy=policy) for features, policy in deals]
    merged, rest = count(rows[:at]), count(rows[at:])
    before = rest.to_json()
    merged.merge(rest)
    assert merged == count(list(reversed(rows)))
    assert rest.to_json() == before
    assert FeatureCounts.from_json(json.loads(json.dumps(merged.to_json()))) == merged
    for counted in merged.counted.values():
        assert all(sum(cells) == counted.decisions for _, cells in counted.by_feature())


@pytest.mark.parametrize(
    "skipped",
    [
        row({"age": 40}, traffic="pinned"),
        row({"age": 40}, traffic="synthetic"),
        row({"age": 40}, kind=RecordType.DECISION_REVIEWED),
        row({"age": 40}, version="9.9.9"),
    ],
    ids=["pinned", "synthetic", "no decision", "version not at hand"],
)
def test_row_that_is_no_live_decision_of_a_version_at_hand_counts_nowhere(skipped: LedgerRow) -> None:
    assert count([skipped]).counted == {}


def test_erased_decision_counts_nowhere() -> None:
    sound = row({"age": 40})
    erased = {"RowKey": str(sound.record_id), "type": sound.type, "digest": sound.digest}
    assert count([read_row({**erased, "event": without_personal(sound)})]).counted == {}


def test_looked_up_feature_counts_like_one_that_was_sent() -> None:
    counts = count([row({"make": "Ford", "sold": True}, referenced={"age": 25})])
    assert counts == count([row({"make": "Ford", "sold": True, "age": 25})])


@pytest.mark.parametrize("features", [{"age": "old"}, {"make": ["Ford"]}, {"make": {}}])
def test_value_of_no_type_that_a_feature_has_leaves_the_counts_as_they_were(features: dict[str, Any]) -> None:
    counts = count([row({"age": 40})])
    before = counts.to_json()
    counts.add(row(features), find_small)
    assert counts.to_json() == before


def test_version_counted_over_other_bins_is_refused() -> None:
    other = FeatureCounts()
    other.add(row({"age": 40}), lambda model, version: FeatureBins((Bins("age", (50.0,)),)))
    with pytest.raises(ValueError, match="two sets of bins"):
        count([row({"age": 40})]).merge(other)


def test_counts_take_no_more_room_for_more_decisions() -> None:
    few, many = FeatureCounts(), FeatureCounts()
    deals = [row(deal.features) for deal in BUNDLE.golden]
    for times, counts in ((1, few), (30, many)):
        for each in deals * times:
            counts.add(each, lambda model, version: DEMO)
    assert len(json.dumps(many.to_json())) < len(json.dumps(few.to_json())) + 3 * sum(b.cells for b in DEMO.features)
