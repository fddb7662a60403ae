"""A frozen data set that a tiny network learns in seconds: bright squares, one patient a series."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spineml.learning.dataset_file import DatasetWriter, SeriesFacts
from spineml.learning.settings import TrainingSettings

SIZE, DEPTH = 64, 3
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
            facts = SeriesFacts(
                key=f"series-{number}",
                patient=f"patient-{number}",
                split=split,
                pixel_hash=f"{number:064x}",
                annotation=f"mask-{number}",
                shape=hu.shape,
                spacing=(3.0, 0.8, 0.8),
                groups={"institution": "Home"},
            )
            writer.add(facts, zip(hu, mask, strict=True))
    return path


def squares(seed: int, *, spine: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """HU int16 and mask uint8 ``(3, 64, 64)``."""
    rng = np.random.default_rng(seed)
    hu = rng.normal(0, 30, (DEPTH, SIZE, SIZE))
    mask = np.zeros(hu.shape, np.uint8)
    for z in range(DEPTH):
        y, x = rng.integers(12, 36, 2)
        mask[z, y : y + 16, x : x + 16] = spine
    return (hu + 900.0 * mask).astype(np.int16), mask
