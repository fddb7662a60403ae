"""Reading an upload in a reader process: unpack, find the series, read masks of pairs, write canonical volumes.

Everything comes in and goes out as plain data, with files in the folder ``out`` (`spineml.isolation`). What goes wrong
in one file becomes its verdict; what ends this process is attributed to the file last begun, by whoever waits, who asks
again with that file among ``failed``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from spineml import deidentify, intake, watched
from spineml.archive import is_zip
from spineml.errors import MaskRejected, SpineError, UnreadableFile
from spineml.isolation.plain import record_of, values_of
from spineml.masks import MaskEmpty, read_mask
from spineml.message import message
from spineml.pairs import Matched, Pair, match_pairs
from spineml.series import SPATIAL_KINDS, FileVerdict, IntakeOptions, Notice, ReceivedFile, SeriesMeta, SeriesPlan, unique_names
from spineml.volume import Geometry, Mask
from spineml.volume_file import SliceFileWriter, write_mask

OUT = Path("out")
NO_IMAGE = message("Its image could not be read.")
UNPACK, SCAN, MASK, CONVERT = "unpack", "scan", "mask", "convert"


class Reply(Protocol):
    """Where progress goes, and series that are finished."""

    def progress(self, done: int, total: int, text: str) -> None: ...

    def part(self, value: Any) -> None: ...


@dataclass(frozen=True)
class Failed:
    """A file that ended an earlier reader, in this ``step``, and the code of how."""

    name: str
    step: str
    code: str

    def verdict(self) -> FileVerdict:
        return FileVerdict(self.name, "rejected", self.code, watched.REASONS[self.code])


@dataclass(frozen=True)
class ReadMask:
    """The mask that came with an image: its file's name, and the canonical file ``mask`` in the folder ``out``."""

    name: str
    mask: str
    patient: str
    split: str


@dataclass
class ReadSeries:
    """A series that was read: canonical ``volume`` and, of DICOM, the de-identified ``originals``, both in ``out``."""

    geometry: Geometry
    meta: SeriesMeta
    names: list[str]
    notices: list[Notice]
    pixel_hash: str
    volume: str
    originals: str = ""
    mask: ReadMask | None = None

    def as_plain(self) -> dict[str, Any]:
        return {
            "geometry": self.geometry.as_json(),
            "meta": values_of(self.meta),
            "names": self.names,
            "notices": [values_of(notice) for notice in self.notices],
            "pixel_hash": self.pixel_hash,
            "volume": self.volume,
            "originals": self.originals,
            "mask": values_of(self.mask) if self.mask else None,
        }

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> ReadSeries:
        return cls(
            geometry=Geometry.from_json(values["geometry"]),
            meta=record_of(SeriesMeta, values["meta"]),
            names=list(values["names"]),
            notices=[record_of(Notice, notice) for notice in values["notices"]],
            pixel_hash=str(values["pixel_hash"]),
            volume=str(values["volume"]),
            originals=str(values["originals"]),
            mask=record_of(ReadMask, values["mask"]) if values["mask"] else None,
        )


def read_upload(arguments: Mapping[str, Any], reply: Reply) -> dict[str, Any]:
    """Read the files of an upload; finished series are told as parts.

    Args:
        arguments: ``files`` ([path, name] each), ``options`` (of `IntakeOptions`), ``pairs`` (None, or ``patients`` and
            ``separator``), ``uid_salt``, ``attempt`` (a number that names files apart), ``failed`` (`Failed` each) and
            ``done`` (the names of the files of each series that an earlier reader has finished).

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
    verdicts: dict[str, FileVerdict] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.failed = [record_of(Failed, values) for values in self.arguments["failed"]]
        self.done = [tuple(names) for names in self.arguments["done"]]
        self.folder = OUT / f"work{self.arguments['attempt']}"
        self.folder.mkdir()

    def run(self) -> dict[str, Any]:
        files, matched = self._received(), None
        if pairs := self.arguments["pairs"]:
            matched = match_pairs(files, pairs["patients"], pairs["separator"])
            files = [pair.image for pair in matched.pairs]
        options = record_of(IntakeOptions, self.arguments["options"])
        found = intake.scan(
            self._without(files, SCAN),
            self.folder,
            options,
            lambda done, total, _: self.reply.progress(done, total, "Reading headers"),
        )
        watched.end()
        self._judge(*found.verdicts, *(matched.verdicts if matched else ()))
        masks: dict[str, ReadMask] = {}
        plans = found.series
        if matched:
            plans, masks = self._with_masks(plans, matched)
        self._convert(plans, masks)
        return {"verdicts": [values_of(verdict) for verdict in self.verdicts.values()]}

    def _judge(self, *verdicts: FileVerdict) -> None:
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
        self.reply.progress(0, 0, "Reading the files")
        files: list[ReceivedFile] = []
        spent = intake.Spent()
        names = unique_names([name for _, name in self.arguments["files"]])
        paths = [Path(path) for path, _ in self.arguments["files"]]
        sent = [ReceivedFile(path, name) for path, name in zip(paths, names, strict=True)]
        for number, file in enumerate(self._without(sent, UNPACK)):
            files += self._unpacked(file, number, spent) if is_zip(file.path) else [file]
        watched.end()
        names = unique_names([file.name for file in files])
        return [ReceivedFile(file.path, name) for file, name in zip(files, names, strict=True)]

    def _unpacked(self, file: ReceivedFile, number: int, spent: intake.Spent) -> list[ReceivedFile]:
        watched.begin(file.name)
        try:
            unpacked = intake.unpack(file.path, self.folder / f"zip{number}", spent=spent)
        except SpineError as error:
            self._judge(FileVerdict(file.name, "rejected", error.code, error.message))
            return []
        except watched.FAILURES as error:
            self._judge(watched.failure(file.name, error))
            return []
        self._judge(*(replace(verdict, name=f"{file.name}/{verdict.name}") for verdict in unpacked.verdicts))
        return [ReceivedFile(member.path, f"{file.name}/{member.name}") for member in unpacked.files]

    # --- masks of pairs -----------------------------------------------------------------------------------------------
    def _with_masks(
        self, plans: Sequence[SeriesPlan], matched: Matched
    ) -> tuple[list[SeriesPlan], dict[str, ReadMask]]:
        """The series that have a mask, and the masks by the name of the image; the others' files say why."""
        by_image = {pair.image.name: pair for pair in matched.pairs}
        kept: list[SeriesPlan] = []
        masks: dict[str, ReadMask] = {}
        for number, plan in enumerate(plans, start=1):
            self.reply.progress(number, len(plans), "Reading masks")
            pair, name = by_image[plan.files[0].name], f"mask{self.arguments['attempt']}-{number}.h5"
            try:
                with watched.reading(pair.mask.name):
                    self._read_mask(pair, plan, OUT / name)
            except MaskRejected as error:
                self._judge(*_refused(pair, plan, FileVerdict(pair.mask.name, "rejected", error.code, error.message)))
            except watched.FAILURES as error:
                self._judge(*_refused(pair, plan, watched.failure(pair.mask.name, error)))
            else:
                kept.append(plan)
                masks[pair.image.name] = ReadMask(pair.mask.name, name, pair.patient, pair.split)
                self._judge(FileVerdict(pair.mask.name, "imported", "mask"))
        watched.end()
        read = {plan.files[0].name for plan in plans}
        lost = [pair.mask.name for pair in matched.pairs if pair.image.name not in read]
        self._judge(*(FileVerdict(name, "rejected", "no-image", NO_IMAGE) for name in lost))
        return kept, masks

    def _read_mask(self, pair: Pair, plan: SeriesPlan, path: Path) -> None:
        """A mask that marks nothing is taken: an image without spine teaches too, and the label checks name it."""
        if failed := self._failure(MASK, pair.mask.name):
            raise MaskRejected(failed.verdict().reason)
        if len(plan.files) > 1:
            raise MaskRejected(
                message("Its image belongs to a series of several files. Send the series first, then its mask.")
            )
        try:
            mask = read_mask([pair.mask], plan.geometry, spatial=plan.meta.source_kind in SPATIAL_KINDS)
        except MaskEmpty:
            mask = Mask(np.zeros(plan.geometry.shape, np.uint8), plan.geometry)
        write_mask(path, mask)

    # --- volumes ------------------------------------------------------------------------------------------------------
    def _convert(self, plans: Sequence[SeriesPlan], masks: Mapping[str, ReadMask]) -> None:
        """Each series by itself: one damaged file spoils its series, and only that."""
        total = sum(plan.geometry.shape[0] for plan in plans)
        done = 0
        for number, plan in enumerate(plans):
            name = f"{self.arguments['attempt']}-{number}"
            if tuple(file.name for file in plan.files) not in self.done:
                self._guarded(plan, lambda one=plan, made=name, at=done: self._write(one, made, masks, at, total))  # type: ignore[misc]
            done += plan.geometry.shape[0]

    def _guarded(self, plan: SeriesPlan, work: Callable[[], None]) -> None:
        failures = [failed for file in plan.files if (failed := self._failure(CONVERT, file.name))]
        if failures:
            return self._reject(plan, failures[0].verdict())
        try:
            work()
        except UnreadableFile as error:
            self._reject(plan, FileVerdict(error.name, "rejected", error.code, error.reason))
        except watched.FAILURES as error:
            self._reject(plan, watched.failure(watched.blamed(error) or plan.files[0].name, error))
        watched.end()
        return None

    def _write(self, plan: SeriesPlan, made: str, masks: Mapping[str, ReadMask], done: int, total: int) -> None:
        volume = f"volume{made}.h5"
        if len(plan.files) == 1:
            watched.begin(plan.files[0].name)
        with SliceFileWriter(OUT / volume, plan.geometry, "volume") as writer:
            for z, pixels in plan.slices():
                writer.write(z, pixels)
                self.reply.progress(done + z + 1, total, "Converting slices")
        originals = self._originals(plan, f"originals{made}.zip") if plan.meta.source_kind == "dicom" else ""
        names = [file.name for file in plan.files]
        mask = masks.get(names[0])
        read = ReadSeries(plan.geometry, plan.meta, names, plan.notices, writer.pixel_hash, volume, originals, mask)
        self.reply.part(read.as_plain())

    def _originals(self, plan: SeriesPlan, name: str) -> str:
        """The DICOM files as received but de-identified, in one zip; other formats are already in the volume."""
        clean = self.folder / "clean.dcm"
        with zipfile.ZipFile(OUT / name, "w", zipfile.ZIP_STORED) as archive:
            for number, file in enumerate(plan.files, start=1):
                self.reply.progress(number, len(plan.files), "Removing identities")
                watched.begin(file.name)
                try:
                    deidentify.deidentify_dicom(file.path, clean, uid_salt=self.arguments["uid_salt"])
                except UnreadableFile as error:  # it knows the file by its staged name
                    raise UnreadableFile(file.name, error.reason) from error
                archive.write(clean, f"{number:05d}.dcm")
        return name

    def _reject(self, plan: SeriesPlan, culprit: FileVerdict) -> None:
        for file in plan.files:
            reason = culprit.reason
            if file.name != culprit.name:
                reason = message("Its series needs {name}: {reason}", name=culprit.name, reason=reason)
            self._judge(replace(culprit, name=file.name, reason=reason))


def _refused(pair: Pair, plan: SeriesPlan, of_mask: FileVerdict) -> list[FileVerdict]:
    reason = message("Its mask cannot be used: {reason}", reason=of_mask.reason)
    return [of_mask, *(FileVerdict(file.name, "rejected", "mask-rejected", reason) for file in plan.files)]
