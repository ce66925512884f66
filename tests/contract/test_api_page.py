"""`docs/api.md` says what the tables in code say."""

from __future__ import annotations

import re
from pathlib import Path

from flows.calls import ROLES
from triggers.endpoints import ENDPOINTS, UNMATCHED
from triggers.problems import KINDS

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "api.md"


def endpoint_rows() -> list[str]:
    rows = []
    for endpoint in ENDPOINTS:
        if endpoint is UNMATCHED:
            continue
        roles = "open" if endpoint.roles is None else ", ".join(sorted(endpoint.roles))
        shown = "every role" if endpoint.roles == frozenset(ROLES) else roles
        rows.append(f"| `{', '.join(endpoint.methods)} {endpoint.path}` | {shown} | {endpoint.summary} |")
    return rows


def problem_rows() -> list[str]:
    kinds = sorted(KINDS.values(), key=lambda kind: (kind.status, kind.slug))
    return [f"| {kind.status} | `{kind.slug}` | {kind.title} |" for kind in kinds]


def test_page_lists_every_endpoint_and_problem_as_the_code_does() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if re.match(r"\| (`(GET|POST|PUT)[ ,]|\d{3} )", line)]
    assert rows == [*endpoint_rows(), *problem_rows()]
