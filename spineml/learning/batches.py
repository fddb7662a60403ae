"""What a training is fed: the batch of each step, most of them crops around the spine, some whole slices.

Small crops centred on the spine teach its outline; now and then whole slices teach what is elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spineml.errors import SpineError
from spineml.learning.augment import Example, crop, usual
from spineml.learning.dataset_file import DatasetReader, Entry
from spineml.learning.settings import TrainingSettings
from spineml.model.preprocess import Preprocess
from spineml.tasks.classes import Classes

FloatArray = npt.NDArray[np.float32]
Draw = Callable[[np.random.Generator], Example]
# Share of the batches that are whole slices, and the side that holds a slice of CT at the usual spacing. A body is that
# large whatever the number of its pixels: with statistics from fields of 256 or 384, a 3 mm CT was segmented worse.
WHOLE_SLICES_SHARE, WHOLE_SIDE = 0.3, 512


class NothingToLearn(SpineError):
    """The training masks of this data set are all empty. Create a data set with approved masks that mark something."""

    code = "nothing-to-learn"


@dataclass(frozen=True)
class Source:
    """Where examples come from; ``share`` is its weight among all sources, which need not add up to 1."""

    share: float
    draw: Draw


class DatasetSlices:
    """Draws slices of a data set. Patients come up equally often, whatever the number of their slices.

    Where the task has several labels, those come up equally often among the slices with any, and for each of them the
    patients who have it: a level that few patients show is not drowned by the others.

    Raises:
        NothingToLearn: no slice of ``entries`` shows spine.
    """

    def __init__(self, reader: DatasetReader, entries: Sequence[Entry], spine_share: float) -> None:
        self._reader, self._spine_share = reader, spine_share
        self._classes = Classes(reader.task)
        with_spine = [entry for entry in entries if entry.spine_slices]
        if not with_spine:
            raise NothingToLearn
        self._spine = _by_patient(with_spine)
        self._all = _by_patient([entry for entry in entries if entry.full_field or entry.spine_slices])
        present = sorted({value for entry in with_spine for value in entry.label_slices})
        self._of_label = {
            value: _by_patient([entry for entry in with_spine if value in entry.label_slices]) for value in present
        }

    def __call__(self, rng: np.random.Generator) -> Example:
        on_spine = rng.random() < self._spine_share
        entry, slices = self._with_label(rng) if on_spine and self._of_label else self._any(on_spine, rng)
        hu, mask = self._reader.read(entry.index, slices[int(rng.integers(len(slices)))])
        spacing = entry.pixel_spacing or (1.0, 1.0)
        if self._classes.is_single:
            return Example(hu.astype(np.float32), (mask > 0).view(np.uint8), spacing, entry.full_field)
        classes = self._classes.encode(mask)
        return Example(hu.astype(np.float32), classes, spacing, entry.full_field, self._classes.mirrored)

    def _any(self, on_spine: bool, rng: np.random.Generator) -> tuple[Entry, Sequence[int]]:
        """A series and the slices to choose from."""
        entry = _one_of(self._spine if on_spine else self._all, rng)
        # Beyond the labelled vertebrae of a crop there may be others without a label.
        return entry, entry.spine_slices if on_spine or not entry.full_field else range(entry.shape[0])

    def _with_label(self, rng: np.random.Generator) -> tuple[Entry, Sequence[int]]:
        value = sorted(self._of_label)[rng.integers(len(self._of_label))]
        entry = _one_of(self._of_label[value], rng)
        first, last = entry.label_slices[value]
        return entry, [z for z in range(first, last + 1) if entry.areas_px[z]]


def _one_of(patients: Sequence[Sequence[Entry]], rng: np.random.Generator) -> Entry:
    series = patients[int(rng.integers(len(patients)))]
    return series[int(rng.integers(len(series)))]


def _by_patient(entries: Sequence[Entry]) -> list[list[Entry]]:
    patients: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        patients[entry.patient].append(entry)
    return [patients[patient] for patient in sorted(patients)]


class Batches:
    """Draws the batch of a step: the same sources, settings and step always give the same batch.

    Args:
        whole_share: share of the batches that are whole slices.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        settings: TrainingSettings,
        preprocess: Preprocess,
        *,
        whole_share: float = WHOLE_SLICES_SHARE,
    ) -> None:
        self._draws = [source.draw for source in sources]
        shares = np.array([source.share for source in sources])
        self._weights = shares / shares.sum()
        self._settings, self._preprocess, self._whole_share = settings, preprocess, whole_share
        self._augmentation = usual(settings.augmentation)

    def __call__(self, step: int) -> tuple[FloatArray, FloatArray]:
        """Images ``(n, side, side, 1)`` in 0..1 and targets ``(n, side, side, 2)`` (`spineml.learning.losses`)."""
        settings = self._settings
        rng = np.random.default_rng((settings.seed, step))
        whole = rng.random() < self._whole_share
        count, side = whole_slices(settings) if whole else (settings.batch_size, settings.crop_size)
        pairs = [self._crop(side, rng) for _ in range(count)]
        images, targets = zip(*pairs, strict=True)
        return np.stack(images), np.stack(targets)

    def _crop(self, side: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        example = self._draws[rng.choice(len(self._draws), p=self._weights)](rng)
        return crop(example, side, self._preprocess, self._augmentation, rng)


def whole_slices(settings: TrainingSettings) -> tuple[int, int]:
    """Number and side of the whole slices in a batch: about as many pixels as a batch of crops has, one at least."""
    side = max(settings.crop_size, min(4 * settings.crop_size, WHOLE_SIDE))
    return max(1, settings.batch_size * settings.crop_size**2 // side**2), side
