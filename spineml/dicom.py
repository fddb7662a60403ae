"""DICOM files to series: CT slices in any order, several series mixed, enhanced multi-frame files too."""

from __future__ import annotations

import itertools
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from spineml.dicom_header import Header, read_header
from spineml.dicom_pixels import decode_hu, pixel_digest
from spineml.dicom_stack import (
    Image,
    Stack,
    build,
    group,
    passes,
    same_place,
    split_at_wide_gaps,
    with_notices,
    without_duplicates,
)
from spineml.errors import UnreadableFile
from spineml.mapped import MappedArray
from spineml.message import message, sentences
from spineml.series import AIR_HU, FileNotUsed, FileVerdict, IntakeOptions, Notice, ReceivedFile, SeriesPlan
from spineml.slice_names import SourceNames
from spineml.volume import HounsfieldArray

DECODE_THREADS = 2
AHEAD = 3


def scan_dicom(
    files: Sequence[ReceivedFile],
    work_dir: Path,
    options: IntakeOptions,
    looked_at: Callable[[ReceivedFile], None] = lambda file: None,
) -> tuple[list[SeriesPlan], dict[str, FileVerdict]]:
    """Read all headers, then group and order the slices. Verdicts are keyed by the files' names."""
    verdicts: dict[str, FileVerdict] = {}
    images: list[Image] = []
    for file in files:
        looked_at(file)
        try:
            header = read_header(file)
        except FileNotUsed as reason:
            verdicts[file.name] = reason.verdict(file.name)
        else:
            images += [Image(header, frame) for frame in header.frames]
    plans: list[SeriesPlan] = []
    groups = group(images)
    for members in groups:
        series_uid = members[0].header.meta.series_uid
        parts = [other for other in groups if series_uid and other[0].header.meta.series_uid == series_uid]
        plans += _plans(members, _mixed(parts, members), work_dir, options, verdicts)
    return _without_copies(plans, verdicts), verdicts


def _mixed(parts: list[list[Image]], members: list[Image]) -> list[Notice]:
    """Say that one series of the scanner became several here."""
    if len(parts) < 2:
        return []
    turned = len({tuple(round(value, 1) for value in part[0].cosines) for part in parts}) > 1
    what = message("orientations") if turned else message("sizes, spacings or frames of reference")
    text = message(
        "The series mixes images of {count} {what}; they are kept apart. This part has {here}.",
        count=len(parts),
        what=what,
        here=len(members),
    )
    return [Notice("mixed-orientation" if turned else "mixed-series", text)]


def _plans(
    images: list[Image],
    notices: list[Notice],
    work_dir: Path,
    options: IntakeOptions,
    verdicts: dict[str, FileVerdict],
) -> list[SeriesPlan]:
    bundles, repeats = without_duplicates(same_place(images), same_pixels)
    for image, twin in repeats:
        name = image.header.file.name
        reason = message("The same image as {name}: it is used once.", name=twin.header.file.name)
        verdicts[name] = FileVerdict(name, "skipped", "duplicate", reason)
    runs = passes(bundles)
    if len(runs) > 1:
        text = message(
            "Up to {count} different images lie at one place; they were made into {count} series.", count=len(runs)
        )
        notices = [*notices, Notice("several-at-one-place", text)]
    plans = []
    for run in runs:
        parts = split_at_wide_gaps(run)
        for number, part in enumerate(parts, 1):
            said = list(notices)
            if len(parts) > 1:
                text = message(
                    "The slices have a wide gap; this is part {number} of {count}, kept apart.",
                    number=number,
                    count=len(parts),
                )
                said.append(Notice("wide-gap", text))
            if plan := _plan(part, said, work_dir, options, verdicts):
                plans.append(plan)
    return plans


def _plan(
    images: list[Image],
    notices: list[Notice],
    work_dir: Path,
    options: IntakeOptions,
    verdicts: dict[str, FileVerdict],
) -> SeriesPlan | None:
    files = list({image.header.file.name: image.header.file for image in images}.values())
    try:
        stack = with_notices(build(images, options), [*notices, *_value_notices(images)])
    except ValueError:
        reason = message("The places of the slices make no volume (two axes coincide). Export the series again.")
        verdicts.update({file.name: FileVerdict(file.name, "rejected", "wrong-geometry", reason) for file in files})
        return None
    for file in files:
        verdicts[file.name] = _verdict(file.name, stack.notices)
    first = images[0].header.meta
    along_z = stack.geometry.source.axes[0] == 0 and not stack.geometry.source.flips[0]
    empty = tuple(stack.empty_slots) if along_z else ()
    names = SourceNames.of(_names_by_slice(stack))
    meta = replace(
        first,
        gantry_tilt_deg=round(stack.tilt_deg, 2),
        empty_slices=empty,
        slice_names=names.parts,
        slice_names_check=names.check,
    )
    return SeriesPlan(stack.geometry, meta, files, DicomSlices(stack, work_dir), stack.notices)


def _names_by_slice(stack: Stack) -> list[str]:
    """The name of the file of each slice, from the feet; none where slices of the file are no slices of the body."""
    source, depth = stack.geometry.source, stack.geometry.shape[0]
    if source.axes[0] != 0:
        return []
    names = [""] * depth
    for slot, image in zip(stack.slots, stack.images, strict=True):
        names[depth - 1 - slot if source.flips[0] else slot] = image.header.file.name
    return names


def _without_copies(plans: list[SeriesPlan], verdicts: dict[str, FileVerdict]) -> list[SeriesPlan]:
    """Drop a series that was exported twice: same patient, same places, same pixels, other UIDs."""
    kept: dict[tuple[object, ...], SeriesPlan] = {}
    for plan in plans:
        stack = cast("DicomSlices", plan.producer).stack
        key: tuple[object, ...] = (plan.meta.patient_id, plan.geometry, tuple(stack.slots))
        twin = kept.get(key)
        if twin is not None and _equal_stacks(stack, cast("DicomSlices", twin.producer).stack):
            for file, other in zip(plan.files, twin.files, strict=True):
                reason = message("The same image as {name} under other identifiers: it is used once.", name=other.name)
                verdicts[file.name] = FileVerdict(file.name, "skipped", "duplicate", reason)
            continue
        kept[(*key, id(plan)) if twin else key] = plan
    return list(kept.values())


def _equal_stacks(one: Stack, other: Stack) -> bool:
    pairs = zip(one.images, other.images, strict=True)
    return all(first.frame.index == second.frame.index and same_pixels(first, second) for first, second in pairs)


def _verdict(name: str, notices: list[Notice]) -> FileVerdict:
    if not notices:
        return FileVerdict(name, "imported", "ok")
    return FileVerdict(name, "warning", notices[0].code, sentences([notice.text for notice in notices]))


def _value_notices(images: Sequence[Image]) -> list[Notice]:
    """Remarks about the meaning of the values."""
    notices = []
    if not all(image.header.has_rescale for image in images):
        text = message("The files do not state how to get CT values (no rescale); the stored values are taken as HU.")
        notices.append(Notice("no-rescale", text))
    kinds = {image.header.rescale_type for image in images} - {"", "HU", "US"}
    if kinds:
        text = message(
            "The values are {units}, not Hounsfield units; they are used as they are.", units=", ".join(sorted(kinds))
        )
        notices.append(Notice("not-hu", text))
    return notices


def same_pixels(one: Image, other: Image) -> bool:
    """True when two images show the same: the same bytes, or one object in two encodings with equal values."""
    if one.frame.index != other.frame.index:
        return False
    if pixel_digest(one) == pixel_digest(other):
        return (one.frame.slope, one.frame.intercept) == (other.frame.slope, other.frame.intercept)
    if not one.header.sop_instance_uid or one.header.sop_instance_uid != other.header.sop_instance_uid:
        return False
    try:
        return bool(np.array_equal(decode_hu(one), decode_hu(other)))
    except UnreadableFile:
        return False


@dataclass(frozen=True)
class DicomSlices:
    """Decodes a stack; ``work_dir`` is used only where slices of the file are not slices of the body."""

    stack: Stack
    work_dir: Path

    def slices(self) -> Iterator[tuple[int, HounsfieldArray]]:
        source = self.stack.geometry.source
        if source.axes[0] != 0 or source.flips[0]:
            yield from self._turned()
            return
        for z, pixels in self._in_file_order():
            yield z, np.ascontiguousarray(source.to_canonical(pixels[None])[0])

    def _in_file_order(self) -> Iterator[tuple[int, HounsfieldArray]]:
        """(slot, pixels) for every slot; a few slices are decoded ahead of the reader."""
        header: Header = self.stack.images[0].header
        waiting: deque[Future[HounsfieldArray]] = deque()
        pool = ThreadPoolExecutor(DECODE_THREADS, thread_name_prefix="dicom-decode")
        try:
            following = iter(self.stack.images)
            waiting.extend(pool.submit(decode_hu, image) for image in itertools.islice(following, AHEAD))
            filled = set(self.stack.slots)
            for slot in range(self.stack.slots[-1] + 1):
                if slot not in filled:
                    yield slot, np.full((header.rows, header.columns), AIR_HU, np.int16)
                    continue
                pixels = waiting.popleft().result()
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
