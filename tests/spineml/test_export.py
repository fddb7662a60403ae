"""Exports lie exactly where their source was, and come back as they were."""

import io
import itertools
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from spineml.masks import export
from spineml.masks.read import read_mask
from spineml.readers.series import ReceivedFile
from spineml.volumes.canonical_file import SliceFileReader, write_mask, write_volume
from spineml.volumes.volume import (
    RAS_TO_LPS,
    Geometry,
    Mask,
    SourceGrid,
    Volume,
    canonical_geometry,
    with_unknown_spacing,
)

LEAN = np.deg2rad(12)
TURNED = (np.cos(LEAN), -np.sin(LEAN), 0.0, np.sin(LEAN), np.cos(LEAN), 0.0, 0.0, 0.0, 1.0)
SERIES = Geometry((5, 7, 9), (2.5, 0.7, 0.8), TURNED, (-20.0, 15.5, 100.25))
LAYOUTS = [
    SourceGrid(axes, flips)
    for axes in itertools.permutations(range(3))
    for flips in ((False, False, False), (True, False, True), (False, True, True))
]


def labels_of(geometry: Geometry) -> np.ndarray:
    return (np.random.default_rng(2).random(geometry.shape) > 0.5).astype(np.uint8)


def mask_file(folder: Path, geometry: Geometry) -> Path:
    write_mask(folder / "mask.h5", Mask(labels_of(geometry), geometry))
    return folder / "mask.h5"


def volume_file(folder: Path, geometry: Geometry) -> tuple[Path, np.ndarray]:
    hu = np.random.default_rng(1).integers(-1024, 3072, geometry.shape).astype(np.int16)
    write_volume(folder / "ct.h5", Volume(hu, geometry))
    return folder / "ct.h5", hu


def received(path: Path) -> list[ReceivedFile]:
    return [ReceivedFile(path, path.name)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nifti_has_the_shape_axes_and_affine_of_the_source(tmp_path, monkeypatch, layout):
    monkeypatch.setattr(export, "BLOCK_BYTES", 200)
    geometry = replace(SERIES, source=layout)
    path, hu = volume_file(tmp_path, geometry)

    with SliceFileReader(path) as reader:
        export.write_nifti(reader, tmp_path / "ct.nii.gz")

    image = nibabel.load(tmp_path / "ct.nii.gz")
    assert image.get_data_dtype() == np.int16
    assert (np.asarray(image.dataobj) == layout.to_file(hu)).all()
    assert image.affine == pytest.approx(RAS_TO_LPS @ geometry.file_affine_lps(), abs=1e-4)
    assert image.get_qform() == pytest.approx(image.affine, abs=1e-4)
    assert canonical_geometry(RAS_TO_LPS @ image.affine, image.shape).same_grid(geometry, tolerance_mm=1e-3)


def test_nifti_of_a_series_of_slices_can_have_columns_first(tmp_path):
    with SliceFileReader(mask_file(tmp_path, SERIES)) as reader:
        export.write_nifti(reader, tmp_path / "mask.nii", columns_first=True)

    image = nibabel.load(tmp_path / "mask.nii")
    assert image.shape == (9, 7, 5)
    assert image.get_data_dtype() == np.uint8
    assert (np.asarray(image.dataobj) == labels_of(SERIES).transpose()).all()
    assert (read_mask(received(tmp_path / "mask.nii"), SERIES).labels == labels_of(SERIES)).all()


def test_nifti_of_a_tilted_gantry_states_its_shear(tmp_path):
    direction = (1.0, 0.0, 0.0, 0.0, 1.0, -np.sin(LEAN), 0.0, 0.0, np.cos(LEAN))
    tilted = replace(SERIES, direction=direction)
    with SliceFileReader(mask_file(tmp_path, tilted)) as reader:
        export.write_nifti(reader, tmp_path / "mask.nii.gz")

    image = nibabel.load(tmp_path / "mask.nii.gz")

    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (1, 0)
    assert image.affine == pytest.approx(RAS_TO_LPS @ tilted.file_affine_lps(), abs=1e-4)


def test_nifti_without_a_known_spacing_claims_no_millimetres(tmp_path):
    geometry = with_unknown_spacing(SERIES)
    with SliceFileReader(mask_file(tmp_path, geometry)) as reader:
        export.write_nifti(reader, tmp_path / "mask.nii.gz")

    assert nibabel.load(tmp_path / "mask.nii.gz").header.get_xyzt_units()[0] == "unknown"


def test_the_same_mask_gives_the_same_bytes(tmp_path):
    with SliceFileReader(mask_file(tmp_path, SERIES)) as reader:
        for name in ("a", "b"):
            export.write_nifti(reader, tmp_path / f"{name}.nii.gz")
            export.write_png_zip(reader, tmp_path / f"{name}.zip")

    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("depth", [1, 5])
@pytest.mark.parametrize("kind", ["nii.gz", "nii", "npy", "zip"])
def test_an_exported_mask_is_read_back_unchanged(tmp_path, layout, depth, kind):
    geometry = replace(SERIES, shape=(depth, 7, 9), source=layout)
    write = {"npy": export.write_npy, "zip": export.write_png_zip}.get(kind, export.write_nifti)
    path = tmp_path / f"export.{kind}"

    with SliceFileReader(mask_file(tmp_path, geometry)) as reader:
        write(reader, path)

    assert (read_mask(received(path), geometry).labels == labels_of(geometry)).all()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_npy_has_the_layout_of_the_source_file(tmp_path, monkeypatch, layout):
    monkeypatch.setattr(export, "BLOCK_BYTES", 200)
    path, hu = volume_file(tmp_path, replace(SERIES, source=layout))

    with SliceFileReader(path) as reader:
        export.write_npy(reader, tmp_path / "ct.npy")

    found = np.lib.format.open_memmap(tmp_path / "ct.npy", mode="r")
    assert found.dtype == np.int16
    assert (found == layout.to_file(hu)).all()


def test_npy_of_one_slice_has_rows_and_columns_only(tmp_path):
    with SliceFileReader(mask_file(tmp_path, replace(SERIES, shape=(1, 7, 9)))) as reader:
        export.write_npy(reader, tmp_path / "mask.npy")

    assert np.lib.format.open_memmap(tmp_path / "mask.npy", mode="r").shape == (7, 9)


def test_mask_pictures_are_black_and_white_in_the_rows_of_their_source(tmp_path):
    prone = replace(SERIES, source=SourceGrid((0, 1, 2), (False, True, True)))
    with SliceFileReader(mask_file(tmp_path, prone)) as reader:
        raw = export.mask_png(reader, 3)

    with Image.open(io.BytesIO(raw)) as picture:
        assert (picture.format, picture.mode) == ("PNG", "L")
        assert (np.asarray(picture) == labels_of(prone)[3, ::-1, ::-1] * 255).all()


def test_a_zip_names_its_slices_in_order(tmp_path):
    with SliceFileReader(mask_file(tmp_path, SERIES)) as reader:
        export.write_png_zip(reader, tmp_path / "mask.zip")

    with zipfile.ZipFile(tmp_path / "mask.zip") as archive:
        assert archive.namelist() == [f"slice_000{number}.png" for number in range(1, 6)]


@pytest.mark.parametrize("layout", [SourceGrid((2, 1, 0)), SourceGrid((1, 0, 2), (True, True, False))])
def test_memory_stays_below_one_volume(tmp_path, monkeypatch, layout):
    monkeypatch.setattr(export, "BLOCK_BYTES", 100_000)
    geometry = Geometry((120, 128, 128), source=layout)
    path, hu = volume_file(tmp_path, geometry)
    with SliceFileReader(path) as reader:
        tracemalloc.start()
        export.write_nifti(reader, tmp_path / "ct.nii")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert peak < hu.nbytes / 4
