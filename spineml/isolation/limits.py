"""How much one reader may use: time, memory, disk. Travels to the child as JSON."""

from __future__ import annotations

import resource
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

MIB = 1024**2
GIB = 1024**3
SOFT_SHARE = 0.75
OPEN_FILES = 512
RESERVE_BYTES = 64 * MIB
PROCESSOR_GRACE_SECONDS = 5


@dataclass(frozen=True)
class Limits:
    """Seconds and bytes.

    ``stall_seconds``: without any sign of work the reader is killed; after three quarters of it, it is asked to give
    the file up. ``file_seconds``: for one file, however busy. ``job_seconds``: for everything. ``memory_bytes``: what
    the process may hold in memory. ``file_bytes``: one file it writes. ``folder_bytes``: all it writes. ``free_bytes``
    stay free on the disk. ``reply_bytes``: all it may tell.
    """

    stall_seconds: float = 20.0
    file_seconds: float = 600.0
    job_seconds: float = 7200.0
    memory_bytes: int = 1536 * MIB
    file_bytes: int = 8 * GIB
    folder_bytes: int = 48 * GIB
    free_bytes: int = 512 * MIB
    reply_bytes: int = 64 * MIB

    @property
    def soft_seconds(self) -> float:
        return self.stall_seconds * SOFT_SHARE

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def limit_resources(limits: Limits) -> None:
    """Bound the calling process. It cannot lift these bounds again.

    Memory is bounded by what may be written to (RLIMIT_DATA counts private writable pages, which is where malloc,
    NumPy, zlib and all decoders get theirs) and not by addresses, so that large files can still be mapped to read.
    """
    held, resident = _data_bytes(), _resident_bytes()
    _set(resource.RLIMIT_DATA, held + max(limits.memory_bytes - resident, RESERVE_BYTES))
    _set(resource.RLIMIT_FSIZE, limits.file_bytes)
    _set(resource.RLIMIT_CPU, int(limits.job_seconds) * 2, PROCESSOR_GRACE_SECONDS)
    _set(resource.RLIMIT_NOFILE, OPEN_FILES)
    _set(resource.RLIMIT_CORE, 0)


def _set(which: int, value: int, grace: int = 0) -> None:
    _, hard = resource.getrlimit(which)
    least, most = (value, value + grace) if hard == resource.RLIM_INFINITY else (min(value, hard), min(value, hard))
    resource.setrlimit(which, (least, most))


def _data_bytes() -> int:
    return _status()["VmData"]


def _resident_bytes() -> int:
    return _status()["VmRSS"]


def _status(pid: str = "self") -> dict[str, int]:
    """The sizes in ``/proc/PID/status``, in bytes."""
    sizes = {}
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if value.endswith(" kB"):
            sizes[name] = int(value[:-3]) * 1024
    return sizes


def own_memory(pid: int) -> int:
    """The bytes in memory that belong to a process alone; 0 when it is gone. Pages of mapped files do not count."""
    try:
        sizes = _status(str(pid))
    except OSError:
        return 0
    return sizes.get("RssAnon", 0) + sizes.get("RssShmem", 0)
