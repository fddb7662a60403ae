"""Unpacking of zip archives that strangers made: nothing outside the folder, no bombs, no archives in archives.

Names in an archive are labels: every file is stored under a name of ours, so nothing in a name needs refusing. What is
wrong with one member is that member's verdict; the others are read.
"""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from spineml.errors import ArchiveRejected, ArchiveTooLarge
from spineml.message import Message, message
from spineml.readers import reading_progress
from spineml.readers.archives.ignored_files import is_document
from spineml.readers.archives.zip_directory import DAMAGED, END_MAGIC, Entry, read_directory
from spineml.readers.archives.zip_members import DEFLATE64, LOCAL_MAGIC, METHODS, READ, MemberDamaged, member_parts
from spineml.readers.series import FileNotUsed, FileOutcome, ReceivedFile, unique_names

ZIP_MAGIC = (LOCAL_MAGIC, END_MAGIC, b"PK\x07\x08PK", b"PK00PK")
END_REACH = 22 + 65_535
KEEP_FREE_BYTES = 512 * 1024**2
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class ZipLimits:
    """Bounds of an archive.

    A member above ``free_bytes`` may expand at most ``max_ratio`` times, and so may everything together above
    ``free_total_bytes``. ``max_table_bytes`` bounds the table of contents, ``max_seconds`` the time of unpacking.
    """

    max_files: int = 20_000
    max_total_bytes: int = 20 * 1024**3
    max_ratio: float = 200.0
    free_bytes: int = 16 * 1024**2
    free_total_bytes: int = 128 * 1024**2
    max_table_bytes: int = 32 * 1024**2
    max_seconds: float = 900.0


DEFAULT_LIMITS = ZipLimits()


@dataclass
class Spent:
    """What the archives of one upload have used of their limits together; give the same one to each ``unpack``."""

    files: int = 0
    total_bytes: int = 0
    packed_bytes: int = 0
    seconds: float = 0.0


@dataclass
class Unpacked:
    """The files of an archive, and verdicts on those of its members that could not be unpacked."""

    files: list[ReceivedFile] = field(default_factory=list)
    verdicts: list[FileOutcome] = field(default_factory=list)


def is_zip(path: Path, name: str = "") -> bool:
    """True when the content begins like a zip archive, whatever the file is called.

    A file that is called a zip may have other bytes before the archive: it is one if it ends like one. Documents and
    programs that are zips inside (.docx, .jar) are none.
    """
    if is_document(name):
        return False
    with path.open("rb") as stream:
        if stream.read(6).startswith(ZIP_MAGIC):
            return True
        if not name.casefold().endswith(".zip"):
            return False
        stream.seek(max(0, stream.seek(0, io.SEEK_END) - END_REACH))
        return END_MAGIC in stream.read()


def unpack(
    zip_path: Path,
    into: Path,
    limits: ZipLimits = DEFAULT_LIMITS,
    spent: Spent | None = None,
    *,
    wanted: Callable[[str], bool] = lambda name: True,
    progress: Progress = lambda done, total, name: None,
) -> Unpacked:
    """Extract an archive into ``into`` (created when absent) under neutral names.

    ``ReceivedFile.name`` keeps the path inside the archive. An archive inside the archive is extracted as a file
    and not entered: ``scan`` gives it its verdict. ``wanted`` says by its name whether a member is extracted at all.
    ``progress`` is called before each member.

    Raises:
        ArchiveRejected: damaged, larger than the limits, or nothing in it can be unpacked, for one and the same
            reason. What was extracted by then is removed.
    """
    into.mkdir(parents=True, exist_ok=True)
    with zip_path.open("rb") as stream:
        work = _Unpacking(stream, into, limits, spent or Spent())
        try:
            work.run(wanted, progress)
        except BaseException:
            for file in work.unpacked.files:
                file.path.unlink(missing_ok=True)
            raise
    unpacked = work.unpacked
    if not unpacked.files and len({verdict.reason for verdict in unpacked.verdicts}) == 1:
        damaged = unpacked.verdicts[0].code == MemberDamaged.code
        raise ArchiveRejected(DAMAGED if damaged else unpacked.verdicts[0].reason)
    return unpacked


@dataclass(frozen=True)
class _Unpacking:
    """One archive that is being unpacked."""

    stream: BinaryIO
    into: Path
    limits: ZipLimits
    spent: Spent
    unpacked: Unpacked = field(default_factory=Unpacked)

    def run(self, wanted: Callable[[str], bool], progress: Progress) -> None:
        limits = self.limits
        table = read_directory(self.stream, limits.max_files - self.spent.files, limits.max_table_bytes)
        entries = [entry for entry in table if wanted(entry.name)]
        if not entries:
            raise ArchiveRejected(message("The zip archive contains no files."))
        fit = [entry for entry in _with_unique_names(entries) if self._fits(entry)]
        _charge(fit, limits, self.spent, self.into)
        for number, entry in enumerate(fit):
            progress(number, len(fit), entry.name)
            target = self.into / f"{number:06d}{_extension(entry.name)}"
            try:
                self._extract(entry, target)
            except MemberDamaged as error:
                self._reject(entry, FileNotUsed(error.code, error.message))
            else:
                self.unpacked.files.append(ReceivedFile(target, entry.name))

    def _fits(self, entry: Entry) -> bool:
        if entry.reach > self.stream.seek(0, io.SEEK_END):
            self._reject(entry, FileNotUsed(MemberDamaged.code, MemberDamaged().message))
            return False
        try:
            check_member(entry, self.limits)
        except FileNotUsed as reason:
            self._reject(entry, reason)
            return False
        return True

    def _reject(self, entry: Entry, reason: FileNotUsed) -> None:
        self.unpacked.verdicts.append(reason.verdict(entry.name))

    def _extract(self, entry: Entry, target: Path) -> None:
        try:
            with target.open("wb") as sink:
                for part in self._timed(member_parts(self.stream, entry)):
                    reading_progress.alive()
                    sink.write(part)
        except BaseException:
            target.unlink()
            raise

    def _timed(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        begin = time.monotonic()
        for part in parts:
            reading_progress.alive()
            self.spent.seconds += time.monotonic() - begin
            if self.spent.seconds > self.limits.max_seconds:
                raise ArchiveRejected(message("Unpacking the zip archive takes too long. Send it in parts."))
            begin = time.monotonic()
            yield part


def check_member(entry: Entry, limits: ZipLimits = DEFAULT_LIMITS) -> None:
    """Judge a member by the table of contents, before anything is inflated.

    Raises:
        FileNotUsed: it is encrypted, packed in a way that is not read, no plain file, or expands too much.
    """
    if entry.encrypted:
        reason = message("The zip archive is protected by a password. Pack it without one and resend.")
        raise FileNotUsed("encrypted", reason)
    if entry.special:
        reason = message("The zip archive contains a link instead of this file. Pack the files themselves.")
        raise FileNotUsed("link", reason)
    if entry.method not in READ:
        raise FileNotUsed("zip-compression", _not_read(entry.method))
    if entry.size > limits.free_bytes and entry.size > limits.max_ratio * max(entry.packed, 1):
        ratio = round(limits.max_ratio)
        reason = message("The file expands more than {ratio} times when unpacked. Such files are refused.", ratio=ratio)
        raise FileNotUsed("expands-too-much", reason)


def _not_read(method: int) -> Message:
    if method == DEFLATE64:
        return message(
            "The zip archive is packed with Deflate64 (Windows, above 2 GB), which is not supported. Pack it with "
            "7-Zip (method Deflate), or in parts below 2 GB, or send the folder itself."
        )
    return message(
        "The zip archive is packed with {method}, which is not supported. Pack it with the method Deflate, or send "
        "the folder itself.",
        method=METHODS.get(method) or message("method {number}", number=method),
    )


def _charge(entries: Sequence[Entry], limits: ZipLimits, spent: Spent, into: Path) -> None:
    """Refuse what would exceed the limits, before anything is inflated.

    Raises:
        ArchiveTooLarge: too many bytes, more than expand honestly, or more than the disk has room for.
    """
    size, packed = sum(entry.size for entry in entries), sum(entry.packed for entry in entries)
    total = spent.total_bytes + size
    if total > limits.max_total_bytes:
        raise ArchiveTooLarge(
            message(
                "The zip archive would unpack to {size} GB; at most {limit} GB are accepted. Send it in parts.",
                size=f"{total / 1e9:.1f}",
                limit=f"{limits.max_total_bytes / 1e9:.1f}",
            )
        )
    if total > limits.free_total_bytes and total > limits.max_ratio * max(spent.packed_bytes + packed, 1):
        raise ArchiveTooLarge(
            message(
                "The zip archive expands more than {ratio} times when unpacked. Such archives are refused.",
                ratio=round(limits.max_ratio),
            )
        )
    if size + KEEP_FREE_BYTES > shutil.disk_usage(into).free:
        raise ArchiveTooLarge(
            message(
                "The server does not have enough space to unpack the zip archive ({size} GB). Ask its administrators.",
                size=f"{size / 1e9:.1f}",
            )
        )
    spent.files += len(entries)
    spent.total_bytes, spent.packed_bytes = total, spent.packed_bytes + packed


def _with_unique_names(entries: Sequence[Entry]) -> list[Entry]:
    names = unique_names([entry.name for entry in entries])
    return [replace(entry, name=name) for entry, name in zip(entries, names, strict=True)]


def _extension(name: str) -> str:
    """The member's extension if it is harmless, so that tools which look at names still work."""
    suffixes = "".join(PurePosixPath(name).suffixes[-2:]).lower()
    harmless = len(suffixes) <= 12 and suffixes.isascii() and suffixes.replace(".", "").isalnum()
    return suffixes if harmless else ""
