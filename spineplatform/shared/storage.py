"""Files go through Django's storage API: a local folder by default, S3 by setting.

HDF5 needs a real file: ``local_path`` gives one, straight from a local storage or from a cache of this machine.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import InterfaceError, OperationalError
from django.db.models.fields.files import FieldFile

log = logging.getLogger(__name__)
# Between making a scratch folder and locking it.
NEW_SECONDS = 60


class _MovedFile(File):  # type: ignore[type-arg]
    """A finished local file: a local storage renames it instead of copying it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb"), name=path.name)
        self._path = path

    def temporary_file_path(self) -> str:
        return str(self._path)


def store(path: Path, name: str) -> str:
    """Put the finished file at ``path`` into the storage as ``name``; returns the name it got there."""
    with _MovedFile(path) as file:
        return default_storage.save(name, file)


def store_bytes(content: bytes, name: str, folder: Path) -> str:
    """The same for ``content``, by way of a file in the scratch ``folder``: a full disk leaves no part of it."""
    path = folder / name.rpartition("/")[2]
    path.write_bytes(content)
    return store(path, name)


def unique_name(folder: str, suffix: str) -> str:
    """A name that tells nothing: no patient, no file name, no counter."""
    token = uuid.uuid4().hex
    return f"{folder}/{token[:2]}/{token}{suffix}"


@contextmanager
def stored_or_removed() -> Iterator[list[str]]:
    """Collect the names stored in this block; if it raises, they are deleted again.

    Except when the database went away: a commit whose answer is lost may have happened, and a file without a row does
    less harm than a row without its file.
    """
    names: list[str] = []
    try:
        yield names
    except (OperationalError, InterfaceError):
        log.warning("stored_files_left names=%s", names)
        raise
    except BaseException:
        for name in names:
            _delete(name)
        raise


def _delete(name: str) -> None:
    try:
        default_storage.delete(name)
    except Exception as error:  # noqa: BLE001 - whatever the storage's client raises: the first error is the one to tell
        log.warning("stored_file_left name=%s error=%s", name, type(error).__name__)


def local_path(file: FieldFile | str) -> Path:
    """A path that HDF5 or TensorFlow can open; stored files never change, so a cached copy stays right."""
    name = file if isinstance(file, str) else str(file.name)
    try:
        return Path(default_storage.path(name))
    except NotImplementedError:
        return _cached(name)


def _cached(name: str) -> Path:
    target = Path(settings.CACHE_DIR) / "files" / hashlib.sha256(name.encode()).hexdigest()
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            partial = Path(folder) / "partial"
            with partial.open("wb") as out, default_storage.open(name) as source:
                shutil.copyfileobj(source, out, 1 << 20)
            partial.replace(target)
    os.utime(target)
    return target


@contextmanager
def work_folder(prefix: str) -> Iterator[Path]:
    """A scratch folder on the same disk as the local storage, removed at the end or, after a crash, by the next one."""
    root = Path(settings.CACHE_DIR) / "work"
    root.mkdir(parents=True, exist_ok=True)
    for other in root.iterdir():
        _remove_if_abandoned(other)
    with tempfile.TemporaryDirectory(prefix=f"{prefix}-", dir=root) as folder:
        held = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield Path(folder)
        finally:
            os.close(held)


def _remove_if_abandoned(folder: Path) -> None:
    """A process that ends lets go of its lock, however it ends."""
    try:
        if time.time() - folder.stat().st_mtime < NEW_SECONDS:
            return
        held = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(held)
