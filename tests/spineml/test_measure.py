"""Areas and volumes of masks."""

import json

import numpy as np
import pytest

from spineml.metrics.volume_and_area import MaskSummary, area_mm2, summary, volume_ml
from spineml.volumes.canonical_file import SliceFileReader, write_mask
from spineml.volumes.volume import Geometry, Mask, with_unknown_spacing

GEOMETRY = Geometry(shape=(4, 10, 12), spacing=(5.0, 0.5, 0.8))


def a_mask() -> np.ndarray:
    labels = np.zeros(GEOMETRY.shape, np.uint8)
    labels[1, 2:5, 3:7] = 1
    labels[2, 0, 0] = 7
    return labels


def test_a_mask_is_counted_per_slice_and_in_all():
    found = summary(a_mask(), GEOMETRY)

    assert found.pixels == (0, 12, 1, 0)
    assert (found.voxels, found.slices_with_mask) == (13, 2)
    assert found.area_mm2(1) == pytest.approx(12 * 0.5 * 0.8)
    assert area_mm2(a_mask()[1], GEOMETRY) == pytest.approx(12 * 0.5 * 0.8)


def test_the_volume_uses_the_distance_between_slices():
    assert summary(a_mask(), GEOMETRY).volume_ml == pytest.approx(13 * 5.0 * 0.5 * 0.8 / 1000)


def test_a_file_is_measured_slice_by_slice(tmp_path):
    write_mask(tmp_path / "mask.h5", Mask(a_mask(), GEOMETRY))

    with SliceFileReader(tmp_path / "mask.h5") as reader:
        assert summary(reader, GEOMETRY) == summary(a_mask(), GEOMETRY)


def test_without_a_known_spacing_only_pixels_are_stated():
    geometry = with_unknown_spacing(GEOMETRY)

    found = summary(a_mask(), geometry)

    assert found.voxels == 13
    assert (found.volume_ml, found.pixel_area_mm2, found.area_mm2(1)) == (None, None, None)
    assert area_mm2(a_mask()[1], geometry) is None


def test_sheared_slices_of_a_tilted_gantry_are_not_counted_too_large():
    lean = np.deg2rad(20)
    direction = (1.0, 0.0, 0.0, 0.0, 1.0, -np.sin(lean), 0.0, 0.0, np.cos(lean))
    tilted = Geometry(GEOMETRY.shape, GEOMETRY.spacing, direction)

    assert volume_ml(1000, tilted) == pytest.approx(5.0 * np.cos(lean) * 0.5 * 0.8)


def test_a_missing_slice_is_refused():
    with pytest.raises(ValueError, match="the mask has 3 slices"):
        summary(a_mask()[:3], GEOMETRY)


def test_a_summary_survives_json():
    found = summary(a_mask(), GEOMETRY)

    assert MaskSummary.from_json(json.loads(json.dumps(found.as_json()))) == found
