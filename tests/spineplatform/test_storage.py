"""What is stored stays exactly as long as the row that names it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db import OperationalError

from spineplatform.shared import storage

ERRORS = [
    (ValueError("no good"), False),
    (KeyboardInterrupt(), False),
    (OperationalError("server closed the connection"), True),  # the commit may have happened
]


def stored_file(folder: Path) -> str:
    path = folder / "made.bin"
    path.write_bytes(b"made")
    return storage.store(path, storage.unique_name("tests", ".bin"))


def fail_after_storing(name: str, error: BaseException) -> None:
    with storage.stored_or_removed() as stored:
        stored.append(name)
        raise error


@pytest.mark.parametrize(("error", "stays"), ERRORS, ids=["ours", "interrupted", "the database's"])
def test_files_of_a_block_that_failed_are_removed_unless_it_may_have_been_committed(
    error: BaseException, stays: bool, tmp_path: Path
) -> None:
    name = stored_file(tmp_path)
    with pytest.raises(type(error)):
        fail_after_storing(name, error)
    assert default_storage.exists(name) is stays


def test_a_storage_that_cannot_delete_does_not_hide_the_first_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> None:
        raise OSError("away")

    monkeypatch.setattr(default_storage, "delete", refuse)
    with pytest.raises(ValueError, match="no good"):
        fail_after_storing(stored_file(tmp_path), ValueError("no good"))


def old(folder: Path) -> Path:
    long_ago = time.time() - 2 * storage.NEW_SECONDS
    os.utime(folder, (long_ago, long_ago))
    return folder


def test_a_scratch_folder_that_a_killed_process_left_is_removed_and_one_at_work_is_not() -> None:
    with storage.work_folder("long") as at_work:
        left = at_work.parent / "import-left"
        (left / "zip1").mkdir(parents=True)
        old(left), old(at_work)
        with storage.work_folder("next") as new:
            assert new.exists()
        assert not left.exists()
        assert at_work.exists()
    assert not at_work.exists()


def test_a_scratch_folder_that_is_just_being_made_is_left_alone() -> None:
    with storage.work_folder("first") as folder:
        (folder.parent / "import-new").mkdir()
        with storage.work_folder("next"):
            assert (folder.parent / "import-new").exists()
        (folder.parent / "import-new").rmdir()
