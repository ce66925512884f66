"""A snapshot that is corrupt, short, foreign or too large is refused, and the error names the file and the line."""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring import reference_table
from scoring.features import LARGEST_INTEGER
from scoring.reference_table import (
    MANIFEST_FILE,
    InvalidSnapshot,
    ReferenceTable,
    build_table,
    key_text,
    parse_snapshot_manifest,
    unpack,
)
from tests.snapshots import COLUMNS, ROWS, Files, change_manifest, digest_of, snapshot_of
from vouch.snapshots import pack_rows

PART = "part-00000.jsonl.gz"


def load(files: Files) -> ReferenceTable:
    manifest = parse_snapshot_manifest(files[MANIFEST_FILE], "agents", "s1")
    return build_table(manifest, digest_of(files), files)


def refusal(files: Files) -> InvalidSnapshot:
    with pytest.raises(InvalidSnapshot) as caught:
        load(files)
    return caught.value


def with_content(packed: bytes, rows: int) -> Files:
    """A snapshot whose one part is these bytes, truly described."""

    def describe(document: dict[str, Any]) -> None:
        digest = hashlib.sha256(packed).hexdigest()
        document["files"] = [{"name": PART, "rows": rows, "bytes": len(packed), "sha256": digest}]
        document["rows"] = rows

    return change_manifest({**snapshot_of(), PART: packed}, describe)


def with_lines(*lines: bytes) -> Files:
    return with_content(gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0), len(lines))


def test_snapshot_is_read_back_as_it_was_built() -> None:
    table = load(snapshot_of())
    assert (table.dataset, table.snapshot, table.key, table.columns) == ("agents", "s1", "rep_number", COLUMNS)
    assert table.rows == {"7": (20, "north"), "8": (40, None)}


def test_snapshot_of_several_parts_holds_the_rows_of_all() -> None:
    rows = [{"rep_number": number, "claims_last_year": number, "office": "x"} for number in range(7)]
    files = snapshot_of(rows=rows, rows_per_file=3)
    assert sorted(files) == [MANIFEST_FILE, PART, "part-00001.jsonl.gz", "part-00002.jsonl.gz"]
    assert load(files).rows == {str(number): (number, "x") for number in range(7)}


def test_snapshot_without_rows_is_one() -> None:
    assert load(snapshot_of(rows=[])).rows == {}


def test_column_that_a_row_lacks_is_missing_as_null_is() -> None:
    assert load(with_lines(b'{"rep_number": 7}')).rows == {"7": (None, None)}


def test_gzip_of_several_members_is_read_to_its_end() -> None:
    packed = pack_rows(ROWS[:1]) + pack_rows(ROWS[1:])
    assert load(with_content(packed, 2)).rows == load(snapshot_of()).rows


@pytest.mark.parametrize("place", [0, 0.3, 0.7, 1])
def test_one_changed_byte_of_a_part_is_named(place: float) -> None:
    files = snapshot_of()
    content = bytearray(files[PART])
    content[int(place * (len(content) - 1))] ^= 1
    error = refusal({**files, PART: bytes(content)})
    assert error.file == PART
    assert "is changed or foreign: SHA-256" in error.difference


def test_missing_short_and_long_parts_are_named() -> None:
    files = snapshot_of()
    assert "is missing" in refusal({MANIFEST_FILE: files[MANIFEST_FILE]}).difference
    for content in (files[PART][:-1], files[PART] + b"x"):
        assert f"has {len(content)} bytes, the manifest says" in refusal({**files, PART: content}).difference


@pytest.mark.parametrize(
    ("lines", "difference"),
    [
        ([b'{"rep_number": 7}', b"[]"], "line 2: is no JSON object"),
        ([b'{"rep_number": 7}', b""], "line 2: is no JSON object"),
        ([b'{"rep_number": 7, "claims_last_year": NaN}'], "line 1: is no JSON object"),
        ([b'{"rep_number": 7, "claims_last_year": 1e400}'], "line 1: is no JSON object"),
        ([b'{"rep_number": 7, "office": "\\ud800x"}'], "line 1: is no JSON object"),
        ([b'{"rep_number": 7, "office": "\xff"}'], "line 1: is no JSON object"),
        ([b'{"rep_number": 7, "extra": 1}'], "line 1: has a column that the manifest doesn't list"),
        ([b'{"claims_last_year": 7}'], "line 1: rep_number: must be a text"),
        ([b'{"rep_number": ""}'], "line 1: rep_number: must be a text"),
        ([b'{"rep_number": true}'], "line 1: rep_number: must be a text"),
        ([b'{"rep_number": 7.5}'], "line 1: rep_number: must be a text"),
        ([b'{"rep_number": 7}', b'{"rep_number": "7"}'], "line 2: rep_number: stands in an earlier row"),
        ([b'{"rep_number": 7, "claims_last_year": "3"}'], "line 1: claims_last_year: must be a finite number"),
        ([b'{"rep_number": 7, "claims_last_year": true}'], "line 1: claims_last_year: must be a finite number"),
        ([b'{"rep_number": 7, "claims_last_year": 9007199254740992}'], "line 1: claims_last_year: must be a finite"),
        ([b'{"rep_number": 7, "office": 3}'], "line 1: office: must be a text of at most 256"),
        ([b'{"rep_number": 7, "office": "' + b"x" * 257 + b'"}'], "line 1: office: must be a text of at most 256"),
    ],
)
def test_row_that_is_wrong_is_named_by_its_line(lines: Sequence[bytes], difference: str) -> None:
    error = refusal(with_lines(*lines))
    assert (error.file, error.difference[: len(difference)]) == (PART, difference)


def test_same_key_in_two_parts_is_found() -> None:
    error = refusal(snapshot_of(rows=[ROWS[0], ROWS[0]], rows_per_file=1))
    assert (error.file, error.difference) == (
        "part-00001.jsonl.gz",
        "line 1: rep_number: stands in an earlier row already",
    )


def test_error_repeats_no_key_and_no_value() -> None:
    planted = b'{"rep_number": "planted", "claims_last_year": "planted"}'
    assert "planted" not in str(refusal(with_lines(planted)))


def test_rows_that_the_manifest_does_not_count_are_found() -> None:
    files = snapshot_of()

    def claim_three(document: dict[str, Any]) -> None:
        document["rows"] = document["files"][0]["rows"] = 3

    assert refusal(change_manifest(files, claim_three)).difference == "has 2 rows, the manifest says 3"


def test_what_is_no_gzip_or_is_cut_off_is_told() -> None:
    assert "is not gzip" in refusal(with_content(b"not gzip", 1)).difference
    whole = pack_rows(ROWS)
    assert "is cut off" in refusal(with_content(whole[:-5], 2)).difference


def test_file_of_more_lines_than_were_said_is_refused_before_they_are_parted() -> None:
    """Millions of empty lines pack into nothing, and each of them takes room once it is one."""
    assert refusal(with_content(gzip.compress(b"\n" * 2**20), 1)).difference == "has 1048576 rows, the manifest says 1"
    assert refusal(with_content(gzip.compress(b""), 1)).difference == "has 0 rows, the manifest says 1"


def test_file_of_many_members_is_read_in_time_that_grows_with_it() -> None:
    member = gzip.compress(b"", 1, mtime=0)

    def measure(members: int) -> float:
        content, started = member * members, time.process_time()
        assert unpack(PART, content, 10) == b""
        return time.process_time() - started

    assert measure(64_000) < 24 * max(measure(8_000), 0.01)


@given(st.lists(st.binary(max_size=200), max_size=6), st.integers(1, 50))
def test_members_are_read_wherever_pieces_part_them(texts: list[bytes], piece_bytes: int) -> None:
    content = b"".join(gzip.compress(text, mtime=0) for text in texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference_table, "PIECE_BYTES", piece_bytes)
        patch.setattr(reference_table, "INPUT_BYTES", piece_bytes)
        assert unpack(PART, content, 2_000) == b"".join(texts)
        for cut in range(1, min(len(content), 18)):
            if content and len(texts) == 1:
                with pytest.raises(InvalidSnapshot, match="cut off"):
                    unpack(PART, content[:-cut], 2_000)


def test_file_that_swells_beyond_the_limit_is_refused_before_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference_table, "MAX_BYTES", 3 * 2**20)
    bomb = gzip.compress(b" " * 2**26)
    assert len(bomb) < 2**17
    assert "holds more than" in refusal(with_content(bomb, 1)).difference
    with pytest.raises(InvalidSnapshot, match="holds more than 10 bytes"):
        unpack(PART, gzip.compress(b"x" * 6) * 2, 10)


Change = Callable[[dict[str, Any]], object]
MANIFEST_FAULTS: Sequence[tuple[Change, str]] = [
    (lambda d: d.update(dataset="others"), "is foreign"),
    (lambda d: d.update(snapshot="s2"), "is foreign"),
    (lambda d: d.update(schema_version=2), "schema_version: is 2"),
    (lambda d: d.update(created_at="yesterday"), "created_at: must be"),
    (lambda d: d.update(key="claims_last_year"), "key and columns: must have names of their own"),
    (lambda d: d.update(key="rep number"), "key and columns: must have names of their own"),
    (lambda d: d.update(columns=[]), "columns: must be 1 to 32"),
    (lambda d: d["columns"][0].update(type="date"), "Invalid enum value"),
    (lambda d: d.update(files=[]), "files: must be 1 to 1000"),
    (lambda d: d["files"][0].update(name="../part-00000.jsonl.gz"), "files: must be 1 to 1000, named part-00000"),
    (lambda d: d.update(rows=3), "rows: must be the sum of the files' rows"),
    (lambda d: d["files"][0].update(rows=-1), "rows: must be the sum"),
    (lambda d: d.pop("key"), "missing required field `key`"),
]


@pytest.mark.parametrize(("change", "difference"), MANIFEST_FAULTS, ids=[text for _, text in MANIFEST_FAULTS])
def test_manifest_that_is_wrong_is_named(change: Change, difference: str) -> None:
    error = refusal(change_manifest(snapshot_of(), change))
    assert error.file == MANIFEST_FILE
    assert difference in error.difference


def test_snapshot_of_more_rows_or_bytes_than_an_instance_holds_is_refused_by_its_manifest() -> None:
    def swell(field: str, value: int) -> Change:
        def change(document: dict[str, Any]) -> None:
            document["files"][0][field] = value
            document["rows"] = document["files"][0]["rows"]

        return change

    assert "are more than the 500000" in refusal(change_manifest(snapshot_of(), swell("rows", 500_001))).difference
    assert "are larger than" in refusal(change_manifest(snapshot_of(), swell("bytes", 2**26 + 1))).difference


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_manifest_that_is_no_json_object_is_refused(content: bytes) -> None:
    assert refusal({**snapshot_of(), MANIFEST_FILE: content}).file == MANIFEST_FILE


@pytest.mark.parametrize(
    ("value", "text"),
    [(7, "7"), ("7", "7"), (7.0, "7"), (-0.0, "0"), ("A 7", "A 7"), (LARGEST_INTEGER, str(LARGEST_INTEGER))],
)
def test_key_is_compared_as_text(value: object, text: str) -> None:
    assert key_text(value) == text


@pytest.mark.parametrize(
    "value", [None, True, "", 7.5, "a\nb", "x" * 129, LARGEST_INTEGER + 1, float("nan"), float("inf"), [], {}]
)
def test_what_can_be_no_key_is_none(value: object) -> None:
    assert key_text(value) is None


values = st.fixed_dictionaries(
    {},
    optional={
        "claims_last_year": st.none()
        | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
        | st.floats(allow_nan=False, allow_infinity=False),
        "office": st.none() | st.text(max_size=256),
    },
)
keys = st.text("abcdefgh -7", min_size=1, max_size=8) | st.integers(0, 99)


@given(st.dictionaries(keys.map(str), values, max_size=20), st.integers(1, 7))
def test_whatever_is_built_is_read_back(rows: Mapping[str, Mapping[str, object]], per_file: int) -> None:
    files = snapshot_of(rows=[{"rep_number": key, **row} for key, row in rows.items()], rows_per_file=per_file)
    expected = {key: (row.get("claims_last_year"), row.get("office")) for key, row in rows.items()}
    assert load(files).rows == expected


@given(st.binary(max_size=200))
def test_no_manifest_does_anything_but_be_refused(content: bytes) -> None:
    with pytest.raises(InvalidSnapshot):
        parse_snapshot_manifest(content, "agents", "s1")


names = st.sampled_from(["rep_number", "office", "claims_last_year", "x"])
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(names, inner),
    max_leaves=8,
)


@given(documents)
def test_no_row_does_anything_but_be_taken_or_refused(row: Any) -> None:
    difference, taken = "", []
    try:
        taken = list(load(with_lines(json.dumps(row).encode())).rows)
    except InvalidSnapshot as error:
        difference = error.difference
    assert difference.startswith("line 1: ") or taken == [str(row["rep_number"])]
