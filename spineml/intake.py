"""From the files somebody sent to series: sort files by content, let each reader judge its own, collect verdicts."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from spineml.archive import ZIP_MAGIC, Spent, Unpacked, ZipLimits, unpack
from spineml.dicom import scan_dicom
from spineml.dicom_header import looks_like_dicom
from spineml.images import is_image, scan_images
from spineml.itk import is_itk, scan_itk
from spineml.nifti import GZIP_MAGIC, nifti_start, scan_nifti
from spineml.numpy_file import is_npy, scan_npy
from spineml.series import (
    FileNotUsed,
    FileVerdict,
    IntakeOptions,
    Notice,
    ReceivedFile,
    SeriesMeta,
    SeriesPlan,
    Status,
    unique_names,
)

__all__ = [
    "FileVerdict",
    "Intake",
    "IntakeOptions",
    "Notice",
    "ReceivedFile",
    "SeriesMeta",
    "SeriesPlan",
    "Spent",
    "Unpacked",
    "ZipLimits",
    "scan",
    "unpack",
]

DEFAULT_OPTIONS = IntakeOptions()
START_BYTES = 1024
NOISE_NAMES = {".ds_store", "thumbs.db", "desktop.ini", "dicomdir", "ehthumbs.db", "autorun.inf"}
NOISE_FOLDERS = {"__macosx", ".git", "@eadir"}
TEXT_SUFFIXES = {
    ".txt",
    ".md",
    ".csv",
    ".json",
    ".xml",
    ".html",
    ".htm",
    ".pdf",
    ".log",
    ".ini",
    ".exe",
    ".dll",
    ".inf",
}
DICOM_SUFFIXES = {".dcm", ".dicom", ".ima"}
ARCHIVE_MAGIC = (*ZIP_MAGIC, b"7z\xbc\xaf\x27\x1c", b"Rar!", b"BZh", b"\xfd7zXZ")
NESTED = "This is an archive inside the upload; only the upload itself is opened. Unpack it and resend."
ACCEPTED = "DICOM, NIfTI, NRRD, MHA, MHD, PNG, JPEG, TIFF, NPY"
Progress = Callable[[int, int, str], None]


@dataclass
class Intake:
    """The series found, and exactly one verdict for each received file, in the order they were received.

    Names are unique: where two files were sent under one name, the second is called "name (2)" everywhere.
    """

    series: list[SeriesPlan] = field(default_factory=list)
    verdicts: list[FileVerdict] = field(default_factory=list)


def scan(
    files: Sequence[ReceivedFile],
    work_dir: Path,
    options: IntakeOptions = DEFAULT_OPTIONS,
    progress: Progress | None = None,
) -> Intake:
    """Find the series in ``files`` by their headers; pixels are read by ``SeriesPlan.slices``.

    ``work_dir`` receives decompressed copies and must live until the series were read. ``progress`` is called
    with (files looked at, all files, name). A file that cannot be used never spoils the others.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    return _Scan(files, work_dir, options, progress or (lambda done, total, name: None)).run()


class _Scan:
    """One pass over the files of an upload. Inside it every file has a name of its own."""

    def __init__(
        self, files: Sequence[ReceivedFile], work_dir: Path, options: IntakeOptions, progress: Progress
    ) -> None:
        self._files = _with_unique_names(files)
        self._work_dir, self._options, self._progress = work_dir, options, progress
        self._looked_at = 0
        self._verdicts: dict[str, FileVerdict] = {}
        self._series: list[SeriesPlan] = []

    def run(self) -> Intake:
        kinds = self._sort()
        self._add(*scan_dicom(kinds["dicom"], self._work_dir, self._options, self._count))
        self._add(*scan_images(kinds["image"], self._options, self._count))
        volumes = self._without_copies(kinds["nifti"] + kinds["itk"] + kinds["numpy"])
        unknown = {file.name: file for file in kinds["unknown"]}
        for file in volumes:
            self._scan_volume(file, unknown)
        for file in kinds["unknown"]:
            self._count(file)
            self._verdicts.setdefault(file.name, _unknown(file))
        return Intake(self._series, [self._verdicts[file.name] for file in self._files])

    def _sort(self) -> dict[str, list[ReceivedFile]]:
        kinds: dict[str, list[ReceivedFile]] = {kind: [] for kind in KINDS}
        for file in self._files:
            try:
                kinds[kind_of(file)].append(file)
            except FileNotUsed as reason:
                self._count(file)
                self._verdicts[file.name] = reason.verdict(file.name)
        return kinds

    def _count(self, file: ReceivedFile) -> None:
        self._looked_at += 1
        self._progress(self._looked_at, len(self._files), file.name)

    def _add(self, series: list[SeriesPlan], verdicts: dict[str, FileVerdict]) -> None:
        self._series += series
        self._verdicts.update(verdicts)

    def _without_copies(self, files: list[ReceivedFile]) -> list[ReceivedFile]:
        """Leave out volumes that are byte for byte another one."""
        first: dict[tuple[int, str], ReceivedFile] = {}
        sizes = Counter(file.path.stat().st_size for file in files)
        kept = []
        for file in files:
            size = file.path.stat().st_size
            digest = _sha256(file.path) if sizes[size] > 1 else file.name
            twin = first.setdefault((size, digest), file)
            if twin is file:
                kept.append(file)
            else:
                reason = f"The same file as {twin.name}: it is used once."
                self._verdicts[file.name] = FileVerdict(file.name, "skipped", "duplicate", reason)
        return kept

    def _scan_volume(self, file: ReceivedFile, unknown: dict[str, ReceivedFile]) -> None:
        self._count(file)
        try:
            plan = self._plan_volume(file, unknown)
        except FileNotUsed as reason:
            verdict = reason.verdict(file.name)
        else:
            self._series.append(plan)
            code = plan.notices[0].code if plan.notices else "ok"
            status: Status = "warning" if plan.notices else "imported"
            verdict = FileVerdict(file.name, status, code, " ".join(plan.warnings))
            for companion in plan.files[1:]:
                self._verdicts[companion.name] = replace(verdict, name=companion.name)
        self._verdicts[file.name] = verdict

    def _plan_volume(self, file: ReceivedFile, unknown: dict[str, ReceivedFile]) -> SeriesPlan:
        kind = kind_of(file)
        if kind == "nifti":
            return scan_nifti(file, self._work_dir, self._options)
        if kind == "numpy":
            return scan_npy(file, self._options)
        return scan_itk(file, unknown, self._work_dir, self._options)


KINDS = ("dicom", "image", "nifti", "itk", "numpy", "unknown")


def kind_of(file: ReceivedFile) -> str:
    """One of ``KINDS``, by content; names only tell what is certainly no image.

    Raises:
        FileNotUsed: empty, an archive, text, or what systems leave in folders.
    """
    _refuse_noise(file)
    with file.path.open("rb") as stream:
        start = stream.read(START_BYTES)
    if not start:
        raise FileNotUsed("empty", "The file is empty. Send it again.")
    for kind, matches in (("dicom", looks_like_dicom), ("image", is_image), ("numpy", is_npy), ("itk", is_itk)):
        if matches(start):
            return kind
    if nifti_start(file.path) is not None:
        return "nifti"
    if start.startswith(ARCHIVE_MAGIC):
        raise FileNotUsed("nested-archive", NESTED)
    return "unknown"


def _refuse_noise(file: ReceivedFile) -> None:
    *folders, name = PurePosixPath(file.name.lower()).parts
    if name in NOISE_NAMES or name.startswith(".") or NOISE_FOLDERS.intersection(folders):
        raise FileNotUsed("not-an-image", "", "skipped")


def _unknown(file: ReceivedFile) -> FileVerdict:
    suffix = PurePosixPath(file.name.lower()).suffix
    if suffix in TEXT_SUFFIXES:
        return FileVerdict(file.name, "skipped", "not-an-image", "This is not an image: it was left out.")
    if suffix in DICOM_SUFFIXES:
        reason = "The file is named like a DICOM file but is none. Export the image again."
        return FileVerdict(file.name, "rejected", "not-dicom", reason)
    with file.path.open("rb") as stream:
        if stream.read(2) == GZIP_MAGIC:  # a volume's header may have asked for it: only now it is nobody's
            return FileVerdict(file.name, "rejected", "nested-archive", NESTED)
    return FileVerdict(file.name, "rejected", "unknown-kind", f"This kind of file is not read. Accepted: {ACCEPTED}.")


def _with_unique_names(files: Sequence[ReceivedFile]) -> list[ReceivedFile]:
    """Files chosen from several folders may share a name."""
    names = unique_names([file.name.replace("\\", "/") for file in files])
    return [ReceivedFile(file.path, name) for file, name in zip(files, names, strict=True)]


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
