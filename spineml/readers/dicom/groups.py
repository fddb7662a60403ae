"""Which images are one volume: those of one patient, one acquisition and one reconstruction, on one grid (ADR 17).

Some attributes always tell images apart: the kernel, the voltage, the contrast agent. Others, such as the number of the
acquisition or its time, also change within one scan (they count its rotations): they tell images apart only where the
groups that they make interleave or overlap, or where the images as a whole lie on no grid.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from spineml.message import Message, message
from spineml.readers.dicom.notices import listed
from spineml.readers.dicom.one_place import spread
from spineml.readers.dicom.spacing import whole_steps
from spineml.readers.dicom.stack import Image, depths_of, on_one_grid, same_number, same_place, split_runs
from spineml.readers.dicom.traits import ALWAYS, SOMETIMES, SURE, Rule, by_value, value_of
from spineml.readers.dicom.values import parsed
from spineml.readers.series import SeriesWarning

SAME_ORIENTATION = 5e-3
SAME_SPACING = 1e-3
OVERLAP_MM = 0.05
STRAY_SHARE = 0.1
LEAST_EVEN = 3
MOST_SETS = 64
MOST_GUESSED = 4
NO_STACK = 10**6


@dataclass
class Part:
    """Images that may be one volume, and what has to be said of how they were found."""

    images: list[Image]
    notices: list[SeriesWarning] = field(default_factory=list)


def parts_of(images: Sequence[Image], without_repeats: Callable[[list[Image]], list[Image]]) -> list[Part]:
    """Sort the images of one series of one patient into volumes.

    ``without_repeats`` drops images that show the same as another one at their place; it is called with images that
    may be of one volume.
    """
    parts: list[Part] = []
    by_shape = _by_shape(images)
    for alike in by_shape:
        notices = [_mixed_shapes(by_shape, alike)] if len(by_shape) > 1 else []
        for part in _by_always(Part(list(alike), notices)):
            part.images, said = spread(part.images)
            part.notices = [*part.notices, *said]
            part.images = without_repeats(part.images)
            parts += _by_sometimes(part)
    for part in parts:
        part.notices += _identifiers(part.images) + _still_mixed(part.images)
    return parts


# --- size, spacing, orientation ---------------------------------------------------------------------------------------
def _by_shape(images: Sequence[Image]) -> list[list[Image]]:
    groups: dict[tuple[object, ...], list[list[Image]]] = {}
    for image in images:
        frame = image.frame
        unknown = (image.is_placed, frame.orientation is None, frame.spacing is None)
        alike = groups.setdefault((image.header.rows, image.header.columns, *unknown), [])
        for members in alike:
            if _is_shaped_alike(members[0], image):
                members.append(image)
                break
        else:
            alike.append([image])
    return [members for alike in groups.values() for members in alike]


def _is_shaped_alike(one: Image, other: Image) -> bool:
    spacing = np.allclose(one.frame.spacing or (), other.frame.spacing or (), rtol=SAME_SPACING, atol=0)
    return bool(spacing and np.allclose(one.cosines, other.cosines, atol=SAME_ORIENTATION))


def _mixed_shapes(parts: list[list[Image]], members: list[Image]) -> SeriesWarning:
    turned = len({tuple(round(value, 1) for value in part[0].cosines) for part in parts}) > 1
    what = message("orientations") if turned else message("sizes or spacings")
    return _mixed("mixed-orientation" if turned else "mixed-series", what, len(parts), members)


def _mixed(code: str, what: Message, count: int, members: Sequence[Image]) -> SeriesWarning:
    text = message(
        "The series contains images of {count} {what} and was separated. This part has {here}.",
        count=count,
        what=what,
        here=len(members),
    )
    return SeriesWarning(code, text)


# --- what always tells images apart -----------------------------------------------------------------------------------
def _by_always(part: Part) -> list[Part]:
    parts = [part]
    for trait, what in ALWAYS.items():
        parts = [smaller for one in parts for smaller in _apart(one, trait, what)]
    return parts


def _apart(part: Part, trait: str, what: Message) -> list[Part]:
    sets = by_value(part.images, trait)
    unknown = sets.get("")
    if unknown and len(sets) > 1 and len(unknown) <= max(1, STRAY_SHARE * len(part.images)):
        del sets[""]  # a few files leave it out: they belong to the most
        max(sets.values(), key=len).extend(unknown)
    if len(sets) > 1 and _is_clean(part.images):
        sets = _without_strays(sets, len(part.images))
    if len(sets) < 2:
        return [part]
    return [Part(images, [*part.notices, _mixed("mixed-series", what, len(sets), images)]) for images in sets.values()]


def _without_strays(sets: dict[str, list[Image]], count: int) -> dict[str, list[Image]]:
    """Leave a few images of another value in an even stack that would have holes without them; they are named."""
    most = max(sets, key=lambda value: len(sets[value]))
    kept = {most: list(sets[most])}
    for value, images in sets.items():
        if value == most:
            continue
        if len(images) <= max(1, STRAY_SHARE * count) and not _is_clean(sets[most]):
            kept[most] += images
        else:
            kept[value] = images
    return kept


# --- what tells images apart where they interleave or overlap ---------------------------------------------------------
def _by_sometimes(part: Part) -> list[Part]:
    if len(part.images) < 2:
        return [part]
    if not part.images[0].is_placed:
        return _by_numbers(part)
    sets, rule = _first_split(part.images)
    if rule is None:
        return [part]
    collide = _collide(part.images)
    found = []
    for images in sets:
        notice = _several(rule, len(sets), images) if collide else _mixed("mixed-series", rule.what, len(sets), images)
        found += _by_sometimes(Part(images, [*part.notices, notice]))
    return found


def _by_numbers(part: Part) -> list[Part]:
    """Images that do not say where they lie: two of one number are of two scans, if anything tells these apart."""
    if not _same_numbers(part.images):
        return [part]
    for rule in SOMETIMES:
        sets = list(by_value(part.images, rule.trait).values())
        if rule.trait != "instance" and len(sets) > 1 and not any(map(_same_numbers, sets)):
            return [Part(images, [*part.notices, _several(rule, len(sets), images)]) for images in sets]
    return [part]


def _same_numbers(images: Sequence[Image]) -> bool:
    return len(same_number(images)) < len(images)


def _several(rule: Rule, count: int, images: Sequence[Image]) -> SeriesWarning:
    text = message(
        "Images of {count} {what} share the same positions in one series; it was split into {count} series. This one "
        "has {here}.",
        count=count,
        what=rule.what,
        here=len(images),
    )
    return SeriesWarning("several-at-one-place", text)


def _first_split(images: Sequence[Image]) -> tuple[list[list[Image]], Rule | None]:
    is_clean = _is_clean(images)
    collide = not is_clean and _collide(images)
    for rule in SOMETIMES:
        sets = _sets(images, rule)
        if not 2 <= len(sets) <= min(MOST_SETS, max(2, len(images) // 2)):
            continue
        if _is_better(sets, rule, is_clean=is_clean, collide=collide):
            return sets, rule
    return [list(images)], None


def _is_better(sets: list[list[Image]], rule: Rule, *, is_clean: bool, collide: bool) -> bool:
    """Whether the sets are more of a volume each than all images together."""
    least = min(map(len, sets))
    if collide:
        return sum(map(_repeats, sets)) == 0 or (rule.decides and least > 1 and _overlap(sets))
    if least < 2:
        return False
    if _overlap(sets):
        lacking = sum(map(_lacking, sets)) <= _lacking([image for images in sets for image in images])
        sure = rule.decides or (rule.ordered and least >= LEAST_EVEN and len(sets) <= MOST_GUESSED)
        return lacking and sure and (rule.decides or all(map(_is_clean, sets)))
    return not is_clean and rule.divides and all(map(_is_clean, sets))


def _lacking(images: Sequence[Image]) -> int:
    """How many slices are missing from an even stack; very many where there is no such stack."""
    depths = np.sort(depths_of(images))
    slots = whole_steps(depths) if len(depths) > 1 else [0]
    return NO_STACK if slots is None else slots[-1] + 1 - len(slots)


def _sets(images: Sequence[Image], rule: Rule) -> list[list[Image]]:
    sets = by_value(images, rule.trait)
    if len(sets) < 2:
        return [list(images)]
    return _chained(sets) if rule.ordered else list(sets.values())


def _chained(sets: dict[str, list[Image]]) -> list[list[Image]]:
    """Values in their order, put together as long as they go on without coming back to places that were scanned."""
    depth = _depths([image for images in sets.values() for image in images])
    chains: list[list[Image]] = []
    low = high = 0.0
    for _, images in sorted(sets.items(), key=lambda item: _rank(item[0])):
        places = [depth[id(image)] for image in images]
        first, last = min(places), max(places)
        if (
            chains
            and (last <= low + OVERLAP_MM or first >= high - OVERLAP_MM)
            and not _same_point(first, last, low, high)
        ):
            chains[-1] += images
            low, high = min(low, first), max(high, last)
        else:
            chains.append(list(images))
            low, high = first, last
    return chains


def _same_point(first: float, last: float, low: float, high: float) -> bool:
    """One slice that lies where the chain begins or ends comes back to a place."""
    return last - first < OVERLAP_MM and (abs(first - low) < OVERLAP_MM or abs(first - high) < OVERLAP_MM)


def _rank(value: str) -> tuple[float, str]:
    number = parsed(value)
    return (number if number is not None else 0.0, value)


def _depths(images: Sequence[Image]) -> dict[int, float]:
    return dict(zip(map(id, images), map(float, depths_of(images)), strict=True))


def _overlap(sets: Sequence[Sequence[Image]]) -> bool:
    """Whether the stretches of two sets overlap."""
    depth = _depths([image for images in sets for image in images])
    spans = sorted((min(places), max(places)) for places in ([depth[id(image)] for image in part] for part in sets))
    return any(other[0] < one[1] - OVERLAP_MM for one, other in itertools.pairwise(spans))


def _repeats(images: Sequence[Image]) -> int:
    return len(images) - len(same_place(images))


def _collide(images: Sequence[Image]) -> bool:
    return _repeats(images) > 0


def _is_clean(images: Sequence[Image]) -> bool:
    bundles = same_place(images)
    return len(bundles) == len(images) and on_one_grid([bundle[0] for bundle in bundles])


def scan_key(image: Image) -> tuple[str, ...]:
    """What two images at one place must have in common for one to be a copy of the other."""
    return tuple(value_of(image, trait) for trait in (*SURE, "stack", "time"))


def _still_mixed(images: Sequence[Image]) -> list[SeriesWarning]:
    """Say where a volume holds images of several acquisitions that could not be taken apart."""
    if len(images) < 2 or not images[0].is_placed:
        return []
    order = [bundle[0] for bundle in same_place(images)]
    for trait, what, sets in _mixtures(order):
        if trait in SURE and not _overlap(sets):
            continue
        most = max(sets, key=len)
        others = [number for number, image in enumerate(order, 1) if image not in most]
        text = message(
            "The volume contains images of {count} {what}: slices {slices} differ from the rest.",
            count=len(sets),
            what=what,
            slices=listed(others),
        )
        return [SeriesWarning("mixed-acquisitions", text)]
    return []


def _mixtures(order: Sequence[Image]) -> Iterator[tuple[str, Message, list[list[Image]]]]:
    for trait, what in ALWAYS.items():
        sets = [images for value, images in by_value(order, trait).items() if value]
        if len(sets) > 1:
            yield trait, what, sets
    for rule in SOMETIMES:
        if rule.trait in SURE and len(sets := _sets(order, rule)) > 1:
            yield rule.trait, rule.what, sets


# --- identifiers that are new in each file ----------------------------------------------------------------------------
def _identifiers(images: Sequence[Image]) -> list[SeriesWarning]:
    several = Counter(what for what, of in _UIDS if len({of(image) for image in images}) > 1)
    if not several:
        return []
    text = message(
        "The files have different identifiers ({what}) but lie on one grid; they were imported as one series.",
        what=list(several),
    )
    return [SeriesWarning("new-identifiers", text)]


_UIDS: tuple[tuple[Message, Callable[[Image], str]], ...] = (
    (message("study"), lambda image: image.header.meta.study_uid),
    (message("series"), lambda image: image.header.meta.series_uid),
    (message("frame of reference"), lambda image: image.header.frame_of_reference),
)


def merged_series(groups: list[list[Image]], patient_of: Callable[[Image], object]) -> list[list[Image]]:
    """Put single images together whose identifiers were drawn anew for each file, where they make one even stack."""
    alone: dict[tuple[object, ...], list[Image]] = defaultdict(list)
    kept: list[list[Image]] = []
    for images in groups:
        image = images[0]
        if len(images) > 1 or not image.is_placed or not image.header.meta.series_uid:
            kept.append(images)
            continue
        traits = tuple(value_of(image, trait) for trait in (*ALWAYS, "origin", "thickness", "number", "description"))
        size = (image.header.rows, image.header.columns, image.frame.spacing)
        turn = tuple(round(value, 2) for value in image.cosines)
        alone[patient_of(image), traits, size, turn].append(image)
    for images in alone.values():
        if _is_stack(images):
            kept.append(images)
        else:
            kept += [[image] for image in images]
    return kept


def _is_stack(images: Sequence[Image]) -> bool:
    """Whether the places are those of a scan: even, with gaps, or in blocks; several images may lie at one place."""
    order = [bundle[0] for bundle in same_place(images)]
    if len(order) < LEAST_EVEN:
        return False
    return all(whole_steps(depths_of(part)) is not None for part, _ in split_runs(order))
