"""Mask files of every kind, for the tests of reading them."""

import io
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from PIL import Image

from spineml.masks import read
from spineml.readers.series import ReceivedFile
from spineml.volumes.volume import RAS_TO_LPS, Geometry, with_unknown_spacing

SERIES = Geometry(shape=(3, 10, 12), spacing=(2.5, 0.7, 0.7), origin=(-20.0, 15.0, 100.0))
PICTURES = with_unknown_spacing(Geometry(shape=(3, 10, 12)))
ONE_PICTURE = with_unknown_spacing(Geometry(shape=(1, 10, 12)))


def labels_of(geometry: Geometry) -> np.ndarray:
    """A mask without any symmetry, so that every flip or swap of axes shows."""
    rng = np.random.default_rng(3)
    return (rng.random(geometry.shape) > 0.6).astype(np.uint8)


def received(path: Path) -> ReceivedFile:
    return ReceivedFile(path, path.name)


def png_bytes(values: np.ndarray, mode: str = "L") -> bytes:
    sink = io.BytesIO()
    Image.fromarray(values).convert(mode).save(sink, "PNG")
    return sink.getvalue()


def write_pngs(folder: Path, labels: np.ndarray, white: int = 255) -> list[ReceivedFile]:
    files = []
    for z, pixels in enumerate(labels):
        path = folder / f"mask {z + 8}.png"
        path.write_bytes(png_bytes(pixels * np.uint8(white)))
        files.append(received(path))
    return files


def write_zip(path: Path, members: dict[str, bytes]) -> ReceivedFile:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return received(path)


def write_nifti(path: Path, values: np.ndarray, affine_lps: np.ndarray) -> ReceivedFile:
    nibabel.save(nibabel.Nifti1Image(values, RAS_TO_LPS @ affine_lps), path)
    return received(path)


def write_itk(path: Path, values_kji: np.ndarray, geometry: Geometry, *, compressed: bool = False) -> ReceivedFile:
    image = SimpleITK.GetImageFromArray(values_kji)
    image.SetSpacing(geometry.spacing[::-1])
    image.SetOrigin(geometry.origin)
    image.SetDirection(geometry.direction)
    SimpleITK.WriteImage(image, str(path), compressed)
    return received(path)


def refused(files: list[ReceivedFile], error: type[read.MaskRejected], geometry: Geometry = SERIES) -> str:
    with pytest.raises(read.MaskRejected) as caught:
        read.read_mask(files, geometry)
    assert type(caught.value) is error
    return str(caught.value)


def good_files(tmp_path: Path) -> dict[str, bytes]:
    write_nifti(tmp_path / "a.nii", labels_of(SERIES), SERIES.file_affine_lps())
    write_nifti(tmp_path / "a.nii.gz", labels_of(SERIES), SERIES.file_affine_lps())
    write_itk(tmp_path / "a.nrrd", labels_of(SERIES), SERIES)
    write_itk(tmp_path / "a.mha", labels_of(SERIES), SERIES)
    np.save(tmp_path / "a.npy", labels_of(SERIES))
    write_zip(tmp_path / "a.zip", {f"{z}.png": png_bytes(pixels) for z, pixels in enumerate(labels_of(SERIES))})
    return {path.name: path.read_bytes() for path in tmp_path.iterdir()}
