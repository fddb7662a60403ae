"""Recording an import: cases, series and verdicts, inside the transaction that ends the run."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.core.files.storage import default_storage
from django.db import transaction

from accounts.models import Institution
from cases.changes import touch_cases
from cases.followers import followers
from cases.intake.duplicates import Twin, content_hash, left_behind, twin_of
from cases.intake.import_pairs import PairedMask, pairs_record, splits_kept
from cases.intake.pseudonyms import keyed_hash, patient_for
from cases.models import Case, FileVerdict, ImportRun, Series, Upload
from cases.models.uploads import DUPLICATE
from spineml.message import Message, message, sentences, verbatim
from spineml.readers import scan
from spineml.readers.patient_identity import Identity, renamed, shown_names
from spineplatform.shared import audit


@dataclass
class ImportedSeries:
    """A series that was read. ``volume`` and ``originals`` are names in the storage; empty for a duplicate."""

    plan: scan.DetectedSeries
    pixel_hash: str
    volume: str = ""
    originals: str = ""


@dataclass
class ImportResult:
    """What the worker found, before anything of it is recorded. Verdicts go by the file's name."""

    series: list[ImportedSeries] = field(default_factory=list)
    verdicts: dict[str, scan.FileOutcome] = field(default_factory=dict)
    masks: dict[str, PairedMask] = field(default_factory=dict)  # by the name of the image
    made: list[Series] = field(default_factory=list)  # the rows, once they are recorded
    identity: Identity = field(default_factory=Identity)  # what names the patients: never stored
    new_cases: set[uuid.UUID] = field(default_factory=set)  # those that were made for it, filled in while recording

    @property
    def is_empty(self) -> bool:
        return not self.series

    @property
    def studies(self) -> int:
        """How many cases this makes at most: one for each DICOM study, one for each other file."""
        metas = [imported.plan.meta for imported in self.series]
        named = {(meta.patient_id, meta.study_uid) for meta in metas if meta.study_uid}
        return len(named) + sum(1 for meta in metas if not meta.study_uid)

    def judge(self, verdict: scan.FileOutcome) -> None:
        self.verdicts[verdict.name] = verdict


Rows = dict[str, list[Series]]  # by the name of a file: a file may give several series


def record(run: ImportRun, harvest: ImportResult, stored: list[str]) -> None:
    """Write everything of one import. Imports into one institution take turns here, so none records the same twice."""
    # Not "for update": that would make every upload to the institution wait, whose rows refer to it.
    Institution.objects.select_for_update(no_key=True).get(pk=run.institution_id)
    rows: Rows = defaultdict(list)
    for imported in harvest.series:
        _tell(harvest, imported.plan, imported.plan.notices)
        series = _series_of(run, harvest, imported)
        for file in imported.plan.files:
            rows[file.name].append(series)
    pairs = pairs_record(run, harvest.masks, {name: several[0] for name, several in rows.items()}, stored)
    for name, series in pairs.series.items():
        rows[name].append(series)
    kept = followers().after_import(run, harvest.made, pairs.splits)
    for verdict in (*pairs.verdicts, *splits_kept(pairs.series, kept)):
        harvest.judge(verdict)
    touch_cases(Case.objects.filter(pk__in={series.case_id for several in rows.values() for series in several}))
    record_verdicts(run.upload, harvest, rows)
    _rename_files(run.upload, harvest.identity)
    _clear_staged(run.upload)
    audit.record(
        actor=run.requested_by,
        action="upload.imported",
        object_id=run.upload_id,
        institution_id=run.institution_id,
        series=len(harvest.series),
    )


def _series_of(run: ImportRun, harvest: ImportResult, imported: ImportedSeries) -> Series:
    """The series that is already here, or a new one; what has the same values but differs is told so."""
    twin = twin_of(run.institution, imported.plan, imported.pixel_hash)
    if twin is not None and not twin.differs:
        _judge_duplicate(run, harvest, imported, twin.series)
        return twin.series
    if twin is not None:
        imported = _told_apart(harvest, imported, twin)
    return _record_series(run, harvest, imported, twin)


def _judge_duplicate(run: ImportRun, harvest: ImportResult, imported: ImportedSeries, known: Series) -> None:
    same = message(
        "The same images are already in the case “{title}”, so they were not imported again.", title=known.case.title
    )
    reason = sentences([same, *left_behind(imported.plan, known), *_title_unused(run, harvest, known.case)])
    for file in imported.plan.files:
        harvest.judge(scan.FileOutcome(file.name, "skipped", DUPLICATE, reason))
    unneeded = [name for name in (imported.volume, imported.originals) if name]
    transaction.on_commit(lambda: _delete(unneeded), robust=True)


def _title_unused(run: ImportRun, harvest: ImportResult, case: Case) -> list[Message]:
    """A title is that of a new case only; pairs keep theirs as the name of their collection."""
    given = harvest.identity.without(run.upload.title)
    named = case.title == given or case.title.startswith(f"{given[:80]} · ")
    if not given or run.upload.options.get("pairs") or named or case.pk in harvest.new_cases:
        return []
    return [
        message("The title “{given}” was not used: the case keeps the title “{title}”.", given=given, title=case.title)
    ]


def _told_apart(harvest: ImportResult, imported: ImportedSeries, twin: Twin) -> ImportedSeries:
    notice = twin.notice()
    _tell(harvest, imported.plan, [notice])
    return replace(imported, plan=replace(imported.plan, notices=[*imported.plan.notices, notice]))


def _tell(harvest: ImportResult, plan: scan.DetectedSeries, notices: Sequence[scan.SeriesWarning]) -> None:
    """Say what is said of a series in the verdicts on its files, too; some of it is known late."""
    for file in plan.files:
        before = harvest.verdicts.get(file.name)
        if not notices or (before is not None and before.status not in ("imported", "warning")):
            continue
        said = [*(verbatim(before.reason).sentences if before else []), *(notice.text for notice in notices)]
        code = before.code if before and before.status == "warning" else notices[0].code
        harvest.judge(scan.FileOutcome(file.name, "warning", code, sentences(list(dict.fromkeys(said)))))


def _record_series(run: ImportRun, harvest: ImportResult, imported: ImportedSeries, twin: Twin | None) -> Series:
    plan = imported.plan
    if twin is not None and not twin.other_patient and not plan.meta.patient_id:
        case = twin.series.case  # a header put right: no second patient, whose images could be learned and tested on
    else:
        case = _case_for(run, harvest, plan.meta)
    _tell(harvest, plan, [scan.SeriesWarning("title-unused", one) for one in _title_unused(run, harvest, case)])
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
        content_hash=content_hash(plan, imported.pixel_hash, str(case.patient_id)),
        warnings=[renamed(text, {}, harvest.identity) for text in plan.warnings],
        meta=plan.meta.as_json() | {"study_date": None},  # a date can point at a person
    )
    harvest.made.append(series)
    return series


def _case_for(run: ImportRun, harvest: ImportResult, meta: scan.SeriesMeta) -> Case:
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
    if given := harvest.identity.without(run.upload.title):
        title = given if harvest.studies == 1 else f"{given[:80]} · {title}"
    case = Case.objects.create(
        institution=institution, patient=patient, title=title, study_hash=study_hash, created_by=run.requested_by
    )
    harvest.new_cases.add(case.pk)
    return case


def record_verdicts(upload: Upload, harvest: ImportResult, rows: Mapping[str, Sequence[Series]]) -> None:
    """Replace the verdicts of an earlier attempt. No name of a patient stays in the names of the files."""
    shown = shown_names(harvest.verdicts, harvest.identity)
    made: list[tuple[FileVerdict, Sequence[Series]]] = []
    for verdict in harvest.verdicts.values():
        several = list(dict.fromkeys(rows.get(verdict.name, ())))
        row = FileVerdict(
            upload=upload,
            series=several[0] if several else None,
            name=shown[verdict.name][-500:],
            status=verdict.status,
            code=verdict.code,
            reason=renamed(verdict.reason, shown, harvest.identity),
        )
        made.append((row, several))
    through = FileVerdict.all_series.through
    with transaction.atomic():
        upload.verdicts.all().delete()
        FileVerdict.objects.bulk_create([row for row, _ in made])
        through.objects.bulk_create(
            through(fileverdict=row, series=series) for row, several in made for series in several
        )


def _rename_files(upload: Upload, identity: Identity) -> None:
    """Keep the names of the received files, and the title, without what names a patient."""
    files = list(upload.files.all())
    shown = shown_names([file.name for file in files], identity)
    changed = [file for file in files if shown[file.name] != file.name]
    for file in changed:
        file.name = shown[file.name][-500:]
    upload.files.bulk_update(changed, ["name"])
    if upload.title and (title := identity.without(upload.title)) != upload.title:
        Upload.objects.filter(pk=upload.pk).update(title=title[:120])


def _clear_staged(upload: Upload) -> None:
    """What was received is no longer needed once it is recorded."""
    staged = list(upload.files.exclude(staged="").values_list("staged", flat=True))
    upload.files.update(staged="")
    transaction.on_commit(lambda: _delete(staged), robust=True)


def _delete(names: Iterable[str]) -> None:
    for name in names:
        default_storage.delete(name)
