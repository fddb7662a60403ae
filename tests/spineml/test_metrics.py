"""Agreement of masks, checked against SimpleITK and scikit-image, on random and on degenerate masks."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK
from scipy import ndimage
from skimage.metrics import hausdorff_distance

from spineml.metrics.confusion import Confusion, confusion
from spineml.metrics.overlap import Comparison, compare
from spineml.metrics.surface_distance import surface_distances
from spineml.volumes.canonical_file import SliceFileReader, write_mask
from spineml.volumes.volume import Geometry, Mask, with_unknown_spacing

GEOMETRY = Geometry(shape=(8, 24, 20), spacing=(2.5, 0.7, 1.3))


class Slices:
    """A mask in memory that is read like a file."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def read(self, z: int) -> np.ndarray:
        return self.array[z]


def random_masks(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    reference = ndimage.gaussian_filter(rng.normal(size=GEOMETRY.shape), 1.5) > 0.05
    predicted = reference ^ (rng.random(GEOMETRY.shape) > 0.95)
    reference[0] = predicted[0] = False
    reference[1] = False
    return reference, predicted


def compared(seed: int = 0) -> Comparison:
    reference, predicted = random_masks(seed)
    return compare(Slices(reference.astype(np.uint8)), Slices(predicted.astype(np.uint8) * 255), GEOMETRY)


@pytest.mark.parametrize("seed", range(3))
def test_overlap_measures_equal_those_of_simple_itk(seed):
    reference, predicted = random_masks(seed)
    images = [SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in (reference, predicted)]
    independent = SimpleITK.LabelOverlapMeasuresImageFilter()
    independent.Execute(images[1], images[0])  # prediction first, reference second

    found = confusion(reference, predicted)

    assert found.dice == pytest.approx(independent.GetDiceCoefficient())
    assert found.iou == pytest.approx(independent.GetJaccardCoefficient())
    assert 1 - found.sensitivity == pytest.approx(independent.GetFalseNegativeError())
    assert 1 - found.precision == pytest.approx(independent.GetFalseDiscoveryRate())
    assert 1 - found.specificity == pytest.approx(independent.GetFalsePositiveError())


def test_f1_of_two_masks_is_their_dice():
    found = confusion(*random_masks())

    assert found.f1 == pytest.approx(found.dice)


@pytest.mark.parametrize(
    # tp, fp, fn, tn -> dice, sensitivity, precision, specificity, iou
    ("counts", "expected"),
    [
        ((0, 0, 0, 9), (1.0, None, None, 1.0, 1.0)),  # both empty: they agree
        ((0, 0, 4, 5), (0.0, 0.0, None, 1.0, 0.0)),  # nothing predicted
        ((0, 4, 0, 5), (0.0, None, 0.0, 5 / 9, 0.0)),  # nothing to find
        ((0, 2, 3, 4), (0.0, 0.0, 0.0, 4 / 6, 0.0)),  # disjoint
        ((9, 0, 0, 0), (1.0, 1.0, 1.0, None, 1.0)),  # both full
        ((1, 0, 0, 8), (1.0, 1.0, 1.0, 1.0, 1.0)),  # one pixel, found
        ((2, 1, 1, 5), (4 / 6, 2 / 3, 2 / 3, 5 / 6, 0.5)),
    ],
)
def test_measures_of_degenerate_masks_are_defined_or_none(counts, expected):
    found = Confusion(*counts)

    assert (found.dice, found.sensitivity, found.precision, found.specificity, found.iou) == pytest.approx(expected)
    assert found.f1 == pytest.approx(found.dice)


def test_masks_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="the masks are"):
        confusion(np.ones((2, 2), bool), np.ones((2, 3), bool))


def test_a_streamed_comparison_equals_the_measures_of_the_whole_arrays():
    reference, predicted = random_masks()

    found = compared()

    assert found.pooled.confusion == confusion(reference, predicted)
    whole = surface_distances(reference, predicted, GEOMETRY.spacing)
    assert found.pooled.surface == found.surface
    assert (found.surface.hd95_mm, found.surface.mean_mm) == pytest.approx((whole.hd95_mm, whole.mean_mm))
    for image in found.images:
        assert image.confusion == confusion(reference[image.z], predicted[image.z])
        assert image.surface == surface_distances(reference[image.z], predicted[image.z], GEOMETRY.spacing[1:])


def test_the_largest_distance_is_bounded_by_the_hausdorff_distance_of_scikit_image():
    reference, predicted = random_masks()

    found = compare(Slices(reference), Slices(predicted), replace(GEOMETRY, spacing=(1.0, 1.0, 1.0)))

    assert found.surface.hd95_mm > 0
    edges = [mask & ~ndimage.binary_erosion(mask) for mask in (reference, predicted)]
    assert found.surface.hd95_mm <= hausdorff_distance(*edges)


def test_masks_are_compared_from_their_files(tmp_path):
    reference, predicted = random_masks()
    for name, array in (("reference", reference), ("predicted", predicted)):
        write_mask(tmp_path / f"{name}.h5", Mask(array.astype(np.uint8), GEOMETRY))
    steps = []

    with SliceFileReader(tmp_path / "reference.h5") as first, SliceFileReader(tmp_path / "predicted.h5") as second:
        found = compare(first, second, GEOMETRY, lambda done, total: steps.append((done, total)))

    assert found == compared()
    assert steps == [(z + 1, 8) for z in range(8)]


def test_a_single_slice_has_its_distances_in_the_plane():
    geometry = replace(GEOMETRY, shape=(1, 24, 20))
    reference, predicted = (mask[3:4] for mask in random_masks())

    found = compare(Slices(reference), Slices(predicted), geometry)

    assert found.surface == found.images[0].surface
    assert found.surface.hd95_mm is not None


def test_a_tilted_gantry_shortens_the_distances_across_slices():
    reference, predicted = np.zeros((2, 4, 5, 5), bool)
    reference[1, 2, 2] = predicted[2, 3, 2] = True
    lean = np.deg2rad(30)
    direction = (1.0, 0.0, 0.0, 0.0, 1.0, -np.sin(lean), 0.0, 0.0, np.cos(lean))
    geometry = Geometry((4, 5, 5), (2.0, 1.0, 1.0), direction)

    found = compare(Slices(reference), Slices(predicted), geometry)

    assert found.surface.hd95_mm == pytest.approx(np.hypot(1 - 2 * np.sin(lean), 2 * np.cos(lean)))


def test_without_a_known_spacing_distances_are_in_pixels_and_say_so():
    reference, predicted = random_masks()

    found = compare(Slices(reference), Slices(predicted), with_unknown_spacing(GEOMETRY))

    assert found.unit == "px"
    assert found.to_csv().splitlines()[0].endswith("hd95_px,mean_surface_distance_px")


def test_a_missing_slice_is_refused():
    reference, predicted = random_masks()

    with pytest.raises(ValueError, match="8 and 7 slices"):
        compare(Slices(reference), Slices(predicted[:-1]), GEOMETRY)


def test_means_leave_out_images_that_mark_nothing():
    found = compared()

    marked = [image.confusion for image in found.images if not image.confusion.both_empty]
    assert len(marked) == len(found.images) - 1
    assert found.means["dice"] == pytest.approx(np.mean([each.dice for each in marked]))
    sensitivities = [each.sensitivity for each in marked if each.sensitivity is not None]
    assert len(sensitivities) == len(marked) - 1
    assert found.means["sensitivity"] == pytest.approx(np.mean(sensitivities))
    mean_precision = np.mean([each.precision for each in marked])
    expected = 2 * mean_precision * np.mean(sensitivities) / (mean_precision + np.mean(sensitivities))
    assert found.f1_of_means == pytest.approx(expected)


def test_a_comparison_survives_json():
    found = compared()

    assert Comparison.from_json(json.loads(json.dumps(found.as_json()))) == found


def test_the_csv_names_how_each_row_averages_and_leaves_undefined_cells_empty():
    rows = list(csv.DictReader(io.StringIO(compared().to_csv())))

    assert [row["scope"] for row in rows] == ["per image"] * 8 + ["mean of images", "pooled"]
    assert [row["slice"] for row in rows[:8]] == [str(number) for number in range(1, 9)]
    empty = rows[0]
    assert (empty["dice"], empty["sensitivity_recall"], empty["precision"], empty["hd95_mm"]) == ("1", "", "", "")
    assert float(rows[-1]["dice"]) == pytest.approx(compared().pooled.confusion.dice, rel=1e-5)
    assert float(rows[-1]["hd95_mm"]) == pytest.approx(compared().surface.hd95_mm, rel=1e-5)


def test_two_empty_volumes_agree_without_distances():
    empty = np.zeros(GEOMETRY.shape, np.uint8)

    found = compare(Slices(empty), Slices(empty), GEOMETRY)

    assert found.pooled.confusion.dice == 1
    assert found.as_json()["mean_of_images"]["dice"] is None
    assert found.f1_of_means is None
    assert (found.surface.hd95_mm, found.surface.mean_mm) == (None, None)
