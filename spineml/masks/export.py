"""Giving a volume or mask back as a file, on exactly the grid of its source. Memory does not grow with its length.

NIfTI, NPY and pictures written here are what ``spineml.masks.read`` reads back without loss, `read_label_map` with all
values of a mask. `spineml.masks.segments` writes a mask with the names of its labels.
"""

from __future__ import annotations

import gzip
import io
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from spineml.masks.png import picture_view
from spineml.tasks.task import Label, Task
from spineml.volumes.render import Colour, colour_of
from spineml.volumes.volume import RAS_TO_LPS, Geometry, SourceGrid, VolumeSource

BLOCK_BYTES = 24 * 1024 * 1024
GZIP_LEVEL = 1
NIFTI_OFFSET = 352
SCANNER, ALIGNED = 1, 2
COLUMNS_FIRST = SourceGrid((2, 1, 0))
MASK_WHITE = 255
PNG_LEVEL = 1
ZIP_DATE = (1980, 1, 1, 0, 0, 0)
ORTHOGONAL_TOLERANCE = 1e-4
NOT_IN_NAMES = frozenset('<>:"/\\|?*')


class Exported(VolumeSource, Protocol):
    """What can be written: a canonical file, or `OneLabel` of one. ``kind`` is "volume" (int16 HU) or "mask"."""

    @property
    def kind(self) -> str: ...


@dataclass(frozen=True)
class OneLabel:
    """One label of a mask as a mask of its own, 0 and 1."""

    of: Exported
    value: int
    kind: str = "mask"

    @property
    def geometry(self) -> Geometry:
        """That of the whole mask."""
        return self.of.geometry

    def __len__(self) -> int:
        return len(self.of)

    def read(self, z: int) -> npt.NDArray[np.uint8]:
        """Slice ``z``, uint8 ``(y, x)``."""
        found: npt.NDArray[np.uint8] = (self.of.read(z) == self.value).astype(np.uint8)
        return found


def write_nifti(reader: Exported, path: Path, *, columns_first: bool = False) -> None:
    """Write NIfTI-1, int16 HU or uint8 labels, compressed when ``path`` ends in ".gz".

    Args:
        columns_first: True for a series that did not come from NIfTI: axes (x, y, z) as other converters give.
            False gives shape, axis order and affine as the source file had them.
    """
    grid = COLUMNS_FIRST if columns_first else reader.geometry.source
    header = _nifti_header(reader, grid)
    with _open(path) as stream:
        header.write_to(stream)
        stream.write(b"\0" * (NIFTI_OFFSET - stream.tell()))
        for block in blocks(reader, grid, "F"):
            stream.write(block)


def write_npy(reader: Exported, path: Path) -> None:
    """Write a NumPy array in the source file's layout, ``(row, column)`` when there is one slice."""
    geometry = reader.geometry
    sizes = [geometry.shape[axis] for axis in geometry.source.axes if axis != 0 or geometry.shape[0] > 1]
    dtype = np.dtype(_dtype(reader))
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(
            stream, {"descr": dtype.str, "fortran_order": False, "shape": tuple(sizes)}
        )
        for block in blocks(reader, geometry.source, "C"):
            stream.write(block)


def mask_png(reader: Exported, z: int, colours: Mapping[int, Colour] | None = None) -> bytes:
    """Slice ``z`` of a mask as an 8-bit PNG, in the rows and columns of its source.

    Without ``colours`` it is 0 and 255. With a colour for each label it is a palette picture whose index is the label.
    """
    labels = picture_view(reader.read(z)[np.newaxis], reader.geometry)[0]
    if colours is None:
        picture = Image.fromarray((labels > 0).astype(np.uint8) * MASK_WHITE)
    else:
        picture = Image.fromarray(np.ascontiguousarray(labels))
        picture.putpalette(_palette(colours))
    sink = io.BytesIO()
    picture.save(sink, "PNG", compress_level=PNG_LEVEL)
    return sink.getvalue()


def write_png_zip(reader: Exported, path: Path, colours: Mapping[int, Colour] | None = None) -> None:
    """Write every slice of a mask (`mask_png`) as ``slice_0001.png``, ... in slice order into a zip archive."""
    digits = max(4, len(str(len(reader))))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for z in range(len(reader)):
            member = zipfile.ZipInfo(f"slice_{z + 1:0{digits}d}.png", ZIP_DATE)
            archive.writestr(member, mask_png(reader, z, colours))


def write_label_zip(
    reader: Exported, task: Task, values: Iterable[int], path: Path, *, columns_first: bool = False
) -> None:
    """Write the labels ``values`` of a mask as one NIfTI (0 and 1) each into a zip archive, see `label_file_name`.

    Raises:
        KeyError: a value is not a label of the task.
    """
    part = path.with_name(f"{path.name}.part.nii.gz")
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for value in values:
                write_nifti(OneLabel(reader, value), part, columns_first=columns_first)
                member = zipfile.ZipInfo(f"{label_file_name(task.label(value))}.nii.gz", ZIP_DATE)
                with part.open("rb") as source, archive.open(member, "w") as target:
                    shutil.copyfileobj(source, target)
    finally:
        part.unlink(missing_ok=True)


def label_file_name(label: Label) -> str:
    """A name for the file of a label, without suffix: ``020-L1 vertebra``. What file systems do not take is "_"."""
    name = "".join("_" if one in NOT_IN_NAMES or not one.isprintable() else one for one in label.name)
    return f"{label.value:03d}-{name.strip(' .')}".rstrip("-")


def task_colours(task: Task) -> dict[int, Colour]:
    """The colour of each label of a task, by its value."""
    return {label.value: colour_of(label.colour) for label in task.labels}


def _palette(colours: Mapping[int, Colour]) -> list[int]:
    """The colours of a palette picture by label; black where there is none.

    A grey would be read as a value of its own (`spineml.masks.png.decode_png`): it gets one step more of blue, or less.
    """
    palette = [0] * 3 * 256
    for value, (red, green, blue) in colours.items():
        seen = blue if (red, green) != (blue, blue) else blue + (1 if blue < MASK_WHITE else -1)
        palette[3 * value : 3 * value + 3] = red, green, seen
    return palette


def _nifti_header(reader: Exported, grid: SourceGrid) -> Any:
    geometry = replace(reader.geometry, source=grid)
    affine_ras = RAS_TO_LPS @ geometry.file_affine_lps()
    import nibabel  # 45 MB that a web process needs only for this

    kind: Any = nibabel.Nifti1Header
    header = kind()
    header.set_data_dtype(_dtype(reader))
    header.set_data_shape([geometry.shape[axis] for axis in grid.axes])
    header.set_zooms([geometry.spacing[axis] for axis in grid.axes])
    header.set_data_offset(NIFTI_OFFSET)
    header.set_slope_inter(1, 0)
    code = SCANNER if geometry.spacing_known else ALIGNED
    header.set_sform(affine_ras, code)
    header.set_qform(affine_ras, code if _is_orthogonal(geometry) else 0, strip_shears=True)
    header.set_xyzt_units("mm" if geometry.spacing_known else "unknown")
    return header


def _is_orthogonal(geometry: Geometry) -> bool:
    """A quaternion cannot hold the shear of a tilted gantry."""
    direction = np.array(geometry.direction).reshape(3, 3)
    return bool(np.allclose(direction.T @ direction, np.eye(3), atol=ORTHOGONAL_TOLERANCE))


def _dtype(reader: Exported) -> type[np.generic]:
    return np.int16 if reader.kind == "volume" else np.uint8


def blocks(reader: Exported, grid: SourceGrid, order: Literal["C", "F"]) -> Iterator[memoryview]:
    """The values of the file's array from first to last, in blocks along the axis that varies slowest.

    Where that axis is not z, every block reads all slices again: a few passes instead of the volume in memory.
    """
    position = 0 if order == "C" else 2
    axis, backwards = grid.axes[position], grid.flips[position]
    shape = reader.geometry.shape
    layer_bytes = int(np.prod(shape)) // shape[axis] * np.dtype(_dtype(reader)).itemsize
    step = max(1, BLOCK_BYTES // layer_bytes)
    starts = range(0, shape[axis], step)
    for start in reversed(starts) if backwards else starts:
        block = _read_block(reader, axis, start, min(start + step, shape[axis]))
        yield np.asarray(grid.to_file(block), order=order).ravel(order="K").data


def _read_block(reader: Exported, axis: int, start: int, stop: int) -> npt.NDArray[Any]:
    """``(z, y, x)`` of the layers ``start`` to ``stop`` along one canonical axis."""
    wanted = [slice(0, size) for size in reader.geometry.shape]
    wanted[axis] = slice(start, stop)
    heights = range(wanted[0].start, wanted[0].stop)
    block = np.empty([each.stop - each.start for each in wanted], _dtype(reader))
    for target, z in zip(block, heights, strict=True):
        target[...] = reader.read(z)[wanted[1], wanted[2]]
    return block


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    """The file to write, compressed when its name ends in ".gz"."""
    with path.open("wb") as raw:
        if path.suffix != ".gz":
            yield raw
            return
        with compressed(raw) as stream:
            yield stream


@contextmanager
def compressed(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    """gzip without name and date, so that the same mask gives the same bytes."""
    with gzip.GzipFile(filename="", mode="wb", compresslevel=GZIP_LEVEL, fileobj=raw, mtime=0) as stream:
        yield stream  # type: ignore[misc]  # typeshed: GzipFile is a binary stream but no IO[bytes]
