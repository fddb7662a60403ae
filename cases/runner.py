"""The import itself, in a worker: judge every file, write canonical volumes, then record all of it at once."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from django.core.files.storage import default_storage
from django.db import transaction

from cases.models import Case, FileVerdict, ImportRun, Series, Upload
from cases.pseudonyms import keyed_hash, patient_for
from cases.signals import series_imported
from spineml import deidentify, intake
from spineml.archive import is_zip
from spineml.errors import SpineError, UnreadableFile
from spineml.volume_file import SliceFileWriter
from spineplatform.shared import audit, storage
from spineplatform.shared.errors import UserError
from spineplatform.shared.lease import Lease


class NothingImported(UserError):
    """None of the files could be imported. The list says why, file by file."""

    code = "nothing-imported"


@dataclass
class ImportedSeries:
    """A canonical volume that is in the storage but not yet in the database."""

    plan: intake.SeriesPlan
    volume: str
    originals: str
    pixel_hash: str


@dataclass
class Harvest:
    """What the worker found, before anything of it is recorded."""

    series: list[ImportedSeries] = field(default_factory=list)
    duplicates: list[tuple[intake.SeriesPlan, Series | ImportedSeries]] = field(default_factory=list)
    verdicts: dict[str, intake.FileVerdict] = field(default_factory=dict)

    def judge(self, verdict: intake.FileVerdict) -> None:
        self.verdicts[verdict.name] = verdict


def run_import(lease: Lease[ImportRun]) -> None:
    """Work of one ImportRun: read, convert, record. Memory does not grow with the number of slices."""
    upload = lease.run.upload
    with storage.work_folder("import") as folder, storage.stored_or_removed() as stored:
        lease.report(0, 0, "Reading the files")
        harvest = Harvest()
        files = _received(upload, folder, harvest)
        found = intake.scan(files, folder, _options(upload), lambda done, total, _: lease.report(done, total, "Reading headers"))
        for verdict in found.verdicts:
            harvest.judge(verdict)
        _convert(lease, found.series, folder, harvest, stored)
        if not harvest.series and not harvest.duplicates:
            _record_verdicts(upload, harvest, {})
            raise NothingImported(_why(harvest))
        with lease.finishing() as run:
            _record(run, harvest)


def _options(upload: Upload) -> intake.IntakeOptions:
    given = upload.options
    spacing = given.get("pixel_spacing_mm")
    return intake.IntakeOptions(
        pixel_spacing_mm=(spacing[0], spacing[1]) if spacing else None,
        slice_spacing_mm=given.get("slice_spacing_mm"),
        stack_images=given.get("stack_images", True),
    )


def _received(upload: Upload, folder: Path, harvest: Harvest) -> list[intake.ReceivedFile]:
    """The staged files with each zip replaced by its members; a zip that is refused gets its verdict."""
    files: list[intake.ReceivedFile] = []
    for row in upload.files.all():
        path = storage.local_path(row.staged)
        if not is_zip(path):
            files.append(intake.ReceivedFile(path, row.name))
            continue
        try:
            members = intake.unpack(path, folder / f"zip{row.pk}")
        except SpineError as error:
            harvest.judge(intake.FileVerdict(row.name, "rejected", error.code, str(error)))
            continue
        files += [intake.ReceivedFile(member.path, f"{row.name}/{member.name}") for member in members]
    return files


def _convert(
    lease: Lease[ImportRun], plans: list[intake.SeriesPlan], folder: Path, harvest: Harvest, stored: list[str]
) -> None:
    total = sum(plan.geometry.shape[0] for plan in plans)
    done = 0
    for number, plan in enumerate(plans):
        try:
            path = folder / f"volume{number}.h5"
            with SliceFileWriter(path, plan.geometry, "volume") as writer:
                for z, pixels in plan.slices():
                    writer.write(z, pixels)
                    lease.report(done + z + 1, total, "Converting slices")
        except UnreadableFile as error:
            _reject(plan, error, harvest)
        else:
            _keep(lease, plan, path, writer.pixel_hash, folder, harvest, stored)
        done += plan.geometry.shape[0]


def _reject(plan: intake.SeriesPlan, error: UnreadableFile, harvest: Harvest) -> None:
    """One damaged file spoils its series, and only that."""
    for file in plan.files:
        reason = error.reason if file.name == error.name else f"Its series needs {error.name}: {error.reason}"
        harvest.judge(intake.FileVerdict(file.name, "rejected", error.code, reason))


def _keep(
    lease: Lease[ImportRun],
    plan: intake.SeriesPlan,
    path: Path,
    pixel_hash: str,
    folder: Path,
    harvest: Harvest,
    stored: list[str],
) -> None:
    known: Series | ImportedSeries | None = Series.objects.filter(
        institution=lease.run.institution, pixel_hash=pixel_hash
    ).first() or next((one for one in harvest.series if one.pixel_hash == pixel_hash), None)
    if known is not None:
        harvest.duplicates.append((plan, known))
        return
    volume = storage.store(path, storage.unique_name("volumes", ".h5"))
    stored.append(volume)
    originals = _store_originals(lease, plan, folder, stored)
    harvest.series.append(ImportedSeries(plan, volume, originals, pixel_hash))


def _store_originals(lease: Lease[ImportRun], plan: intake.SeriesPlan, folder: Path, stored: list[str]) -> str:
    """The DICOM files as received but de-identified, in one zip; other formats are already in the volume."""
    if plan.meta.source_kind != "dicom":
        return ""
    lease.report(*_progress(lease), "Removing identities")
    salt = keyed_hash("uid", lease.run.institution_id, "")
    archive_path, clean = folder / "originals.zip", folder / "clean.dcm"
    with zipfile.ZipFile(archive_path, "w", zipfile.ZIP_STORED) as archive:
        for number, file in enumerate(plan.files, start=1):
            lease.check()
            deidentify.deidentify_dicom(file.path, clean, uid_salt=salt)
            archive.write(clean, f"{number:05d}.dcm")
    name = storage.store(archive_path, storage.unique_name("originals", ".zip"))
    stored.append(name)
    return name


def _progress(lease: Lease[ImportRun]) -> tuple[int, int]:
    return lease.run.progress_done, lease.run.progress_total


def _why(harvest: Harvest) -> str:
    reasons = [verdict.reason for verdict in harvest.verdicts.values() if verdict.status == "rejected"]
    if len(reasons) == 1:
        return reasons[0]
    return str(NothingImported())


def _record(run: ImportRun, harvest: Harvest) -> None:
    """Cases, series and verdicts, inside the transaction that ends the run."""
    rows: dict[str, Series] = {}
    by_hash: dict[str, Series] = {}
    for imported in harvest.series:
        series = _record_series(run, imported)
        by_hash[imported.pixel_hash] = series
        rows |= {file.name: series for file in imported.plan.files}
        series_imported.send(sender=Series, series=series, run=run)
    for plan, known in harvest.duplicates:
        series = known if isinstance(known, Series) else by_hash[known.pixel_hash]
        for file in plan.files:
            rows[file.name] = series
            reason = f"The same images are already in the case “{series.case.title}”, so they were not imported again."
            harvest.judge(intake.FileVerdict(file.name, "skipped", "duplicate", reason))
    _record_verdicts(run.upload, harvest, rows)
    staged = list(run.upload.files.exclude(staged="").values_list("staged", flat=True))
    run.upload.files.update(staged="")
    transaction.on_commit(lambda: _delete(staged))
    audit.record(
        actor=run.requested_by,
        action="upload.imported",
        object_id=run.upload_id,
        institution_id=run.institution_id,
        series=len(harvest.series),
    )


def _record_series(run: ImportRun, imported: ImportedSeries) -> Series:
    plan = imported.plan
    case = _case_for(run, plan.meta)
    return Series.objects.create(
        institution=run.institution,
        case=case,
        number=case.series.count() + 1,
        description=plan.meta.description[:120] or _what(plan),
        modality=plan.meta.modality[:16],
        source_kind=plan.meta.source_kind,
        geometry_json=plan.geometry.as_json(),
        volume=imported.volume,
        originals=imported.originals,
        pixel_hash=imported.pixel_hash,
        warnings=list(plan.warnings),
        meta=plan.meta.as_json() | {"study_date": None},
    )


def _what(plan: intake.SeriesPlan) -> str:
    depth, height, width = plan.geometry.shape
    return f"{'CT' if plan.meta.source_kind == 'dicom' else 'Image'} {width} × {height} × {depth}"


def _case_for(run: ImportRun, meta: intake.SeriesMeta) -> Case:
    """The case of this study; DICOM of a study that is already here joins its case."""
    institution = run.institution
    study_hash = keyed_hash("study", institution.pk, f"{meta.patient_id}\0{meta.study_uid}") if meta.study_uid else None
    if study_hash is not None:
        known = Case.objects.filter(institution=institution, study_hash=study_hash).first()
        if known is not None:
            return known
    patient = patient_for(institution=institution, patient_id=meta.patient_id)
    number = patient.cases.count() + 1
    title = run.upload.title or (patient.pseudonym if number == 1 else f"{patient.pseudonym} / {number}")
    return Case.objects.create(
        institution=institution,
        patient=patient,
        title=title,
        study_hash=study_hash,
        created_by=run.requested_by,
    )


def _record_verdicts(upload: Upload, harvest: Harvest, rows: dict[str, Series]) -> None:
    upload.verdicts.all().delete()
    FileVerdict.objects.bulk_create(
        FileVerdict(
            upload=upload,
            series=rows.get(verdict.name),
            name=verdict.name[-500:],
            status=verdict.status,
            code=verdict.code,
            reason=verdict.reason,
        )
        for verdict in harvest.verdicts.values()
    )


def _delete(names: Iterable[str]) -> None:
    for name in names:
        default_storage.delete(name)
