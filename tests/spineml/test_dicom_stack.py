"""The arithmetic of ordering slices."""

import numpy as np
import pytest

from spineml.readers.dicom.stack import base_step, stack_normal


@pytest.mark.parametrize(
    ("distances", "step"),
    [
        ([2, 2, 2, 2], 2.0),
        ([2, 4, 2, 6], 2.0),  # gaps of one and two slices
        ([4, 2, 4, 2, 4], 2.0),  # most neighbours are missing
        ([2.001, 1.999, 4.0], 2.0),  # rounding of the header
        ([3, 2, 3, 2.5, 3], 3.0),  # uneven: the median
        ([20, 1, 20, 20, 20, 20], 20.0),  # one slice out of place is no measure
    ],
)
def test_the_step_is_the_distance_that_recurs(distances: list[float], step: float) -> None:
    assert base_step(np.array(distances, float)) == pytest.approx(step, abs=0.01)


@pytest.mark.parametrize(
    ("cosines", "normal"),
    [
        ((1, 0, 0, 0, 1, 0), (0, 0, 1)),
        ((1, 0, 0, 0, -1, 0), (0, 0, 1)),  # towards the head, whichever way the rows run
        ((0, 1, 0, 0, 0, -1), (1, 0, 0)),
        ((1, 0, 0, 0, 0, -1), (0, 1, 0)),
    ],
)
def test_the_normal_points_to_left_back_or_head(cosines: tuple[float, ...], normal: tuple[float, ...]) -> None:
    assert np.allclose(stack_normal(cosines), normal)
