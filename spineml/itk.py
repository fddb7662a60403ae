"""NRRD and MetaImage (MHA, MHD) to series. SimpleITK reads the header; the values are streamed from the file."""

from __future__ import annotations

import gzip
import re
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813  (its own documentation's name)

from spineml.mapped_series import (
    MappedSlices,
    StoredArray,
    as_volume_shape,
    check_kind,
    check_size,
    decompress,
    open_checked,
    truncated,
)
from spineml.series import FileNotUsed, IntakeOptions, Notice, ReceivedFile, SeriesMeta, SeriesPlan
from spineml.values import array_intensity, refuse_unusable, survey
from spineml.volume import Geometry, canonical_geometry, with_unknown_spacing

NRRD_MAGIC = b"NRRD000"
META_KEYS = re.compile(rb"^\s*(ObjectType|NDims|Comment)\s*=", re.IGNORECASE)
HEADER_LIMIT = 64 * 1024
DTYPES = {
    sitk.sitkUInt8: "u1",
    sitk.sitkInt8: "i1",
    sitk.sitkUInt16: "u2",
    sitk.sitkInt16: "i2",
    sitk.sitkUInt32: "u4",
    sitk.sitkInt32: "i4",
    sitk.sitkUInt64: "u8",
    sitk.sitkInt64: "i8",
    sitk.sitkFloat32: "f4",
    sitk.sitkFloat64: "f8",
}


@dataclass(frozen=True)
class DataPlace:
    """Where the header says the values are. ``data_file`` is empty when they follow the header at ``offset``."""

    data_file: str
    offset: int
    encoding: str
    big_endian: bool
    has_spacing: bool


def is_itk(start: bytes) -> bool:
    """True for the content of an NRRD or MetaImage header."""
    return start.startswith(NRRD_MAGIC) or META_KEYS.match(start) is not None


def read_place(path: Path) -> DataPlace:
    """Find out where the values of a NRRD or MetaImage file are.

    Raises:
        FileNotUsed: the header is damaged or spreads the values over several files.
    """
    with path.open("rb") as stream:
        head = stream.read(HEADER_LIMIT)
    try:
        return _nrrd_place(head, path) if head.startswith(NRRD_MAGIC) else _meta_place(head)
    except (ValueError, KeyError, IndexError) as error:
        raise FileNotUsed("damaged-header", "The header of the volume is damaged. Save it again.") from error


def scan_itk(
    file: ReceivedFile, companions: Mapping[str, ReceivedFile], work_dir: Path, options: IntakeOptions
) -> SeriesPlan:
    """Check one header (with its values inside or in one of ``companions``, keyed by name) and plan its series.

    Raises:
        FileNotUsed: it is no CT volume we can use; the reason says why.
    """
    place = read_place(file.path)
    data = companion_of(file, place, companions)
    reader = _information(file, place, data, work_dir)
    dtype = np.dtype(DTYPES.get(reader.GetPixelID(), "V1"))
    if reader.GetNumberOfComponents() != 1:
        raise FileNotUsed("colour", "The volume holds several values for each voxel. Save a grey-scale volume.")
    check_kind(dtype)
    shape = as_volume_shape(reader.GetSize())
    check_size(shape, dtype.itemsize, options)
    stored = _stored(reader, place, (data or file).path, dtype.newbyteorder(">" if place.big_endian else "<"), work_dir)
    geometry, notices = _geometry(reader, shape, place, options)
    with open_checked(stored) as array:
        found = survey(array)
    refuse_unusable(found)
    # By custom these formats hold HU in any type but 8 bit, so 16-bit unsigned values are not shifted.
    intensity, remarks = array_intensity(dtype if dtype == np.uint8 else np.dtype("i4"), found, options)
    meta = SeriesMeta("itk", "CT", dtype=str(dtype), intensity=intensity.label, encoding=place.encoding)
    files = [file, data] if data else [file]
    producer = MappedSlices(file.name, stored, geometry, intensity)
    return SeriesPlan(geometry, meta, files, producer, [*notices, *remarks])


def companion_of(file: ReceivedFile, place: DataPlace, companions: Mapping[str, ReceivedFile]) -> ReceivedFile | None:
    """The received file that holds the values. A header never opens a file that was not sent with it.

    Raises:
        FileNotUsed: the named file was not sent.
    """
    if not place.data_file:
        return None
    folder = str(PurePosixPath(file.name).parent)
    wanted = place.data_file if folder == "." else f"{folder}/{place.data_file}"
    found = companions.get(wanted)
    if found is None or PurePosixPath(place.data_file).name != place.data_file:
        reason = f"The values are in another file ({place.data_file!r}) that was not sent with it. Send both together."
        raise FileNotUsed("missing-companion", reason)
    return found


def _nrrd_place(head: bytes, path: Path) -> DataPlace:
    match = re.search(rb"\r?\n\r?\n", head)
    end = match.end() if match else len(head)
    lines = head[:end].decode("ascii", "replace").splitlines()[1:]
    fields = {
        key.strip().lower(): value.strip()
        for key, value in (line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))
    }
    data_file = fields.get("data file", fields.get("datafile", ""))
    if data_file.upper().startswith("LIST") or "%" in data_file:
        raise FileNotUsed("several-files", "The values are spread over several files. Save one .nrrd file.")
    encoding = {"gz": "gzip", "gzip": "gzip", "raw": "raw"}.get(fields["encoding"].lower(), "other")
    if match is None and not data_file:
        raise truncated()
    skip = int(fields.get("byte skip", fields.get("byteskip", "0")))
    if int(fields.get("line skip", fields.get("lineskip", "0"))) or (skip and encoding != "raw"):
        encoding = "other"
    offset = (0 if data_file else end) + max(skip, 0)
    if skip < 0 and encoding == "raw":
        encoding = "other"
    spacing = any(key in fields for key in ("space directions", "spacings"))
    return DataPlace(data_file, offset, encoding, fields.get("endian", "").lower() == "big", spacing)


def _meta_place(head: bytes) -> DataPlace:
    match = re.search(rb"^\s*ElementDataFile\s*=\s*(.*?)\r?\n", head + b"\n", re.IGNORECASE | re.MULTILINE)
    if match is None:
        raise FileNotUsed("damaged-header", "The header does not say where the values are. Save the volume again.")
    lines = head[: match.start()].decode("ascii", "replace").splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    fields = {key.strip().lower(): value.strip().lower() for key, value in pairs}
    name = match.group(1).decode("utf-8", "replace").strip()
    if name.upper().startswith("LIST") or "%" in name:
        raise FileNotUsed("several-files", "The values are spread over several files. Save one .mha file.")
    local = name.upper() == "LOCAL"
    encoding = "zlib" if fields.get("compresseddata") == "true" else "raw"
    if fields.get("binarydata", "true") != "true" or int(fields.get("headersize", "0")) != 0:
        encoding = "other"
    big = "true" in (fields.get("binarydatabyteordermsb"), fields.get("elementbyteordermsb"))
    spacing = "elementspacing" in fields or "elementsize" in fields
    return DataPlace("" if local else name, match.end() if local else 0, encoding, big, spacing)


def _information(file: ReceivedFile, place: DataPlace, data: ReceivedFile | None, work_dir: Path) -> Any:
    """SimpleITK's header, read in a folder of its own that holds nothing but links to the files that were sent."""
    folder = work_dir / uuid.uuid4().hex
    folder.mkdir()
    with file.path.open("rb") as stream:
        nrrd = stream.read(7) == NRRD_MAGIC
    header = folder / f"header-{uuid.uuid4().hex}{'.nrrd' if nrrd else '.mha' if data is None else '.mhd'}"
    header.symlink_to(file.path.absolute())
    if data is not None:
        (folder / place.data_file).symlink_to(data.path.absolute())
    reader: Any = sitk.ImageFileReader  # SimpleITK has no type hints
    reader = reader()
    reader.SetFileName(str(header))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise FileNotUsed("damaged-header", "The header of the volume is damaged. Save it again.") from error
    return reader


def _stored(reader: Any, place: DataPlace, path: Path, dtype: np.dtype[Any], work_dir: Path) -> StoredArray:
    shape = as_volume_shape(reader.GetSize())
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if place.encoding == "raw":
        if path.stat().st_size < place.offset + size:
            raise truncated()
        return StoredArray(path, dtype, shape, place.offset, "F")
    if place.encoding == "other":
        return _stored_by_itk(reader, shape, work_dir)
    try:
        with path.open("rb") as packed:
            packed.seek(place.offset)
            stream: Any = gzip.GzipFile(fileobj=packed) if place.encoding == "gzip" else _Inflate(packed)
            return StoredArray(decompress(stream, work_dir, size), dtype, shape, 0, "F")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise truncated() from error


def _stored_by_itk(reader: Any, shape: tuple[int, int, int], work_dir: Path) -> StoredArray:
    """Rare encodings (text, hexadecimal, bzip2): read once as a whole, then kept on disk."""
    try:
        values = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError as error:
        raise truncated() from error
    path = work_dir / f"{uuid.uuid4().hex}.raw"
    with path.open("wb") as sink:
        sink.write(np.ascontiguousarray(values).tobytes())
    return StoredArray(path, values.dtype, shape, 0, "F")


class _Inflate:
    """Reads a zlib stream piece by piece."""

    def __init__(self, packed: Any) -> None:
        self._packed = packed
        self._inflate = zlib.decompressobj()

    def read(self, size: int) -> bytes:
        """At most ``size`` unpacked bytes; empty at the end."""
        while not self._inflate.eof:
            fresh = self._inflate.unconsumed_tail or self._packed.read(HEADER_LIMIT)
            if not fresh:
                return self._inflate.flush(size)
            if part := self._inflate.decompress(fresh, size):
                return part
        return b""


def _geometry(
    reader: Any, shape: tuple[int, int, int], place: DataPlace, options: IntakeOptions
) -> tuple[Geometry, list[Notice]]:
    axes = min(reader.GetDimension(), 3)
    affine = np.eye(4)
    direction = np.array(reader.GetDirection()).reshape(reader.GetDimension(), -1)[:axes, :axes]
    affine[:axes, :axes] = direction * np.array(reader.GetSpacing()[:axes])
    affine[:axes, 3] = reader.GetOrigin()[:axes]
    try:
        geometry = canonical_geometry(affine, shape)
    except ValueError as error:
        raise FileNotUsed("wrong-geometry", "The axes of the volume span no space. Save it again.") from error
    if place.has_spacing:
        return geometry, []
    if options.pixel_spacing_mm:
        row, column = options.pixel_spacing_mm
        sizes = np.diag([column, row, options.slice_spacing_mm or 1.0, 1.0])
        return canonical_geometry(affine @ sizes, shape), []
    notice = Notice("no-spacing", "The file states no voxel size: lengths are given in pixels.")
    return with_unknown_spacing(geometry), [notice]
