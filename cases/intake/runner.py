"""The import itself, in a worker: judge every file, write canonical volumes, then record all of it at once."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

from cases.intake.pairing import masks_read, pairs_of
from cases.intake.pseudonyms import keyed_hash
from cases.intake.recording import Harvest, ImportedSeries, record, record_verdicts
from cases.models import ImportRun, Series
from spineml import deidentify, intake
from spineml.archive import is_zip
from spineml.errors import SpineError, UnreadableFile
from spineml.message import message
from spineml.pairs import Matched
from spineml.series import unique_names
from spineml.volume_file import SliceFileWriter
from spineplatform.shared import storage
from spineplatform.shared.errors import UserError
from spineplatform.shared.lease import Lease


class NothingImported(UserError):
    """None of the files could be imported. The list says why, file by file."""

    code = "nothing-imported"


def run_import(lease: Lease[ImportRun]) -> None:
    """Work of one ImportRun: read, convert, record. Memory does not grow with the number of slices."""
    with storage.work_folder("import") as folder, storage.stored_or_removed() as stored:
        harvest = Importer(lease, folder, stored, Harvest()).run()
        if harvest.is_empty:
            with lease.writing() as run:
                record_verdicts(run.upload, harvest, {})
            raise NothingImported(why(harvest))
        with lease.finishing() as run:
            record(run, harvest, stored)


def why(harvest: Harvest) -> str:
    """The one reason when there is just one; else that the list has them."""
    reasons = {verdict.reason for verdict in harvest.verdicts.values() if verdict.status == "rejected"}
    return reasons.pop() if len(reasons) == 1 else str(NothingImported())


@dataclass(frozen=True)
class Importer:
    """One import at work: its lease, its scratch folder, the names it has ``stored`` so far, and what it found."""

    lease: Lease[ImportRun]
    folder: Path
    stored: list[str]
    harvest: Harvest

    def run(self) -> Harvest:
        """Read and convert everything; nothing is recorded yet."""
        self.lease.report(0, 0, message("Reading the files"))
        upload = self.lease.run.upload
        files, matched = self._received(), None
        if upload.options.get("pairs"):
            matched = pairs_of(files, upload)
            files = [pair.image for pair in matched.pairs]
        found = intake.scan(
            files,
            self.folder,
            _options(upload.options),
            lambda done, total, _: self.lease.report(done, total, message("Reading headers")),
        )
        for verdict in (*found.verdicts, *(matched.verdicts if matched else ())):
            self.harvest.judge(verdict)
        self._convert(self._with_masks(found.series, matched) if matched else found.series)
        return self.harvest

    def _with_masks(self, plans: list[intake.SeriesPlan], matched: Matched) -> list[intake.SeriesPlan]:
        paired = masks_read(plans, matched.pairs, self.lease.run.upload, self.folder, self.lease.report)
        self.harvest.masks = paired.masks
        for verdict in paired.verdicts:
            self.harvest.judge(verdict)
        return paired.series

    def _received(self) -> list[intake.ReceivedFile]:
        """The staged files with each zip replaced by its members; a zip that is refused gets its verdict."""
        files: list[intake.ReceivedFile] = []
        spent = intake.Spent()
        rows = list(self.lease.run.upload.files.all())
        for row, name in zip(rows, unique_names([row.name for row in rows]), strict=True):
            path = storage.local_path(row.staged)
            if not is_zip(path):
                files.append(intake.ReceivedFile(path, name))
                continue
            try:
                unpacked = intake.unpack(path, self.folder / f"zip{row.pk}", spent=spent)
            except SpineError as error:
                self.harvest.judge(intake.FileVerdict(name, "rejected", error.code, error.message))
                continue
            for verdict in unpacked.verdicts:
                self.harvest.judge(replace(verdict, name=f"{name}/{verdict.name}"))
            files += [intake.ReceivedFile(member.path, f"{name}/{member.name}") for member in unpacked.files]
        return _with_unique_names(files)

    def _convert(self, plans: list[intake.SeriesPlan]) -> None:
        """Each series by itself: one damaged file spoils its series, and only that."""
        total = sum(plan.geometry.shape[0] for plan in plans)
        done = 0
        for number, plan in enumerate(plans):
            path = self.folder / f"volume{number}.h5"
            try:
                pixel_hash = self._write(plan, path, done, total)
                self.harvest.series.append(self._kept(plan, path, pixel_hash))
            except UnreadableFile as error:
                self._reject(plan, error)
            done += plan.geometry.shape[0]

    def _write(self, plan: intake.SeriesPlan, path: Path, done: int, total: int) -> str:
        with SliceFileWriter(path, plan.geometry, "volume") as writer:
            for z, pixels in plan.slices():
                writer.write(z, pixels)
                self.lease.report(done + z + 1, total, message("Converting slices"))
        return writer.pixel_hash

    def _reject(self, plan: intake.SeriesPlan, error: UnreadableFile) -> None:
        for file in plan.files:
            reason = error.reason if file.name == error.name else f"Its series needs {error.name}: {error.reason}"
            self.harvest.judge(intake.FileVerdict(file.name, "rejected", error.code, reason))

    def _kept(self, plan: intake.SeriesPlan, path: Path, pixel_hash: str) -> ImportedSeries:
        """The series with its files in the storage; a duplicate needs none."""
        known = Series.objects.filter(institution=self.lease.run.institution, pixel_hash=pixel_hash).exists()
        if known or any(other.pixel_hash == pixel_hash for other in self.harvest.series):
            return ImportedSeries(plan, pixel_hash)
        originals = self._originals(plan) if plan.meta.source_kind == "dicom" else None
        return ImportedSeries(
            plan,
            pixel_hash,
            volume=self._store(path, "volumes", ".h5"),
            originals=self._store(originals, "originals", ".zip") if originals else "",
        )

    def _originals(self, plan: intake.SeriesPlan) -> Path:
        """The DICOM files as received but de-identified, in one zip; other formats are already in the volume."""
        salt = keyed_hash("uid", self.lease.run.institution_id, "")
        archive_path, clean = self.folder / "originals.zip", self.folder / "clean.dcm"
        with zipfile.ZipFile(archive_path, "w", zipfile.ZIP_STORED) as archive:
            for number, file in enumerate(plan.files, start=1):
                self.lease.report(number, len(plan.files), message("Removing identities"))
                try:
                    deidentify.deidentify_dicom(file.path, clean, uid_salt=salt)
                except UnreadableFile as error:  # it knows the file by its staged name
                    raise UnreadableFile(file.name, error.reason) from error
                archive.write(clean, f"{number:05d}.dcm")
        return archive_path

    def _store(self, path: Path, folder: str, suffix: str) -> str:
        name = storage.store(path, storage.unique_name(folder, suffix))
        self.stored.append(name)
        return name


def _options(given: dict[str, object]) -> intake.IntakeOptions:
    spacing, between = given.get("pixel_spacing_mm"), given.get("slice_spacing_mm")
    return intake.IntakeOptions(
        pixel_spacing_mm=(float(spacing[0]), float(spacing[1])) if isinstance(spacing, list) else None,
        slice_spacing_mm=between if isinstance(between, float | int) else None,
        stack_images=bool(given.get("stack_images", True)) and not given.get("pairs"),
        paired=bool(given.get("pairs")),
    )


def _with_unique_names(files: list[intake.ReceivedFile]) -> list[intake.ReceivedFile]:
    """Verdicts go by name."""
    names = unique_names([file.name for file in files])
    return [intake.ReceivedFile(file.path, name) for file, name in zip(files, names, strict=True)]
