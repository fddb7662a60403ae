"""Reading an upload in a reader process: unpack, find the series, read masks of pairs, write canonical volumes.

Everything comes in and goes out as plain data, with files in the folder ``out`` (`spineml.isolation`). What goes wrong
in one file becomes its verdict; what ends this process is attributed to the file last begun, by whoever waits, who asks
again with that file among ``failed``.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from spineml.errors import MaskRejected, SpineError, UnreadableFile
from spineml.isolation.plain import record_of, values_of
from spineml.masks.labels import MaskTooManyValues
from spineml.masks.pairs import PairLabels, read_pair_mask
from spineml.message import message, sentences
from spineml.reader_process.results import CONVERT, MASK, SCAN, UNPACK, Failed, ReadMask, ReadSeries
from spineml.readers import reading_progress, scan
from spineml.readers.archives.archive import is_zip
from spineml.readers.dicom import deidentify
from spineml.readers.pairs.pairs import Matched, Pair, match_pairs
from spineml.readers.series import (
    SPATIAL_KINDS,
    DetectedSeries,
    FileOutcome,
    IntakeOptions,
    ReceivedFile,
    uniquely_named,
)
from spineml.tasks.task import Task
from spineml.volumes.canonical_file import SliceFileWriter, write_mask

OUT = Path("out")
LABEL_MAP = message("For a label map, choose to treat all non-zero labels as spine.")
NO_IMAGE = message("Its image could not be read.")


class Reply(Protocol):
    """Where progress goes, and series that are finished."""

    def progress(self, done: int, total: int, text: str) -> None: ...

    def part(self, value: Any) -> None: ...


def read_upload(arguments: Mapping[str, Any], reply: Reply) -> dict[str, Any]:
    """Read the files of an upload. Parts tell the step that begins (``step``), what names the
    patients (``identity``) and each finished ``series``.

    Args:
        arguments: ``files`` ([path, name] each), ``options`` (of `IntakeOptions`), ``pairs`` (None, or ``patients``,
            ``separator``, ``every_label`` and, where the masks name structures, ``task`` and ``mapping``),
            ``uid_salt``, ``attempt`` (a number that names files apart), ``failed`` (`Failed` each) and ``done`` (the
            names of the files of each series that an earlier reader has finished).

    Returns:
        ``verdicts``, on every file.

    Raises:
        FileNotUsed: the table of pairs is missing or wrong.
    """
    return _Reading(arguments, reply).run()


@dataclass
class _Reading:
    arguments: Mapping[str, Any]
    reply: Reply
    verdicts: dict[str, FileOutcome] = field(default_factory=dict)
    masks: dict[str, ReadMask] = field(default_factory=dict)  # by the name of the image

    def __post_init__(self) -> None:
        self.failed = [record_of(Failed, values) for values in self.arguments["failed"]]
        self.done = [tuple(names) for names in self.arguments["done"]]
        for left in OUT.glob("work*"):  # by a reader that did not end well
            shutil.rmtree(left)
        self.folder = OUT / f"work{self.arguments['attempt']}"
        self.folder.mkdir()

    def run(self) -> dict[str, Any]:
        files, matched = self._received(), None
        if pairs := self.arguments["pairs"]:
            matched = match_pairs(files, pairs["patients"], pairs["separator"], every_label=pairs["every_label"])
            files = [pair.image for pair in matched.pairs]
        options = record_of(IntakeOptions, self.arguments["options"])
        self._begin(SCAN)
        found = scan.scan(
            self._without(files, SCAN),
            self.folder,
            options,
            lambda done, total, _: self.reply.progress(done, total, message("Reading headers")),
        )
        self.reply.part({"identity": found.identity.as_plain()})
        self._judge(*found.verdicts, *(matched.verdicts if matched else ()))
        self._convert(self._with_masks(found.series, matched) if matched else found.series)
        return {"verdicts": [values_of(verdict) for verdict in self.verdicts.values()]}

    def _begin(self, step: str) -> None:
        reading_progress.end()
        self.reply.part({"step": step})

    def _judge(self, *verdicts: FileOutcome) -> None:
        for verdict in verdicts:
            self.verdicts[verdict.name] = verdict

    def _failure(self, step: str, name: str) -> Failed | None:
        return next((one for one in self.failed if (one.step, one.name) == (step, name)), None)

    def _without(self, files: Sequence[ReceivedFile], step: str) -> list[ReceivedFile]:
        """The files that ended no reader in this step; the others get their verdict."""
        kept = []
        for file in files:
            if failed := self._failure(step, file.name):
                self._judge(failed.verdict())
            else:
                kept.append(file)
        return kept

    # --- unpacking ----------------------------------------------------------------------------------------------------
    def _received(self) -> list[ReceivedFile]:
        """The files with each zip replaced by its members; a zip that is refused gets its verdict."""
        self.reply.progress(0, 0, message("Reading the files"))
        self._begin(UNPACK)
        files: list[ReceivedFile] = []
        spent = scan.Spent()
        sent = uniquely_named([ReceivedFile(Path(path), name) for path, name in self.arguments["files"]])
        for number, file in enumerate(self._without(sent, UNPACK)):
            files += self._unpacked(file, number, spent) if is_zip(file.path, file.name) else [file]
        return uniquely_named(files)

    def _unpacked(self, file: ReceivedFile, number: int, spent: scan.Spent) -> list[ReceivedFile]:
        reading_progress.begin(file.name)
        try:
            unpacked = scan.unpack(
                file.path,
                self.folder / f"zip{number}",
                spent=spent,
                progress=lambda _done, _total, _member: reading_progress.begin(file.name),
            )
        except SpineError as error:
            self._judge(FileOutcome(file.name, "rejected", error.code, error.message))
            return []
        except reading_progress.FAILURES as error:
            self._judge(reading_progress.failure(file.name, error))
            return []
        self._judge(*(replace(verdict, name=f"{file.name}/{verdict.name}") for verdict in unpacked.verdicts))
        return [ReceivedFile(member.path, f"{file.name}/{member.name}") for member in unpacked.files]

    # --- masks of pairs -----------------------------------------------------------------------------------------------
    def _with_masks(self, plans: Sequence[DetectedSeries], matched: Matched) -> list[DetectedSeries]:
        """The series that have a mask; the others' files say why."""
        self._begin(MASK)
        by_image = {pair.image.name: pair for pair in matched.pairs}
        kept: list[DetectedSeries] = []
        for number, plan in enumerate(plans, start=1):
            self.reply.progress(number, len(plans), message("Reading masks"))
            pair, name = by_image[plan.files[0].name], f"mask{self.arguments['attempt']}-{number}.h5"
            try:
                with reading_progress.reading(pair.mask.name):
                    self._read_mask(pair, plan, OUT / name)
            except MaskRejected as error:
                self._judge(*_refused(pair, plan, FileOutcome(pair.mask.name, "rejected", error.code, error.message)))
            except reading_progress.FAILURES as error:
                self._judge(*_refused(pair, plan, reading_progress.failure(pair.mask.name, error)))
            else:
                kept.append(plan)
                self.masks[pair.image.name] = ReadMask(pair.mask.name, name, pair.patient, pair.split)
                self._judge(*(FileOutcome(mask.name, "imported", "mask") for mask in pair.masks))
        read = {plan.files[0].name for plan in plans}
        lost = [pair for pair in matched.pairs if pair.image.name not in read]
        self._judge(*(_without_image(mask.name) for pair in lost for mask in pair.masks))
        return kept

    def _read_mask(self, pair: Pair, plan: DetectedSeries, path: Path) -> None:
        if failed := self._failure(MASK, pair.mask.name):
            raise MaskRejected(failed.verdict().reason)
        spatial = plan.meta.source_kind in SPATIAL_KINDS
        write_mask(path, read_pair_mask(pair, plan, spatial=spatial, labels=_labels_of(self.arguments["pairs"])))

    # --- volumes ------------------------------------------------------------------------------------------------------
    def _convert(self, plans: Sequence[DetectedSeries]) -> None:
        """Each series by itself: one damaged file spoils its series, and only that."""
        self._begin(CONVERT)
        total = sum(plan.geometry.shape[0] for plan in plans)
        done, finished = 0, list(self.done)
        for number, plan in enumerate(plans):
            name = f"{self.arguments['attempt']}-{number}"
            if (names := tuple(file.name for file in plan.files)) in finished:
                finished.remove(names)  # once: a file may hold several series
            else:
                self._guarded(plan, lambda one=plan, made=name, at=done: self._write(one, made, at, total))  # type: ignore[misc]
            done += plan.geometry.shape[0]

    def _guarded(self, plan: DetectedSeries, work: Callable[[], None]) -> None:
        failures = [failed for file in plan.files if (failed := self._failure(CONVERT, file.name))]
        if failures:
            return self._reject(plan, failures[0].verdict())
        try:
            work()
        except UnreadableFile as error:
            self._reject(plan, FileOutcome(error.name, "rejected", error.code, error.reason))
        except reading_progress.FAILURES as error:
            self._reject(plan, reading_progress.failure(reading_progress.blamed(error) or plan.files[0].name, error))
        reading_progress.end()
        return None

    def _write(self, plan: DetectedSeries, made: str, done: int, total: int) -> None:
        volume = f"volume{made}.h5"
        if len(plan.files) == 1:
            reading_progress.begin(plan.files[0].name)
        with SliceFileWriter(OUT / volume, plan.geometry, "volume") as writer:
            for z, pixels in plan.slices():
                writer.write(z, pixels)
                self.reply.progress(done + z + 1, total, message("Converting slices"))
        originals = self._originals(plan, f"originals{made}.zip") if plan.meta.source_kind == "dicom" else ""
        names = [file.name for file in plan.files]
        mask = self.masks.get(names[0])
        read = ReadSeries(
            plan.geometry, plan.meta, names, [*plan.notices, *plan.doubts()], writer.pixel_hash, volume, originals, mask
        )
        self.reply.part({"series": read.as_plain()})

    def _originals(self, plan: DetectedSeries, name: str) -> str:
        """The DICOM files as received but de-identified, in one zip; other formats are already in the volume."""
        clean = self.folder / "clean.dcm"
        with zipfile.ZipFile(OUT / name, "w", zipfile.ZIP_STORED) as archive:
            for number, file in enumerate(plan.files, start=1):
                self.reply.progress(number, len(plan.files), message("De-identifying"))
                reading_progress.begin(file.name)
                try:
                    deidentify.deidentify_dicom(file.path, clean, uid_salt=self.arguments["uid_salt"])
                except UnreadableFile as error:  # it knows the file by its staged name
                    raise UnreadableFile(file.name, error.reason) from error
                archive.write(clean, f"{number:05d}.dcm")
        return name

    def _reject(self, plan: DetectedSeries, culprit: FileOutcome) -> None:
        for file in plan.files:
            reason = culprit.reason
            if file.name != culprit.name:
                reason = message("Its series needs {name}: {reason}", name=culprit.name, reason=reason)
            self._judge(replace(culprit, name=file.name, reason=reason))
        if mask := self.masks.get(plan.files[0].name):
            self._judge(_without_image(mask.name))


def _without_image(name: str) -> FileOutcome:
    return FileOutcome(name, "rejected", "no-image", NO_IMAGE)


def _refused(pair: Pair, plan: DetectedSeries, of_mask: FileOutcome) -> list[FileOutcome]:
    reason = message("Its mask cannot be used: {reason}", reason=of_mask.reason)
    if of_mask.code == MaskTooManyValues.code:
        reason = sentences([reason, LABEL_MAP])
    images = [FileOutcome(file.name, "rejected", "mask-rejected", reason) for file in plan.files]
    return [*(replace(of_mask, name=mask.name) for mask in pair.masks), *images]


def _labels_of(pairs: Mapping[str, Any]) -> PairLabels | None:
    if not pairs.get("task"):
        return None
    mapping = {int(value): label for value, label in pairs["mapping"].items()}
    return PairLabels(Task.from_json(pairs["task"]), mapping)
