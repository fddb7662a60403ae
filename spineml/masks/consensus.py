"""One mask out of several: by majority, or by STAPLE (Warfield, Zou & Wells, IEEE TMI 23(7), 2004).

A voxel is known by its *pattern*: which of the masks mark it, one bit for each mask. With so few masks there are only
``2 ** masks`` patterns, and both methods treat voxels of one pattern alike, so all they need is how often each occurs.
That is counted slice by slice: memory and the time of STAPLE do not grow with the volume.

What a majority means: more than half of the masks mark the voxel. Of two masks that is what *both* mark (their
intersection), of three what two of them mark. STAPLE weighs each mask by the sensitivity and specificity it estimates
for its maker from all of them; with two masks it has no third to tell who is right and becomes their
intersection, so it is proposed from three readers on. The union is what any of them marks. Label maps are settled label
by label (`spineml.masks.label_consensus`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spineml.volumes.canonical_file import SliceFileWriter
from spineml.volumes.volume import Geometry, SliceSource

MOST_MASKS = 8
ITERATIONS = 1000
SETTLED = 1e-9
# Where the estimates start, as in the implementation that comes with ITK.
FIRST_GUESS = 0.99999
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Staple:
    """``weights[pattern]`` is the probability of spine; one ``sensitivity`` and ``specificity`` for each mask."""

    weights: npt.NDArray[np.float64]
    sensitivity: tuple[float, ...]
    specificity: tuple[float, ...]

    @property
    def chosen(self) -> BoolArray:
        return self.weights >= 0.5


def patterns(masks: Sequence[SliceSource], z: int) -> npt.NDArray[np.uint8]:
    """The pattern of each pixel of slice ``z``: bit i is set where ``masks[i]`` is above 0."""
    found = np.zeros(masks[0].read(z).shape, np.uint8)
    for bit, mask in enumerate(masks):
        found |= (mask.read(z) > 0).astype(np.uint8) << bit
    return found


def count_patterns(masks: Sequence[SliceSource]) -> npt.NDArray[np.int64]:
    """How many voxels have each pattern, ``(2 ** len(masks),)``.

    Raises:
        ValueError: fewer than two masks, more than eight, or not the same number of slices.
    """
    check_number(masks)
    total = np.zeros(2 ** len(masks), np.int64)
    for z in range(len(masks[0])):
        total += np.bincount(patterns(masks, z).ravel(), minlength=len(total))
    return total


def check_number(masks: Sequence[SliceSource]) -> None:
    """Raise ValueError unless these are two to eight masks with the same number of slices."""
    if not 2 <= len(masks) <= MOST_MASKS or len({len(mask) for mask in masks}) != 1:
        raise ValueError(f"two to {MOST_MASKS} masks of one series are needed. Received instead: {len(masks)}")


def majority(masks: int) -> BoolArray:
    """For each pattern of so many masks, whether more than half of them mark the voxel."""
    found: BoolArray = votes(masks).sum(axis=1) * 2 > masks
    return found


def union(masks: int) -> BoolArray:
    """For each pattern of so many masks, whether any of them marks the voxel."""
    found: BoolArray = votes(masks).sum(axis=1) > 0
    return found


def staple(counts: npt.NDArray[np.int64]) -> Staple:
    """Estimate by expectation maximisation who is right where, from ``count_patterns``.

    The prior of spine is the share of all votes that say so. Where nobody marks anything, nothing is spine.
    """
    masks = int(counts.size).bit_length() - 1
    marked = votes(masks).astype(float)
    prior = float(counts @ marked.mean(axis=1)) / float(counts.sum())
    right, wrong = np.full(masks, FIRST_GUESS), np.full(masks, FIRST_GUESS)
    weights = np.zeros(len(counts))
    if prior in (0.0, 1.0):
        weights = np.full(len(counts), prior)
        return Staple(weights, (1.0,) * masks, (1.0,) * masks)
    for _ in range(ITERATIONS):
        weights = _weights(marked, prior, right, wrong)
        inside, outside = counts * weights, counts * (1 - weights)
        before = np.concatenate([right, wrong])
        right = (inside @ marked) / inside.sum()
        wrong = (outside @ (1 - marked)) / outside.sum()
        if np.abs(np.concatenate([right, wrong]) - before).max() < SETTLED:
            break
    return Staple(weights, tuple(map(float, right)), tuple(map(float, wrong)))


def _weights(votes: Any, prior: float, sensitivity: Any, specificity: Any) -> npt.NDArray[np.float64]:
    """The probability of spine for each pattern (equation 13 of the paper)."""
    spine = prior * np.prod(np.where(votes == 1, sensitivity, 1 - sensitivity), axis=1)
    other = (1 - prior) * np.prod(np.where(votes == 1, 1 - specificity, specificity), axis=1)
    total = spine + other
    weights: npt.NDArray[np.float64] = np.divide(spine, total, out=np.zeros_like(spine), where=total > 0)
    return weights


def votes(masks: int) -> BoolArray:
    """``(patterns, masks)``: what each mask says in each pattern."""
    decisions: BoolArray = (np.arange(2**masks)[:, None] >> np.arange(masks)) & 1 == 1
    return decisions


def write_consensus(path: Path, masks: Sequence[SliceSource], geometry: Geometry, chosen: BoolArray) -> str:
    """Write the mask at ``path`` that marks the voxels of the ``chosen`` patterns; returns its pixel hash."""
    with SliceFileWriter(path, geometry, "mask") as writer:
        for z in range(len(masks[0])):
            writer.write(z, chosen[patterns(masks, z)].astype(np.uint8))
    return writer.pixel_hash
