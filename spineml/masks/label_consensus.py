"""One label map out of several, label by label: by majority, by STAPLE, or as the union.

Each label is decided like a mask of its own (`spineml.masks.consensus`), from the patterns of which maps have it at a
voxel. Every rule gives a label a score at each pattern, 0 where it is not chosen; a voxel gets the label with the
highest score, of equals the one with the lowest value:

- majority: the label that more than half of the maps have there; there is at most one.
- STAPLE: the labels with a probability of one half or more, each estimated against everything else; the likeliest.
- union: a voxel that any map marks gets the label that most maps have there; of equals, the one that all maps together
  have in more voxels.

Memory is that of one slice of each map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spineml.masks import consensus
from spineml.volumes.canonical_file import SliceFileWriter
from spineml.volumes.volume import Geometry, LabelArray, SliceSource

# Of each label, by pattern: (2 ** maps,).
Counts = dict[int, npt.NDArray[np.int64]]
Scores = dict[int, npt.NDArray[np.float64]]


def count_votes(maps: Sequence[SliceSource], values: Sequence[int]) -> Counts:
    """How many voxels have each pattern of each label.

    Raises:
        ValueError: fewer than two maps, more than eight, or not the same number of slices.
    """
    consensus.check_number(maps)
    total = 0
    counts = {value: np.zeros(2 ** len(maps), np.int64) for value in values}
    for z in range(len(maps[0])):
        slices = [one.read(z) for one in maps]
        total += slices[0].size
        for value in _present(slices, values):
            counts[value] += np.bincount(_patterns(slices, value).ravel(), minlength=2 ** len(maps))
    for found in counts.values():
        found[0] = total - found[1:].sum()
    return counts


def majority(maps: int, values: Sequence[int]) -> Scores:
    chosen = consensus.majority(maps).astype(float)
    return dict.fromkeys(values, chosen)


def staple(counts: Counts) -> Scores:
    """Labels that nobody marks are never chosen."""
    found = {value: consensus.staple(of_label) for value, of_label in counts.items() if of_label[1:].any()}
    return {value: one.weights * one.chosen for value, one in found.items()}


def union(counts: Counts) -> Scores:
    maps = len(next(iter(counts.values()))).bit_length() - 1
    votes = consensus.votes(maps).sum(axis=1).astype(float)
    voxels = {value: int(of_label @ votes.astype(np.int64)) for value, of_label in counts.items()}
    most = max(voxels.values()) + 1
    return {value: votes + (votes > 0) * (voxels[value] / most) for value in counts}


def write_consensus(path: Path, maps: Sequence[SliceSource], geometry: Geometry, scores: Mapping[int, Any]) -> str:
    """Write the label map at ``path`` that ``scores`` choose; returns its pixel hash."""
    with SliceFileWriter(path, geometry, "mask") as writer:
        for z in range(len(maps[0])):
            writer.write(z, _chosen([one.read(z) for one in maps], scores))
    return writer.pixel_hash


def _chosen(slices: Sequence[npt.NDArray[Any]], scores: Mapping[int, Any]) -> LabelArray:
    labels = np.zeros(slices[0].shape, np.uint8)
    best = np.zeros(slices[0].shape)
    for value in sorted(_present(slices, list(scores))):
        score = scores[value][_patterns(slices, value)]
        better = score > best
        labels[better] = value
        best[better] = score[better]
    return labels


def _present(slices: Sequence[npt.NDArray[Any]], values: Sequence[int]) -> list[int]:
    found = np.zeros(256, bool)
    for labels in slices:
        found |= np.bincount(labels.ravel(), minlength=256).astype(bool)
    return [value for value in values if found[value]]


def _patterns(slices: Sequence[npt.NDArray[Any]], value: int) -> npt.NDArray[np.uint8]:
    found = np.zeros(slices[0].shape, np.uint8)
    for bit, labels in enumerate(slices):
        found |= (labels == value).astype(np.uint8) << bit
    return found
