"""Images that all state one place: slices whose places an anonymiser overwrote, or one slice watched over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spineml.message import message
from spineml.readers.dicom.pixels import pixel_digest
from spineml.readers.dicom.stack import Image, stack_normal
from spineml.readers.dicom.traits import SURE, by_value, value_of
from spineml.readers.dicom.values import parsed
from spineml.readers.series import SeriesWarning

LEAST = 3
MOST_MM = 1e6
TIMES = (*SURE, "time")


def spread(images: list[Image]) -> tuple[list[Image], list[SeriesWarning]]:
    """Slices with one place for all of them, put where SliceLocation says; without a place where only numbers run.

    Images that were taken one after another, with nothing but their place in common, are left as they are.
    """
    if not _state_one_place(images):
        return images, []
    locations = [parsed(value_of(image, "location")) for image in images]
    known = [location for location in locations if location is not None and abs(location) < MOST_MM]
    if len(known) == len(images) and len({round(location, 2) for location in known}) >= LEAST:
        text = message(
            "All files give the same slice position (ImagePositionPatient), which is impossible; positions were "
            "computed from SliceLocation. Check head/feet and left/right."
        )
        moved = [_moved(image, location) for image, location in zip(images, known, strict=True)]
        return moved, [SeriesWarning("places-worked-out", text)]
    if _numbers_run(images):
        if _differ_in_time(images):
            return images, []
    elif not any(_scans(images, trait) for trait in TIMES):
        return images, []
    text = message("All files give the same slice position (ImagePositionPatient), which is impossible.")
    unplaced = [replace(image, frame=replace(image.frame, position=None)) for image in images]
    return unplaced, [SeriesWarning("one-place", text)]


def taken_in_turn(images: Sequence[Image]) -> bool:
    """Whether one slice was watched: acquisitions or times tell most of the images apart, one by one."""
    return any(2 * len(by_value(images, trait)) > len(images) for trait in (*TIMES, "content time"))


def _differ_in_time(images: Sequence[Image]) -> bool:
    """Whether there are several acquisitions or times; when the images were stored counts only without a time."""
    timed = any(value_of(image, "time") for image in images)
    return any(len(by_value(images, trait)) > 1 for trait in (TIMES if timed else (*TIMES, "content time")))


def _numbers_run(images: Sequence[Image]) -> bool:
    return len({image.header.order[-1] for image in images}) == len(images)


def _scans(images: Sequence[Image], trait: str) -> bool:
    """Whether the values of ``trait`` make scans that each number their own slices."""
    sets = by_value(images, trait).values()
    return len(sets) > 1 and all(len(part) >= LEAST and _numbers_run(part) for part in sets)


def _state_one_place(images: Sequence[Image]) -> bool:
    if len(images) < LEAST or not images[0].is_placed or len({image.frame.position for image in images}) > 1:
        return False
    if any(len(image.header.frames) > 1 for image in images):
        return False
    return 2 * len({pixel_digest(image) for image in images}) > len(images)


def _moved(image: Image, location: float) -> Image:
    """The image ``location`` mm along the slice normal, its corner in the plane where it was."""
    place, normal = np.array(image.frame.position, float), stack_normal(image.cosines)
    place = place + (location - place @ normal) * normal
    return replace(image, frame=replace(image.frame, position=tuple(float(part) for part in place)))
