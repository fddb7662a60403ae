"""Label maps: their values stay apart, with the names, codes and colours that the file states."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from spineml.masks.label_map import segments_of
from spineml.masks.labels import MaskEmpty, MaskFull, MaskTooManyValues, MaskUnreadable
from spineml.masks.read import read_label_map
from spineml.tasks import mapping
from spineml.tasks.shipped import VERTEBRAE_CT
from spineml.tasks.task import Code
from tests.spineml.mask_files import SERIES, png_bytes, received, write_itk, write_nifti, write_zip

TAGS = (
    "Segmentation.Status:inprogress|TerminologyEntry:Segmentation category and type - 3D Slicer General Anatomy list"
    "~SCT^123037004^Anatomical Structure~SCT^66794005^L1 vertebra~^^~Anatomic codes - DICOM master list~^^~^^|"
)


def a_map(dtype: type = np.uint8) -> np.ndarray:
    labels = np.zeros(SERIES.shape, dtype)
    labels[0, 2:6, 3:7] = 20
    labels[1:, 5:9, 1:10] = 3
    labels[2, 0, 0] = 25
    return labels


def seg_nrrd(path: Path, remarks: dict[str, str]) -> Path:
    image = SimpleITK.GetImageFromArray(a_map())
    image.SetSpacing(SERIES.spacing[::-1])
    image.SetOrigin(SERIES.origin)
    for key, text in remarks.items():
        image.SetMetaData(key, text)
    SimpleITK.WriteImage(image, path, useCompression=True)
    return path


def as_read(found) -> np.ndarray:
    return np.array([0, *(one.value for one in found.found)])[found.slots]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_values_stay_apart_in_every_type(tmp_path, dtype):
    files = [write_nifti(tmp_path / "map.nii.gz", a_map(dtype).T, SERIES.affine_lps())]

    found = read_label_map(files, SERIES)

    assert [(one.value, one.voxels) for one in found.found] == [(3, 72), (20, 16), (25, 1)]
    assert np.array_equal(as_read(found), a_map())


def test_values_beyond_255_have_a_place_as_well(tmp_path):
    labels = a_map(np.int32) * 1000
    found = read_label_map([write_nifti(tmp_path / "map.nii", labels.T, SERIES.affine_lps())], SERIES)

    assert [one.value for one in found.found] == [3000, 20000, 25000]
    assert np.array_equal(as_read(found), labels)


def test_a_zip_of_pictures_and_an_mha_are_label_maps_too(tmp_path):
    pictures = {f"{z}.png": png_bytes(pixels) for z, pixels in enumerate(a_map())}

    for file in (write_zip(tmp_path / "map.zip", pictures), write_itk(tmp_path / "map.mha", a_map(), SERIES)):
        assert np.array_equal(as_read(read_label_map([file], SERIES)), a_map())


def test_segments_of_slicer_give_names_codes_and_colours(tmp_path):
    remarks = {
        "Segment0_Name": "요추 1번",
        "Segment0_LabelValue": "20",
        "Segment0_Color": "0.5 0.25 1",
        "Segment0_Tags": TAGS,
        "Segment1_Name": "<b>C3</b>",
        "Segment1_LabelValue": "3",
        "Segment2_LabelValue": "99",
    }
    file = seg_nrrd(tmp_path / "map.seg.nrrd", remarks)

    found = read_label_map([received(file)], SERIES)

    named = {one.value: one for one in found.found}
    assert (named[20].name, named[20].code, named[20].colour) == (
        "요추 1번",
        Code("66794005", "SCT", "L1 vertebra"),
        "#8040ff",
    )
    assert named[3].name == "<b>C3</b>"
    assert named[25].name == ""
    assert 99 not in named


def test_a_label_map_becomes_a_mask_of_the_task(tmp_path):
    found = read_label_map([write_nifti(tmp_path / "map.nii", a_map().T, SERIES.affine_lps())], SERIES)
    proposed = {
        one.found.value: one.label.value if one.label else None for one in mapping.propose(found.found, VERTEBRAE_CT)
    }

    mask = found.mapped(mapping.apply(found.found, VERTEBRAE_CT, proposed))

    assert np.array_equal(mask.labels, a_map())
    mask = found.mapped({3: 1, 20: 1, 25: 0})
    assert np.array_equal(mask.labels, np.isin(a_map(), (3, 20)))
    with pytest.raises(MaskEmpty):
        found.mapped({3: 0, 20: 0, 25: 0})


@pytest.mark.parametrize(
    ("labels", "error"),
    [
        (np.zeros(SERIES.shape, np.uint8), MaskEmpty),
        (np.full(SERIES.shape, 7, np.uint8), MaskFull),
        (np.arange(np.prod(SERIES.shape), dtype=np.int16).reshape(SERIES.shape), MaskTooManyValues),
        (a_map(np.int16) - 1, MaskUnreadable),
        (a_map(np.float32) / 2.5, MaskUnreadable),
        (a_map(np.int64) * 2**30, MaskUnreadable),
    ],
    ids=["empty", "full", "a CT", "below 0", "fractions", "far too large"],
)
def test_what_is_no_label_map_is_refused(tmp_path, labels, error):
    path = tmp_path / "map.nrrd"
    with pytest.raises(error):
        read_label_map([write_itk(path, labels, SERIES)], SERIES)


def test_all_of_a_map_may_be_marked_when_it_has_several_values(tmp_path):
    labels = a_map() + 1
    found = read_label_map([write_nifti(tmp_path / "map.nii", labels.T, SERIES.affine_lps())], SERIES)

    assert np.array_equal(as_read(found), labels)


@pytest.mark.parametrize(
    "remarks",
    [
        {"Segment0_LabelValue": "x"},
        {"Segment0_LabelValue": "9" * 30},
        {"Segment_LabelValue": "1"},
        {"Segment0_Name": "L1"},
    ],
)
def test_damaged_segments_are_left_out(remarks):
    assert segments_of(remarks) == {}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("Segment0_Color", "1 1"),
        ("Segment0_Color", "nan 0 0"),
        ("Segment0_Tags", "TerminologyEntry:~~~"),
        ("Segment0_Tags", "TerminologyEntry:a~b~SCT^^~"),
        ("Segment0_Name", "\x00\x01"),
    ],
)
def test_damaged_parts_of_a_segment_leave_the_rest(key, text):
    (one,) = segments_of({"Segment0_LabelValue": "4", key: text}).values()
    assert (one.value, one.name, one.code, one.colour) == (4, "", None, "")


def test_a_name_of_300_characters_is_cut():
    (one,) = segments_of({"Segment0_LabelValue": "4", "Segment0_Name": "가" * 300}).values()
    assert one.name == "가" * 64
