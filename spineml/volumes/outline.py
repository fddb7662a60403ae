"""The outline of a mask in a slice, for drawing it and for the surface of a volume."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]


def outline(mask: BoolArray) -> BoolArray:
    """The pixels of a ``(y, x)`` mask with a 4-neighbour outside of it."""
    return mask & ~inner(mask)


def inner(mask: BoolArray) -> BoolArray:
    """Erosion of ``(y, x)`` by the cross; the image's border pixels are never inner."""
    inner = np.zeros_like(mask)
    if min(mask.shape) < 3:
        return inner
    centre = mask[1:-1, 1:-1]
    inner[1:-1, 1:-1] = centre & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    return inner
