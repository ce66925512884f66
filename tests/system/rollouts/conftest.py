"""One fleet for all of these tests. Each begins and ends with every region on 1.0.0 and nothing withdrawn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.plan import make_plan
from tests.system.conftest import free_base_port
from tests.system.rollouts.fleet import Fleet
from tests.system.rollouts.scene import Scene
from tests.system.rollouts.stream import Stream


@pytest.fixture(scope="package")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Ready; stopped at the end."""
    running = Fleet(make_plan(tmp_path_factory.mktemp("fleet"), free_base_port()))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def scene(fleet: Fleet) -> Iterator[Scene]:
    """Claims stream through the fleet; at the end every answer to them is looked at."""
    with Stream(fleet) as stream:
        scene = Scene(fleet, stream)
        yield scene
        try:
            scene.clear_up()
        finally:
            stream.halt()
    scene.check()
