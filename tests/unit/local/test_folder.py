"""A folder belongs to one running system at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.failures import LocalFailed
from local.folder import hold_folder
from local.ground import Ground
from local.plan import make_plan
from local.vaults import prepare_vaults


def test_second_system_in_a_folder_is_told_of_the_first_and_changes_nothing_of_it(tmp_path: Path) -> None:
    first = make_plan(tmp_path, 7_070)
    held = hold_folder(first)
    prepare_vaults(first)
    regions = first.regions_file.read_bytes()
    second = Ground(make_plan(tmp_path, 17_070), first.regions, lambda _: None)
    with pytest.raises(LocalFailed) as caught:
        second.start()
    second.stop()
    held.close()
    assert f"A system runs in {tmp_path} already (http://127.0.0.1:7071)." in str(caught.value)
    assert f"make run FOLDER={tmp_path / 'second'} BASE_PORT=18070" in str(caught.value)
    assert first.regions_file.read_bytes() == regions
    assert not first.token_file("scorer").exists()


def test_folder_whose_system_has_stopped_is_free(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, 7_070)
    hold_folder(plan).close()
    hold_folder(plan).close()


def test_folder_whose_lock_is_no_such_file_says_what_to_delete(tmp_path: Path) -> None:
    (tmp_path / "running.sqlite").write_text("something else, and long enough to be taken for a file of SQLite" * 9)
    with pytest.raises(LocalFailed, match=r"running\.sqlite can't be used \(file is not a database\)\. Delete it"):
        hold_folder(make_plan(tmp_path, 7_070))
