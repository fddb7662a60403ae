"""NumPy files to series."""

from pathlib import Path

import numpy as np
import pytest

from tests.spineml.intake_helpers import codes, only_verdict, pixels_of, scan_paths, small_phantom


class Trap:
    """Unpickling it writes a file."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (eval, ("open('/tmp/spine-trap', 'w').close()",))


def save(path: Path, values: np.ndarray) -> Path:
    np.save(path, values)
    return path


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64, np.float32, np.float64, ">i2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_volume_comes_back(tmp_path: Path, dtype: object, order: str) -> None:
    volume = small_phantom()
    (plan,) = scan_paths([save(tmp_path / "a.npy", np.asarray(volume.hu, dtype, order=order))], tmp_path).series
    assert np.array_equal(pixels_of(plan), volume.hu)
    assert codes(plan) == ["no-spacing", "order-guessed"]


def test_two_axes_are_one_slice(tmp_path: Path) -> None:
    volume = small_phantom()
    (plan,) = scan_paths([save(tmp_path / "a.npy", volume.hu[0])], tmp_path, pixel_spacing_mm=(3.0, 3.5)).series
    assert plan.geometry.shape == (1, 64, 48)
    assert plan.geometry.spacing == (1.0, 3.0, 3.5)


def test_sixteen_bits_unsigned_are_hu_plus_1024(tmp_path: Path) -> None:
    volume = small_phantom()
    stored = (volume.hu.astype(np.int32) + 1024).astype(np.uint16)
    (plan,) = scan_paths([save(tmp_path / "a.npy", stored)], tmp_path).series
    assert np.array_equal(pixels_of(plan), volume.hu)


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    trap = Path("/tmp/spine-trap")  # noqa: S108
    trap.unlink(missing_ok=True)
    np.save(tmp_path / "a.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    intake = scan_paths([tmp_path / "a.npy"], tmp_path)
    assert only_verdict(intake) == ("rejected", "pickled-objects")
    assert "never loaded" in intake.verdicts[0].reason
    assert not trap.exists()


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (np.zeros((2, 2), complex), "wrong-dtype"),
        (np.array([["a", "b"]]), "wrong-dtype"),
        (np.zeros((2, 2), bool), "wrong-dtype"),
        (np.zeros((2, 2), [("r", "u1"), ("g", "u1")]), "wrong-dtype"),
        (np.zeros(5), "wrong-shape"),
        (np.zeros((2, 2, 2, 2)), "wrong-shape"),
        (np.zeros((20, 20, 3), np.uint8), "colour"),
        (np.zeros((0, 20, 20), np.int16), "no-slices"),
        (np.zeros((1, 9000, 1), np.int16), "too-large"),
        (np.full((3, 4, 4), np.nan), "not-finite"),
        (np.full((3, 4, 4), -np.inf, np.float32), "not-finite"),
    ],
)
def test_what_is_no_ct_is_refused(tmp_path: Path, values: np.ndarray, code: str) -> None:
    assert only_verdict(scan_paths([save(tmp_path / "a.npy", values)], tmp_path)) == ("rejected", code)


def test_a_mask_is_told_from_a_ct(tmp_path: Path) -> None:
    mask = np.zeros((3, 20, 20), np.uint8)
    mask[1] = 255
    assert only_verdict(scan_paths([save(tmp_path / "a.npy", mask)], tmp_path)) == ("skipped", "looks-like-mask")


def test_a_cut_off_file_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npy", small_phantom().hu)
    raw = path.read_bytes()
    path.write_bytes(raw[:-10])
    assert only_verdict(scan_paths([path], tmp_path)) == ("rejected", "truncated")
    path.write_bytes(raw[:40])
    assert only_verdict(scan_paths([path], tmp_path)) == ("rejected", "damaged-npy")


def test_a_header_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npy", np.zeros((100, 100, 100), np.int16))
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"(100, 100, 100), }", b"(8000, 8000, 800),}"))
    assert only_verdict(scan_paths([path], tmp_path)) == ("rejected", "too-large")
