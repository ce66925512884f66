"""The desk, fresh for each test; whatever was recorded at it is what the datasets' schemas say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.desk import Desk
from tests.lines import faults_of


@pytest.fixture
def desk() -> Iterator[Desk]:
    opened = Desk()
    yield opened
    assert [fault for record in opened.ledger.records.values() for fault in faults_of(record)] == []
