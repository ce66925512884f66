"""Segments that were changed, lost, added or swapped."""

from __future__ import annotations

import gzip

from audit.layout import performance_name, segment_name
from audit.verifying.findings import Kind
from audit.windows import Window
from tests.lakes import FIRST
from tests.tamperings.case import LONG, OTHER, REGION, SEGMENT, Case, finds, lines_of, packed


@finds((Kind.DAMAGED_FILE, SEGMENT))
def a_byte_of_the_gzip_is_changed(case: Case) -> None:
    content = bytearray(case.files[SEGMENT])
    content[-9] ^= 0xFF
    case.files[SEGMENT] = bytes(content)


@finds((Kind.REPACKED_FILE, SEGMENT))
def a_byte_of_the_gzip_header_is_changed(case: Case) -> None:
    content = bytearray(case.files[SEGMENT])
    content[4] = 7
    case.files[SEGMENT] = bytes(content)


@finds((Kind.CHANGED_LINES, SEGMENT))
def a_line_is_changed(case: Case) -> None:
    lines = lines_of(case.files[SEGMENT])
    lines[2] = lines[2].replace(b'"score":0', b'"score":1')
    case.files[SEGMENT] = packed(lines)


@finds((Kind.CHANGED_LINES, SEGMENT))
def a_line_is_no_json_any_more(case: Case) -> None:
    lines = lines_of(case.files[SEGMENT])
    lines[2] = lines[2].replace(b":", b";", 1)
    case.files[SEGMENT] = packed(lines)


@finds((Kind.MISSING_LINES, SEGMENT))
def a_line_is_removed(case: Case) -> None:
    lines = lines_of(case.files[SEGMENT])
    case.files[SEGMENT] = packed(lines[:1] + lines[2:])


@finds((Kind.ADDED_LINES, SEGMENT))
def a_line_is_added(case: Case) -> None:
    lines = lines_of(case.files[SEGMENT])
    case.files[SEGMENT] = packed([*lines, lines[-1]])


@finds((Kind.CHANGED_LINES, SEGMENT))
def two_lines_are_exchanged(case: Case) -> None:
    lines = lines_of(case.files[SEGMENT])
    lines[1], lines[2] = lines[2], lines[1]
    case.files[SEGMENT] = packed(lines)


@finds((Kind.REPACKED_FILE, SEGMENT))
def a_file_is_compressed_anew(case: Case) -> None:
    case.files[SEGMENT] = gzip.compress(gzip.decompress(case.files[SEGMENT]), 9, mtime=1)


@finds((Kind.DAMAGED_FILE, SEGMENT))
def a_file_is_cut_off(case: Case) -> None:
    case.files[SEGMENT] = case.files[SEGMENT][:-1]


@finds((Kind.DAMAGED_FILE, SEGMENT))
def a_file_is_emptied(case: Case) -> None:
    case.files[SEGMENT] = b""


@finds((Kind.DAMAGED_FILE, SEGMENT))
def bytes_follow_a_file(case: Case) -> None:
    case.files[SEGMENT] += b"\x00"


@finds((Kind.DAMAGED_FILE, SEGMENT))
def a_second_member_follows_a_file(case: Case) -> None:
    case.files[SEGMENT] += gzip.compress(b"")


@finds((Kind.ADDED_LINES, SEGMENT))
def a_file_becomes_a_bomb(case: Case) -> None:
    case.files[SEGMENT] = gzip.compress(b"\n" * 10**7)


@finds((Kind.DAMAGED_FILE, SEGMENT))
def a_file_becomes_one_endless_line(case: Case) -> None:
    case.files[SEGMENT] = gzip.compress(b"{" * 10**7)


@finds((Kind.MISSING_FILE, SEGMENT))
def a_file_is_removed(case: Case) -> None:
    del case.files[SEGMENT]


@finds((Kind.MISSING_FILE, performance_name(REGION, FIRST)))
def a_performance_file_is_removed(case: Case) -> None:
    del case.files[performance_name(REGION, FIRST)]


@finds((Kind.MISSING_LINES, performance_name(REGION, FIRST)))
def a_line_of_performance_is_removed(case: Case) -> None:
    name = performance_name(REGION, FIRST)
    case.files[name] = packed(lines_of(case.files[name])[:1])


@finds((Kind.ADDED_FILE, segment_name("decisions", REGION, FIRST, "abcd")))
def a_file_is_added_to_a_window(case: Case) -> None:
    case.files[segment_name("decisions", REGION, FIRST, "abcd")] = case.files[SEGMENT]


@finds((Kind.ADDED_FILE, segment_name("decisions", REGION, Window(FIRST.start_s - 86_400, 3600), "9f3a")))
def a_file_is_added_before_the_first_window(case: Case) -> None:
    case.files[segment_name("decisions", REGION, Window(FIRST.start_s - 86_400, 3600), "9f3a")] = case.files[SEGMENT]


@finds((Kind.ADDED_FILE, "audit/decisions/v1/region=westeurope/notes.txt"))
def a_file_of_another_kind_is_added(case: Case) -> None:
    case.files["audit/decisions/v1/region=westeurope/notes.txt"] = b"seen and approved"


@finds((Kind.ADDED_FILE, SEGMENT.replace("hour=21", "hour=20")))
def a_file_is_added_under_another_hour(case: Case) -> None:
    case.files[SEGMENT.replace("hour=21", "hour=20")] = case.files[SEGMENT]


NO_MONTH = SEGMENT.replace("month=11", "month=13").replace("202611", "202613")


@finds((Kind.ADDED_FILE, NO_MONTH))
def a_file_is_added_to_a_month_that_no_year_has(case: Case) -> None:
    case.files[NO_MONTH] = case.files[SEGMENT]


@finds((Kind.SWAPPED_FILES, SEGMENT))
def two_files_are_swapped(case: Case) -> None:
    case.files[SEGMENT], case.files[OTHER] = case.files[OTHER], case.files[SEGMENT]


@finds((Kind.SWAPPED_FILES, LONG), (Kind.SWAPPED_FILES, OTHER), (Kind.SWAPPED_FILES, SEGMENT))
def three_files_change_places(case: Case) -> None:
    files = case.files
    files[SEGMENT], files[OTHER], files[LONG] = files[OTHER], files[LONG], files[SEGMENT]


@finds((Kind.CHANGED_LINES, SEGMENT))
def a_file_is_replaced_by_a_copy_of_another(case: Case) -> None:
    case.files[SEGMENT] = case.files[OTHER]
