"""A mask of one task read as a mask of another, slice by slice; nothing is written."""

from __future__ import annotations

import numpy as np

from spineml.tasks.task import Merge
from spineml.volumes.volume import LabelArray, SliceSource


class MergedSlices:
    """A `SliceSource`: the labels of ``source`` as values of the target task of ``merge``."""

    def __init__(self, source: SliceSource, merge: Merge) -> None:
        self._source = source
        self._table = np.frombuffer(merge.table(), np.uint8)

    def __len__(self) -> int:
        return len(self._source)

    def read(self, z: int) -> LabelArray:
        found: LabelArray = self._table[self._source.read(z)]
        return found
