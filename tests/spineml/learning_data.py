"""A frozen data set that a tiny network learns in seconds: bright squares, one patient a series."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spineml.learning.dataset_file import DatasetWriter, SeriesFacts
from spineml.learning.settings import TrainingSettings
from spineml.tasks.task import Label, Task

SIZE, DEPTH = 64, 3
KIDNEYS = Task(
    "kidneys-ct",
    "Kidneys",
    (
        Label(5, "Left kidney", "LK", "#b9e83d"),
        Label(3, "Right kidney", "RK", "#00e2ff"),
        Label(9, "Stone", "Stone", "#fb9fff"),
    ),
)
LEFT_KIDNEY, RIGHT_KIDNEY, STONE = 5, 3, 9
# Quick to learn and to run; every change to the images that costs time is left out.
SETTINGS = {
    "base_filters": 2,
    "depth": 2,
    "stem_stride": 1,
    "batch_size": 4,
    "crop_size": 32,
    "epochs": 3,
    "learning_rate": 0.02,
    "augmentation": ["flip"],
    "sample_every": 2,
    "patience": 0,
}


def settings(**changes: object) -> TrainingSettings:
    return TrainingSettings.from_json({**SETTINGS, **changes})


def write_dataset(
    path: Path, splits: tuple[str, ...] = ("train", "train", "validation", "test"), *, spine: bool = True
) -> Path:
    """One patient for each of ``splits``, each with three slices of 64 x 64 whose spine is a bright square."""
    with DatasetWriter(path) as writer:
        for number, split in enumerate(splits):
            hu, mask = squares(number, spine=spine)
            writer.add(facts_of(number, split, hu.shape), zip(hu, mask, strict=True))
    return path


def write_kidneys(path: Path, splits: tuple[str, ...] = ("train", "train", "validation", "test")) -> Path:
    """As `write_dataset`, of two kidneys: the brighter one at the left edge is the right one."""
    with DatasetWriter(path, KIDNEYS) as writer:
        for number, split in enumerate(splits):
            hu, mask = kidneys(number)
            writer.add(facts_of(number, split, hu.shape), zip(hu, mask, strict=True))
    return path


def facts_of(number: int, split: str, shape: tuple[int, ...]) -> SeriesFacts:
    depth, height, width = shape
    return SeriesFacts(
        key=f"series-{number}",
        patient=f"patient-{number}",
        split=split,
        pixel_hash=f"{number:064x}",
        annotation=f"mask-{number}",
        shape=(depth, height, width),
        spacing=(3.0, 0.8, 0.8),
        groups={"institution": "Home"},
    )


def kidneys(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """HU int16 and label map uint8 ``(3, 64, 64)``; there is never a stone."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((DEPTH, SIZE, SIZE), np.uint8)
    for z in range(DEPTH):
        y = rng.integers(8, 40, 2)
        mask[z, y[0] : y[0] + 16, 6:22] = RIGHT_KIDNEY
        mask[z, y[1] : y[1] + 16, 42:58] = LEFT_KIDNEY
    hu = rng.normal(0, 30, mask.shape) + 1100.0 * (mask == RIGHT_KIDNEY) + 500.0 * (mask == LEFT_KIDNEY)
    return hu.astype(np.int16), mask


def squares(seed: int, *, spine: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """HU int16 and mask uint8 ``(3, 64, 64)``."""
    rng = np.random.default_rng(seed)
    hu = rng.normal(0, 30, (DEPTH, SIZE, SIZE))
    mask = np.zeros(hu.shape, np.uint8)
    for z in range(DEPTH):
        y, x = rng.integers(12, 36, 2)
        mask[z, y : y + 16, x : x + 16] = spine
    return (hu + 900.0 * mask).astype(np.int16), mask
