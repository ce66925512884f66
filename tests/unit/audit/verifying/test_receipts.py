"""Receipts come as the API answers them, however that is wrapped."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.verifying.receipts import InvalidReceipts, Receipt, read_receipts

ONE, TWO = "01a20a35-6087-789f-b039-77dde2299f3a", "01a20a35-608e-7aaa-b039-77dde2299f3a"
DIGEST = f"sha256:{'ab' * 32}"
ANSWER = {"decision_id": ONE, "outcome": "approve", "record_digest": DIGEST, "region": "westeurope"}
LABELLED = {"record_id": TWO, "record_digest": DIGEST, "replayed": False}


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        (json.dumps(ANSWER), [ONE]),
        (json.dumps(ANSWER, indent=2), [ONE]),
        (json.dumps([ANSWER, LABELLED]), [ONE, TWO]),
        (json.dumps({"results": [{"decision": ANSWER}, {"problem": {"status": 400}}]}), [ONE]),
        (f"{json.dumps(ANSWER)}\n\n{json.dumps(LABELLED)}\n", [ONE, TWO]),
        (json.dumps([ANSWER, ANSWER]), [ONE]),
        (json.dumps({**ANSWER, "decision_id": ONE.upper()}), [ONE]),
    ],
)
def test_receipts_are_read_as_they_were_answered(text: str, ids: list[str]) -> None:
    receipts = read_receipts(text)
    assert list(receipts) == ids
    assert receipts[ONE] == Receipt(DIGEST, "westeurope")
    assert {receipt.digest for receipt in receipts.values()} == {DIGEST}


def tensors(**columns: object) -> str:
    """An answer of the Open Inference Protocol."""
    outputs = [{"name": name, "shape": [2], "datatype": "BYTES", "data": data} for name, data in columns.items()]
    return json.dumps({"model_name": "deal-fraud", "outputs": outputs})


def test_receipts_are_read_from_tensors() -> None:
    receipts = read_receipts(tensors(score=[0.1, 0.2], decision_id=[ONE, TWO], record_digest=[DIGEST, DIGEST]))
    assert receipts == {ONE: Receipt(DIGEST), TWO: Receipt(DIGEST)}


@pytest.mark.parametrize(
    "text",
    [
        tensors(decision_id=[ONE]),
        tensors(decision_id=[ONE, TWO], record_digest=[DIGEST]),
        tensors(decision_id=[5], record_digest=[DIGEST]),
        tensors(decision_id=ONE, record_digest=DIGEST),
        tensors(decision_id=None, record_digest=[DIGEST]),
        json.dumps({"outputs": [{"name": "decision_id"}, {"name": [], "data": []}, 5]}),
    ],
)
def test_tensors_that_are_no_receipts_are_refused(text: str) -> None:
    with pytest.raises(InvalidReceipts, match="receipt"):
        read_receipts(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no receipt"),
        ("{}", "no receipt"),
        ('{"problem": {}}', "no receipt"),
        ("[" * 100_000, "too deeply"),
        ("[" * 700 + "]" * 700, "no receipt|too deeply"),
        ("no json", "neither JSON nor JSON Lines"),
        (json.dumps({**ANSWER, "decision_id": "D-1"}), "decision_id, a UUID"),
        (json.dumps({**ANSWER, "decision_id": 5}), "decision_id, a UUID"),
        (json.dumps({**ANSWER, "decision_id": "3b241101-e2bb-4255-8caf-4136c566a962"}), "decision_id, a UUID"),
        (json.dumps({**ANSWER, "decision_id": "ffffffff-ffff-7fff-bfff-ffffffffffff"}), "decision_id, a UUID"),
        (json.dumps({"record_digest": DIGEST}), "decision_id, a UUID"),
        (json.dumps({**ANSWER, "record_digest": "sha256:00"}), "record_digest"),
        (json.dumps({**ANSWER, "record_digest": 5}), "record_digest"),
        (json.dumps([ANSWER, {**ANSWER, "record_digest": f"sha256:{'cd' * 32}"}]), "two receipts"),
    ],
)
def test_what_is_no_receipt_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidReceipts, match=words):
        read_receipts(text)


@given(st.text(max_size=50) | st.lists(st.none() | st.text(max_size=5), max_size=3).map(json.dumps))
def test_any_text_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InvalidReceipts):
        read_receipts(text)
