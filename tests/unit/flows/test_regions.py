"""Regions know the keys that sign their checkpoints."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from audit.notes import VerifierKey
from flows.regions import InvalidRegions, parse_regions
from tests.fakes_trail import MemoryVault

ENTRY = {"jurisdiction": "eu", "residencies": ["DE"], "base_url": "https://westeurope.example/"}


def parse_with(**fields: Any) -> tuple[VerifierKey, ...]:
    return parse_regions({"westeurope": {**ENTRY, **fields}})["westeurope"].checkpoint_keys


def test_region_without_keys_has_none() -> None:
    assert parse_with() == ()


def test_keys_are_read_from_their_lines() -> None:
    keys = tuple(VerifierKey("vouch/westeurope", asyncio.run(MemoryVault().public_key())) for _ in range(2))
    assert parse_with(checkpoint_keys=[str(key) for key in keys]) == keys


@pytest.mark.parametrize("value", ["line", [5], [""], ["vouch/westeurope+00000000+Ag=="], {"a": 1}, None])
def test_keys_that_are_none_are_refused_with_the_region(value: object) -> None:
    with pytest.raises(InvalidRegions, match="westeurope: checkpoint_keys"):
        parse_with(checkpoint_keys=value)
