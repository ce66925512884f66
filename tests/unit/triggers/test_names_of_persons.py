"""Whoever a deal may name can be asked about, held and erased, and a deal be found by whatever id it may have."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.deals import MAX_ID_CHARACTERS, is_identifier
from tests.desk import Desk, golden_deal, read

PRIVACY = "/api/v1/subjects"
NAMES = [
    "P-4711",
    "Jürgen Müller",
    "名前",
    "O'Neill & Söhne",
    " P-1",
    "a  b",
    "x" * MAX_ID_CHARACTERS,
    "🙂",
    "deal:D-1",
]
NO_NAMES = ["", "P-1\n", "a\tb", "\x00", "\u200b", "x" * (MAX_ID_CHARACTERS + 1), 5, None, ["P-1"]]


async def ask(desk: Desk, name: object) -> dict[str, Any]:
    """The answers of everything that takes the name of a person or a deal."""
    orders = [
        ("score", "/api/v1/deals:score", golden_deal(name, subjects=[name]), "scorer"),  # type: ignore[arg-type]
        ("search", "/api/v1/decisions:search", {"deal_id": name}, "auditor"),
        ("hold", f"{PRIVACY}:hold", {"subject": name, "reason": "asked"}, "privacy"),
        ("access", f"{PRIVACY}:access", {"subject": name}, "privacy"),
        ("erase", f"{PRIVACY}:erase", {"subject": name, "reason": "asked"}, "privacy"),
        ("release", f"{PRIVACY}:release", {"subject": name, "hold_id": "0" * 32, "reason": "asked"}, "privacy"),
    ]
    return {what: await desk.send("POST", path, body, role) for what, path, body, role in orders}


@pytest.mark.parametrize("name", NAMES)
async def test_whoever_a_deal_may_name_can_be_asked_about(desk: Desk, name: str) -> None:
    statuses = {what: answer.status_code for what, answer in (await ask(desk, name)).items()}
    assert statuses == {"score": 200, "search": 200, "hold": 200, "access": 200, "erase": 200, "release": 404}


@pytest.mark.parametrize("name", NO_NAMES)
async def test_what_no_deal_may_name_is_refused_everywhere_with_its_place(desk: Desk, name: object) -> None:
    for what, answer in (await ask(desk, name)).items():
        assert answer.status_code == 422, (what, answer.get_body())
        pointers = {fault["pointer"] for fault in read(answer)["errors"]}
        assert pointers <= {"/deal_id", "/subject", "/subjects/0"}, (what, pointers)


@given(st.text(max_size=MAX_ID_CHARACTERS + 2))
def test_any_text_names_somebody_everywhere_or_nowhere(name: str) -> None:
    answers = asyncio.run(ask(Desk(), name))
    assert {answer.status_code != 422 for answer in answers.values()} == {is_identifier(name)}
