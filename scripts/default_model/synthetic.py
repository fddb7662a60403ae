"""CT-like slices painted from label maps, in the manner of SynthSeg (Billot et al. 2023), near plausible HU.

A label map says where structures are; their intensities are drawn anew for every slice, so that the network learns
shapes and neighbours rather than one scanner's grey values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from scripts.default_model.training_data import VERSE_SPINE, read_nifti
from spineml.volumes.volume import AIR_HU, LabelArray

FloatArray = npt.NDArray[np.float32]
# Classes of tissue that a label map is reduced to; organs get one class each, from ORGAN upwards.
OUTSIDE, SOFT, SPINE, BONE, LUNG, AIR, VESSEL, MUSCLE, CARTILAGE, CORD, BOWEL, ORGAN = range(12)
PREFIXES = (
    ("vertebrae_S", BONE),
    ("vertebrae_", SPINE),
    ("rib_", BONE),
    ("sacrum", BONE),
    ("hip_", BONE),
    ("femur_", BONE),
    ("humerus_", BONE),
    ("scapula_", BONE),
    ("clavicula_", BONE),
    ("sternum", BONE),
    ("skull", BONE),
    ("lung_", LUNG),
    ("trachea", AIR),
    ("costal_", CARTILAGE),
    ("spinal_cord", CORD),
    ("autochthon", MUSCLE),
    ("gluteus", MUSCLE),
    ("iliopsoas", MUSCLE),
    ("colon", BOWEL),
    ("small_bowel", BOWEL),
    ("stomach", BOWEL),
    ("duodenum", BOWEL),
    ("aorta", VESSEL),
    ("inferior_vena", VESSEL),
    ("superior_vena", VESSEL),
    ("portal", VESSEL),
    ("iliac", VESSEL),
    ("heart", VESSEL),
    ("pulmonary_vein", VESSEL),
    ("subclavian", VESSEL),
    ("brachiocephalic", VESSEL),
    ("common_carotid", VESSEL),
)
# Crops of the spine come without the body around them: the finest are halved to the spacing of ordinary CT.
FINEST_MM = 0.5


@dataclass(frozen=True)
class Anatomy:
    """Tissue classes ``(z, y, x)`` with in-plane spacing ``(y, x)`` mm; slices without a body are left out.

    ``full_field`` is False where only vertebrae are labelled: what surrounds them is then painted at random.
    """

    name: str
    classes: LabelArray
    spacing: tuple[float, float]
    full_field: bool


def load_anatomies(folder: Path) -> list[Anatomy]:
    """The label maps below ``folder``: whole bodies with a JSON of names, and VerSe vertebra labels."""
    return [*_whole_bodies(folder), *_vertebra_crops(folder)]


def _whole_bodies(folder: Path) -> Iterator[Anatomy]:
    for names_path in sorted(folder.glob("*_structures.json")):
        labels, geometry = read_nifti(names_path.with_suffix(".nii.gz"))
        names: dict[str, str] = json.loads(names_path.read_text())
        table = np.full(256, SOFT, np.uint8)
        table[0] = OUTSIDE
        for organ, (value, structure) in enumerate(sorted(names.items())):
            table[int(value)] = next((c for prefix, c in PREFIXES if structure.startswith(prefix)), ORGAN + organ)
        classes = np.stack([_with_body(one) for one in table[labels]])
        yield Anatomy(names_path.stem, classes, geometry.spacing[1:], full_field=True)


def _with_body(classes: LabelArray) -> LabelArray:
    """Fill the space between the structures and a skin some centimetres around them with soft tissue."""
    inside = classes > 0
    if not inside.any():
        return classes
    padded = np.pad(inside, 24)
    closed = ndimage.binary_closing(padded, _disc(5), iterations=4)
    body = ndimage.binary_fill_holes(ndimage.binary_dilation(closed, _disc(3), iterations=4))[24:-24, 24:-24]
    return np.where(inside, classes, np.where(body, SOFT, OUTSIDE)).astype(np.uint8)


def _disc(radius: int) -> npt.NDArray[np.bool_]:
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(y * y + x * x <= radius * radius)


def _vertebra_crops(folder: Path) -> Iterator[Anatomy]:
    for path in sorted(folder.glob("sub-*_seg-vert_msk.nii.gz")):
        labels, geometry = read_nifti(path)
        step = 2 if geometry.spacing[2] < FINEST_MM else 1
        spine = np.isin(labels, VERSE_SPINE)[:, ::step, ::step]
        spine = spine[spine.any(axis=(1, 2))]
        classes = np.where(spine, SPINE, SOFT).astype(np.uint8)
        spacing = (geometry.spacing[1] * step, geometry.spacing[2] * step)
        yield Anatomy(path.name.split("_")[0], classes, spacing, full_field=False)


def paint(classes: LabelArray, full_field: bool, rng: np.random.Generator) -> FloatArray:
    """Draw HU for one slice of tissue classes ``(y, x)``."""
    means = _tissue_means(rng)
    hu = means[classes]
    soft = classes == SOFT
    fat = rng.uniform(-120, -70)
    hu[soft & (_blobs(classes.shape, rng, 4) > rng.uniform(-0.6, 0.8))] = fat
    bowel = classes == BOWEL
    hu[bowel & (_blobs(classes.shape, rng, 4) > rng.uniform(0.3, 1.5))] = rng.uniform(-1000, -300)
    if not full_field:
        hu = np.where(soft & (_blobs(classes.shape, rng, 8) > 1.6), rng.uniform(80, 300), hu)
    for bone in (SPINE, BONE):
        _paint_bone(hu, classes == bone, rng)
    _paint_discs(hu, classes, rng)
    return hu.astype(np.float32)


def _tissue_means(rng: np.random.Generator) -> FloatArray:
    contrast = rng.choice([0.0, rng.uniform(60, 350)])
    means = rng.uniform(20, 130, 256) + rng.uniform(0, 0.4) * contrast
    muscle = rng.uniform(30, 80)
    means[[OUTSIDE, SOFT, LUNG, AIR]] = AIR_HU, muscle, rng.uniform(-920, -650), rng.uniform(-1010, -900)
    means[[MUSCLE, CARTILAGE, CORD, BOWEL]] = muscle, rng.uniform(80, 250), rng.uniform(5, 50), rng.uniform(0, 250)
    means[VESSEL] = rng.uniform(25, 60) + contrast
    return np.asarray(means, np.float32)


def _blobs(shape: tuple[int, ...], rng: np.random.Generator, size: float) -> FloatArray:
    """A smooth random field with unit deviation, structures about ``size`` pixels wide."""
    coarse = rng.standard_normal([max(2, int(n / size)) for n in shape])
    enlarge = [n / c for n, c in zip(shape, coarse.shape, strict=True)]
    smooth = ndimage.zoom(coarse, enlarge, order=1, grid_mode=True, mode="nearest")
    unit: FloatArray = (smooth / (smooth.std() + 1e-6)).astype(np.float32)
    return unit


def _paint_bone(hu: FloatArray, bone: npt.NDArray[np.bool_], rng: np.random.Generator) -> None:
    """Trabecular inside, denser shell of one pixel, both with texture."""
    if not bone.any():
        return
    inside = ndimage.binary_erosion(bone)
    spongy, cortex = rng.uniform(60, 350), rng.uniform(250, 1000)
    texture = ndimage.gaussian_filter(rng.standard_normal(bone.shape), rng.uniform(0.3, 1.0))
    hu[bone] = cortex + 0.3 * cortex * texture[bone]
    hu[inside] = spongy + rng.uniform(0.1, 0.6) * spongy * texture[inside]


def _paint_discs(hu: FloatArray, classes: LabelArray, rng: np.random.Generator) -> None:
    """Now and then put a disc-like patch (bright soft tissue) in front of the canal, which stays background."""
    cord = np.argwhere(classes == CORD)
    if not len(cord) or rng.random() > 0.3:
        return
    y, x = cord.mean(axis=0)
    rows, columns = np.ogrid[: classes.shape[0], : classes.shape[1]]
    height, width = rng.uniform(8, 13), rng.uniform(11, 17)
    disc = ((rows - (y - 6 - height)) / height) ** 2 + ((columns - x) / width) ** 2 < 1
    free = disc & (classes != SPINE) & (classes != BONE)
    hu[free] = rng.uniform(60, 150)
