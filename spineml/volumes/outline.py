"""The outline of a mask in a slice, for drawing it and for the surface of a volume."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]


def outline(mask: BoolArray) -> BoolArray:
    """The pixels of a ``(y, x)`` mask with a 4-neighbour outside of it."""
    return mask & ~inner(mask)


def inner(labels: npt.NDArray[Any]) -> BoolArray:
    """Where all four neighbours in a ``(y, x)`` mask or label map have the same value; never at the image's border."""
    found = np.zeros(labels.shape, bool)
    if min(labels.shape) < 3:
        return found
    centre, inside = labels[1:-1, 1:-1], found[1:-1, 1:-1]
    np.equal(centre, labels[:-2, 1:-1], out=inside)
    for neighbour in (labels[2:, 1:-1], labels[1:-1, :-2], labels[1:-1, 2:]):
        inside &= centre == neighbour
    return found
