"""Surface distances, checked against distance transforms by SciPy and SimpleITK and against brute force."""

import numpy as np
import pytest
import SimpleITK
from scipy import ndimage
from scipy.spatial.distance import cdist

from spineml.metrics import surface_distance
from spineml.metrics.surface_distance import surface_distances

SPACINGS = {2: (0.7, 1.3), 3: (2.5, 0.7, 1.3)}


def by_distance_transform(reference, predicted, spacing):
    edges = [mask & ~ndimage.binary_erosion(mask) for mask in (reference, predicted)]
    maps = [ndimage.distance_transform_edt(~edge, spacing) for edge in edges]
    forth, back = maps[1][edges[0]], maps[0][edges[1]]
    hd95 = max(np.percentile(forth, 95), np.percentile(back, 95))
    return hd95, np.concatenate([forth, back]).mean()


def by_simple_itk(reference, predicted, spacing):
    distances = []
    for mask, other in ((reference, predicted), (predicted, reference)):
        edge = other & ~ndimage.binary_erosion(other)
        image = SimpleITK.GetImageFromArray(edge.astype(np.uint8))
        image.SetSpacing(spacing[::-1])
        field = SimpleITK.SignedMaurerDistanceMap(
            image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True
        )
        values = np.maximum(SimpleITK.GetArrayFromImage(field), 0)
        distances.append(values[mask & ~ndimage.binary_erosion(mask)])
    hd95 = max(np.percentile(each, 95) for each in distances)
    return hd95, np.concatenate(distances).mean()


def by_brute_force(reference, predicted, spacing):
    points = [np.argwhere(mask & ~ndimage.binary_erosion(mask)) * spacing for mask in (reference, predicted)]
    table = cdist(*points)
    forth, back = table.min(axis=1), table.min(axis=0)
    return max(np.percentile(forth, 95), np.percentile(back, 95)), np.concatenate([forth, back]).mean()


def random_blobs(axes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = (12, 30, 26)[-axes:]
    return tuple(ndimage.gaussian_filter(rng.normal(size=shape), 1.5) > 0.05 for _ in range(2))


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("independent", [by_distance_transform, by_simple_itk, by_brute_force])
def test_random_masks_have_the_distances_that_other_implementations_find(axes, seed, independent):
    reference, predicted = random_blobs(axes, seed)

    found = surface_distances(reference, predicted, SPACINGS[axes])

    assert (found.hd95_mm, found.mean_mm) == pytest.approx(independent(reference, predicted, SPACINGS[axes]), rel=1e-5)


@pytest.mark.parametrize("axes", [2, 3])
def test_noise_and_full_masks_are_compared_too(axes):
    rng = np.random.default_rng(7)
    shape = (6, 9, 8)[-axes:]
    noise, full = rng.random(shape) > 0.5, np.ones(shape, bool)

    found = surface_distances(noise, full, SPACINGS[axes])

    assert (found.hd95_mm, found.mean_mm) == pytest.approx(by_brute_force(noise, full, SPACINGS[axes]))


def test_two_single_pixels_are_as_far_apart_as_their_centres():
    reference, predicted = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    reference[1, 2] = predicted[4, 6] = True

    found = surface_distances(reference, predicted, (2.0, 0.5))

    assert found.hd95_mm == found.mean_mm == pytest.approx(np.hypot(3 * 2.0, 4 * 0.5))


def test_equal_masks_are_zero_apart():
    mask, _ = random_blobs(3, 1)

    assert surface_distances(mask, mask, SPACINGS[3]) == surface_distance.SurfaceDistances(0.0, 0.0)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 1), (1, 0)])
def test_distances_to_an_empty_mask_are_undefined(axes, first, second):
    masks = [np.full((4, 5, 6)[-axes:], bool(value)) for value in (first, second)]

    assert surface_distances(*masks, SPACINGS[axes]) == surface_distance.UNDEFINED


@pytest.mark.parametrize("shape", [(1, 7), (2, 2), (7, 1)])
def test_in_very_thin_images_every_marked_pixel_is_surface(shape):
    assert surface_distance.outline(np.ones(shape, bool)).all()


def test_noise_beyond_the_limit_is_undefined_instead_of_endless(monkeypatch):
    monkeypatch.setattr(surface_distance, "MAX_SURFACE_ELEMENTS", 20)
    mask = np.ones((5, 5, 5), bool)

    assert surface_distances(mask, mask, SPACINGS[3]) == surface_distance.UNDEFINED
    assert surface_distances(mask[:2, :2, :2], mask[:2, :2, :2], SPACINGS[3]).hd95_mm == 0


@pytest.mark.parametrize(
    ("first", "second", "spacing"),
    [((3, 3), (3, 4), (1.0, 1.0)), ((3, 3), (3, 3), (1.0, 1.0, 1.0)), ((3,), (3,), (1.0,))],
)
def test_masks_that_do_not_go_together_are_refused(first, second, spacing):
    with pytest.raises(ValueError, match="got masks of"):
        surface_distances(np.ones(first, bool), np.ones(second, bool), spacing)
