"""Manifests that were changed, lost or added, and false ones that who holds the key has committed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from audit.chain import read_entry
from audit.layout import chain_name, manifest_name, performance_name
from audit.manifests import Counts, Difference, LaneEntry, Manifest, read_manifest
from audit.verifying.findings import Kind
from tests.lakes import FIRST
from tests.tamperings.case import (
    CORRECTION,
    EMPTY,
    FOURTH,
    LONG,
    MANIFEST,
    REGION,
    SEGMENT,
    THIRD,
    Case,
    finds,
    resealed,
)


@finds((Kind.MISSING_MANIFEST, MANIFEST))
def a_manifest_is_removed(case: Case) -> None:
    del case.files[MANIFEST]


@finds((Kind.MISSING_MANIFEST, CORRECTION))
def a_correction_is_removed(case: Case) -> None:
    del case.files[CORRECTION]


@finds((Kind.CHANGED_MANIFEST, MANIFEST))
def a_manifest_is_changed(case: Case) -> None:
    case.files[MANIFEST] = case.files[MANIFEST].replace(b'"rows":5', b'"rows":4', 1)


@finds((Kind.CHANGED_MANIFEST, MANIFEST))
def a_manifest_is_nested_endlessly(case: Case) -> None:
    case.files[MANIFEST] = case.files[MANIFEST][:-1] + b',"x":' + b"[" * 100_000


@finds((Kind.SWAPPED_FILES, EMPTY))
def two_manifests_are_swapped(case: Case) -> None:
    third = manifest_name(REGION, THIRD)
    case.files[EMPTY], case.files[third] = case.files[third], case.files[EMPTY]


@finds((Kind.ADDED_MANIFEST, manifest_name(REGION, FIRST, 2)))
def a_correction_is_added(case: Case) -> None:
    added = Manifest(REGION, FIRST, 2)
    case.files[manifest_name(REGION, FIRST, 2)] = added.to_bytes()


@finds((Kind.FALSE_MANIFEST, manifest_name(REGION, FIRST, 2)))
def a_manifest_is_added_under_another_name(case: Case) -> None:
    case.files[manifest_name(REGION, FIRST, 2)] = case.files[CORRECTION]


@finds((Kind.CHANGED_MANIFEST, EMPTY))
def a_manifest_is_replaced_by_a_copy_of_another(case: Case) -> None:
    case.files[EMPTY] = case.files[manifest_name(REGION, THIRD)]


@finds((Kind.FALSE_MANIFEST, manifest_name(REGION, FOURTH)))
def what_is_no_manifest_is_committed(case: Case) -> None:
    case.region.last = read_entry(case.files[chain_name(REGION, 3)])
    manifest = case.files[manifest_name(REGION, FOURTH)]
    case.region.commit(read_manifest(manifest), manifest.replace(b'"counts"', b'"Counts"'))


@finds((Kind.RECORDED_DIFFERENCE, manifest_name(REGION, FOURTH)))
def counts_differed_when_a_window_was_sealed(case: Case) -> None:
    told = [Difference("00ab", "minutes", 40, 39)]
    resealed(case, lambda old: replace(old, counts=replace(old.counts, minutes=39), differences=told))


@finds((Kind.RECORDED_DIFFERENCE, manifest_name(REGION, FOURTH)))
def a_row_was_lost_before_its_window_was_sealed(case: Case) -> None:
    lanes = [LaneEntry("00ab", 41, {"vouch.decision.scored.v1": 41})]
    told = [Difference("00ab", "rows", 41, 40), Difference("00ab", "lines", 41, 40)]
    resealed(
        case,
        lambda old: replace(old, lanes=lanes, counts=replace(old.counts, heads=41, minutes=41), differences=told),
    )


@finds((Kind.FALSE_MANIFEST, manifest_name(REGION, FOURTH)))
def counts_differ_without_a_word(case: Case) -> None:
    resealed(case, lambda manifest: replace(manifest, counts=replace(manifest.counts, minutes=39)))


@finds((Kind.FALSE_MANIFEST, manifest_name(REGION, FOURTH)))
def counts_agree_and_are_no_sums(case: Case) -> None:
    resealed(case, lambda manifest: replace(manifest, counts=Counts(41, 41, 41, 41)))


FALSE_AND_TOLD = (
    (Kind.FALSE_MANIFEST, manifest_name(REGION, FOURTH)),
    (Kind.RECORDED_DIFFERENCE, manifest_name(REGION, FOURTH)),
)
TOLD = [Difference("00ab", "lines", 40, 41)]


@finds(*FALSE_AND_TOLD)
def the_heads_count_is_no_sum_of_the_lanes(case: Case) -> None:
    resealed(case, lambda manifest: replace(manifest, counts=Counts(40, 41, 40, 40), differences=TOLD))


@finds(*FALSE_AND_TOLD)
def the_lines_count_is_no_sum_of_the_files(case: Case) -> None:
    resealed(case, lambda manifest: replace(manifest, counts=Counts(40, 40, 40, 41), differences=TOLD))


@finds(*FALSE_AND_TOLD)
def a_file_is_of_a_lane_that_is_not_listed(case: Case) -> None:
    resealed(case, lambda manifest: replace(manifest, lanes=[], counts=Counts(0, 0, 0, 40), differences=TOLD))


def _renamed(manifest: Manifest, **changes: Any) -> Manifest:
    return replace(manifest, files=[replace(f, **changes) if f.lane == "" else f for f in manifest.files])


@finds((Kind.FALSE_MANIFEST, manifest_name(REGION, FOURTH)))
def a_performance_file_is_of_a_lane(case: Case) -> None:
    resealed(case, lambda manifest: _renamed(manifest, lane="00ab"))


@finds(
    (Kind.FALSE_MANIFEST, manifest_name(REGION, FOURTH)),
    (Kind.MISSING_FILE, performance_name(REGION, FOURTH, 1)),
    (Kind.ADDED_FILE, performance_name(REGION, FOURTH)),
)
def a_performance_file_is_that_of_a_correction(case: Case) -> None:
    resealed(case, lambda manifest: _renamed(manifest, name=performance_name(REGION, FOURTH, 1)))


@finds((Kind.FALSE_MANIFEST, manifest_name(REGION, FOURTH)))
def a_lane_has_other_types_than_its_files(case: Case) -> None:
    lane = LaneEntry("00ab", 40, {"vouch.decision.rejected.v1": 40})
    resealed(case, lambda manifest: replace(manifest, lanes=[lane]))


@finds((Kind.FALSE_MANIFEST, manifest_name(REGION, FOURTH)))
def a_lane_is_there_twice(case: Case) -> None:
    resealed(case, lambda manifest: replace(manifest, lanes=[*manifest.lanes, LaneEntry("00ab", 0, {})]))


@finds((Kind.FALSE_MANIFEST, manifest_name(REGION, FOURTH)), (Kind.MISSING_FILE, SEGMENT))
def a_manifest_names_a_file_of_another_window(case: Case) -> None:
    first = read_manifest(case.files[MANIFEST])
    stolen = next(file for file in first.files if file.name == SEGMENT)
    resealed(case, lambda manifest: replace(manifest, files=[*manifest.files, stolen]))


@finds((Kind.FALSE_FILE, LONG))
def a_manifest_lies_about_a_root(case: Case) -> None:
    resealed(
        case,
        lambda manifest: replace(
            manifest, files=[replace(f, root="00" * 32) if f.name == LONG else f for f in manifest.files]
        ),
    )


@finds((Kind.FALSE_FILE, LONG))
def a_manifest_lies_about_a_size(case: Case) -> None:
    resealed(
        case,
        lambda manifest: replace(
            manifest, files=[replace(f, bytes=5) if f.name == LONG else f for f in manifest.files]
        ),
    )


@finds((Kind.FALSE_FILE, LONG))
def a_manifest_lies_about_the_last_id(case: Case) -> None:
    resealed(
        case,
        lambda manifest: replace(
            manifest, files=[replace(f, last=f.first) if f.name == LONG else f for f in manifest.files]
        ),
    )
