"""Labelled series of random blobs and what a careless reader made of them, for tests of evaluations."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from spineml.metrics.evaluation import Identity, SeriesCollector, SeriesRow
from spineml.volumes.volume import Geometry

SPACING = (3.0, 0.8, 0.5)


def blob(shape: tuple[int, ...], seed: int, share: float = 0.2) -> np.ndarray:
    """A random smooth mask, uint8, that marks about ``share`` of ``shape``."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2)
    return (noise > np.quantile(noise, 1 - share)).astype(np.uint8)


def geometry(shape: tuple[int, int, int], *, known: bool = True) -> Geometry:
    return Geometry(shape=shape, spacing=SPACING if known else (1.0, 1.0, 1.0), spacing_known=known)


def row(
    reference: np.ndarray,
    predicted: np.ndarray,
    *,
    patient: str = "p1",
    key: str = "",
    known: bool = True,
    curve: bool = False,
    seen: bool = False,
    groups: dict[str, str] | None = None,
) -> SeriesRow:
    """Collect two masks ``(z, y, x)``; with ``curve`` the probability is the predicted mask, blurred."""
    collector = SeriesCollector(
        Identity(key or patient, patient, groups or {}, seen), geometry(reference.shape, known=known)
    )
    for truth, guess in zip(reference, predicted, strict=True):
        probability = ndimage.gaussian_filter(guess.astype(np.float32), 1) if curve else None
        collector.push(truth, guess, probability)
    return collector.finish()


def patients(count: int, *, depth: int = 4, curve: bool = False) -> list[SeriesRow]:
    """One series for each patient, whose predicted mask is the true one moved by a column or two and cut off."""
    made = []
    for index in range(count):
        mask = blob((depth, 40, 48), index)
        guess = np.roll(mask, 1 + index % 2, axis=2)
        guess[:, : 2 * (index % 4)] = 0
        made.append(row(mask, guess, patient=f"p{index:02d}", curve=curve))
    return made
