"""What is stored stays exactly as long as the row that names it."""

from __future__ import annotations

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
