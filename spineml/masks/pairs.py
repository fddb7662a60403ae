"""Reading the mask of a pair: one file, or one for each bone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np

from spineml.errors import MaskRejected
from spineml.masks.label_map import LabelMap
from spineml.masks.read import MaskEmpty, read_label_map, read_mask
from spineml.message import message
from spineml.readers.pairs.pairs import Pair, stem_of
from spineml.readers.series import DetectedSeries, ReceivedFile
from spineml.tasks.mapping import FoundValue, apply, sure_mapping
from spineml.tasks.task import Task
from spineml.volumes.volume import LabelArray, Mask


@dataclass(frozen=True)
class PairLabels:
    """Of which task the masks of pairs are, and which label each value is; values that a mask lacks do no harm.

    Values that ``mapping`` does not name are known by what the file says of them, or are values of the task itself.
    """

    task: Task
    mapping: Mapping[int, int | None] = field(default_factory=dict)


def read_pair_mask(pair: Pair, plan: DetectedSeries, *, spatial: bool, labels: PairLabels | None = None) -> Mask:
    """The labels of all masks of a pair together, on the grid of the series that its image became.

    A mask that marks nothing is taken: an image without spine teaches too, and the label checks name it.

    Args:
        labels: without them the masks are of the spine, 0 and 1.

    Raises:
        MaskRejected: a mask does not fit, has a value without a label, or the image is one of several of its series.
    """
    if len(plan.files) > 1:
        raise MaskRejected(
            message("Its image belongs to a series of several files. Send the series first, then its mask.")
        )
    together: LabelArray = np.zeros(plan.geometry.shape, np.uint8)
    for file in pair.masks:
        try:
            read = _read(file, pair, plan, spatial, labels)
        except MaskEmpty:
            continue
        except MaskRejected as error:
            if not pair.parts:
                raise
            raise type(error)(message("{name}: {reason}", name=file.name, reason=error.message)) from error
        np.copyto(together, read.labels, where=together == 0)
    return Mask(together, plan.geometry)


def _read(file: ReceivedFile, pair: Pair, plan: DetectedSeries, spatial: bool, labels: PairLabels | None) -> Mask:
    if labels is None:
        return read_mask([file], plan.geometry, every_label=pair.every_label, spatial=spatial)
    read = read_label_map([file], plan.geometry, spatial=spatial)
    found = [_named(one, file) for one in read.found] if pair.parts else read.found
    return _mapped(read, found, labels)


def _named(one: FoundValue, file: ReceivedFile) -> FoundValue:
    """Where each structure has a file of its own, the file's name is that of the structure."""
    return FoundValue(one.value, one.voxels, one.name or stem_of(PurePosixPath(file.name).name), one.code)


def _mapped(read: LabelMap, found: Sequence[FoundValue], labels: PairLabels) -> Mask:
    said = {one.value: labels.mapping[one.value] for one in found if one.value in labels.mapping}
    others = [one for one in found if one.value not in said]
    known = (_only(others, labels.task) or sure_mapping(others, labels.task)) if others else {}
    return read.mapped(apply(found, labels.task, {**(known or {}), **said}))


def _only(others: Sequence[FoundValue], task: Task) -> dict[int, int | None] | None:
    """One value without a name is the one label of its task, such as the 255 of a picture."""
    if len(others) == len(task.labels) == 1 and not (others[0].name or others[0].code):
        return {others[0].value: task.labels[0].value}
    return None
