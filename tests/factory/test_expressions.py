"""The expression language as far as our pipelines use it. Microsoft's own evaluator is asked in tests/edge/factory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.factory.expressions import Scope, evaluate, evaluate_text
from tests.factory.functions import ExpressionFailed, NotSupported

SCOPE = Scope(
    now=lambda: datetime(2026, 11, 23, 22, 15, 4, 5000, UTC),
    pipeline={"parameters": {"sequence": "12", "at": "2026-11-23T21:00:00Z"}, "globalParameters": {"region": "x"}},
    variables={"next": "7", "found": True},
    outputs={"Read it": {"output": {"firstRow": {"files": [{"rows": 5}, {"rows": 7.0}], "name": "a/b.json"}}}},
    item=({"name": "it's"},),
)
FILES = "activity('Read it').output.firstRow.files"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("@@plain", "@plain"),
        ("@pipeline().parameters.sequence", "12"),
        ('{"n":@{add(int(variables(\'next\')), 1)},"r":"@{pipeline().globalParameters.region}"}', '{"n":8,"r":"x"}'),
        ("@item().name", "it's"),
        ("@concat('it''s ', 5, ' ', true, null)", "it's 5 True"),
        (f"@{FILES}[1].rows", 7.0),
        (f"@{FILES}[0]?.none", None),
        (f"@string({FILES}[1].rows)", "7"),
        (f"@string({FILES})", '[{"rows":5},{"rows":7.0}]'),
        (f"@xpath(xml(json(concat('{{\"f\":{{\"r\":', string({FILES}), '}}}}'))), 'sum(/f/r/rows)')", 12),
        ("@substring(concat('000000000000', variables('next')), length(variables('next')), 12)", "000000000007"),
        ("@formatDateTime(pipeline().parameters.at, 'yyyyMMddTHHmmssZ')", "20261123T210000Z"),
        ("@addMinutes(pipeline().parameters.at, 90)", "2026-11-23T22:30:00.0000000Z"),
        ("@utcNow()", "2026-11-23T22:15:04.0050000Z"),
        ("@utcNow('R')", "Mon, 23 Nov 2026 22:15:04 GMT"),
        ("@equals(12, 12.0)", True),
        ("@equals('a', 'A')", False),
        ("@equals(1, true)", False),
        ("@startsWith('Audit/x', 'audit/')", True),
        ("@coalesce(null, -1)", -1),
        ("@if(not(variables('found')), 'a', 'b')", "b"),
    ],
)
def test_expression_has_its_value(text: str, value: Any) -> None:
    assert evaluate_text(text, SCOPE) == value


@pytest.mark.parametrize(
    "text",
    [
        "@pipeline().parameters.other",
        "@variables('other')",
        "@activity('Other').output",
        "@substring('abc', 2, 2)",
        "@int('x')",
        "@json('{')",
        "@and(true, 1)",
        "@formatDateTime('today', 'yyyyMMddTHHmmssZ')",
    ],
)
def test_expression_that_data_factory_would_fail_fails(text: str) -> None:
    with pytest.raises(ExpressionFailed):
        evaluate_text(text, SCOPE)


@pytest.mark.parametrize(
    "text",
    ["@guid()", "@add(1, 2) x", "@{add(1, 2)", "@#", "@utcNow('d')", "@xpath(xml(json('{\"a\":1}')), '//a')"],
)
def test_what_the_runner_lacks_is_not_passed_over(text: str) -> None:
    with pytest.raises(NotSupported):
        evaluate_text(text, SCOPE)


def test_values_are_evaluated_wherever_they_stand() -> None:
    value = {
        "a": [{"value": "@item().name", "type": "Expression"}, 5],
        "b": {"content": "@add(1, 2)", "type": "Expression"},
    }
    assert evaluate(value, SCOPE) == {"a": ["it's", 5], "b": 3}
