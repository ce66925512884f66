"""`python -m vouch proof`: what is proven, what is not, and with which keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.unit.audit.test_proofs import KEY, SIGNING, WANTED, as_document, build_proof
from vouch.__main__ import main


def answer(**more: object) -> dict[str, Any]:
    """What `GET /decisions/{id}?proof=true` answers."""
    event = json.loads(WANTED.encoded)
    return {"decision": event, "record_digest": WANTED.digest, "proof": as_document(build_proof()), **more}


def run(tmp_path: Path, document: object, *more: str, key: str = str(KEY)) -> int:
    file = tmp_path / "answer.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    return main(["proof", str(file), "--key", key, *more])


def test_answer_with_its_proof_is_proven(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, answer(), "--receipt", WANTED.digest, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["proven"] is True
    assert (said["record_id"], said["record_digest"]) == (str(WANTED.record_id), WANTED.digest)
    assert said["origin"] == "vouch/westeurope"


def test_proof_alone_is_proven(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, as_document(build_proof())) == 0
    assert f"Proven: record {WANTED.record_id}" in capsys.readouterr().out


def test_proof_of_an_erased_decision_is_proven(tmp_path: Path) -> None:
    document = answer(erased=True)
    del document["decision"]["data"]["personal"]
    assert run(tmp_path, document) == 0


@pytest.mark.parametrize("form", ["line", "file", "pem"])
def test_key_comes_as_a_line_a_file_or_pem(tmp_path: Path, form: str) -> None:
    lines, pem = tmp_path / "keys.txt", tmp_path / "key.pem"
    lines.write_text(f"\n{KEY}\n")
    pem.write_bytes(SIGNING.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    given = {"line": str(KEY), "file": str(lines), "pem": f"vouch/westeurope={pem}"}[form]
    assert run(tmp_path, answer(), key=given) == 0


def change_personal(document: dict[str, Any]) -> None:
    document["decision"]["data"]["personal"]["deal_id"] = "D-other"


def change_outcome(document: dict[str, Any]) -> None:
    document["decision"]["data"]["score"] = 0.5


def change_digest(document: dict[str, Any]) -> None:
    document["record_digest"] = "sha256:" + "0" * 64


def lose_decision(document: dict[str, Any]) -> None:
    document["decision"] = None


@pytest.mark.parametrize("change", [change_personal, change_outcome, change_digest, lose_decision])
def test_answer_that_is_not_what_is_proven_is_told(
    tmp_path: Path, change: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    document = answer()
    change(document)
    assert run(tmp_path, document) == 1
    assert "NOT PROVEN: the decision in the answer" in capsys.readouterr().out


def test_receipt_of_another_record_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, answer(), "--receipt", "sha256:" + "0" * 64, "--json") == 1
    assert "receipt" in json.loads(capsys.readouterr().out)["reason"]


def test_answer_whose_window_is_not_sealed_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, answer(proof=None, unproven="Its window is not sealed yet.")) == 1
    said = "NOT PROVEN: the answer holds no proof. Its window is not sealed yet. Ask for it again later.\n"
    assert capsys.readouterr().out == said


def test_answer_that_is_no_file_is_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "nosuch.json"
    assert main(["proof", str(file), "--key", str(KEY)]) == 2
    assert capsys.readouterr().err == f"{file} can't be read: No such file or directory. Give the answer as a file.\n"


@pytest.mark.parametrize("name", ["unproven", "\x1b[2J\n"])
def test_what_an_answer_says_can_not_command_the_terminal(
    tmp_path: Path, name: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    hostile = {**as_document(build_proof()), name: 1}
    assert run(tmp_path, answer(proof=None, unproven="\x1b[2J\n\ud800") if name == "unproven" else hostile) == 1
    said = capfdbinary.readouterr().out
    assert b"\\x1b[2J\\n" in said
    assert b"\x1b" not in said


def test_proof_with_half_a_character_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, {**as_document(build_proof()), "\ud800": 1}) == 1
    assert "NOT PROVEN: it is no proof" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_file_that_is_no_json_can_not_be_read(tmp_path: Path, text: str) -> None:
    assert run(tmp_path, text) == 2


def test_file_that_is_not_there_can_not_be_read(tmp_path: Path) -> None:
    assert main(["proof", str(tmp_path / "none.json"), "--key", str(KEY)]) == 2


@pytest.mark.parametrize("key", ["", "x", "vouch/westeurope+00000000+AAAA", "."])
def test_key_that_is_none_is_told(tmp_path: Path, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, answer(), key=key) == 2
    assert "key" in capsys.readouterr().err


def test_key_in_pem_is_believed_for_the_origin_that_is_given(tmp_path: Path) -> None:
    pem = tmp_path / "key.pem"
    pem.write_bytes(SIGNING.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert run(tmp_path, answer(), "--origin", "other/<region>", key=str(pem)) == 1
