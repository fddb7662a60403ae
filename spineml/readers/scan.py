"""From the files somebody sent to series: sort files by content, let each reader judge its own, collect verdicts."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from spineml.message import message, sentences
from spineml.readers import reading_progress
from spineml.readers.archives.archive import Spent, Unpacked, ZipLimits, is_zip, unpack
from spineml.readers.archives.ignored_files import archive_of, is_clutter, is_document, why_not_opened
from spineml.readers.dicom.header import looks_like_dicom
from spineml.readers.dicom.scan import scan_dicom
from spineml.readers.headers.nifti import nifti_start
from spineml.readers.images import is_image, scan_images
from spineml.readers.nifti import scan_nifti
from spineml.readers.nrrd_metaimage import is_itk, scan_itk
from spineml.readers.numpy_file import is_npy, scan_npy
from spineml.readers.patient_identity import Identity
from spineml.readers.series import (
    NOTHING,
    DetectedSeries,
    FileNotUsed,
    FileOutcome,
    IntakeOptions,
    ReceivedFile,
    SeriesMeta,
    SeriesWarning,
    Status,
    uniquely_named,
)

__all__ = [
    "DetectedSeries",
    "FileOutcome",
    "Intake",
    "IntakeOptions",
    "ReceivedFile",
    "SeriesMeta",
    "SeriesWarning",
    "Spent",
    "Unpacked",
    "ZipLimits",
    "scan",
    "unpack",
]

DEFAULT_OPTIONS = IntakeOptions()
START_BYTES = 1024
HASH_BYTES = 1024**2
DICOM_SUFFIXES = {".dcm", ".dicom", ".ima"}
ACCEPTED = "DICOM, NIfTI, NRRD, MHA, MHD, PNG, JPEG, TIFF, NPY"
NO_PICTURE = {".gif", ".bmp", ".webp", ".dib", ".wmf", ".emf"}
MOST_FAILURES = 20
Progress = Callable[[int, int, str], None]
ScanTogether = Callable[[list[ReceivedFile]], tuple[list[DetectedSeries], dict[str, FileOutcome]]]


class TooManyFailures(Exception):
    """The readers of too many files failed as none should: the rest is not tried."""


@dataclass
class Intake:
    """The series found, and exactly one verdict for each received file, in the order they were received.

    Names are unique: where two files were sent under one name, the second is called "name (2)" everywhere.
    """

    series: list[DetectedSeries] = field(default_factory=list)
    verdicts: list[FileOutcome] = field(default_factory=list)
    identity: Identity = field(default_factory=Identity)  # what names the patients, for taking it out of names


def scan(
    files: Sequence[ReceivedFile],
    work_dir: Path,
    options: IntakeOptions = DEFAULT_OPTIONS,
    progress: Progress | None = None,
) -> Intake:
    """Find the series in ``files`` by their headers; pixels are read by ``DetectedSeries.slices``.

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
        self._files = uniquely_named(files)
        self._work_dir, self._options, self._progress = work_dir, options, progress
        self._looked_at = 0
        self._verdicts: dict[str, FileOutcome] = {}
        self._series: list[DetectedSeries] = []

    def run(self) -> Intake:
        kinds = self._sort()
        known: set[Identity] = set()

        def scan_them(files: list[ReceivedFile]) -> tuple[list[DetectedSeries], dict[str, FileOutcome]]:
            return scan_dicom(files, self._work_dir, self._options, self._count, known)

        self._scan_together(kinds["dicom"], scan_them)
        volumes = self._without_copies(kinds["nifti"] + kinds["itk"] + kinds["numpy"])
        unknown = {file.name: file for file in kinds["unknown"]}
        for file in volumes:
            self._scan_volume(file, unknown)
        beside = self._others_than_pictures(kinds)
        if beside:
            self._leave_out_pictures(kinds["image"])
        else:
            self._scan_together(kinds["image"], lambda files: scan_images(files, self._options, self._count))
        for file in kinds["unknown"]:
            self._count(file)
            self._verdicts.setdefault(file.name, _unknown(file, beside=beside))
        verdicts = [self._verdicts[file.name] for file in self._files]
        return Intake(self._series, verdicts, Identity.union(known))

    def _sort(self) -> dict[str, list[ReceivedFile]]:
        kinds: dict[str, list[ReceivedFile]] = {kind: [] for kind in KINDS}
        for file in self._files:
            reading_progress.begin(file.name)
            try:
                kinds[kind_of(file)].append(file)
            except FileNotUsed as reason:
                self._count(file)
                self._verdicts[file.name] = reason.verdict(file.name)
            except reading_progress.FAILURES as error:
                self._verdicts[file.name] = reading_progress.failure(file.name, error)
        return kinds

    def _others_than_pictures(self, kinds: dict[str, list[ReceivedFile]]) -> bool:
        """Whether pictures are icons, screenshots and previews here, because the CT itself is there.

        A disc with DICOM holds its viewer too, whatever became of the DICOM. Files that their sender has paired with
        masks are what they were sent as.
        """
        if self._options.paired:
            return False
        disc = any(PurePosixPath(file.name.casefold()).name == "dicomdir" for file in self._files)
        volumes = any(plan.meta.source_kind in ("nifti", "itk") for plan in self._series)
        return bool(kinds["dicom"]) or disc or volumes

    def _leave_out_pictures(self, files: list[ReceivedFile]) -> None:
        reason = message("Image file beside CT files; ignored. If it is a CT, upload it separately.")
        for file in files:
            self._count(file)
            self._verdicts[file.name] = FileOutcome(file.name, "skipped", "beside-ct", reason)

    def _scan_together(self, files: list[ReceivedFile], scan_all: ScanTogether) -> None:
        """Files that may be one series. One on which a reader fails unexpectedly is left out."""
        for _ in range(MOST_FAILURES):
            reading_progress.end()
            try:
                return self._add(*scan_all(files))
            except reading_progress.FAILURES as error:
                name = reading_progress.blamed(error)
                failed = [file for file in files if name in (None, file.name)]
                self._verdicts |= {file.name: reading_progress.failure(file.name, error) for file in failed}
                files = [file for file in files if file.name not in self._verdicts]
        self._verdicts |= {file.name: reading_progress.failure(file.name, TooManyFailures()) for file in files}
        return None

    def _count(self, file: ReceivedFile) -> None:
        self._looked_at += 1
        reading_progress.begin(file.name)
        self._progress(self._looked_at, len(self._files), file.name)

    def _add(self, series: list[DetectedSeries], verdicts: dict[str, FileOutcome]) -> None:
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
                reason = message("Same file as {name}; used once.", name=twin.name)
                self._verdicts[file.name] = FileOutcome(file.name, "skipped", "duplicate", reason)
        return kept

    def _scan_volume(self, file: ReceivedFile, unknown: dict[str, ReceivedFile]) -> None:
        self._count(file)
        try:
            plan = self._plan_volume(file, unknown)
        except FileNotUsed as reason:
            verdict = reason.verdict(file.name)
            if reason.code == "two-files":
                values = f"{file.name.removesuffix('.hdr')}.img"
                self._verdicts.update(
                    {name: reason.verdict(name) for name in (values, f"{values}.gz") if name in unknown}
                )
        except reading_progress.FAILURES as error:
            verdict = reading_progress.failure(file.name, error)
        else:
            self._series.append(plan)
            code = plan.notices[0].code if plan.notices else "ok"
            status: Status = "warning" if plan.notices else "imported"
            verdict = FileOutcome(file.name, status, code, sentences(plan.warnings))
            for companion in plan.files[1:]:
                self._verdicts[companion.name] = replace(verdict, name=companion.name)
        self._verdicts[file.name] = verdict

    def _plan_volume(self, file: ReceivedFile, unknown: dict[str, ReceivedFile]) -> DetectedSeries:
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
        FileNotUsed: empty, or what systems leave in folders.
    """
    if is_clutter(file.name):
        raise FileNotUsed("not-an-image", NOTHING, "skipped")
    with file.path.open("rb") as stream:
        start = stream.read(START_BYTES)
    if not start:
        raise FileNotUsed("empty", message("The file is empty. Send it again."))
    for kind, matches in (("dicom", looks_like_dicom), ("image", is_image), ("numpy", is_npy), ("itk", is_itk)):
        if matches(start):
            return kind
    if nifti_start(file.path) is not None:
        return "nifti"
    return "unknown"


def _unknown(file: ReceivedFile, *, beside: bool) -> FileOutcome:
    """A file that is of no kind, or archived; a volume's header may have asked for it before: only now it is nobody's.

    ``beside``: it was sent along with CT files, as viewers and their pictures are.
    """
    suffix = PurePosixPath(file.name.casefold()).suffix
    if is_zip(file.path, file.name):
        reason = message("Archive inside the upload; not opened. Unpack it and resend.")
        return FileOutcome(file.name, "rejected", "nested-archive", reason)
    if is_document(file.name) or (beside and suffix in NO_PICTURE):
        reason = message("Not an image; ignored.")
        return FileOutcome(file.name, "skipped", "not-an-image", reason)
    if archive := archive_of(file.path, file.name):
        return FileOutcome(file.name, "rejected", "other-archive", why_not_opened(archive))
    if suffix in DICOM_SUFFIXES:
        reason = message("The file is named like a DICOM file but is not one. Export the image again.")
        return FileOutcome(file.name, "rejected", "not-dicom", reason)
    reason = message("This file type is not supported. Supported are {kinds}, and zips of them.", kinds=ACCEPTED)
    return FileOutcome(file.name, "rejected", "unknown-kind", reason)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while part := stream.read(HASH_BYTES):
            reading_progress.alive()
            digest.update(part)
    return digest.hexdigest()
