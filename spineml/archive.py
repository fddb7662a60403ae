"""Unpacking of zip archives that strangers made: nothing outside the folder, no bombs, no archives in archives."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from spineml.errors import ArchiveRejected
from spineml.series import ReceivedFile

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
ENCRYPTED = 0x1
COPY_BYTES = 1024 * 1024
RATIO_FREE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class ZipLimits:
    """Bounds of an archive. A member above 16 MB may expand at most ``max_ratio`` times."""

    max_files: int = 20_000
    max_total_bytes: int = 20 * 1024**3
    max_ratio: float = 200.0


DEFAULT_LIMITS = ZipLimits()


def is_zip(path: Path) -> bool:
    """True when the content begins like a zip archive, whatever the file is called."""
    with path.open("rb") as stream:
        return stream.read(4) in ZIP_MAGIC


def unpack(zip_path: Path, into: Path, limits: ZipLimits = DEFAULT_LIMITS) -> list[ReceivedFile]:
    """Extract an archive into ``into`` (created when absent) under neutral names.

    ``ReceivedFile.name`` keeps the path inside the archive. An archive inside the archive is extracted as a file
    and not entered: ``scan`` gives it its verdict.

    Raises:
        ArchiveRejected: damaged, encrypted, leaves its folder, holds links, or is larger than the limits. What
            was extracted by then is removed.
    """
    into.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    try:
        with zipfile.ZipFile(zip_path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            _check_members(members, limits)
            received = []
            for number, member in enumerate(members):
                target = into / f"{number:06d}{_extension(member.filename)}"
                written.append(target)
                _extract(archive, member, target)
                received.append(ReceivedFile(target, member.filename))
            return received
    except ArchiveRejected:
        _remove(written)
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
        IndexError,
    ) as error:
        _remove(written)
        raise ArchiveRejected("The zip archive is damaged or incomplete. Pack the files again and resend.") from error


def _check_members(members: list[zipfile.ZipInfo], limits: ZipLimits) -> None:
    if not members:
        raise ArchiveRejected("The zip archive holds no files.")
    if len(members) > limits.max_files:
        raise ArchiveRejected(
            f"The zip archive holds {len(members)} files; at most {limits.max_files} are accepted. Send it in parts."
        )
    for member in members:
        _check_member(member, limits)
    total = sum(member.file_size for member in members)
    if total > limits.max_total_bytes:
        raise ArchiveRejected(
            f"The zip archive would unpack to {total / 1e9:.1f} GB; at most {limits.max_total_bytes / 1e9:.1f} GB "
            "are accepted. Send it in parts."
        )


def _check_member(member: zipfile.ZipInfo, limits: ZipLimits) -> None:
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or "\0" in member.orig_filename:
        raise ArchiveRejected(
            f"The zip archive holds a file that would be placed outside its folder ({member.filename!r}). "
            "Pack the folder itself and resend."
        )
    if stat.S_ISLNK(member.external_attr >> 16):
        raise ArchiveRejected(f"The zip archive holds a link ({member.filename!r}). Pack the files themselves.")
    if member.flag_bits & ENCRYPTED:
        raise ArchiveRejected("The zip archive is protected by a password. Pack it without one and resend.")
    if member.file_size > RATIO_FREE_BYTES and member.file_size > limits.max_ratio * max(member.compress_size, 1):
        raise ArchiveRejected(
            f"A file in the zip archive expands more than {limits.max_ratio:.0f} times ({member.filename!r}). "
            "Such archives are refused."
        )


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """Stream one member; zipfile stops at the size that was checked and verifies the CRC."""
    with archive.open(member) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink, COPY_BYTES)


def _extension(name: str) -> str:
    """The member's extension if it is harmless, so that tools which look at names still work."""
    suffixes = "".join(PurePosixPath(name).suffixes[-2:]).lower()
    return suffixes if len(suffixes) <= 12 and suffixes.replace(".", "").isalnum() else ""


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
