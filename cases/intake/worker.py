"""The import itself, in a worker: a child process reads every file, and what it found is recorded at once.

This process opens no file that a person sent (ADR 13). It keeps the database, the lease and the storage.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cases.intake.duplicates import twin_of
from cases.intake.import_pairs import BadTable, PairedMask, of_patient, pairs_asked
from cases.intake.pseudonyms import keyed_hash
from cases.intake.records import ImportedSeries, ImportResult, record, record_verdicts
from cases.models import ImportRun
from spineml.isolation import ReaderFailed, Refused
from spineml.isolation.client import Job
from spineml.isolation.plain import record_of, values_of
from spineml.message import Message, message
from spineml.reader_process.results import UNPACK, Failed, ReadSeries
from spineml.readers.patient_identity import Identity, renamed, shown_names
from spineml.readers.series import FileOutcome, IntakeOptions, sent_names
from spineplatform.shared import isolated, storage
from spineplatform.shared.errors import UserError
from spineplatform.shared.lease import Lease

# How many readers one upload may have: each but the last was ended by a file.
MOST_ATTEMPTS = 6
GAVE_UP = message(
    "Too many files of this upload crashed the file reader, so this one was not read. Upload it without those."
)


class NothingImported(UserError):
    """None of the files could be imported. The list gives the reason for each."""

    code = "nothing-imported"


def run_import(lease: Lease[ImportRun]) -> None:
    """Work of one ImportRun: read, convert, record. Memory does not grow with the number of slices."""
    with isolated.upload_job() as job, storage.stored_or_removed() as stored:
        harvest = Importer(lease, job, stored, ImportResult()).run()
        if harvest.is_empty:
            with lease.writing() as run:
                record_verdicts(run.upload, harvest, {})
            raise NothingImported(why(harvest))
        with lease.finishing() as run:
            record(run, harvest, stored)


def why(harvest: ImportResult) -> Message:
    """The one reason when there is just one; else that the list has them."""
    reasons = {verdict.reason for verdict in harvest.verdicts.values() if verdict.status == "rejected"}
    if len(reasons) != 1:
        return NothingImported().message
    return renamed(reasons.pop(), shown_names(harvest.verdicts, harvest.identity), harvest.identity)


@dataclass(frozen=True)
class Importer:
    """One import at work: its lease, its reader, the names it has ``stored`` so far, and what it found."""

    lease: Lease[ImportRun]
    job: Job
    stored: list[str]
    harvest: ImportResult

    def run(self) -> ImportResult:
        """Have everything read and converted, and keep it; nothing is recorded yet."""
        self.lease.report(0, 0, message("Reading the files"))
        read = Reading(self.lease, self.job)
        for verdict in read.run():
            self.harvest.judge(verdict)
        self.harvest.identity = read.identity
        for series in read.series:
            self.harvest.series.append(self._kept(series))
        return self.harvest

    def _kept(self, read: ReadSeries) -> ImportedSeries:
        """The series with its files in the storage; a duplicate needs none."""
        plan, folder = read.plan, self.job.folder
        if mask := read.mask:
            self.harvest.masks[plan.files[0].name] = PairedMask(mask.name, folder.take(mask.mask), mask.split)
            plan = of_patient(plan, mask.patient, self.lease.run.upload)
        twin = twin_of(self.lease.run.institution, plan, read.pixel_hash)
        if twin is not None and not twin.differs:
            for name in filter(None, (read.volume, read.originals)):
                folder.discard(name)
            return ImportedSeries(plan, read.pixel_hash)
        return ImportedSeries(
            plan,
            read.pixel_hash,
            volume=self._store(folder.take(read.volume), "volumes", ".h5"),
            originals=self._store(folder.take(read.originals), "originals", ".zip") if read.originals else "",
        )

    def _store(self, path: Path, folder: str, suffix: str) -> str:
        self.lease.check()
        name = storage.store(path, storage.unique_name(folder, suffix))
        self.stored.append(name)
        return name


class Reading:
    """One upload read by as many readers as it takes: a file that ends one is left out of the next."""

    def __init__(self, lease: Lease[ImportRun], job: Job) -> None:
        self.lease, self.job = lease, job
        self.series: list[ReadSeries] = []
        self._failed: list[Failed] = []
        self._step = UNPACK
        self.identity = Identity()

    def run(self) -> list[FileOutcome]:
        """The verdicts; `series` has what was read.

        Raises:
            BadTable, PairsNeedASender: nothing of pairs can be imported.
            ReaderFailed: a second reader ended while it read no file.
        """
        upload = self.lease.run.upload
        rows = list(upload.files.all())
        files = [[self.job.folder.add(storage.local_path(row.staged)), row.name] for row in rows]
        arguments = {
            "files": files,
            "options": values_of(_options(upload.options)),
            "pairs": pairs_asked(upload),
            "uid_salt": keyed_hash("uid", self.lease.run.institution_id, ""),
        }
        careful = False
        end = time.monotonic() + self.job.limits.job_seconds
        for attempt in range(MOST_ATTEMPTS):
            if time.monotonic() > end:
                break
            try:
                return self._read(arguments, attempt, careful=careful)
            except ReaderFailed as error:
                careful = careful or len(error.names) != 1
                if len(error.names) == 1:
                    self._failed.append(Failed(error.names[0], self._step, error.code))
                elif attempt and not error.names:
                    raise
        return self._gave_up([row.name for row in rows])

    def _read(self, arguments: dict[str, Any], attempt: int, *, careful: bool) -> list[FileOutcome]:
        again = {
            "attempt": attempt,
            "failed": [values_of(one) for one in self._failed],
            "done": [series.names for series in self.series],
        }
        try:
            read = self.job.call(
                "upload",
                arguments | again,
                progress=self.lease.report,
                part=self._take,
                tick=self.lease.check,
                careful=careful,
            )
        except Refused as error:
            raise BadTable(error.message) from error
        return [record_of(FileOutcome, verdict) for verdict in read["verdicts"]]

    def _take(self, part: Mapping[str, Any]) -> None:
        self._step = part.get("step", self._step)
        if "identity" in part:
            self.identity = Identity.from_plain(part["identity"])
        if "series" in part:
            self.series.append(ReadSeries.from_plain(part["series"]))

    def _gave_up(self, names: list[str]) -> list[FileOutcome]:
        """Verdicts on what was sent, and on the files of what was read before."""
        read = [FileOutcome(name, "imported", "ok") for series in self.series for name in series.names]
        refused = [FileOutcome(name, "rejected", "reader-gave-up", GAVE_UP) for name in sent_names(names)]
        failed = [one.verdict() for one in self._failed]
        return list({verdict.name: verdict for verdict in (*refused, *read, *failed)}.values())


def _options(given: Mapping[str, Any]) -> IntakeOptions:
    spacing, between = given.get("pixel_spacing_mm"), given.get("slice_spacing_mm")
    return IntakeOptions(
        pixel_spacing_mm=(float(spacing[0]), float(spacing[1])) if isinstance(spacing, list) else None,
        slice_spacing_mm=between if isinstance(between, float | int) else None,
        stack_images=bool(given.get("stack_images", True)) and not given.get("pairs"),
        paired=bool(given.get("pairs")),
    )
