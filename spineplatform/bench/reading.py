"""A DICOM zip from its bytes to verdicts and canonical files: in a confined child process, and in a thread as before.

A program of its own: ``python -m spineplatform.bench.reading``. Both do the same work by the same functions; the rest
of an import, which is the same for both, is left out, so the ratio is rather too high than too low.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from spineml.isolation import Readers
from spineml.isolation.plain import values_of
from spineml.phantom import spine_phantom, write_dicom_series
from spineml.reader_process.results import ReadSeries
from spineml.reader_process.upload import read_upload
from spineml.readers.series import IntakeOptions
from spineml.volumes.volume import Geometry, Volume
from spineplatform.bench.evaluation import in_turns

SLICES, SIDE = 300, 512


def main() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        path = zipped(Path(folder))
        readers = Readers()
        readers.start()
        try:
            in_thread, in_child = in_turns(lambda: by_thread(path), lambda: by_child(readers, path))
        finally:
            readers.close()
    ratio = round(in_child / in_thread, 3)
    return {"reading_thread_s": round(in_thread, 2), "reading_child_s": round(in_child, 2), "reading_ratio": ratio}


def zipped(folder: Path) -> Path:
    """Slices with noise, as scanners make them, so that they compress like CT."""
    base, _ = spine_phantom(shape=(50, SIDE, SIDE), spacing=(1.0, 0.8, 0.8))
    noise = np.random.default_rng(0).integers(-8, 9, (SLICES, SIDE, SIDE), dtype=np.int16)
    hu = np.concatenate([base.hu] * (SLICES // 50)) + noise
    volume = Volume(hu, Geometry(shape=hu.shape, spacing=base.geometry.spacing))
    path = folder / "ct.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for slice_path in write_dicom_series(volume, folder / "slices"):
            archive.write(slice_path, slice_path.name)
            slice_path.unlink()
    return path


def by_child(readers: Readers, path: Path) -> None:
    """As the import worker: a job in a folder, its progress, its parts, its files."""
    series: list[ReadSeries] = []
    with tempfile.TemporaryDirectory() as root, readers.job(Path(root)) as job:

        def take(part: Any) -> None:
            if "series" in part:
                series.append(ReadSeries.from_plain(part["series"]))

        told = job.call("upload", arguments(job.folder.add(path)), part=take)
        for one in series:
            job.folder.take(one.volume)
            job.folder.take(one.originals)
    check(told, len(series))


def by_thread(path: Path) -> None:
    """As before there were child processes: in a thread of the worker."""
    with tempfile.TemporaryDirectory() as root, contextlib.chdir(root):
        Path("out").mkdir()
        heard, told = Heard(), []
        thread = threading.Thread(target=lambda: told.append(read_upload(arguments(str(path)), heard)))
        thread.start()
        thread.join()
    check(told[0], heard.series)


class Heard:
    """Counts what is finished."""

    series = 0

    def progress(self, done: int, total: int, text: str) -> None:
        pass

    def part(self, value: Any) -> None:
        self.series += "series" in value


def arguments(path: str) -> dict[str, Any]:
    options = values_of(IntakeOptions())
    plain: dict[str, Any] = {
        "options": options,
        "pairs": None,
        "uid_salt": "bench",
        "attempt": 0,
        "failed": [],
        "done": [],
    }
    return {"files": [[path, "ct.zip"]], **plain}


def check(told: dict[str, Any], series: int) -> None:
    """Raises RuntimeError where not all was read."""
    imported = sum(verdict["status"] in {"imported", "warning"} for verdict in told["verdicts"])
    if (imported, series) != (SLICES, 1):
        raise RuntimeError(f"{imported} slices and {series} series were read")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()) + "\n")
