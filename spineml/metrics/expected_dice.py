"""How sure a network is of its mask: the Dice that it expects itself, from its own probabilities.

Taking the probabilities ``p`` at their word, the truth holds each pixel with chance ``p``. The Dice of a mask ``m`` and
it is ``2 |m and truth| / (|m| + |truth|)``; with the expected values of both parts, ``2 sum(m p) / (sum(m) + sum(p))``.
A network that errs surely is still sure: a low value tells where to look first, a high one does not replace looking.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spineml.volumes.volume import LabelArray

# Below this lies the rest of a sigmoid far from any bone; a whole slice of it would add up to a structure.
SURELY_NOT = 0.05
# A few pixels of doubt in an empty slice are no doubt about the slice.
SLACK_PX = 50.0


def expected_dice(probability: npt.NDArray[np.float32], mask: LabelArray) -> float:
    """The Dice that ``probability`` (0..1) expects of ``mask`` (above 0 is marked), both ``(y, x)``: 0 to 1."""
    marked = mask > 0
    shared = float(probability.sum(where=marked, dtype=np.float64))
    possible = float(probability.sum(where=probability > SURELY_NOT, dtype=np.float64))
    return min(1.0, (2 * shared + SLACK_PX) / (np.count_nonzero(marked) + possible + SLACK_PX))
