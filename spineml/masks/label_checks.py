"""What is suspicious about a mask on its CT, found before anything is learned from it.

Nothing here proves a mistake: each finding is a reason for a person to look. One pass over the slices; what is kept of
a series is a coarse picture of at most 64 x 128 x 128 blocks, so memory does not grow with the series.

- *empty*: no voxel is marked. *off-grid*: mask and CT do not lie on the same grid.
- *parts*: more connected parts (26 neighbours) than a drawn spine has; specks of the brush, mostly.
- *outside-body*: marked where there is neither skin nor anything below it.
- *too-large*: most of the body is marked, or of bone more in a slice than any vertebra with its processes covers.
- *off-bone*: hardly any bone below the mask. *shifted*: the mask would lie on clearly more bone if it were moved.
- *flipped*: it would lie on clearly more bone if it were mirrored (an export that turned an axis around).

"Bone" is a weight that rises from 0 at 100 HU to 1 at 300 HU; for pictures whose values are no HU the brightest tenth
of the body takes the place of bone. Shifts are read off the cross-correlation of mask and bone (Lewis, Fast Normalized
Cross-Correlation, 1995, without the normalisation: the mask is the same at every place). Labels that are no bone are
left out of these checks.

Where a task has several labels, each is looked at by itself as well (`spineml.masks.each_label`), and a finding names
them: *label-parts*, *label-outside-body*, *label-off-bone* where nothing of the kind is said of the whole, and
*label-order* for levels of the spine in another order than a spine has them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from spineml.masks.each_label import EachLabel, Found
from spineml.masks.parts import PartCounter
from spineml.tasks.task import Label
from spineml.volumes.volume import Geometry, HounsfieldArray, LabelArray

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
COARSE = (64, 128, 128)
BONE_FROM_HU, BONE_TO_HU = 100.0, 300.0
BODY_HU = -300
AXES = ("head-feet", "front-back", "left-right")
NEIGHBOURS = np.ones((3, 3), bool)
MOST_NAMED = 12


@dataclass(frozen=True)
class CheckSettings:
    """From where on something is worth a look. Lengths in mm (pixels where the spacing is not known).

    ``most_parts`` is for a whole series, ``most_parts_slice`` for one of a single slice, ``most_parts_label`` for each
    of several labels. ``most_body`` is the largest share of the body in the marked slices, ``most_bone_mm2`` the
    largest mean area of bone labels in an axial slice: twice that of a lumbar vertebra with its processes. ``better``
    is the factor by which the share on bone must grow by moving or mirroring, ``gain`` the difference, ``nearest`` the
    shortest shift and ``farthest`` the longest that is looked for.
    """

    most_parts: int = 60
    most_parts_slice: int = 12
    most_parts_label: int = 12
    most_outside: float = 0.01
    most_body: float = 0.75
    most_bone_mm2: float = 5000.0
    least_bone: float = 0.15
    better: float = 1.35
    gain: float = 0.1
    nearest: float = 4.0
    farthest: float = 45.0


@dataclass(frozen=True)
class Suspicion:
    """One finding: its code, what was measured, and the slice to open, if one stands for it."""

    code: str
    values: dict[str, Any] = field(default_factory=dict)
    z: int | None = None


@dataclass(frozen=True)
class Checked:
    """What was found. ``slice_hashes`` are the SHA-256 of the CT's slices, None where all values are one."""

    suspicions: tuple[Suspicion, ...]
    slice_hashes: tuple[bytes | None, ...]


class LabelCheck:
    """Collects what the verdict needs, slice by slice: `add` each slice once in order of z, then `finish`.

    Args:
        grid: of the CT.
        hounsfield: False where the values come from a picture and are no HU.
        bone: the values that lie on bone (`spineml.tasks.bones`); None: whatever is marked does.
        labels: of the task, for findings of each where there are several.
    """

    def __init__(
        self,
        grid: Geometry,
        *,
        hounsfield: bool = True,
        settings: CheckSettings = CheckSettings(),
        bone: Collection[int] | None = None,
        labels: Sequence[Label] = (),
    ) -> None:
        self._grid, self._hounsfield, self._settings = grid, hounsfield, settings
        self._of_bone = None if bone is None else np.isin(np.arange(256), list(bone))
        self._each = EachLabel(labels, bone or (), grid) if len(labels) > 1 else None
        self._hashes: list[bytes | None] = []
        self._marked = self._outside = self._body = 0
        self._bone_slices = self._bone_pixels = 0
        self._worst_outside = (0, 0)
        self._parts = PartCounter()
        self._step = tuple(-(-size // most) for size, most in zip(grid.shape, COARSE, strict=True))
        coarse = tuple(-(-size // step) for size, step in zip(grid.shape, self._step, strict=True))
        self._bone, self._mask = np.zeros(coarse, np.float32), np.zeros(coarse, np.float32)

    def add(self, z: int, hu: HounsfieldArray, labels: LabelArray) -> None:
        """Slice ``z`` of the CT and its labels (above 0 is marked), both ``(y, x)``."""
        self._hashes.append(None if hu.min() == hu.max() else hashlib.sha256(hu.tobytes()).digest())
        marked = labels > 0
        pixels = int(np.count_nonzero(marked))
        body = body_of(hu) if pixels or not self._hounsfield else None
        weight = bone_weight(hu, body, hounsfield=self._hounsfield)
        self._bone[z // self._step[0]] += self._blocks(weight)
        self._parts.add(marked)
        if pixels and body is not None:
            self._marked += pixels
            self._body += int(np.count_nonzero(body))
            self._add_bone(z, marked if self._of_bone is None else self._of_bone[labels])
            outside = int(np.count_nonzero(marked & ~body))
            self._outside += outside
            self._worst_outside = max(self._worst_outside, (outside, z))
        if self._each is not None:
            self._each.add(z, labels, body, weight)

    def _add_bone(self, z: int, marked: BoolArray) -> None:
        """What is marked as bone in a slice."""
        pixels = int(np.count_nonzero(marked))
        if pixels:
            self._bone_slices += 1
            self._bone_pixels += pixels
            self._mask[z // self._step[0]] += self._blocks(marked.astype(np.float32))

    def _blocks(self, values: FloatArray) -> FloatArray:
        """Sums over the blocks of the coarse picture."""
        _, down, across = self._step
        height, width = values.shape
        padded = np.pad(values, ((0, -height % down), (0, -width % across)))
        sums: FloatArray = padded.reshape(padded.shape[0] // down, down, -1, across).sum(axis=(1, 3))
        return sums

    def finish(self) -> Checked:
        if not self._marked:
            return Checked((Suspicion("empty"),), tuple(self._hashes))
        found = [self._too_many_parts(), self._outside_body(), self._too_large(), *self._misplaced()]
        whole = [one for one in found if one is not None]
        return Checked((*whole, *self._of_labels({one.code for one in whole})), tuple(self._hashes))

    def _of_labels(self, said: set[str]) -> Iterator[Suspicion]:
        """What shows in single labels, unless it was said of all of them."""
        if self._each is None:
            return
        settings, each = self._settings, self._each
        if "parts" not in said:
            yield from _of("label-parts", each.in_parts(settings.most_parts_label))
        if "outside-body" not in said:
            yield from _of("label-outside-body", each.outside_body(settings.most_outside))
        if not said & {"off-bone", "shifted", "flipped"}:
            yield from _of("label-off-bone", each.off_bone(settings.least_bone))
        yield from _of("label-order", each.out_of_order())

    def _too_many_parts(self) -> Suspicion | None:
        single = self._grid.shape[0] == 1
        most = self._settings.most_parts_slice if single else self._settings.most_parts
        count = self._parts.count
        return Suspicion("parts", {"parts": count, "most": most}) if count > most else None

    def _outside_body(self) -> Suspicion | None:
        share = self._outside / self._marked
        if share <= self._settings.most_outside:
            return None
        return Suspicion("outside-body", {"share": round(share, 3)}, self._worst_outside[1])

    def _too_large(self) -> Suspicion | None:
        share = self._marked / max(self._body, 1)
        if self._body and share > self._settings.most_body:
            return Suspicion("too-large", {"share": round(share, 3)})
        if not self._grid.spacing_known or not self._bone_slices:
            return None
        area = self._bone_pixels * self._grid.pixel_area_mm2 / self._bone_slices
        if area <= self._settings.most_bone_mm2:
            return None
        return Suspicion("too-large", {"share": round(share, 3), "area": round(area / 100, 1)})

    # --- where the bone is ------------------------------------------------------------------------------------------
    def _misplaced(self) -> list[Suspicion | None]:
        if not self._bone_slices:
            return []
        block = float(np.prod(self._step))
        bone, mask = self._bone / block, self._mask
        here = float((bone * mask).sum() / mask.sum())
        z = int(np.argmax(mask.sum(axis=(1, 2)))) * self._step[0]
        flipped = self._flipped(bone, mask, here, z)
        shifted = None if flipped else self._shifted(bone, mask, here, z)
        if flipped or shifted or here >= self._settings.least_bone:
            return [flipped, shifted]
        return [Suspicion("off-bone", {"share": round(here, 3)}, z)]

    def _clearly_better(self, there: float, here: float) -> bool:
        return there >= here * self._settings.better and there - here >= self._settings.gain

    def _flipped(self, bone: FloatArray, mask: FloatArray, here: float, z: int) -> Suspicion | None:
        total = float(mask.sum())
        mirrored = [float((bone * np.flip(mask, axis)).sum() / total) for axis in range(3)]
        best = int(np.argmax(mirrored))
        if not self._clearly_better(mirrored[best], here):
            return None
        return Suspicion("flipped", {"axis": AXES[best], "share": _two(here), "then": _two(mirrored[best])}, z)

    def _shifted(self, bone: FloatArray, mask: FloatArray, here: float, z: int) -> Suspicion | None:
        lengths = np.array(self._step) * np.array(self._grid.spacing)
        reach = [
            min(size - 1, max(1, int(self._settings.farthest / length)))
            for size, length in zip(bone.shape, lengths, strict=True)
        ]
        overlap = _correlation(bone, mask, reach) / float(mask.sum())
        place = np.unravel_index(int(np.argmax(overlap)), overlap.shape)
        steps = np.array([int(index) - far for index, far in zip(place, reach, strict=True)])
        distance = float(np.linalg.norm(steps * lengths))
        best = float(overlap[place])
        if distance < self._settings.nearest or not self._clearly_better(best, here):
            return None
        unit = "mm" if self._grid.spacing_known else "px"
        values = {"distance": round(distance, 1), "unit": unit, "share": _two(here), "then": _two(best)}
        return Suspicion("shifted", values, z)


def _of(code: str, labels: Found) -> Iterator[Suspicion]:
    """One finding that names all the labels it is about, with a slice to open for the first of them."""
    if labels:
        names = [label.name for label, _ in labels]
        named = ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
        yield Suspicion(code, {"labels": named}, labels[0][1])


def _two(value: float) -> float:
    return round(value, 2)


def _correlation(bone: FloatArray, mask: FloatArray, reach: list[int]) -> FloatArray:
    """``sum(mask[p] * bone[p + d])`` for each shift d within ``reach``, as an array whose middle is no shift."""
    size = [fft.next_fast_len(length + far, real=True) for length, far in zip(bone.shape, reach, strict=True)]
    spectrum = np.conj(fft.rfftn(mask, size)) * fft.rfftn(bone, size)
    whole = fft.irfftn(spectrum, size)
    for axis, far in enumerate(reach):
        whole = np.take(whole, range(-far, far + 1), axis=axis, mode="wrap")
    result: FloatArray = whole
    return result


def bone_weight(hu: HounsfieldArray, body: BoolArray | None, *, hounsfield: bool) -> FloatArray:
    """0 where there is no bone, 1 where there surely is, ``(y, x)``."""
    low, high = BONE_FROM_HU, BONE_TO_HU
    if not hounsfield:
        inside = hu[body] if body is not None and body.any() else hu.ravel()
        low, high = (float(np.percentile(inside, share)) for share in (85, 95))
    weight: FloatArray = np.clip((hu.astype(np.float32) - low) / max(high - low, 1.0), 0.0, 1.0)
    return weight


def body_of(hu: HounsfieldArray) -> BoolArray:
    """The largest thing denser than air with everything it encloses, ``(y, x)``; found at half the resolution."""
    half = hu[::2, ::2] > BODY_HU
    parts, count = ndimage.label(ndimage.binary_opening(half, NEIGHBOURS))
    if not count:
        return np.zeros(hu.shape, bool)
    areas = np.bincount(parts.ravel())
    areas[0] = 0
    largest = ndimage.binary_dilation(parts == int(areas.argmax()), NEIGHBOURS)
    body: BoolArray = ndimage.binary_fill_holes(largest)
    return np.repeat(np.repeat(body, 2, axis=0), 2, axis=1)[: hu.shape[0], : hu.shape[1]]
