"""DICOM files to series: CT slices in any order, several series mixed, enhanced multi-frame files too."""

from __future__ import annotations

import itertools
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np

from spineml.errors import UnreadableFile
from spineml.message import message, sentences, verbatim
from spineml.readers import reading_progress
from spineml.readers.dicom.encoding import Inflater
from spineml.readers.dicom.groups import Part, merged_series, parts_of, scan_key
from spineml.readers.dicom.header import Header, read_header
from spineml.readers.dicom.notices import header_notices, value_notices
from spineml.readers.dicom.one_place import taken_in_turn
from spineml.readers.dicom.patients import Patient, patients_of
from spineml.readers.dicom.pixels import decode_hu, pixel_digest
from spineml.readers.dicom.stack import Image, Stack, build, same_number, same_place, split_runs, with_notices
from spineml.readers.mapped_array import MappedArray
from spineml.readers.patient_identity import Identity
from spineml.readers.series import DetectedSeries, FileNotUsed, FileOutcome, IntakeOptions, ReceivedFile, SeriesWarning
from spineml.readers.slice_names import SourceNames
from spineml.volumes.volume import AIR_HU, HounsfieldArray

DECODE_THREADS = 2
AHEAD = 3


def scan_dicom(
    files: Sequence[ReceivedFile],
    work_dir: Path,
    options: IntakeOptions,
    looked_at: Callable[[ReceivedFile], None] = lambda file: None,
    identities: set[Identity] | None = None,
) -> tuple[list[DetectedSeries], dict[str, FileOutcome]]:
    """Read all headers, then group and order the slices. Verdicts are keyed by the files' names.

    What names the patients of the files is added to ``identities``.
    """
    scan = _Scan(work_dir, options)
    headers: list[Header] = []
    inflater = Inflater(work_dir)
    for file in files:
        looked_at(file)
        try:
            headers.append(read_header(file, inflater, identities))
        except FileNotUsed as reason:
            scan.verdicts[file.name] = reason.verdict(file.name)
    return scan.run(headers), scan.verdicts


@dataclass
class _Scan:
    """Sorts the images of an upload into series."""

    work_dir: Path
    options: IntakeOptions
    verdicts: dict[str, FileOutcome] = field(default_factory=dict)
    plans: list[DetectedSeries] = field(default_factory=list)
    _patients: dict[int, Patient] = field(default_factory=dict)

    def run(self, headers: Sequence[Header]) -> list[DetectedSeries]:
        self._patients = dict(zip(map(id, headers), patients_of(headers), strict=True))
        for images in merged_series(self._by_series(headers), self._patient):
            patient = self._patient(images[0])
            for part in parts_of(images, self._without_repeats):
                if patient.of_several > 1:
                    part.notices.insert(0, _several_patients(patient, part))
                self._plan_part(part)
        return _without_copies(self.plans, self.verdicts)

    def _patient(self, image: Image) -> Patient:
        return self._patients[id(image.header)]

    def _by_series(self, headers: Sequence[Header]) -> list[list[Image]]:
        groups: dict[tuple[object, ...], list[Image]] = defaultdict(list)
        for header in headers:
            uid = header.meta.series_uid
            where = uid or (header.meta.study_uid, header.file.name.rpartition("/")[0])
            groups[self._patients[id(header)], where] += [Image(header, frame) for frame in header.frames]
        return list(groups.values())

    def _without_repeats(self, images: list[Image]) -> list[Image]:
        """Drop an image that shows the same as another one at its place, from one and the same scan."""
        bundles = same_place(images) if images[0].is_placed else same_number(images)
        return [image for bundle in bundles for image in (bundle if len(bundle) == 1 else self._distinct(bundle))]

    def _distinct(self, bundle: list[Image]) -> list[Image]:
        kept: list[Image] = []
        digests: dict[object, Image] = {}
        for image in bundle:
            twin = digests.setdefault((scan_key(image), pixel_digest(image)), image)
            if twin is image:
                twin = next((other for other in kept if same_object(other, image)), image)
            if twin is image:
                kept.append(image)
                continue
            name = image.header.file.name
            if name != twin.header.file.name:
                reason = message("Duplicate of {name}; used once.", name=twin.header.file.name)
                self.verdicts[name] = FileOutcome(name, "skipped", "duplicate", reason)
        return kept

    def _plan_part(self, part: Part) -> None:
        """Images that no attribute tells apart: what lies at one place becomes several series."""
        bundles = same_place(part.images)
        count = max(map(len, bundles))
        for turn in range(count):
            run = [bundle[turn] for bundle in bundles if len(bundle) > turn]
            notices = [*part.notices, *([_several_at_one_place(part.images, count)] if count > 1 else [])]
            for images, said in split_runs(run):
                self._plan(images, [*notices, *said])

    def _plan(self, images: list[Image], notices: list[SeriesWarning]) -> None:
        files = list({image.header.file.name: image.header.file for image in images}.values())
        try:
            stack = with_notices(build(images, self.options), [*notices, *header_notices(images)])
        except ValueError:
            reason = message("The slice positions do not form a volume (degenerate geometry). Export the series again.")
            for file in files:
                self.verdicts.setdefault(file.name, FileOutcome(file.name, "rejected", "wrong-geometry", reason))
            return
        for file in files:
            self._judge(file.name, stack.notices)
        first, patient = images[0].header.meta, self._patient(images[0])
        along_z = stack.geometry.source.axes[0] == 0 and not stack.geometry.source.flips[0]
        names = SourceNames.of(_names_by_slice(stack))
        meta = replace(
            first,
            patient_id=patient.number,
            study_uid=f"{first.study_uid} | {patient.study_key}" if patient.study_key else first.study_uid,
            slice_thickness_mm=images[0].frame.thickness,
            gantry_tilt_deg=round(stack.tilt_deg, 2),
            empty_slices=tuple(stack.empty_slots) if along_z else (),
            slice_names=names.parts,
            slice_names_check=names.check,
        )
        self.plans.append(DetectedSeries(stack.geometry, meta, files, DicomSlices(stack, self.work_dir), stack.notices))

    def _judge(self, name: str, notices: list[SeriesWarning]) -> None:
        """A file of several series is told the notices of all of them."""
        before = self.verdicts.get(name)
        said = [verbatim(notice.text) for notice in notices]
        if before is not None and before.status in ("imported", "warning"):
            said = list(dict.fromkeys([*verbatim(before.reason).sentences, *said]))
        if not said:
            self.verdicts[name] = FileOutcome(name, "imported", "ok")
            return
        code = before.code if before is not None and before.status == "warning" else notices[0].code
        self.verdicts[name] = FileOutcome(name, "warning", code, sentences(said))


def _names_by_slice(stack: Stack) -> list[str]:
    """The name of the file of each slice, from the feet; none where slices of the file are no slices of the body."""
    source, depth = stack.geometry.source, stack.geometry.shape[0]
    if source.axes[0] != 0:
        return []
    names = [""] * depth
    for slot, image in zip(stack.slots, stack.images, strict=True):
        names[depth - 1 - slot if source.flips[0] else slot] = image.header.file.name
    return names


def _several_patients(patient: Patient, part: Part) -> SeriesWarning:
    text = message(
        "The files of this study or series belong to {count} patients and were separated. This part has {here} images.",
        count=patient.of_several,
        here=len(part.images),
    )
    return SeriesWarning("several-patients", text)


def _several_at_one_place(images: Sequence[Image], count: int) -> SeriesWarning:
    if count == len(images) and taken_in_turn(images):
        text = message(
            "{count} images at one position were acquired one after another (as in bolus tracking): each became a "
            "series of one slice.",
            count=count,
        )
        return SeriesWarning("several-at-one-place", text)
    text = message(
        "Up to {count} different images share one position and cannot be told apart by their header; they were split "
        "into {count} series by instance number.",
        count=count,
    )
    return SeriesWarning("several-at-one-place", text)


def _without_copies(plans: list[DetectedSeries], verdicts: dict[str, FileOutcome]) -> list[DetectedSeries]:
    """Drop a series that was exported twice: same patient, same places, same pixels, other UIDs."""
    kept: dict[tuple[object, ...], DetectedSeries] = {}
    for plan in plans:
        stack = cast("DicomSlices", plan.producer).stack
        key: tuple[object, ...] = (plan.meta.patient_id, plan.meta.kernel, plan.geometry, tuple(stack.slots))
        twin = kept.get(key)
        if twin is not None and _equal_stacks(stack, cast("DicomSlices", twin.producer).stack):
            for file, other in zip(plan.files, twin.files, strict=False):
                if file.name == other.name:
                    continue
                reason = message("Duplicate of {name} under other identifiers; used once.", name=other.name)
                verdicts[file.name] = FileOutcome(file.name, "skipped", "duplicate", reason)
            continue
        kept[(*key, id(plan)) if twin else key] = plan
    return list(kept.values())


def _equal_stacks(one: Stack, other: Stack) -> bool:
    pairs = zip(one.images, other.images, strict=True)
    return all(pixel_digest(first) == pixel_digest(second) or same_object(first, second) for first, second in pairs)


def same_object(one: Image, other: Image) -> bool:
    """True when two files hold one object in two encodings, with equal values."""
    uid = one.header.sop_instance_uid
    if not uid or uid != other.header.sop_instance_uid or one.frame.index != other.frame.index:
        return False
    if one.header.syntax == other.header.syntax:
        return False
    try:
        return bool(np.array_equal(decode_hu(one), decode_hu(other)))
    except UnreadableFile:
        return False


@dataclass
class _Range:
    """The values that were seen while a series was read."""

    low: int = 32767
    high: int = -32768

    def take(self, pixels: HounsfieldArray) -> None:
        self.low, self.high = min(self.low, int(pixels.min())), max(self.high, int(pixels.max()))


@dataclass(frozen=True)
class DicomSlices:
    """Decodes a stack; ``work_dir`` is used only where slices of the file are not slices of the body."""

    stack: Stack
    work_dir: Path
    seen: _Range = field(default_factory=_Range)

    def slices(self) -> Iterator[tuple[int, HounsfieldArray]]:
        source = self.stack.geometry.source
        if source.axes[0] != 0 or source.flips[0]:
            yield from self._turned()
            return
        for z, pixels in self._in_file_order():
            yield z, np.ascontiguousarray(source.to_canonical(pixels[None])[0])

    def doubts(self) -> list[SeriesWarning]:
        """What the values, once all were read, give rise to say."""
        return value_notices(self.stack.images, self.seen.low, self.seen.high)

    def _in_file_order(self) -> Iterator[tuple[int, HounsfieldArray]]:
        """(slot, pixels) for every slot; a few slices are decoded ahead of the reader."""
        header: Header = self.stack.images[0].header
        waiting: deque[Future[HounsfieldArray]] = deque()
        pool = ThreadPoolExecutor(reading_progress.threads(DECODE_THREADS), thread_name_prefix="dicom-decode")
        try:
            following = iter(self.stack.images)
            waiting.extend(pool.submit(decode_hu, image) for image in itertools.islice(following, AHEAD))
            filled = set(self.stack.slots)
            for slot in range(self.stack.slots[-1] + 1):
                if slot not in filled:
                    yield slot, np.full((header.rows, header.columns), AIR_HU, np.int16)
                    continue
                pixels = waiting.popleft().result()
                self.seen.take(pixels)
                if (image := next(following, None)) is not None:
                    waiting.append(pool.submit(decode_hu, image))
                yield slot, pixels
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _turned(self) -> Iterator[tuple[int, HounsfieldArray]]:
        """Sagittal and coronal series: write the stack to disk, then read it along the body."""
        header = self.stack.images[0].header
        path = self.work_dir / f"{uuid.uuid4().hex}.raw"
        try:
            with path.open("wb") as sink:
                for _, pixels in self._in_file_order():
                    sink.write(np.ascontiguousarray(pixels).tobytes())
            shape = (self.stack.slots[-1] + 1, header.rows, header.columns)
            with MappedArray(path, np.int16, shape, order="C") as stored:
                for z in range(self.stack.geometry.shape[0]):
                    yield z, stored.read(self.stack.geometry.source, z)
        finally:
            path.unlink(missing_ok=True)
