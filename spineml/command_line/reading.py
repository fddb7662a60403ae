"""The CT of a command line: whatever an upload may be, read in a confined child process (ADR 13)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spineml.errors import SpineError
from spineml.isolation import ReaderFailed, Readers, Refused
from spineml.isolation.plain import record_of, values_of
from spineml.message import Message, message
from spineml.reader_process.results import ReadSeries
from spineml.readers.archives.ignored_files import is_clutter
from spineml.readers.series import FileOutcome, IntakeOptions, SeriesMeta
from spineml.volumes.volume import Geometry

REASONS_SHOWN = 10
Progress = Callable[[int, int, str], None]


class NotRead(SpineError):
    """No CT was found in the files."""

    code = "not-read"
    # Lines for a person, such as a reason for each file.
    details: list[str]

    def __init__(self, message: Message, details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.details = list(details)


@dataclass(frozen=True)
class ReadCT:
    """A series that was read: its canonical file ``volume`` is removed with the block that read it."""

    volume: Path
    geometry: Geometry
    meta: SeriesMeta
    names: list[str]
    notices: list[Message]


@contextmanager
def read_ct(
    path: Path, *, series: int | None = None, options: IntakeOptions | None = None, progress: Progress = lambda *_: None
) -> Iterator[ReadCT]:
    """Read a folder, a zip or a file: DICOM, NIfTI, NRRD, MetaImage, NumPy or pictures.

    Args:
        series: which one where the files hold several, counted from 1.
        progress: takes (done, total, what is done).

    Raises:
        NotRead: nothing could be read, with the reasons; or there are several series and none was chosen.
    """
    files = _files(path)
    with tempfile.TemporaryDirectory(prefix="spineml") as place:
        root = Path(place) / "job"
        root.mkdir()
        readers = Readers()
        try:
            with readers.job(root) as job:
                arguments = {
                    "files": [[job.folder.add(file, copy=True), name] for file, name in files],
                    "options": values_of(options or IntakeOptions()),
                    "pairs": None,
                    "uid_salt": "",
                    "attempt": 0,
                    "failed": [],
                    "done": [],
                }
                found: list[ReadSeries] = []
                try:
                    answer = job.call(
                        "upload",
                        arguments,
                        progress=lambda done, total, said: progress(done, total, str(said)),
                        part=lambda part: _take(part, found),
                    )
                except (Refused, ReaderFailed) as error:
                    raise NotRead(error.message) from error
                read = _chosen(found, series, answer)
                yield ReadCT(
                    job.folder.take(read.volume),
                    read.geometry,
                    read.meta,
                    read.names,
                    [one.text for one in read.notices],
                )
        finally:
            readers.close()


def _files(path: Path) -> list[tuple[Path, str]]:
    """The files to read with their names; those of a folder by their way inside of it.

    Raises:
        NotRead: there is nothing at the path.
    """
    if path.is_file():
        return [(path, path.name)]
    if not path.is_dir():
        raise NotRead(message("There is no file or folder {path}.", path=str(path)))
    inside = sorted(file for file in path.rglob("*") if file.is_file())
    found = [(file, file.relative_to(path).as_posix()) for file in inside]
    found = [(file, name) for file, name in found if not is_clutter(name)]
    if not found:
        raise NotRead(message("The folder {path} is empty.", path=str(path)))
    return found


def _take(part: Mapping[str, Any], found: list[ReadSeries]) -> None:
    if "series" in part:
        found.append(ReadSeries.from_plain(part["series"]))


def _chosen(found: list[ReadSeries], series: int | None, answer: Mapping[str, Any]) -> ReadSeries:
    if not found:
        verdicts = [record_of(FileOutcome, verdict) for verdict in answer["verdicts"]]
        reasons = [f"{one.name}: {one.reason}" for one in verdicts if one.status == "rejected" and one.reason]
        more = ["…"] if len(reasons) > REASONS_SHOWN else []
        raise NotRead(message("Nothing could be read."), reasons[:REASONS_SHOWN] + more)
    if series is None and len(found) > 1:
        listed = [f"{number}: {_described(one)}" for number, one in enumerate(found, start=1)]
        raise NotRead(message("There are several series. Choose one by its number."), listed)
    if series is not None and not 1 <= series <= len(found):
        raise NotRead(message("There is no series {number}; the files hold {count}.", number=series, count=len(found)))
    return found[(series or 1) - 1]


def _described(one: ReadSeries) -> str:
    depth, height, width = one.geometry.shape
    more = f" and {len(one.names) - 1} more files" if len(one.names) > 1 else ""
    return f"{depth} slices of {width} x {height}, {one.names[0]}{more}"
