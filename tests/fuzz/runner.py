"""Runs files through every reader in a child process with limits, and says which one broke what.

One child reads many files; it is replaced when it died, hung or was bloated. The limits are those of the platform:
20 seconds and 1.5 GB for a file.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from spineml.isolation.limits import Limits, limit_resources
from tests.fuzz import sources

SECONDS = 20
MEMORY_BYTES = 1536 * 1024**2
FILES_OF_A_CHILD = 2000
# Modules of this package with ``files(seed)``; the grammars of other kinds are added here.
GRAMMARS = {
    "nrrd": ("tests.fuzz.itk", "nrrd_files"),
    "meta": ("tests.fuzz.itk", "meta_files"),
    "nifti": ("tests.fuzz.nifti", "files"),
    "npy": ("tests.fuzz.npy", "files"),
    "hdf5": ("tests.fuzz.hdf5", "files"),
    "dicom": ("tests.fuzz.dicom", "files"),
    "zip": ("tests.fuzz.zips", "files"),
    "image": ("tests.fuzz.images", "files"),
}
Sent = tuple[str, bytes]


@dataclass
class Report:
    """What a run found. ``problems`` are (number, kind, name, what); ``slowest`` and ``largest`` name their file."""

    files: int = 0
    problems: list[tuple[int, str, str, str]] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")
    largest: tuple[int, str] = (0, "")


def grammars() -> dict[str, Any]:
    """The generators that are there, by kind."""
    found = {}
    for kind, (module, name) in GRAMMARS.items():
        if importlib.util.find_spec(module) is not None:
            found[kind] = getattr(importlib.import_module(module), name)
    return found


def files(seed: int, kind: str = "") -> Iterator[tuple[str, Sent]]:
    """(kind, file) without an end: by grammar and by damage in turn."""
    chosen = {one: made(seed) for one, made in grammars().items() if not kind or one == kind}
    damaged = sources.files(seed, kind)
    rng = Random(f"order {seed}")
    while True:
        if chosen:
            one = rng.choice(sorted(chosen))
            yield one, next(chosen[one])
        if (sent := next(damaged, None)) is not None:
            yield "damaged", sent


def run(count: int, seed: int, kind: str = "", keep: Path | None = None) -> Report:
    """Read ``count`` files; those that went wrong are written into ``keep``."""
    report = Report()
    with TemporaryDirectory(prefix="fuzz-") as folder:
        child = Child(Path(folder))
        try:
            for number, (made_by, (name, content)) in enumerate(itertools.islice(files(seed, kind), count)):
                found, seconds, memory = child.read(number, name, content)
                report.files += 1
                file = f"{number} ({made_by}, {name})"
                report.slowest = max(report.slowest, (seconds, file))
                report.largest = max(report.largest, (memory, file))
                report.problems += [(number, made_by, name, what) for what in found]
                if found and keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{number}-{Path(name).name[-40:]}").write_bytes(content)
        finally:
            child.end()
    return report


class Child:
    """A process that reads one file after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._read = 0

    def read(self, number: int, name: str, content: bytes) -> tuple[list[str], float, int]:
        """What went wrong, the seconds it took and the most memory it held."""
        process = self._running()
        path = self._folder / f"{number}.bin"
        path.write_bytes(content)
        order = json.dumps({"path": str(path), "name": name, "folder": str(self._folder / str(number))})
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(order.encode() + b"\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        path.unlink()
        self._read += 1
        if not answer:
            ended = process.wait()
            self.end()
            what = "it took more than 20 seconds" if ended == -signal.SIGALRM else f"the process died ({ended})"
            return [what], 0.0, 0
        found = json.loads(answer)
        problems = list(found["problems"])
        if found["memory"] > MEMORY_BYTES:
            problems.append(f"it took {found['memory'] / 1e6:.0f} MB of memory")
            self.end()
        return problems, float(found["seconds"]), int(found["memory"])

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._read < FILES_OF_A_CHILD:
            return self._process
        self.end()
        self._read = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).resolve().parents[2],
        )
        return self._process

    def kill(self) -> None:
        """End the process as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def end(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            with contextlib.suppress(BrokenPipeError):  # what a dead process did not take
                self._process.stdin.close()
            self._process.stdout.close()
            self._process.kill()
            self._process.wait()
            self._process = None


def limit() -> None:
    """Bound the calling process as the platform bounds its readers (ADR 13): more memory is refused to it."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    limit_resources(Limits(memory_bytes=MEMORY_BYTES))


def told(report: Report, problems: Iterable[tuple[int, str, str, str]]) -> str:
    """The report for a person."""
    lines = [f"{number} ({kind}, {name}): {what}" for number, kind, name, what in problems]
    lines.append(f"slowest {report.slowest[0]:.1f} s: {report.slowest[1]}")
    lines.append(f"most memory {report.largest[0] / 1e6:.0f} MB: {report.largest[1]}")
    lines.append(f"{report.files} files, {len(report.problems)} problems")
    return "\n".join(lines)
