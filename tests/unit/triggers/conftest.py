"""The desk, fresh for each test."""

from __future__ import annotations

import pytest

from tests.desk import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()
