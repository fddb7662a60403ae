"""Slices painted from label maps."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from scripts.default_model import synthetic
from scripts.default_model.synthetic import BONE, CORD, OUTSIDE, SOFT, SPINE


def classes() -> np.ndarray:
    picture = np.full((80, 80), SOFT, np.uint8)
    picture[:10] = OUTSIDE
    picture[40:60, 30:50] = SPINE
    picture[62:66, 38:42] = CORD
    picture[20:24, 60:64] = BONE
    return picture


def test_the_same_seed_paints_the_same_slice() -> None:
    first, again = (synthetic.paint(classes(), True, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first, again)
    assert first.dtype == np.float32


@pytest.mark.parametrize("seed", range(8))
def test_bone_is_denser_than_the_tissue_around_it(seed: int) -> None:
    hu = synthetic.paint(classes(), True, np.random.default_rng(seed))
    picture = classes()
    assert hu[picture == SPINE].mean() > hu[picture == SOFT].mean()
    assert np.all(hu[picture == OUTSIDE] == -1024)


def test_intensities_differ_from_slice_to_slice() -> None:
    means = {round(float(synthetic.paint(classes(), True, np.random.default_rng(n))[45, 40])) for n in range(6)}
    assert len(means) > 4


def test_label_maps_become_tissue_classes(tmp_path: Path) -> None:
    labels = np.zeros((60, 60, 3), np.uint8)  # x, y, z as in NIfTI
    labels[20:40, 20:30] = 1
    labels[28:32, 34:38] = 2
    labels[10:14, 20:24] = 3
    names = {"1": "vertebrae_L3", "2": "spinal_cord", "3": "vertebrae_S1"}
    (tmp_path / "s1_structures.json").write_text(json.dumps(names))
    nib.save(nib.Nifti1Image(labels, np.diag([1.5, 1.5, 1.5, 1.0])), tmp_path / "s1_structures.nii.gz")
    nib.save(nib.Nifti1Image(labels, np.diag([0.3, 0.3, 1.0, 1.0])), tmp_path / "sub-x_seg-vert_msk.nii.gz")
    body, crop = synthetic.load_anatomies(tmp_path)
    assert body.full_field
    assert body.classes.shape == (3, 60, 60)
    assert (body.classes == SPINE).sum() == 20 * 10 * 3
    assert (body.classes == BONE).sum() == 4 * 4 * 3  # S1 belongs to the sacrum
    assert (body.classes == SOFT).any()
    assert not crop.full_field
    assert crop.spacing == pytest.approx((0.6, 0.6))
