"""One volume to one mask file: what a run of the platform and the command line have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spineml.metrics.expected_dice import expected_dice
from spineml.metrics.labels import LabelTable
from spineml.model.predict import Predictor, Timings
from spineml.volumes.canonical_file import SliceFileWriter
from spineml.volumes.volume import LabelArray, VolumeSource


class Stopped(Exception):
    """It was asked to stop before the last slice; the file is not complete."""


@dataclass(frozen=True)
class Segmentation:
    """What a segmentation yields besides its mask; ``confidence[z]`` as in `spineml.metrics.expected_dice`."""

    timings: Timings
    sizes: LabelTable
    confidence: list[float]


def segment_to_file(
    predictor: Predictor,
    source: VolumeSource,
    path: Path,
    *,
    on_slice: Callable[[int, int], object] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Segmentation:
    """Write the mask of ``source`` into the canonical file ``path``; memory does not grow with the number of slices.

    Args:
        on_slice, should_stop: as `Predictor.segment` has them.

    Raises:
        Stopped: ``should_stop`` said so.
    """
    with SliceFileWriter(path, source.geometry, "mask") as sink:
        recorder = _Recorder(sink, LabelTable(source.geometry))
        timings = predictor.segment(
            source,
            recorder.write,
            on_probability=recorder.record,
            on_slice=on_slice,
            should_stop=should_stop,
        )
        if timings.stopped:
            raise Stopped
    return Segmentation(timings, recorder.sizes, recorder.confidence)


class _Recorder:
    """Writes the mask to its file, and records its size and the expected Dice of each slice. Called by one thread."""

    def __init__(self, sink: SliceFileWriter, sizes: LabelTable) -> None:
        self._sink = sink
        self._probability: npt.NDArray[np.float32] | None = None
        self.sizes = sizes
        self.confidence: list[float] = []

    def record(self, z: int, probability: npt.NDArray[np.float32]) -> None:
        self._probability = probability

    def write(self, z: int, mask: LabelArray) -> None:
        if self._probability is not None:
            self.confidence.append(round(expected_dice(self._probability, mask), 3))
        self.sizes.put(z, mask)
        self._sink.write(z, mask)
