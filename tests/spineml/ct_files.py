"""Small CT series with odd headers, as scanners, archives and bad exporters write them. Nobody's data are in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import UID, CTImageStorage, ExplicitVRBigEndian, ExplicitVRLittleEndian, generate_uid

ROWS, COLUMNS = 12, 10
Values = Mapping[str, Any]
# What a slice adds or changes: by its number from the feet, and its z in mm.
Each = Callable[[int, float], Values]


def slice_hu(z: float, tissue: int = 40) -> npt.NDArray[np.int16]:
    """Air around soft tissue of ``tissue`` HU, with a spot of bone that depends on ``z``: no two slices are alike."""
    hu = np.full((ROWS, COLUMNS), -1000, np.int16)
    hu[3:9, 3:8] = tissue
    hu[4, 4] = 300 + round(z * 10) % 500
    return hu


def ct_dataset(z: float, tissue: int = 40, number: int = 1, **values: Any) -> Dataset:
    """One slice as CT Image Storage, ``z`` mm above the origin. ``None`` removes an element."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.Modality, dataset.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.PatientID, dataset.PatientName, dataset.PatientPosition = "CF-1", "Phantom^Test", "HFS"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = "2.25.1", "2.25.2", "2.25.3"
    dataset.SeriesDescription, dataset.ConvolutionKernel, dataset.SeriesNumber = "Spine", "B30f", 1
    dataset.AcquisitionNumber, dataset.InstanceNumber, dataset.SliceThickness = 1, number, "2.0"
    dataset.ImagePositionPatient = [-4, -5, round(z, 4)]
    dataset.ImageOrientationPatient, dataset.PixelSpacing = [1, 0, 0, 0, 1, 0], [0.8, 0.8]
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "-1024", "1", "HU"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = ROWS, COLUMNS
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelData = (slice_hu(z, tissue) + 1024).astype("<u2").tobytes()
    for keyword, value in values.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset


def write_ct(
    folder: Path,
    places: Sequence[float],
    tissue: int = 40,
    *,
    first_number: int = 1,
    prefix: str = "im",
    each: Each = lambda number, z: {},
    **values: Any,
) -> list[Path]:
    """A series with slices at ``places`` (mm, in the order of their instance numbers)."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for offset, z in enumerate(places):
        dataset = ct_dataset(z, tissue, first_number + offset, **values, **each(offset, z))
        path = folder / f"{prefix}{first_number + offset:04d}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def steps(count: int, step: float = 2.0, start: float = -100.0) -> list[float]:
    """``count`` places from ``start`` up."""
    return [start + step * number for number in range(count)]


def raw_value(path: Path, keyword: str, value: bytes) -> None:
    """Write ``value`` into a file as it is, whatever the VR of ``keyword`` allows."""
    raw = path.read_bytes()
    tag = Tag(keyword)
    head = int(tag.group).to_bytes(2, "little") + int(tag.element).to_bytes(2, "little")
    value += b" " * (len(value) % 2)
    place = raw.index(head, 132)
    length = int.from_bytes(raw[place + 6 : place + 8], "little")
    changed = raw[: place + 6] + len(value).to_bytes(2, "little") + value + raw[place + 8 + length :]
    path.write_bytes(changed)


def in_syntax(path: Path, syntax: UID, stated: UID | None = None) -> None:
    """Write the file anew in ``syntax``; its meta information says ``stated``."""
    read = pydicom.dcmread(path)
    dataset = Dataset({tag: read[tag] for tag in read.keys()})  # noqa: SIM118 - of no encoding
    dataset.file_meta = read.file_meta
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    raw = buffer.getvalue()
    if stated is not None:
        old, new = (str(uid).encode() for uid in (syntax, stated))
        raw = _restated(raw, old + b"\0" * (len(old) % 2), new + b"\0" * (len(new) % 2))
    path.write_bytes(raw)


def _restated(raw: bytes, old: bytes, new: bytes) -> bytes:
    """Replace the transfer syntax in the file meta information, whose length changes with it."""
    group = int.from_bytes(raw[140:144], "little") + len(new) - len(old)
    place = raw.index(b"\x02\x00\x10\x00UI")
    head = raw[:140] + group.to_bytes(4, "little") + raw[144:place]
    return head + raw[place : place + 6] + len(new).to_bytes(2, "little") + new + raw[place + 8 + len(old) :]
