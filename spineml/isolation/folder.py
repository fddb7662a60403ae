"""The folder of one job: ``in`` holds what was sent, ``out`` what the reader makes. It sees nothing else."""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path
from typing import Self

IN, OUT = "in", "out"


class UntrustedResult(Exception):
    """The reader left something else than a plain file where its result should be."""


class JobFolder:
    """Made inside ``root``, an empty folder of the caller, who removes it.

    Paths given to a reader are relative to this folder, which is its working folder.
    """

    def __init__(self, root: Path, reader: tuple[int, int] | None = None) -> None:
        self.root = root
        self._reader = reader
        self._inputs = 0
        self._out = -1
        for name in (IN, OUT):
            (root / name).mkdir(mode=0o700)
        if reader is not None:  # may pass through, read what is in `in`, and write in `out`
            for path, mode in ((root, 0o710), (root / IN, 0o750), (root / OUT, 0o770)):
                os.chown(path, os.geteuid(), reader[1])
                path.chmod(mode)

    def __enter__(self) -> Self:
        self._out = os.open(self.root / OUT, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self._out)

    def add(self, path: Path, *, copy: bool = False) -> str:
        """Let the reader read the file; returns its place there. By a second name unless it is to be a ``copy``.

        With a second name the file itself becomes readable for the reader's account.
        """
        self._inputs += 1
        name = f"{IN}/{self._inputs:06d}"
        place = self.root / name
        if copy or not _linked(path, place):
            shutil.copyfile(path, place)
        if self._reader is not None:
            os.chown(place, -1, self._reader[1])
            place.chmod(0o640)
        return name

    def take(self, name: str) -> Path:
        """A file that the reader made, moved out of its reach; only after the reader has ended.

        Raises:
            UntrustedResult: it is no plain file of its own.
        """
        if "/" in name or name in ("", ".", ".."):
            raise UntrustedResult(name)
        target = self.root / f"taken-{name}"
        os.rename(name, target, src_dir_fd=self._out)
        found = target.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise UntrustedResult(name)
        if self._reader is not None:
            os.chown(target, os.geteuid(), os.getegid(), follow_symlinks=False)
        target.chmod(0o600)
        return target

    def discard(self, name: str) -> None:
        """Forget a file that the reader made."""
        self.take(name).unlink()


def _linked(path: Path, place: Path) -> bool:
    try:
        place.hardlink_to(path.resolve())
    except OSError:  # on another disk
        return False
    return True


class Quota:
    """Adds up what lies in a folder, and asks less often where that takes long."""

    def __init__(self, folder: Path, most_bytes: int, free_bytes: int) -> None:
        self._folder, self._most, self._free = folder, most_bytes, free_bytes
        self._next = 0.0

    def is_exceeded(self) -> bool:
        """True when the folder holds too much. A full disk raises OSError: that is no fault of a file."""
        started = time.monotonic()
        if started < self._next:
            return False
        exceeded = used_bytes(self._folder) > self._most
        self._next = time.monotonic() + max(0.5, 10 * (time.monotonic() - started))
        return exceeded

    def disk_is_full(self) -> bool:
        """True when less than the reserve is free on the disk."""
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize < self._free


def used_bytes(folder: Path) -> int:
    """The disk space of all files below ``folder``; sparse files count by what they take."""
    total = 0
    for entry in os.scandir(folder):
        try:
            total += used_bytes(Path(entry.path)) if entry.is_dir(follow_symlinks=False) else _blocks(entry)
        except FileNotFoundError:
            continue
    return total


def _blocks(entry: os.DirEntry[str]) -> int:
    return entry.stat(follow_symlinks=False).st_blocks * 512
