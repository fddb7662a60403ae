"""Label checks on phantoms: what is remarked on, what is not, and that it costs no memory to speak of."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from spineml.masks.label_checks import Checked, CheckSettings, LabelCheck, Suspicion, body_of
from spineml.masks.parts import PartCounter
from spineml.phantom import spine_phantom
from spineml.volumes.canonical_file import SliceFileReader, write_volume
from spineml.volumes.volume import Geometry, HounsfieldArray, LabelArray

VOLUME, MASK = spine_phantom((16, 128, 128), seed=2, spacing=(4.0, 1.6, 1.6))
GRID, HU, LABELS = VOLUME.geometry, VOLUME.hu, MASK.labels


def check(labels: LabelArray, hu: HounsfieldArray = HU, grid: Geometry = GRID, **options: object) -> Checked:
    look = LabelCheck(grid, **options)  # type: ignore[arg-type]
    for z in range(grid.shape[0]):
        look.add(z, hu[z], labels[z])
    return look.finish()


def codes(labels: LabelArray, **options: object) -> list[str]:
    return [one.code for one in check(labels, **options).suspicions]


def of_code(code: str, labels: LabelArray) -> list[Suspicion]:
    return [one for one in check(labels).suspicions if one.code == code]


def test_a_good_mask_is_not_remarked_on() -> None:
    assert codes(LABELS) == []


def test_an_empty_mask_is_just_empty() -> None:
    assert codes(np.zeros_like(LABELS)) == ["empty"]


@pytest.mark.parametrize(("axis", "steps"), [(1, 10), (1, -12), (2, 10), (2, -14)])
def test_a_moved_mask_is_found_with_how_far(axis: int, steps: int) -> None:
    (found,) = of_code("shifted", np.roll(LABELS, steps, axis))
    assert found.values["unit"] == "mm"
    assert found.values["distance"] == pytest.approx(abs(steps) * 1.6, abs=1.7)
    assert found.values["then"] > found.values["share"]
    assert found.z is not None


def test_a_mask_that_is_upside_down_is_flipped() -> None:
    (found,) = of_code("flipped", np.flip(LABELS, 1))
    assert found.values["axis"] == "front-back"


def test_a_mask_off_all_bone_lies_on_none() -> None:
    beside = np.zeros_like(LABELS)
    beside[:, 60:64, 100:104] = 1
    settings = CheckSettings(farthest=2.0)
    assert "off-bone" in [one.code for one in check(beside, settings=settings).suspicions]


def test_a_mask_in_the_air_is_outside_the_body() -> None:
    drawn = LABELS.copy()
    drawn[3, :8, :40] = 1
    (found,) = of_code("outside-body", drawn)
    assert (found.z, found.values["share"]) == (3, pytest.approx(320 / drawn.sum(), abs=0.001))


def test_specks_are_counted() -> None:
    drawn = LABELS.copy()
    drawn[8, 40:60:2, 40:60:4] = 1
    assert "parts" in codes(drawn, settings=CheckSettings(most_parts=20))


def test_pictures_without_hounsfield_units_are_checked_by_their_brightest_parts() -> None:
    grey = (np.clip((HU + 500) / 1800 * 255, 0, 255)).astype(np.int16)
    assert codes(LABELS, hu=grey, hounsfield=False) == []
    assert codes(np.roll(LABELS, 12, 2), hu=grey, hounsfield=False) == ["shifted"]


def test_slices_are_known_by_their_hash_unless_they_are_all_one_value() -> None:
    hu = HU.copy()
    hu[0] = -1000
    hashes = check(LABELS, hu=hu).slice_hashes
    assert hashes[0] is None
    assert hashes[1] == hashlib.sha256(hu[1].tobytes()).digest()


def test_parts_that_touch_by_a_corner_from_slice_to_slice_are_one() -> None:
    counter = PartCounter()
    first, second, third = np.zeros((3, 6, 6), bool)
    first[1, 1] = first[4, 4] = True
    second[2, 2] = True
    third[3, 3] = True
    for marked in (first, second, third):
        counter.add(marked)
    assert counter.count == 2
    counter.add(np.zeros((6, 6), bool))
    counter.add(first)
    assert counter.count == 4


def test_the_body_is_the_largest_thing_with_what_it_encloses() -> None:
    hu = np.full((41, 40), -1000, np.int16)
    hu[5:35, 5:35] = 40
    hu[15:20, 15:20] = -900
    hu[38:40, 2:4] = 40
    body = body_of(hu)
    assert body.shape == hu.shape
    assert body[17, 17]
    assert not body[39, 3]
    assert not body_of(np.full((8, 8), -1000, np.int16)).any()


def test_stored_slice_hashes_are_those_of_the_slices(tmp_path: Path) -> None:
    write_volume(tmp_path / "volume.h5", VOLUME)
    with SliceFileReader(tmp_path / "volume.h5") as reader:
        assert reader.slice_hashes() == list(check(LABELS).slice_hashes)
