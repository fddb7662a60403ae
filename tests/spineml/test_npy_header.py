"""The header of .npy, read by its grammar: as NumPy reads the good ones, and nothing of the others is evaluated."""

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy

from spineml.masks import read as masks
from spineml.readers.headers.npy import read_npy_header
from spineml.readers.series import FileNotUsed
from tests.spineml.intake_helpers import only_verdict, scan_paths
from tests.spineml.mask_files import SERIES, labels_of, received


@pytest.mark.parametrize("dtype", ["<i2", ">i2", "|u1", "|i1", "?", "<u4", "<i8", ">f4", "<f8", "<f2"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_a_good_header_is_read_as_numpy_reads_it(tmp_path, dtype, order, version):
    array = np.arange(60).reshape(3, 4, 5).astype(dtype, order=order)
    sink = io.BytesIO()
    npy.write_array(sink, array, version)
    (tmp_path / "a.npy").write_bytes(sink.getvalue())

    header = read_npy_header(tmp_path / "a.npy")
    values = np.memmap(tmp_path / "a.npy", header.dtype, "r", header.offset, header.shape, header.order)

    assert header.dtype == array.dtype
    assert (values == array).all()


def test_a_mask_in_fortran_order_is_the_same_mask(tmp_path):
    np.save(tmp_path / "mask.npy", np.asfortranarray(labels_of(SERIES)))

    assert (masks.read_mask([received(tmp_path / "mask.npy")], SERIES).labels == labels_of(SERIES)).all()


def with_header(path: Path, text: str, values: bytes = bytes(720)) -> Path:
    header = text.encode()
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + values)
    return path


GOOD = "{'descr': '<i2', 'fortran_order': False, 'shape': (3, 10, 12), }"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("'<i2'", "'|O'", "pickled-objects"),
        ("'<i2'", "[('a', '|O')]", "wrong-dtype"),
        ("'<i2'", "'|S5'", "wrong-dtype"),
        ("'<i2'", "'<c8'", "wrong-dtype"),
        ("'<i2'", "'<i99999999999'", "damaged-npy"),
        ("'<i2'", "__import__('os').abort()", "damaged-npy"),
        ("'<i2'", "'<i2,<i2'", "damaged-npy"),
        ("'<i2'", "(" * 9000, "damaged-npy"),
        ("False", "0", "damaged-npy"),
        ("(3, 10, 12)", "(3, 10, -12)", "damaged-npy"),
        ("(3, 10, 12)", "(3, 10, 1e3)", "damaged-npy"),
        ("(3, 10, 12)", "(3, 10, " + "9" * 4400 + ")", "damaged-npy"),
        ("(3, 10, 12)", "(3, 10, (12))", "damaged-npy"),
        ("(3, 10, 12)", "(0, 10, 12)", "no-slices"),
        ("(3, 10, 12)", "(461168601842738790, 4, 4)", "too-large"),
        ("(3, 10, 12)", "(3, 10, 13)", "truncated"),
        ("(3, 10, 12)", "()", "wrong-shape"),
        ("'shape'", "'descr'", "damaged-npy"),
        (", }", "", "damaged-npy"),
        (", }", ", 'more': True}", "damaged-npy"),
        (", }", "} + {}", "damaged-npy"),
    ],
)
def test_an_odd_header_is_refused_as_a_ct_and_as_a_mask(tmp_path, old, new, code):
    path = with_header(tmp_path / "a.npy", GOOD.replace(old, new, 1))

    assert only_verdict(scan_paths([path], tmp_path)) == ("rejected", code)
    with pytest.raises(masks.MaskRejected):
        masks.read_mask([received(path)], SERIES)


def test_spaces_quotes_and_the_long_integers_of_python_2_are_read(tmp_path):
    path = with_header(tmp_path / "a.npy", '{"shape":(3L, 10L,12L) ,"descr" : "<i2","fortran_order":True}  \n')

    assert read_npy_header(path).shape == (3, 10, 12)


@pytest.mark.parametrize("length", range(0, 70, 7))
def test_a_header_cut_off_anywhere_is_damaged(tmp_path, length):
    content = with_header(tmp_path / "a.npy", GOOD).read_bytes()[:length]
    (tmp_path / "a.npy").write_bytes(content)

    with pytest.raises(FileNotUsed):
        read_npy_header(tmp_path / "a.npy")
