"""NRRD and MetaImage (MHA, MHD) to series: read by `spineml.itk_volume`, values streamed from the file."""

from __future__ import annotations

<<<<<<< HEAD
=======
import gzip
import os
import re
import uuid
import zlib
>>>>>>> 81650b1 (Isolation: read files of strangers in confined child processes)
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spineml.itk_header import ItkHeader
from spineml.itk_volume import companion_of, is_itk, open_values, raw_offset, read_header, values_bytes
from spineml.mapped_series import (
    MappedSlices,
    StoredArray,
    check_kind,
    check_size,
    decompress,
    open_checked,
    truncated,
)
from spineml.message import message
from spineml.series import FileNotUsed, IntakeOptions, Notice, ReceivedFile, SeriesMeta, SeriesPlan
from spineml.unpacking import ValuesDamaged
from spineml.values import array_intensity, refuse_unusable, survey
from spineml.volume import Geometry, canonical_geometry, with_unknown_spacing

__all__ = ["is_itk", "scan_itk"]


def scan_itk(
    file: ReceivedFile, companions: Mapping[str, ReceivedFile], work_dir: Path, options: IntakeOptions
) -> SeriesPlan:
    """Check one header (with its values inside or in one of ``companions``, keyed by name) and plan its series.

    Raises:
        FileNotUsed: it is no CT volume we can use; the reason says why.
    """
    header = read_header(file.path)
    data = companion_of(file, header, companions)
    shape = header.shape
    check_kind(header.dtype)
    check_size(shape, header.dtype.itemsize, options)
    geometry, notices = _geometry(header, shape, options)
    stored = _stored(header, (data or file).path, shape, work_dir)
    with open_checked(stored) as array:
        found = survey(array)
    refuse_unusable(found)
    # By custom these formats hold HU in any type but 8 bit, so 16-bit unsigned values are not shifted.
    dtype = header.dtype.newbyteorder("=")
    intensity, remarks = array_intensity(dtype if dtype == np.uint8 else np.dtype("i4"), found, options)
    meta = SeriesMeta("itk", "CT", dtype=str(dtype), intensity=intensity.label, encoding=header.encoding)
    files = [file, data] if data else [file]
    producer = MappedSlices(file.name, stored, geometry, intensity)
    return SeriesPlan(geometry, meta, files, producer, [*notices, *remarks])


<<<<<<< HEAD
def _stored(header: ItkHeader, path: Path, shape: tuple[int, int, int], work_dir: Path) -> StoredArray:
=======
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
    header.symlink_to(os.path.relpath(file.path, folder))
    if data is not None:
        (folder / place.data_file).symlink_to(os.path.relpath(data.path, folder))
    reader: Any = sitk.ImageFileReader  # SimpleITK has no type hints
    reader = reader()
    reader.SetFileName(str(header))
>>>>>>> 81650b1 (Isolation: read files of strangers in confined child processes)
    try:
        offset = raw_offset(header, path)
        if offset is not None:
            return StoredArray(path, header.dtype, shape, offset, "F")
        with open_values(header, path) as stream:
            raw = decompress(stream, work_dir, values_bytes(header), path.stat().st_size)
    except ValuesDamaged as error:
        raise truncated() from error
    return StoredArray(raw, header.dtype, shape, 0, "F")


def _geometry(header: ItkHeader, shape: tuple[int, int, int], options: IntakeOptions) -> tuple[Geometry, list[Notice]]:
    affine = header.affine_lps
    notices = []
    if not header.has_orientation:
        text = message("The file states no orientation: axes are taken as left, back, head. Check left and right.")
        notices.append(Notice("no-orientation", text))
    if not header.has_spacing and options.pixel_spacing_mm:
        row, column = options.pixel_spacing_mm
        affine = affine @ np.diag([column, row, options.slice_spacing_mm or 1.0, 1.0])
    try:
        geometry = canonical_geometry(affine, shape)
    except ValueError as error:
        reason = message("The axes of the volume span no space. Save it again.")
        raise FileNotUsed("wrong-geometry", reason) from error
    if header.has_spacing or options.pixel_spacing_mm:
        return geometry, notices
    text = message("The file states no voxel size: lengths are given in pixels.")
    return with_unknown_spacing(geometry), [*notices, Notice("no-spacing", text)]
