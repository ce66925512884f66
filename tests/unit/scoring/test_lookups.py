"""Features that are looked up: found by key, missing otherwise, and never taken from a caller."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from scoring.faults import Fault
from scoring.features import Feature, Key, Kind, LookedUp, ReferenceUsed, Source
from scoring.lookups import NO_TABLES, Lookups, find_lookup_faults, find_table_faults
from scoring.reference_table import Column, ColumnType, ReferenceTable

AMOUNT = Feature("amount", Kind.NUMERIC)
CLAIMS = Feature("claims", Kind.NUMERIC, training_maximum=30, source=Source("agents", "claims_last_year", "agent"))
OFFICE = Feature("office", Kind.CATEGORICAL, ("north", "south"), source=Source("agents", "office", "agent"))
SHOP = Feature("shop", Kind.CATEGORICAL, ("a", "b"))
RETURNS = Feature("returns", Kind.NUMERIC, source=Source("shops", "returns", "shop"))
AGENT = Key("agent")
FEATURES = (AMOUNT, CLAIMS, OFFICE, SHOP, RETURNS)
LOOKUPS = Lookups(FEATURES, [AGENT])

AGENTS = ReferenceTable(
    "agents", "s1", "sha256:a", "rep_number",
    (Column("claims_last_year", ColumnType.NUMBER), Column("office", ColumnType.CATEGORY)),
    {"7": (20, "north"), "8": (40, None), "9": (None, "east")},
)  # fmt: skip
SHOPS = ReferenceTable("shops", "s5", "sha256:b", "shop", (Column("returns", ColumnType.NUMBER),), {"a": (0.25,)})
TABLES = {"agents": AGENTS, "shops": SHOPS}
USED = (ReferenceUsed("agents", "s1", "sha256:a"), ReferenceUsed("shops", "s5", "sha256:b"))


def test_datasets_are_named_once_each_in_order() -> None:
    assert LOOKUPS.datasets == ("agents", "shops")


def test_values_come_from_the_row_whose_key_was_given() -> None:
    found = LOOKUPS.look_up({"amount": 1, "agent": 7, "shop": "a"}, TABLES)
    assert found == LookedUp({"claims": 20, "office": "north", "returns": 0.25}, (), USED)


def test_key_without_a_row_leaves_its_features_missing_and_listed() -> None:
    found = LOOKUPS.look_up({"agent": 99, "shop": "a"}, TABLES)
    assert found == LookedUp({"claims": None, "office": None, "returns": 0.25}, ("claims", "office"), USED)


@pytest.mark.parametrize("agent", [None, [], True, 7.5, ""])
def test_key_that_is_none_matches_nothing(agent: object) -> None:
    assert LOOKUPS.look_up({"agent": agent, "shop": "a"}, TABLES).unmatched == ("claims", "office")


def test_null_in_a_row_is_missing_but_matched() -> None:
    found = LOOKUPS.look_up({"agent": 8, "shop": "a"}, TABLES)
    assert (found.values["office"], found.unmatched) == (None, ())


def test_dataset_that_is_not_there_is_named_without_a_snapshot() -> None:
    found = LOOKUPS.look_up({"agent": 7, "shop": "a"}, {"shops": SHOPS})
    assert found.unmatched == ("claims", "office")
    assert found.references == (ReferenceUsed("agents", None, None), USED[1])
    assert LOOKUPS.look_up({}, NO_TABLES).unmatched == ("claims", "office", "returns")


def test_column_that_is_absent_or_of_another_type_is_missing_and_listed() -> None:
    other = replace(AGENTS, columns=(Column("claims_last_year", ColumnType.CATEGORY), AGENTS.columns[1]))
    found = LOOKUPS.look_up({"agent": 7, "shop": "a"}, {"agents": other, "shops": SHOPS})
    assert (found.values["claims"], found.values["office"], found.unmatched) == (None, "north", ("claims",))


def test_looked_up_values_are_encoded_and_noted_like_any_other() -> None:
    given = {"amount": 1, "agent": 8, "shop": "z"}
    looked_up = LookedUp({"claims": 40, "office": "east", "returns": None})
    row, faults = LOOKUPS.encode(given, looked_up)
    assert faults == []
    assert row.values[:2] == (1.0, 40.0)
    assert all(map(math.isnan, row.values[2:]))
    assert (row.imputed, row.unseen, row.unusual) == (("returns",), ("office", "shop"), ("claims",))
    assert row.looked_up is looked_up


def test_caller_may_not_send_what_is_looked_up() -> None:
    row, faults = LOOKUPS.encode({"amount": 1, "claims": 3, "shop": "a", "agent": 7}, LookedUp({"claims": 20}))
    assert faults == [Fault("/features/claims", "Is looked up; leave it out.")]
    assert row.values[1] == 20.0


def test_every_fault_of_a_deal_is_listed_with_those_of_its_keys() -> None:
    _, faults = LOOKUPS.encode({"amount": "x", "agent": [], "colour": 1}, LookedUp({}))
    assert {fault.pointer for fault in faults} == {"/features/amount", "/features/agent", "/features/colour"}


@pytest.mark.parametrize(("given", "count"), [({}, 1), ({"agent": None}, 1), ({"agent": "7"}, 0)])
def test_key_that_is_required_must_be_there(given: dict[str, object], count: int) -> None:
    lookups = Lookups([AMOUNT, CLAIMS], [replace(AGENT, nullable=False)])
    assert len(lookups.encode(given, LookedUp({}))[1]) == count


def test_sound_features_and_keys_have_no_fault() -> None:
    assert list(find_lookup_faults(FEATURES, [AGENT])) == []


@pytest.mark.parametrize(
    ("features", "keys", "fault"),
    [
        ([CLAIMS], [], "features.claims: its key 'agent' is neither a key nor a feature that callers send"),
        ([CLAIMS, replace(RETURNS, source=Source("s", "c", "claims"))], [AGENT], "features.returns: its key 'claims'"),
        ([AMOUNT], [AGENT], "keys: each must be the key of a looked-up feature"),
        ([CLAIMS], [AGENT, AGENT], "keys: each must have a name of its own"),
        ([CLAIMS, Feature("agent", Kind.NUMERIC)], [AGENT], "keys: each must have a name of its own"),
        ([replace(CLAIMS, kind=Kind.BOOLEAN)], [AGENT], "features.claims: a looked-up feature is a number"),
        ([replace(OFFICE, categories=(1, 2))], [AGENT], "features.office: a looked-up feature is a number"),
        ([replace(CLAIMS, nullable=False)], [AGENT], "features.claims: a looked-up feature is nullable"),
        ([replace(CLAIMS, maximum=3.0)], [AGENT], "features.claims: a looked-up feature is nullable"),
        ([replace(CLAIMS, source=Source("a/b", "c", "agent"))], [AGENT], "features.claims: its dataset or column"),
        ([replace(CLAIMS, source=Source("a", "c d", "agent"))], [AGENT], "features.claims: its dataset or column"),
    ],
)
def test_features_and_keys_that_do_not_fit_are_told(
    features: Sequence[Feature], keys: Sequence[Key], fault: str
) -> None:
    assert [found[: len(fault)] for found in find_lookup_faults(features, keys)] == [fault]


def test_snapshot_that_lacks_what_a_model_looks_up_is_told() -> None:
    table = replace(AGENTS, columns=(Column("office", ColumnType.NUMBER),), rows={})
    assert list(find_table_faults(FEATURES, table)) == [
        "has no column claims_last_year of type number, which the feature claims needs",
        "has no column office of type category, which the feature office needs",
    ]
    assert list(find_table_faults(FEATURES, AGENTS)) == list(find_table_faults(FEATURES, SHOPS)) == []
