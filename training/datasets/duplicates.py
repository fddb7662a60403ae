"""The same slice in the images of two patients: found by the SHA-256 of each slice, in a worker."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from cases.models import Annotation, Series
from spineml.volumes.canonical_file import SliceFileReader
from spineplatform.shared import storage
from training.datasets.findings import finding
from training.datasets.selectors import split_name
from training.models import Split

Place = tuple[uuid.UUID, int]  # a mask and its slice


class SliceIndex:
    """Where each slice of a data set was seen. Slices of one value only, such as air, say nothing and are left out."""

    def __init__(self) -> None:
        self._places: dict[bytes, list[Place]] = defaultdict(list)
        self._masks: dict[uuid.UUID, Annotation] = {}

    def add(self, mask: Annotation, hashes: Sequence[bytes | None]) -> None:
        self._masks[mask.pk] = mask
        for z, digest in enumerate(hashes):
            if digest is not None:
                self._places[digest].append((mask.pk, z))

    def teaching(self, digests: Sequence[bytes]) -> list[Place]:
        """Where slices of training and validation patients have these digests."""
        found = [place for digest in digests for place in self._places.get(digest, ())]
        return [place for place in found if split_name(self._masks[place[0]]) in (Split.TRAIN, Split.VALIDATION)]

    def findings(self, test: dict[tuple[uuid.UUID, uuid.UUID], list[int]]) -> list[dict[str, Any]]:
        """Of slices shared by two patients of the set, and of ``test`` (see `test_slices`)."""
        return [*self._within(), *self._with_test(test)]

    def _within(self) -> list[dict[str, Any]]:
        shared: dict[tuple[uuid.UUID, uuid.UUID], list[Place]] = defaultdict(list)
        for places in self._places.values():
            for index, (mask, _) in enumerate(places):
                for other, z in places[:index]:
                    if self._patient(mask) != self._patient(other):
                        shared[mask, other].append((other, z))
        return [self._said(mask, other, places) for (mask, other), places in shared.items()]

    def _said(self, mask: uuid.UUID, other: uuid.UUID, places: list[Place]) -> dict[str, Any]:
        splits = {split_name(self._masks[pk]) for pk in (mask, other)}
        code = "test-image" if Split.TEST in splits and len(splits) > 1 else "same-slice"
        return finding(code, mask, other=str(other), slices=len(places), other_slice=min(z for _, z in places) + 1)

    def _with_test(self, test: dict[tuple[uuid.UUID, uuid.UUID], list[int]]) -> list[dict[str, Any]]:
        return [
            finding("test-image", mask, z=min(slices), other=str(series), slices=len(slices), other_slice=0)
            for (mask, series), slices in test.items()
        ]

    def _patient(self, mask: uuid.UUID) -> uuid.UUID:
        return self._masks[mask].series.case.patient_id


def test_slices(
    masks: Sequence[Annotation], index: SliceIndex, check: Callable[[], None]
) -> dict[tuple[uuid.UUID, uuid.UUID], list[int]]:
    """Slices of the set's training and validation patients that test patients outside of the set have too.

    Returns:
        By mask of the set and series of the test patient, the slices of the mask.
    """
    found: dict[tuple[uuid.UUID, uuid.UUID], list[int]] = defaultdict(list)
    inside = Counter(mask.series_id for mask in masks)
    for series in Series.objects.filter(case__patient__split__split=Split.TEST).exclude(pk__in=inside).iterator():
        check()
        with SliceFileReader(storage.local_path(series.volume)) as volume:
            for mask, z in index.teaching(volume.slice_hashes()):
                found[mask, series.pk].append(z)
    return found
