"""The one convention of axes, spacing and places."""

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from spineml.volumes.volume import Geometry, Mask, SourceGrid, Volume, canonical_geometry, with_unknown_spacing

SHAPE = (3, 4, 5)


def every_orientation() -> list[npt.NDArray[np.float64]]:
    """All 48 ways to lay three axes along left, back and head, with different voxel sizes."""
    matrices = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            matrix = np.eye(4)
            matrix[:3, :3] = 0.0
            for axis, (component, sign) in enumerate(zip(order, signs, strict=True)):
                matrix[component, axis] = sign * (0.5 + axis)
            matrix[:3, 3] = (10.0, -20.0, 30.0)
            matrices.append(matrix)
    return matrices


@pytest.mark.parametrize("affine", every_orientation())
def test_a_voxel_keeps_its_place_and_value_in_every_orientation(affine: npt.NDArray[np.float64]) -> None:
    stored = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    geometry = canonical_geometry(affine, SHAPE)
    canonical = geometry.source.to_canonical(stored)
    assert canonical.shape == geometry.shape
    assert np.array_equal(geometry.source.to_file(canonical), stored)
    assert np.allclose(geometry.file_affine_lps(), affine)
    assert np.array(geometry.direction).reshape(3, 3).trace() == pytest.approx(3.0)
    index = (2, 1, 3)
    place = affine @ [*index, 1]
    z, y, x = np.argwhere(canonical == stored[index])[0]
    assert np.allclose(geometry.affine_lps() @ [x, y, z, 1], place)


def test_an_oblique_grid_takes_the_closest_axes_and_keeps_its_angle() -> None:
    angle = np.radians(20)
    affine = np.eye(4)
    affine[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    geometry = canonical_geometry(affine, SHAPE)
    assert geometry.source.axes == (2, 1, 0)
    assert np.allclose(geometry.file_affine_lps(), affine)


@pytest.mark.parametrize(
    "affine",
    [
        np.zeros((4, 4)),  # nothing at all
        np.diag([1.0, 0.0, 1.0, 1.0]),  # one axis without length
        np.array([[1.0, 1.0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),  # two axes coincide
        np.full((4, 4), np.nan),
    ],
)
def test_axes_that_span_no_space_are_refused(affine: npt.NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="singular or not finite"):
        canonical_geometry(affine, SHAPE)


def test_the_volume_of_a_slanted_voxel_is_base_times_height() -> None:
    tilt = np.radians(30)
    affine = np.eye(4)
    affine[:3, 2] = [0, 2 * np.sin(tilt), 2 * np.cos(tilt)]
    geometry = canonical_geometry(affine, SHAPE)
    assert geometry.spacing[0] == pytest.approx(2.0)
    assert geometry.voxel_volume_mm3 == pytest.approx(2.0 * np.cos(tilt))
    assert geometry.pixel_area_mm2 == pytest.approx(1.0)


def test_ras_is_lps_turned_about_the_body_axis() -> None:
    geometry = Geometry(SHAPE, (3.0, 2.0, 1.0), origin=(1.0, 2.0, 3.0))
    assert np.allclose(geometry.affine_ras() @ [1, 1, 1, 1], [-2.0, -4.0, 6.0, 1.0])


def test_geometry_survives_json() -> None:
    geometry = Geometry(
        SHAPE, (3.0, 2.0, 1.0), origin=(1.0, 2.0, 3.0), source=SourceGrid((1, 0, 2), (True, False, True))
    )
    assert Geometry.from_json(geometry.as_json()) == geometry


def test_grids_are_the_same_within_a_tenth_of_a_millimetre() -> None:
    grid = Geometry(SHAPE)
    assert grid.same_grid(Geometry(SHAPE, origin=(0.05, 0, 0)))
    assert not grid.same_grid(Geometry(SHAPE, origin=(0.2, 0, 0)))
    assert not grid.same_grid(Geometry((3, 4, 6)))
    assert not grid.same_grid(Geometry(SHAPE, spacing=(1.0, 1.0, 1.05)))


@pytest.mark.parametrize(
    ("source", "keeps"),
    [
        (SourceGrid(), True),
        (SourceGrid(flips=(False, True, True)), True),
        (SourceGrid(flips=(True, False, False)), False),  # the file's first slice is our last
        (SourceGrid(axes=(2, 1, 0)), False),
    ],
)
def test_slices_can_be_exchanged_one_by_one_only_along_the_same_axis(source: SourceGrid, keeps: bool) -> None:
    assert source.keeps_slices is keeps


def test_without_spacing_a_voxel_is_one_unit() -> None:
    geometry = with_unknown_spacing(Geometry(SHAPE, (3.0, 2.0, 2.0)))
    assert (geometry.spacing, geometry.spacing_known) == ((1.0, 1.0, 1.0), False)


def test_an_array_that_does_not_fit_its_geometry_is_refused() -> None:
    with pytest.raises(ValueError, match="its geometry says"):
        Volume(np.zeros((1, 1, 1), np.int16), Geometry(SHAPE))
    with pytest.raises(ValueError, match="its geometry says"):
        Mask(np.zeros((1, 1, 1), np.uint8), Geometry(SHAPE))
