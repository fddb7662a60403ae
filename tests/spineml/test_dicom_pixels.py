"""Stored values to Hounsfield units."""

from pathlib import Path

import numpy as np
import pytest

from spineml.phantom import write_dicom_series
from spineml.readers.dicom.pixels import to_hu
from tests.spineml.intake_helpers import pixels_of, scan_paths, small_phantom
from tests.spineml.real_data import REAL_DATA, needs_real_data


@pytest.mark.parametrize(
    ("stored", "slope", "intercept", "padding", "hu"),
    [
        (1074, 1.0, -1024.0, None, 50),
        (100, 2.0, -100.0, None, 100),
        (1000, 1.0002441, -1024.0, None, -24),  # -23.76 rounded
        (-2000, 1.0, 0.0, None, -1024),  # below air there is nothing
        (60000, 1.0, -1024.0, None, 32767),  # clipped, not wrapped
        (500, 1.0, -1024.0, (500, 500), -1024),
        (505, 1.0, 0.0, (500, 510), -1024),  # a range of padding values
        (511, 1.0, 0.0, (500, 510), 511),
    ],
)
def test_values_become_hounsfield_units(
    stored: int, slope: float, intercept: float, padding: tuple[int, int] | None, hu: int
) -> None:
    values = np.array([[stored]], np.int32)
    assert to_hu(values, slope, intercept, padding).tolist() == [[hu]]


def test_padding_is_air(tmp_path: Path) -> None:
    volume = small_phantom(1)
    value = int(volume.hu[0, 30, 24]) + 1024
    paths = write_dicom_series(volume, tmp_path / "s", overrides={"PixelPaddingValue": value})
    pixels = pixels_of(scan_paths(paths, tmp_path).series[0])
    assert pixels[0, 30, 24] == -1024


# Lossy encodings differ from the original by a few HU; JPEG baseline has 8 bits, steps of 32 HU.
TOLERATED = {"4.50": 64, "4.51": 40, "4.81": 1, "4.91": 5}


@needs_real_data
@pytest.mark.parametrize(
    "ending", ["1.2", "2.1", "1.99", "2.2", "4.50", "4.51", "4.57", "4.70", "4.80", "4.81", "4.90", "4.91", "2.5"]
)
def test_one_real_slice_has_the_same_values_in_every_encoding(tmp_path: Path, ending: str) -> None:
    folder = REAL_DATA / "transfer-syntaxes"
    (path,) = (path for path in folder.glob("CTImage.dcm_*") if path.name.endswith(f".{ending}.dcm"))
    reference = pixels_of(scan_paths([folder / "CTImage.dcm"], tmp_path).series[0])
    pixels = pixels_of(scan_paths([path], tmp_path).series[0])
    assert np.abs(pixels.astype(int) - reference).max() <= TOLERATED.get(ending, 0)
    assert reference.min() == -1024


@needs_real_data
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("CT1_J2KR", (1, 512, 512)),
        ("CT2_J2KR", (1, 512, 512)),
        ("CT0012.fragmented_no_bot_jpeg_baseline.51.dcm", (2, 512, 512)),
    ],
)
def test_the_other_real_files_are_read_whole(tmp_path: Path, name: str, shape: tuple[int, ...]) -> None:
    pixels = pixels_of(scan_paths([REAL_DATA / "transfer-syntaxes" / name], tmp_path).series[0])
    assert pixels.shape == shape
    assert pixels.max() > 1000
