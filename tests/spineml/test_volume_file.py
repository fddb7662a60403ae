"""The canonical HDF5 file."""

import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from spineml.volumes.canonical_file import (
    SliceFileReader,
    SliceFileWriter,
    read_mask,
    read_volume,
    write_mask,
    write_volume,
)
from spineml.volumes.volume import Geometry, Mask, Volume

GEOMETRY = Geometry((4, 6, 5), (3.0, 0.5, 0.5), origin=(1.0, 2.0, 3.0))


@pytest.fixture
def volume() -> Volume:
    hu = np.random.default_rng(1).integers(-1024, 3000, GEOMETRY.shape, dtype=np.int16)
    return Volume(hu, GEOMETRY)


def test_a_volume_is_read_back_as_it_was_written(tmp_path: Path, volume: Volume) -> None:
    digest = write_volume(tmp_path / "v.h5", volume)
    again = read_volume(tmp_path / "v.h5")
    assert np.array_equal(again.hu, volume.hu)
    assert again.geometry == GEOMETRY
    with SliceFileReader(tmp_path / "v.h5") as reader:
        assert (reader.kind, len(reader), reader.pixel_hash) == ("volume", 4, digest)


def test_a_mask_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    labels = np.zeros(GEOMETRY.shape, np.uint8)
    labels[1:3, 2:4] = 1
    write_mask(tmp_path / "m.h5", Mask(labels, GEOMETRY))
    assert np.array_equal(read_mask(tmp_path / "m.h5").labels, labels)


def test_slices_may_come_in_any_order(tmp_path: Path, volume: Volume) -> None:
    with SliceFileWriter(tmp_path / "v.h5", GEOMETRY, "volume") as writer:
        for z in (2, 0, 3, 1):
            writer.write(z, volume.hu[z])
    assert writer.pixel_hash == write_volume(tmp_path / "w.h5", volume)


def test_a_stored_chunk_is_a_zlib_stream_of_the_slice(tmp_path: Path, volume: Volume) -> None:
    write_volume(tmp_path / "v.h5", volume)
    with SliceFileReader(tmp_path / "v.h5") as reader:
        assert zlib.decompress(reader.read_deflated(2)) == volume.hu[2].tobytes()
        assert np.array_equal(reader.read(2), volume.hu[2])


def test_other_programs_read_the_file(tmp_path: Path, volume: Volume) -> None:
    write_volume(tmp_path / "v.h5", volume)
    with h5py.File(tmp_path / "v.h5") as file:
        assert np.array_equal(file["hu"][()], volume.hu)


def test_the_hash_changes_with_a_single_pixel(tmp_path: Path, volume: Volume) -> None:
    before = write_volume(tmp_path / "v.h5", volume)
    volume.hu[3, 5, 4] += 1
    assert write_volume(tmp_path / "w.h5", volume) != before


def test_a_missing_slice_is_an_error(tmp_path: Path, volume: Volume) -> None:
    with (
        pytest.raises(ValueError, match="slice 1 was never written"),
        SliceFileWriter(tmp_path / "v.h5", GEOMETRY, "volume") as writer,
    ):
        writer.write(0, volume.hu[0])


@pytest.mark.parametrize("pixels", [np.zeros((6, 5), np.uint8), np.zeros((5, 6), np.int16)])
def test_a_slice_of_another_type_or_shape_is_an_error(tmp_path: Path, pixels: np.ndarray) -> None:
    writer = SliceFileWriter(tmp_path / "v.h5", GEOMETRY, "volume")
    with pytest.raises(ValueError, match="expected"):
        writer.write(0, pixels)


def test_many_threads_read_slices_at_once(tmp_path: Path) -> None:
    geometry = Geometry((64, 128, 128))
    paths = [tmp_path / "v.h5", tmp_path / "w.h5"]
    for path in paths:
        write_volume(path, Volume(np.random.default_rng(2).integers(-1024, 3000, geometry.shape, np.int16), geometry))

    def read(turn: int) -> int:
        with SliceFileReader(paths[turn % 2]) as reader:
            return len(zlib.decompress(reader.read_deflated(turn % 64)))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(read, range(3000))) == {128 * 128 * 2}
