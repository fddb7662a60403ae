"""Reading the mask of a pair: one file, or one for each bone."""

from __future__ import annotations

import numpy as np

from spineml.errors import MaskRejected
from spineml.masks.read import MaskEmpty, read_mask
from spineml.message import message
from spineml.readers.pairs.pairs import Pair
from spineml.readers.series import DetectedSeries
from spineml.volumes.volume import LabelArray, Mask


def read_pair_mask(pair: Pair, plan: DetectedSeries, *, spatial: bool) -> Mask:
    """The labels of all masks of a pair together, on the grid of the series that its image became.

    A mask that marks nothing is taken: an image without spine teaches too, and the label checks name it.

    Raises:
        MaskRejected: a mask does not fit, or the image is one of several of its series.
    """
    if len(plan.files) > 1:
        raise MaskRejected(
            message("Its image belongs to a series of several files. Send the series first, then its mask.")
        )
    labels: LabelArray = np.zeros(plan.geometry.shape, np.uint8)
    for file in pair.masks:
        try:
            mask = read_mask([file], plan.geometry, every_label=pair.every_label, spatial=spatial)
        except MaskEmpty:
            continue
        except MaskRejected as error:
            if not pair.parts:
                raise
            raise type(error)(message("{name}: {reason}", name=file.name, reason=error.message)) from error
        np.maximum(labels, mask.labels, out=labels)
    return Mask(labels, plan.geometry)
