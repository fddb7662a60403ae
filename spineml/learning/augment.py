"""Random crops for training: geometry by one affine transform, then what scanners do to intensities."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from spineml.model.preprocess import Preprocess
from spineml.volumes.volume import AIR_HU

FloatArray = npt.NDArray[np.float32]
ELASTIC_SHARE = 0.15


@dataclass(frozen=True)
class Example:
    """One slice to crop from: ``hu`` float32 and ``mask`` uint8 0/1 ``(y, x)``, ``spacing`` (y, x) mm.

    ``full_field`` is False for crops: what lies beyond their edge is unknown and must not count. With ``mirrored``
    (`spineml.tasks.classes.Classes`) the mask holds the numbers of classes, and these are what they become in a mirror.
    """

    hu: FloatArray
    mask: npt.NDArray[np.uint8]
    spacing: tuple[float, float]
    full_field: bool = True
    mirrored: tuple[int, ...] = ()


@dataclass(frozen=True)
class Augmentation:
    """How far examples are changed. Shares are probabilities, angles degrees, lengths mm, intensities HU.

    Without ``scale`` an example keeps its own spacing (brought into ``spacing_mm``, as on a slice to segment).
    """

    centred_share: float = 0.75
    spacing_mm: tuple[float, float] = (0.55, 1.1)
    scale: bool = True
    any_angle_share: float = 0.06
    angle: float = 15.0
    stretch: float = 0.12
    shear: float = 0.06
    flip_x_share: float = 0.5
    flip_y_share: float = 0.1
    elastic_share: float = 0.0
    elastic_mm: float = 4.0
    partial_field_share: float = 0.12
    blur_share: float = 0.25
    sharpen_share: float = 0.15
    thick_share: float = 0.1
    noise_share: float = 0.6
    noise_hu: tuple[float, float] = (3.0, 70.0)
    gain: float = 0.1
    offset_hu: float = 25.0
    window_share: float = 0.3
    gamma_share: float = 0.2


def usual(names: Collection[str]) -> Augmentation:
    """The changes of these names (`spineml.learning.settings.AUGMENTATIONS`) at their usual strength, no others."""
    off: dict[str, dict[str, Any]] = {
        "flip": {"flip_x_share": 0.0, "flip_y_share": 0.0},
        "rotate": {"angle": 0.0, "any_angle_share": 0.0},
        "scale": {"stretch": 0.0, "shear": 0.0, "scale": False},
        "elastic": {"elastic_share": 0.0},
        "intensity": {"gain": 0.0, "offset_hu": 0.0, "window_share": 0.0, "gamma_share": 0.0},
        "noise": {"noise_share": 0.0, "blur_share": 0.0, "sharpen_share": 0.0, "thick_share": 0.0},
        "crop": {"partial_field_share": 0.0},
    }
    changes = {key: value for name, values in off.items() if name not in names for key, value in values.items()}
    return replace(Augmentation(elastic_share=ELASTIC_SHARE), **changes)


def crop(
    example: Example, size: int, preprocess: Preprocess, plan: Augmentation, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """One augmented training pair.

    Returns:
        The image ``(size, size, 1)`` in 0..1 as the network sees it, and the target ``(size, size, 2)``: mask (soft
        edges for one structure, else the number of the class) and validity (`spineml.learning.losses`).
    """
    matrix = _matrix(example, size, plan, rng)
    hu = _sample(example.hu, matrix, size, AIR_HU)
    mask = _mask(example, matrix, size)
    valid = np.ones((size, size), np.float32)
    if not example.full_field:
        valid = _sample(np.ones(example.hu.shape, np.float32), matrix, size, 0.0)
        valid = (valid > 0.99).astype(np.float32)
    if plan.elastic_share and rng.random() < plan.elastic_share:
        orders = (1, 0 if example.mirrored else 1, 1)
        hu, mask, valid = _bend([hu, mask, valid], orders, plan.elastic_mm, rng)
    if rng.random() < plan.partial_field_share:
        _cut_field(hu, mask, rng)
    grey = _to_grey(_scanner(hu, plan, rng), preprocess, plan, rng)
    return grey[..., np.newaxis], np.stack([mask, valid], axis=-1)


def _matrix(example: Example, size: int, plan: Augmentation, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """2x3 affine from a crop's (x, y, 1) to the example's (x, y), in pixel corners as Pillow counts them."""
    spacing = _spacing(example, plan, rng) * np.exp(rng.uniform(-plan.stretch, plan.stretch, 2))
    angle = rng.uniform(-180, 180) if rng.random() < plan.any_angle_share else rng.normal(0, plan.angle / 2)
    radians = np.deg2rad(angle)
    rotation = np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])
    shear = np.array([[1.0, rng.uniform(-plan.shear, plan.shear)], [0.0, 1.0]])
    flips = np.where(rng.random(2) < (plan.flip_x_share, plan.flip_y_share), -1.0, 1.0)
    to_mm = rotation @ shear @ np.diag(spacing * flips)
    linear = np.diag(1 / np.array(example.spacing[::-1])) @ to_mm
    centre = _centre(example, size, plan, rng)
    return np.hstack([linear, (centre - linear @ np.full(2, size / 2))[:, np.newaxis]])


def _spacing(example: Example, plan: Augmentation, rng: np.random.Generator) -> float:
    """The side of a crop's pixel in mm."""
    if plan.scale:
        return float(np.exp(rng.uniform(*np.log(plan.spacing_mm))))
    return float(np.clip(np.mean(example.spacing), *plan.spacing_mm))


def _bend(
    arrays: Sequence[FloatArray], orders: Sequence[int], shift: float, rng: np.random.Generator
) -> list[FloatArray]:
    """Move every pixel by a smooth random field, about ``shift`` pixels wide (Simard et al. 2003).

    ``orders`` says for each array whether it is interpolated (1) or takes the nearest value (0).
    """
    size = arrays[0].shape[0]
    coarse = rng.standard_normal((2, 5, 5)) * shift
    fields = [ndimage.zoom(each, size / 5, order=1, grid_mode=True, mode="nearest") for each in coarse]
    rows, columns = np.indices(arrays[0].shape, dtype=np.float32)
    places = np.stack([rows + fields[0], columns + fields[1]])
    return [
        ndimage.map_coordinates(each, places, order=order, mode="nearest")
        for each, order in zip(arrays, orders, strict=True)
    ]


def _centre(example: Example, size: int, plan: Augmentation, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """The example's (x, y) that comes to lie in the middle of the crop."""
    height, width = example.hu.shape
    reach = size * 0.35 / np.array(example.spacing[::-1]) * 0.75
    rows = np.flatnonzero(example.mask.any(axis=1))
    if len(rows) and (not example.full_field or rng.random() < plan.centred_share):
        row = rng.choice(rows)
        column = rng.choice(np.flatnonzero(example.mask[row]))
        return np.array([column, row]) + rng.uniform(-reach, reach)
    return np.array([rng.uniform(0.2, 0.8) * width, rng.uniform(0.2, 0.8) * height])


def _mask(example: Example, matrix: npt.NDArray[np.float64], size: int) -> FloatArray:
    """The crop's mask: soft edges for one structure, the nearest pixel's class for several.

    In a mirror image, whose ``matrix`` turns the other way round, left and right change places: the left kidney of a
    body that is mirrored looks and lies like a right one. Turned by any angle it stays what it is.
    """
    if not example.mirrored:
        return _sample(example.mask.astype(np.float32), matrix, size, 0.0)
    classes = np.array(example.mirrored, np.uint8)[example.mask] if np.linalg.det(matrix[:, :2]) < 0 else example.mask
    return _sample(classes, matrix, size, 0, Image.Resampling.NEAREST).astype(np.float32)


def _sample(
    image: npt.NDArray[Any],
    matrix: npt.NDArray[np.float64],
    size: int,
    fill: float,
    resampling: Image.Resampling = Image.Resampling.BILINEAR,
) -> npt.NDArray[Any]:
    picture = Image.fromarray(image).transform(
        (size, size),
        Image.Transform.AFFINE,
        tuple(float(value) for value in matrix.ravel()),
        resampling,
        fillcolor=fill,
    )
    return np.array(picture)


def _cut_field(hu: FloatArray, mask: FloatArray, rng: np.random.Generator) -> None:
    """Keep a random rectangle, as reconstructions around the spine do; beyond it there is air and no mask."""
    size = hu.shape[0]
    (top, left), extent = rng.uniform(0, 0.4, 2) * size, rng.uniform(0.4, 0.9, 2) * size
    outside = np.ones(hu.shape, bool)
    outside[int(top) : int(top + extent[0]), int(left) : int(left + extent[1])] = False
    hu[outside], mask[outside] = AIR_HU, 0.0


def _scanner(hu: FloatArray, plan: Augmentation, rng: np.random.Generator) -> FloatArray:
    """Reconstruction kernel, thick or anisotropic pixels, noise, and miscalibration."""
    if rng.random() < plan.blur_share:
        hu = ndimage.gaussian_filter(hu, rng.uniform(0.4, 1.3))
    elif rng.random() < plan.sharpen_share:
        hu = hu + rng.uniform(0.3, 1.5) * (hu - ndimage.gaussian_filter(hu, rng.uniform(0.7, 1.5)))
    if rng.random() < plan.thick_share:
        coarse = (max(8, int(hu.shape[1] / rng.uniform(1, 3))), max(8, int(hu.shape[0] / rng.uniform(1, 1.5))))
        small = Image.fromarray(hu.astype(np.float32)).resize(coarse, Image.Resampling.BOX)
        hu = np.array(small.resize(hu.shape[::-1], Image.Resampling.BILINEAR))
    if rng.random() < plan.noise_share:
        deviation = np.exp(rng.uniform(*np.log(plan.noise_hu)))
        noise = rng.standard_normal(hu.shape, np.float32)
        if rng.random() < 0.5:
            noise = ndimage.gaussian_filter(noise, 0.8) * 2.0
        hu = hu + deviation * noise * (hu > -900)
    gain, offset = 1 + rng.uniform(-plan.gain, plan.gain), rng.normal(0, plan.offset_hu)
    return np.asarray(hu * gain + offset, np.float32)


def _to_grey(hu: FloatArray, preprocess: Preprocess, plan: Augmentation, rng: np.random.Generator) -> FloatArray:
    """The spec's window, sometimes another one near it (pictures come in windows of their own), in 256 steps."""
    centre, width = preprocess.window_centre, preprocess.window_width
    if rng.random() < plan.window_share:
        centre, width = centre + rng.normal(0, 60), width * np.exp(rng.uniform(-0.35, 0.25))
    grey = np.clip((hu - (centre - width / 2)) / width, 0, 1)
    if rng.random() < plan.gamma_share:
        grey = grey ** np.exp(rng.uniform(-0.25, 0.25))
    return np.asarray(np.rint(grey * 255) / 255, np.float32)
