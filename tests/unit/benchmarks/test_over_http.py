"""Goals over HTTP are judged by ratios within a round, at every number of connections."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.claims_1996 import ROOT, read_deals
from benchmarks.load import Round
from benchmarks.over_http import (
    CONNECTIONS,
    ECHO,
    MEMORY,
    MLSERVER,
    REAL,
    SCORE,
    Measured,
    build_section,
    local_system,
    ratios,
)
from benchmarks.servers import check_scores, start_host, wait_until_answering


def measured(memory: float, real: float, theirs: float = 100.0) -> Measured:
    rates = {MEMORY: memory, REAL: real, MLSERVER: theirs, ECHO: 1000.0}
    return {
        (name, connections): [Round(rate, 1.0, 2.0, 0.1)] * 3
        for name, rate in rates.items()
        for connections in CONNECTIONS
    }


def test_ratio_is_taken_round_by_round() -> None:
    rounds = {
        ("a", 1): [Round(10, 1, 1, 0), Round(40, 1, 1, 0), Round(30, 1, 1, 0)],
        ("b", 1): [Round(10, 1, 1, 0), Round(20, 1, 1, 0), Round(10, 1, 1, 0)],
    }
    found = ratios(rounds, "a", "b", 1)
    assert (found.least, found.median, found.most) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("memory", "real", "expected"),
    [(250, 120, [True, True]), (150, 120, [False, True]), (250, 90, [True, False]), (200, 100, [False, False])],
)
def test_goals_are_reached_only_beyond_their_multiple(memory: float, real: float, expected: list[bool]) -> None:
    assert [goal.is_reached for goal in build_section(measured(memory, real)).goals] == expected


def test_a_goal_missed_at_one_number_of_connections_is_missed_and_names_it() -> None:
    rounds = dict(measured(250, 120))
    rounds[REAL, 1] = [Round(50, 1, 1, 0.1)] * 3
    goal = build_section(rounds).goals[1]
    assert not goal.is_reached
    assert "At 1:" in goal.why
    assert "At 32:" not in goal.why


@pytest.mark.parametrize(
    ("name", "app"), [(MEMORY, "benchmarks/memory_app/function_app.py"), (REAL, "function_app.py")]
)
def test_app_that_is_measured_starts_and_scores_as_the_model_does(tmp_path: Path, name: str, app: str) -> None:
    deals = read_deals(3)
    with local_system(tmp_path) as (plan, azurite):
        server = start_host(name, ROOT / app, SCORE, plan, azurite, [json.dumps(deal).encode() for deal in deals])
        try:
            wait_until_answering(server)
            check_scores(server, deals)
        finally:
            server.stop()
