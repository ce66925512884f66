"""A rehearsal of rollouts to each test that asks for one."""

from __future__ import annotations

import pytest

from tests.replay.rehearsal import Rehearsal


@pytest.fixture
def rehearsal() -> Rehearsal:
    return Rehearsal()
