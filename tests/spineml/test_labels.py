"""Sizes and places of the labels of a label map."""

import json

import numpy as np
import pytest
from scipy import ndimage

from spineml.metrics.labels import label_summaries
from spineml.volumes.canonical_file import SliceFileReader, write_mask
from spineml.volumes.volume import Geometry, Mask, with_unknown_spacing

TILT = np.deg2rad(20)
GEOMETRY = Geometry(
    shape=(6, 20, 24),
    spacing=(2.5, 0.5, 0.8),
    origin=(-30.0, 12.0, 100.0),
    direction=(
        1.0,
        0.0,
        0.0,
        0.0,
        float(np.cos(TILT)),
        float(-np.sin(TILT)),
        0.0,
        float(np.sin(TILT)),
        float(np.cos(TILT)),
    ),
)


def a_map() -> np.ndarray:
    labels = np.zeros(GEOMETRY.shape, np.uint8)
    labels[1:4, 2:9, 3:11] = 20
    labels[3:, 10:15, 5:9] = 255
    labels[5, 0, 0] = 1
    return labels


@pytest.fixture
def reader(tmp_path):
    write_mask(tmp_path / "mask.h5", Mask(a_map(), GEOMETRY))
    with SliceFileReader(tmp_path / "mask.h5") as opened:
        yield opened


def test_each_label_has_its_voxels_slices_and_volume(reader):
    found = label_summaries(reader, GEOMETRY)

    assert {value: one.size.voxels for value, one in found.items()} == {1: 1, 20: 168, 255: 60}
    assert (found[20].first_slice, found[20].last_slice) == (1, 3)
    assert found[20].size.pixels == (0, 56, 56, 56, 0, 0)
    assert found[20].size.volume_ml == pytest.approx(168 * GEOMETRY.voxel_volume_mm3 / 1000)


def test_centroids_are_where_scipy_finds_them_in_lps(reader):
    found = label_summaries(reader, GEOMETRY)

    for value, one in found.items():
        z, y, x = ndimage.center_of_mass(a_map() == value)
        assert one.centroid_mm == pytest.approx((GEOMETRY.affine_lps() @ [x, y, z, 1.0])[:3])


def test_without_a_spacing_there_is_no_place_and_no_volume(reader):
    one = label_summaries(reader, with_unknown_spacing(GEOMETRY))[20]

    assert (one.centroid_mm, one.size.volume_ml, one.size.voxels) == (None, None, 168)


def test_the_summary_is_plain_data(reader):
    stored = json.loads(json.dumps(label_summaries(reader, GEOMETRY)[20].as_json()))

    assert (stored["value"], stored["first_slice"], stored["last_slice"], stored["voxels"]) == (20, 1, 3, 168)


def test_an_empty_map_has_no_labels(tmp_path):
    write_mask(tmp_path / "mask.h5", Mask(np.zeros(GEOMETRY.shape, np.uint8), GEOMETRY))
    with SliceFileReader(tmp_path / "mask.h5") as reader:
        assert label_summaries(reader, GEOMETRY) == {}
