"""Where pictures belong, by the names of the files of their series."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from spineml.masks import read as masks
from spineml.phantom import write_dicom_series
from spineml.readers.scan import DetectedSeries
from spineml.readers.series import PictureOrder, ReceivedFile
from spineml.readers.slice_names import SourceNames
from tests.spineml.intake_helpers import scan_paths, small_phantom
from tests.spineml.mask_files import png_bytes, write_zip

DEPTH = 12


def head_first(tmp_path: Path, name: Callable[[int], str]) -> DetectedSeries:
    """A CT whose first file by number is the highest slice, as most scanners number."""
    paths = []
    for z, path in enumerate(write_dicom_series(small_phantom(DEPTH), tmp_path / "ct")):
        paths.append(path.rename(path.with_name(f"{name(DEPTH - z)}.dcm")))
    (plan,) = scan_paths(paths, tmp_path).series
    return plan


def labels(plan: DetectedSeries) -> np.ndarray:
    found = np.zeros(plan.geometry.shape, np.uint8)
    for z, slice_labels in enumerate(found):
        slice_labels[4 : 6 + z, 7:9] = 1
    return found


def read(tmp_path: Path, plan: DetectedSeries, name: Callable[[int], str], order: PictureOrder = "") -> list[int]:
    """The marked rows of each slice from the feet, as an upload of pictures by number from the head gives them."""
    members = {f"m/{name(DEPTH - z)}.png": png_bytes(pixels * np.uint8(255)) for z, pixels in enumerate(labels(plan))}
    file = write_zip(tmp_path / "m.zip", dict(sorted(members.items())))
    names = SourceNames.of_meta(json.loads(json.dumps(plan.meta.as_json())))
    found = masks.read_mask([file], plan.geometry, names=names, order=order)
    return [int(areas) // 2 for areas in found.labels.sum(axis=(1, 2))]


RIGHT = [2 + z for z in range(DEPTH)]


@pytest.mark.parametrize(
    ("source", "mask"),
    [
        ("IM{:04d}", "IM{:04d}"),
        ("IM{:04d}", "im{:d}"),
        ("IM{:04d}", "IM{:04d}_mask"),
        ("IM{:04d}", "mask_IM{:04d}"),
        ("{:d}", "{:d}"),
        ("IMG{:05d}", "IMG{:05d}.dcm"),
        ("I{:07d}0", "I{:07d}0"),
        ("허리 {:03d}", "허리 {:03d}"),
        ("1.2.840.113619.2.5.{:d}.7", "1.2.840.113619.2.5.{:d}.7"),
        ("20240131{:012d}", "20240131{:012d}"),
        ("slice_{:04d}x", "slice_{:04d}x"),
    ],
)
def test_pictures_named_like_the_dicom_files_lie_at_their_slices(tmp_path: Path, source: str, mask: str) -> None:
    plan = head_first(tmp_path, source.format)
    assert read(tmp_path, plan, mask.format) == RIGHT


def test_names_without_any_order_are_matched_too(tmp_path: Path) -> None:
    drawn = np.random.default_rng(0).permutation(DEPTH + 1)
    plan = head_first(tmp_path, lambda number: f"1.2.3.{drawn[number] * 7919}.{number}")
    assert read(tmp_path, plan, lambda number: f"1.2.3.{drawn[number] * 7919}.{number}") == RIGHT


def test_an_order_that_is_not_clear_is_asked_for(tmp_path: Path) -> None:
    plan = head_first(tmp_path, "IM{:04d}".format)
    with pytest.raises(masks.MaskOrderUnclear, match="slice order of the images is unclear"):
        read(tmp_path, plan, "mask_{:03d}".format)
    assert read(tmp_path, plan, "mask_{:03d}".format, "from-head") == RIGHT
    assert read(tmp_path, plan, "mask_{:03d}".format, "from-feet") == RIGHT[::-1]


def test_the_names_of_our_own_export_begin_at_the_feet(tmp_path: Path) -> None:
    plan = head_first(tmp_path, "IM{:04d}".format)
    assert read(tmp_path, plan, lambda number: f"slice_{DEPTH + 1 - number:04d}") == RIGHT


def test_other_names_of_a_series_that_is_numbered_from_the_feet_begin_there(tmp_path: Path) -> None:
    (plan,) = scan_paths(write_dicom_series(small_phantom(DEPTH), tmp_path / "ct"), tmp_path).series
    assert read(tmp_path, plan, lambda number: f"mask_{DEPTH + 1 - number}") == RIGHT


def test_the_wrong_number_of_pictures_is_told_before_their_order(tmp_path: Path) -> None:
    plan = head_first(tmp_path, "IM{:04d}".format)
    file = write_zip(tmp_path / "m.zip", {"a.png": png_bytes(labels(plan)[0])})
    with pytest.raises(masks.MaskWrongSliceCount):
        masks.read_mask([file], plan.geometry, names=SourceNames.of_meta(plan.meta.as_json()))


@pytest.mark.parametrize("name", ["홍길동_{:03d}", "KIM CHULSOO {:d} 98765432", "Kim_{:d}_1.2.840.99"])
def test_what_is_kept_of_names_holds_nobody(tmp_path: Path, name: str) -> None:
    kept = json.dumps(head_first(tmp_path, name.format).meta.as_json(), ensure_ascii=False).casefold()
    for part in ("홍길동", "kim", "chulsoo", "98765432", "1.2.840"):
        assert part not in kept


def test_series_without_kept_names_are_read_as_before(tmp_path: Path) -> None:
    assert SourceNames.of_meta({}).slices_of(["a.png"]) is None
    assert SourceNames.of([]) == SourceNames()
    assert SourceNames.of(["a", "a"]) == SourceNames()
    assert not SourceNames.of_meta({"slice_names": [], "slice_names_check": 0}).from_the_head


def test_a_received_file_may_have_any_name(tmp_path: Path) -> None:
    for name in ("7" * 4400, "\0", "", "/", "한글.png", "\ud800"):
        assert SourceNames.of([f"{name}1", f"{name}2"]).slices_of([f"{name}2", f"{name}1"]) in ([1, 0], None)
        assert isinstance(ReceivedFile(tmp_path, name).name, str)
