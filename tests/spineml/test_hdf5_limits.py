"""A model file of kilobytes cannot stand for gigabytes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from spineml.errors import ModelFileRejected
from spineml.model import keras2_file, model_file
from spineml.model.architecture import Architecture
from spineml.model.model_file import SPEC_ATTRIBUTE, ModelSpec, stored_name
from spineml.readers.hdf5_limits import MAX_OBJECTS, check_form, text_list_attribute

BIG = Architecture(base_filters=64, depth=4, stem_stride=1)
HUGE = (1024, 1024, 128)  # half a gigabyte of float32


def unwritten(file: h5py.File) -> None:
    file.create_dataset("a/a/kernel", HUGE, np.float32, chunks=(64, 64, 64))


def late(file: h5py.File) -> None:
    file.create_dataset("a/a/kernel", HUGE, np.float32)  # never written, so never allocated


def packed(file: h5py.File) -> None:
    file.create_dataset("a/a/kernel", data=np.zeros((64, 64, 64), np.float32), compression="gzip", chunks=True)


def packed_twice(file: h5py.File) -> None:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((64, 1024, 128))
    plist.set_deflate(9)
    plist.set_deflate(9)
    space = h5py.h5s.create_simple(HUGE)
    h5py.h5d.create(file.id, b"kernel", h5py.h5t.IEEE_F32LE, space, plist)


def one_array_under_many_names(file: h5py.File) -> None:
    file["a"] = np.zeros((64, 64, 64), np.float32)
    for number in range(500):
        file[f"a{number}"] = file["a"]


def text_beside(file: h5py.File) -> None:
    file.create_dataset("a", data=np.zeros(3, np.float32))
    file.attrs.create("note", b"x" * 60_000)
    file.attrs["layer_names"] = [b"a"]
    for number in range(3):
        file.attrs.create(f"long{number}", "y" * 30_000_000, dtype=h5py.string_dtype())


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (unwritten, "has fewer values"),
        (late, "has fewer values"),
        (packed, "without compression"),
        (packed_twice, "without compression"),
        (one_array_under_many_names, "has fewer values"),
        (text_beside, "besides its weights"),
    ],
)
def test_what_would_be_larger_than_the_file_is_refused_unread(
    tmp_path: Path, make: Callable[[h5py.File], None], reason: str
) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        make(file)
        file.attrs["layer_names"] = [b"a"]

    with pytest.raises(ModelFileRejected, match=reason):
        model_file.read(tmp_path / "m.h5")
    with pytest.raises(ModelFileRejected, match=reason):
        keras2_file.convert(tmp_path / "m.h5", tmp_path / "out.h5")


def test_a_model_of_kilobytes_takes_no_gigabyte(tmp_path: Path) -> None:
    """The file of the report: every array of a network of half a gigabyte, none of them written."""
    with h5py.File(tmp_path / "m.h5", "w") as file:
        for name, shape in BIG.weight_shapes().items():
            file.create_dataset(stored_name(name), shape, np.float32)
        file.attrs[SPEC_ATTRIBUTE] = json.dumps(ModelSpec(BIG).as_json())
    assert (tmp_path / "m.h5").stat().st_size < 200_000
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom spineml.model import model_file\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    model_file.inspect(Path(sys.argv[1]))\n"
        "except model_file.ModelFileRejected as error:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "m.h5")], capture_output=True, text=True, check=True
    )

    assert int(done.stdout) < 50_000, "kilobytes"


def test_a_thousand_entries_that_name_one_long_text_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        names = np.empty(MAX_OBJECTS, dtype=object)
        names[:] = "x" * 1000
        file.attrs.create("layer_names", names, dtype=h5py.string_dtype())
    with h5py.File(tmp_path / "m.h5", "r") as file, pytest.raises(ValueError, match="unreasonable"):
        text_list_attribute(file, "layer_names")


@pytest.mark.parametrize("number", ["1e999", "Infinity", "NaN", "-1e400"])
def test_numbers_of_a_spec_are_finite(tmp_path: Path, number: str) -> None:
    text = json.dumps(ModelSpec(BIG).as_json()).replace('"patients": 0', f'"patients": {number}')
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.create_dataset("a", data=np.zeros(3, np.float32))
        file.attrs[SPEC_ATTRIBUTE] = text

    with pytest.raises(ModelFileRejected, match="no number"):
        model_file.read(tmp_path / "m.h5")


@pytest.mark.parametrize("options", [{"libver": "latest"}, {"libver": ("v108", "v108")}, {"userblock_size": 512}])
def test_newer_forms_of_hdf5_are_refused_before_the_library_opens_them(tmp_path: Path, options: dict[str, Any]) -> None:
    with h5py.File(tmp_path / "m.h5", "w", **options) as file:
        file.create_dataset("a", data=np.zeros(3, np.float32))
        file.attrs["layer_names"] = [b"a"]

    for read in (model_file.read, keras2_file.is_foreign):
        with pytest.raises(ModelFileRejected, match=r"newer HDF5 format|not HDF5"):
            read(tmp_path / "m.h5")


def test_what_ends_like_a_zip_is_not_opened_as_one(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    several_disks = b"PK\x05\x06" + bytes([1, 0]) + bytes(16)
    for content in (b"nothing" + several_disks, b"PK\x03\x04" + bytes(60) + several_disks):
        path.write_bytes(content)
        with pytest.raises(ModelFileRejected):
            check_form(path)
