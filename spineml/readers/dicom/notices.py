"""Warnings about a DICOM series that its headers or its values give rise to: each is said, none is decided
in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from spineml.message import message
from spineml.readers.dicom.stack import Image, stack_normal
from spineml.readers.dicom.values import parsed
from spineml.readers.series import SeriesWarning
from spineml.readers.values import TWELVE_BIT_MAX, hounsfield_notices

HU_TYPES = {"", "HU", "HOUNSFIELD", "HOUNSFIELD UNITS", "US", "UNSPECIFIED"}
PROJECTIONS = {"MIP", "MINIP", "MINIMUM", "MAXIMUM", "PROJECTION IMAGE", "VOLUME", "AVERAGE", "SUM", "VRT", "3D"}
HIGHEST = 32767
TILT_DOUBT_DEG = 1.0
MOST_TILT_DEG = 45.0
LISTED = 12
REPEATED_SHARE = 0.5


def header_notices(images: Sequence[Image]) -> list[SeriesWarning]:
    """Warnings that the headers give rise to."""
    headers = [image.header for image in images]
    found = [*_orientation(images), *_rescale(images), *_repeated_numbers(images)]
    if any(header.places_worked_out for header in headers) and len(images) > 1:
        text = message(
            "The file has several images but the position of only one; the other positions were computed from the "
            "slice spacing."
        )
        found.append(SeriesWarning("places-worked-out", text))
    if any(header.burned_in for header in headers):
        text = message(
            "The header reports burned-in text (BurnedInAnnotation), which may identify the patient. Check the images "
            "before you share them."
        )
        found.append(SeriesWarning("burned-in", text))
    modality = headers[0].meta.modality
    if modality.upper() != "CT":
        text = message(
            "The header gives the modality {modality}, but the images are stored as CT images; they were imported as "
            "CT. Check that they are.",
            modality=modality,
        )
        found.append(SeriesWarning("not-called-ct", text))
    kinds = {kind for image in images for kind in image.frame.traits.get("kind", "").split("\\")}
    if kinds & PROJECTIONS:
        text = message(
            "The images are projections of several slices ({kinds}), not slices.", kinds=sorted(kinds & PROJECTIONS)
        )
        found.append(SeriesWarning("projection", text))
    return found


def listed(numbers: Sequence[int]) -> str:
    """The first of the numbers, for a sentence."""
    shown = ", ".join(map(str, numbers[:LISTED]))
    return shown + (" …" if len(numbers) > LISTED else "")


def _repeated_numbers(images: Sequence[Image]) -> list[SeriesWarning]:
    """A scan numbers its slices once. One number for all of them says nothing."""
    counts = Counter(image.header.order[-1] for image in images if len(image.header.frames) == 1)
    repeated = sum(count for count in counts.values() if count > 1)
    if len(counts) < 2 or repeated < REPEATED_SHARE * len(images) or not images[0].is_placed:
        return []
    text = message(
        "{count} of the {all} slices share their instance number with another slice: two scans may be mixed. Check "
        "that the slices are contiguous.",
        count=repeated,
        all=len(images),
    )
    return [SeriesWarning("repeated-numbers", text)]


def _orientation(images: Sequence[Image]) -> list[SeriesWarning]:
    if not images[0].is_placed:
        return []  # said where the order of the slices is
    if images[0].frame.orientation is None:
        text = message(
            "The files do not give the slice orientation; axial is assumed. Check left/right and anterior/posterior."
        )
        return [SeriesWarning("no-orientation", text)]
    if not images[0].header.meta.patient_position:
        text = message("The files do not give PatientPosition. Left and right follow the slice positions; check them.")
        return [SeriesWarning("no-patient-position", text)]
    return _tilt(images)


def _tilt(images: Sequence[Image]) -> list[SeriesWarning]:
    """Some archives straighten a tilted scan, or forget the tilt of its slices, and leave the attribute as it was."""
    stated = parsed(images[0].frame.traits.get("tilt", ""))
    upright = float(abs(stack_normal(images[0].cosines)[2]))
    shown = float(np.degrees(np.arccos(min(upright, 1.0))))
    if stated is None or shown > MOST_TILT_DEG or abs(abs(stated) - shown) <= TILT_DOUBT_DEG:
        return []
    text = message(
        "The header gives a gantry tilt of {stated} degrees, but the slices are tilted by {shown}; the slice "
        "positions were used as given. Check lengths along the body.",
        stated=f"{stated:.1f}",
        shown=f"{shown:.1f}",
    )
    return [SeriesWarning("tilt-doubtful", text)]


def _rescale(images: Sequence[Image]) -> list[SeriesWarning]:
    notices = []
    if not all(image.header.has_rescale for image in images):
        text = message("The files have no rescale slope and intercept; the stored values are used as HU.")
        notices.append(SeriesWarning("no-rescale", text))
    kinds = {image.header.rescale_type for image in images} - HU_TYPES
    if kinds:
        text = message(
            "The values are {units}, not Hounsfield units; they are used unchanged.", units=", ".join(sorted(kinds))
        )
        notices.append(SeriesWarning("not-hu", text))
    above = [number for number, image in enumerate(images, 1) if not _may_be_negative(image)]
    if len(above) == len(images):
        notices += hounsfield_notices(0, TWELVE_BIT_MAX)
    elif above:
        text = message(
            "The rescale intercept of slices {slices} differs from the others and allows no negative values: it was "
            "probably lost, and the values are too high. They are used unchanged.",
            slices=listed(above),
        )
        notices.append(SeriesWarning("mixed-rescale", text))
    return notices


def _may_be_negative(image: Image) -> bool:
    return image.header.form.signed or image.frame.intercept < 0


def value_notices(images: Sequence[Image], low: int, high: int) -> list[SeriesWarning]:
    """Warnings that the values give rise to; ``low`` and ``high`` are in HU, of all images."""
    if high < low:
        return []
    said = {notice.code for notice in header_notices(images)}
    notices = [notice for notice in hounsfield_notices(low, high) if notice.code not in said]
    if low >= 0 and high <= TWELVE_BIT_MAX and high - low > TWELVE_BIT_MAX // 4:
        text = message("The values look like HU + 1024: the rescale intercept of -1024 was probably lost.")
        notices.append(SeriesWarning("offset-lost", text))
    if high >= HIGHEST:
        text = message(
            "Values above {most} were clipped; the padding value may not have been declared.",
            most=HIGHEST,
        )
        notices.append(SeriesWarning("values-cut", text))
    return notices
