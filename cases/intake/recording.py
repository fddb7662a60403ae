"""Recording an import: cases, series and verdicts, inside the transaction that ends the run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.core.files.storage import default_storage
from django.db import transaction

from accounts.models import Institution
from cases.intake.pairing import PairedMask, pairs_record
from cases.intake.pseudonyms import keyed_hash, patient_for
from cases.listing import cases_change
from cases.models import Case, FileVerdict, ImportRun, Series, Upload
from cases.signals import series_imported
from spineml import intake
from spineml.message import message
from spineplatform.shared import audit


@dataclass
class ImportedSeries:
    """A series that was read. ``volume`` and ``originals`` are names in the storage; empty for a duplicate."""

    plan: intake.SeriesPlan
    pixel_hash: str
    volume: str = ""
    originals: str = ""


@dataclass
class Harvest:
    """What the worker found, before anything of it is recorded. Verdicts go by the file's name."""

    series: list[ImportedSeries] = field(default_factory=list)
    verdicts: dict[str, intake.FileVerdict] = field(default_factory=dict)
    masks: dict[str, PairedMask] = field(default_factory=dict)  # by the name of the image

    @property
    def is_empty(self) -> bool:
        return not self.series

    @property
    def studies(self) -> int:
        """How many cases this makes at most: one for each DICOM study, one for each other file."""
        metas = [imported.plan.meta for imported in self.series]
        named = {(meta.patient_id, meta.study_uid) for meta in metas if meta.study_uid}
        return len(named) + sum(1 for meta in metas if not meta.study_uid)

    def judge(self, verdict: intake.FileVerdict) -> None:
        self.verdicts[verdict.name] = verdict


def record(run: ImportRun, harvest: Harvest, stored: list[str]) -> None:
    """Write everything of one import. Imports into one institution take turns here, so none records the same twice."""
    # Not "for update": that would make every upload to the institution wait, whose rows refer to it.
    Institution.objects.select_for_update(no_key=True).get(pk=run.institution_id)
    rows: dict[str, Series] = {}
    for imported in harvest.series:
        known = Series.objects.filter(institution=run.institution, pixel_hash=imported.pixel_hash).first()
        if known is not None:
            _judge_duplicate(harvest, imported, known)
        series = known or _record_series(run, imported, alone=harvest.studies == 1)
        rows |= {file.name: series for file in imported.plan.files}
    if harvest.masks:
        of_masks, kept = pairs_record(run, harvest.masks, rows, stored)
        rows |= of_masks
        for verdict in kept:
            harvest.judge(verdict)
    cases_change(Case.objects.filter(pk__in={series.case_id for series in rows.values()}))
    record_verdicts(run.upload, harvest, rows)
    _clear_staged(run.upload)
    audit.record(
        actor=run.requested_by,
        action="upload.imported",
        object_id=run.upload_id,
        institution_id=run.institution_id,
        series=len(harvest.series),
    )


def _judge_duplicate(harvest: Harvest, imported: ImportedSeries, known: Series) -> None:
    reason = message(
        "The same images are already in the case “{title}”, so they were not imported again.", title=known.case.title
    )
    for file in imported.plan.files:
        harvest.judge(intake.FileVerdict(file.name, "skipped", "duplicate", reason))
    unneeded = [name for name in (imported.volume, imported.originals) if name]
    transaction.on_commit(lambda: _delete(unneeded), robust=True)


def _record_series(run: ImportRun, imported: ImportedSeries, *, alone: bool) -> Series:
    plan = imported.plan
    case = _case_for(run, plan.meta, alone=alone)
    series = Series.objects.create(
        institution=run.institution,
        case=case,
        number=case.series.count() + 1,
        description=plan.meta.description[:120],
        modality=plan.meta.modality[:16],
        source_kind=plan.meta.source_kind,
        geometry_json=plan.geometry.as_json(),
        volume=imported.volume,
        originals=imported.originals,
        pixel_hash=imported.pixel_hash,
        warnings=list(plan.warnings),
        meta=plan.meta.as_json() | {"study_date": None},  # a date can point at a person
    )
    series_imported.send(sender=Series, series=series, run=run)
    return series


def _case_for(run: ImportRun, meta: intake.SeriesMeta, *, alone: bool) -> Case:
    """The case of this study; DICOM of a study that is already here joins its case."""
    institution = run.institution
    study_hash = keyed_hash("study", institution.pk, f"{meta.patient_id}\0{meta.study_uid}") if meta.study_uid else None
    if study_hash is not None:
        known = Case.objects.filter(institution=institution, study_hash=study_hash).first()
        if known is not None:
            return known
    patient = patient_for(institution=institution, patient_id=meta.patient_id)
    number = patient.cases.count() + 1
    title = patient.pseudonym if number == 1 else f"{patient.pseudonym} / {number}"
    if run.upload.title:
        title = run.upload.title if alone else f"{run.upload.title[:80]} · {title}"
    return Case.objects.create(
        institution=institution, patient=patient, title=title, study_hash=study_hash, created_by=run.requested_by
    )


def record_verdicts(upload: Upload, harvest: Harvest, rows: dict[str, Series]) -> None:
    """Replace the verdicts of an earlier attempt."""
    with transaction.atomic():
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


def _clear_staged(upload: Upload) -> None:
    """What was received is no longer needed once it is recorded."""
    staged = list(upload.files.exclude(staged="").values_list("staged", flat=True))
    upload.files.update(staged="")
    transaction.on_commit(lambda: _delete(staged), robust=True)


def _delete(names: Iterable[str]) -> None:
    for name in names:
        default_storage.delete(name)
