"""Reads the header of one DICOM file: is it CT with pixels we can decode, and where does each of its frames lie?"""

from __future__ import annotations

import logging
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import pydicom
import pydicom.config
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, JPEGExtended12Bit

from spineml.dicom_fields import Frame, order_of, padding_of, read_frames, series_meta, slice_step, values_of
from spineml.message import message
from spineml.series import FileNotUsed, ReceivedFile, SeriesMeta

# Values that break a rule of the standard are common in real files and judged here, not by pydicom's warnings, which
# quote values of the header: a patient's name does not belong in a log.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module=r"pydicom\.")

CT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2",  # CT Image Storage
    "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT Image Storage
    "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT Image Storage
}
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
DICOMDIR_CLASS = "1.2.840.10008.1.3.10"
MODALITY_NAMES = {
    "RTSTRUCT": message("a set of contours (RT structure set)"),
    "RTDOSE": message("a radiotherapy dose"),
    "RTPLAN": message("a radiotherapy plan"),
    "SEG": message("a segmentation"),
    "SR": message("a structured report"),
    "PR": message("a presentation state"),
    "KO": message("a key object selection"),
    "REG": message("a registration"),
    "US": message("an ultrasound image"),
    "MR": message("an MR image"),
    "PT": message("a PET image"),
    "NM": message("a nuclear medicine image"),
    "CR": message("a radiograph"),
    "DX": message("a radiograph"),
    "XA": message("an angiogram"),
    "MG": message("a mammogram"),
    "OT": message("an image of another kind"),
    "SC": message("a screen capture"),
}
NOT_PIXELS = {"RTSTRUCT", "SEG", "SR", "PR", "KO", "REG", "RTPLAN", "RTDOSE"}
TAGS: list[str] = [
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality"),
    *("ImageType", "PatientID", "PatientName", "PatientPosition", "StudyDate", "SeriesDescription", "Manufacturer"),
    *("ManufacturerModelName", "ConvolutionKernel", "BodyPartExamined", "SliceThickness", "SpacingBetweenSlices"),
    *("GantryDetectorTilt", "AcquisitionNumber", "InstanceNumber", "SliceLocation", "ImagePositionPatient"),
    *("ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept", "RescaleType", "Rows"),
    *("Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit", "ModalityLUTSequence", "SharedFunctionalGroupsSequence"),
    *("PerFrameFunctionalGroupsSequence", "PhotometricInterpretation", "DirectoryRecordSequence"),
]
PIXEL_TAGS = {(0x7FE0, 0x0008), (0x7FE0, 0x0009), (0x7FE0, 0x0010)}
ITEM, DELIMITER, UNDEFINED = 0xFFFEE000, 0xFFFEE0DD, 0xFFFFFFFF
MAX_SIDE = 8192
PARSE_ERRORS = (
    InvalidDicomError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    EOFError,
    OverflowError,
    NotImplementedError,
    BytesLengthException,
    struct.error,
    zlib.error,
)


@contextmanager
def damage_as(error: Exception) -> Iterator[None]:
    """Raise ``error`` for whatever pydicom raises on a damaged file; a failing disk stays an ``OSError``."""
    try:
        yield
    except PARSE_ERRORS as cause:
        raise error from cause
    except OSError as cause:
        if cause.errno is not None:
            raise
        raise error from cause


@dataclass(frozen=True)
class PixelPlace:
    """Where the bytes of the pixel data lie in the file; ``length`` covers all fragments."""

    offset: int
    length: int


@dataclass(frozen=True)
class Header:
    """What a DICOM file says about itself, without its pixels."""

    file: ReceivedFile
    meta: SeriesMeta
    frames: tuple[Frame, ...]
    rows: int
    columns: int
    transfer_syntax: UID
    sop_instance_uid: str
    frame_of_reference: str
    order: tuple[float, ...]
    slice_step_mm: float | None
    padding: tuple[int, int] | None
    has_rescale: bool
    rescale_type: str
    pixels: PixelPlace | None


def looks_like_dicom(start: bytes) -> bool:
    """True for the DICM prefix, or for a bare data set that begins with group 0002 or 0008."""
    return start[128:132] == b"DICM" or (start[:2] in (b"\x08\x00", b"\x02\x00") and start[3:4] == b"\x00")


def read_header(file: ReceivedFile) -> Header:
    """Read and judge the header of a file.

    Raises:
        FileNotUsed: it is not a CT image we can read; the reason says why.
    """
    reason = message("The DICOM header is damaged. Export the series again and resend it.")
    with damage_as(FileNotUsed("damaged-dicom", reason)):
        with file.path.open("rb") as stream:
            dataset = pydicom.dcmread(stream, stop_before_pixels=True, specific_tags=TAGS, force=True)
            _check_kind(dataset)
            pixels = _find_pixels(stream, dataset)
        return _describe(file, dataset, pixels)


def _check_kind(dataset: pydicom.FileDataset) -> None:
    """Refuse everything but CT, saying what it is instead."""
    sop_class = str(dataset.get("SOPClassUID", "") or dataset.file_meta.get("MediaStorageSOPClassUID", ""))
    modality = str(dataset.get("Modality", "") or "")
    if sop_class == DICOMDIR_CLASS or "DirectoryRecordSequence" in dataset:
        raise FileNotUsed("directory", message("A DICOMDIR lists other files and holds no image itself."), "skipped")
    if not sop_class and not modality and "Rows" not in dataset:
        raise FileNotUsed(
            "not-dicom", message("The file is not a DICOM image, although it looks like one. Leave it out.")
        )
    if modality in NOT_PIXELS or (modality not in ("CT", "") and sop_class not in CT_CLASSES):
        kind = MODALITY_NAMES.get(modality, message("an object of modality {modality}", modality=modality))
        raise FileNotUsed("not-ct", message("This is {kind}, not a CT image. Send the CT series itself.", kind=kind))
    if sop_class == SECONDARY_CAPTURE and "ImagePositionPatient" not in dataset:
        raise FileNotUsed("secondary-capture", message("This is a screen capture, not a CT image."), "skipped")
    if sop_class not in CT_CLASSES and sop_class != SECONDARY_CAPTURE and modality != "CT":
        raise FileNotUsed(
            "not-ct", message("This is not a CT image ({kind}).", kind=UID(sop_class).name or message("unknown kind"))
        )
    if "LOCALIZER" in [str(value).upper() for value in values_of(dataset, "ImageType")]:
        reason = message("This is a scout view for planning the scan (localizer), not a slice: it is left out.")
        raise FileNotUsed("localizer", reason, "skipped")


def _find_pixels(stream: BinaryIO, dataset: pydicom.FileDataset) -> PixelPlace | None:
    """Check that the pixel data are there, whole and decodable. None for a deflated file: it is one stream."""
    syntax = transfer_syntax(dataset)
    if not can_decode(syntax):
        raise FileNotUsed(
            "unsupported-encoding",
            message(
                "The pixels are encoded as {name} ({syntax}), which is not supported. Export the series "
                "uncompressed or as JPEG 2000 and send it again.",
                name=syntax.name,
                syntax=syntax,
            ),
        )
    if syntax == DeflatedExplicitVRLittleEndian:
        return None
    start = stream.tell()
    size = stream.seek(0, 2)
    stream.seek(start)
    order = ">" if not syntax.is_little_endian else "<"
    head = stream.read(12)
    if len(head) < 8 or struct.unpack(order + "HH", head[:4]) not in PIXEL_TAGS:
        raise FileNotUsed(
            "no-pixels", message("The file holds no pixel data, or was cut off before them. Export it again.")
        )
    if struct.unpack(order + "HH", head[:4]) != (0x7FE0, 0x0010):
        raise FileNotUsed("float-pixels", message("The pixels are floating-point numbers, not CT values."))
    offset = start + (8 if syntax.is_implicit_VR else 12)
    length = struct.unpack(order + "I", head[4:8] if syntax.is_implicit_VR else head[8:12])[0]
    if length == UNDEFINED:
        return _walk_fragments(stream, offset, size)
    if offset + length > size or length < _native_bytes(dataset):
        raise FileNotUsed("truncated", message("The file is cut off: pixels are missing. Send it again."))
    return PixelPlace(offset, length)


def _walk_fragments(stream: BinaryIO, offset: int, size: int) -> PixelPlace:
    """Step over the fragments of encapsulated pixel data (DICOM PS3.5 A.4) to their delimiter."""
    place = offset
    while place + 8 <= size:
        stream.seek(place)
        group, element, length = struct.unpack("<HHI", stream.read(8))
        tag = group << 16 | element
        if tag == DELIMITER:
            return PixelPlace(offset, place - offset)
        if tag != ITEM:
            raise FileNotUsed("damaged-dicom", message("The encoded pixel data are damaged. Export the series again."))
        place += 8 + length
    raise FileNotUsed("truncated", message("The file is cut off: pixels are missing. Send it again."))


def _native_bytes(dataset: Dataset) -> int:
    frames = int(dataset.get("NumberOfFrames") or 1)
    samples = int(dataset.get("SamplesPerPixel") or 1)
    return int(dataset.Rows) * int(dataset.Columns) * frames * samples * int(dataset.BitsAllocated) // 8


def transfer_syntax(dataset: pydicom.FileDataset) -> UID:
    """The stated transfer syntax; a bare data set is implicit little endian unless pydicom found otherwise."""
    stated = dataset.file_meta.get("TransferSyntaxUID")
    if stated:
        return UID(stated)
    implicit, little = dataset.original_encoding
    if not little:
        return UID("1.2.840.10008.1.2.2")
    return UID("1.2.840.10008.1.2" if implicit in (True, None) else "1.2.840.10008.1.2.1")


def can_decode(syntax: UID) -> bool:
    """True when an installed decoder reads this transfer syntax."""
    try:
        return syntax == JPEGExtended12Bit or bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _describe(file: ReceivedFile, dataset: pydicom.FileDataset, pixels: PixelPlace | None) -> Header:
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    if not (0 < rows <= MAX_SIDE and 0 < columns <= MAX_SIDE):
        raise FileNotUsed(
            "wrong-size",
            message(
                "The image is {columns} x {rows} pixels; at most {limit} are accepted.",
                columns=columns,
                rows=rows,
                limit=MAX_SIDE,
            ),
        )
    if int(dataset.get("SamplesPerPixel") or 1) != 1:
        raise FileNotUsed("colour", message("This is a colour picture, not a CT image with CT values."))
    if "ModalityLUTSequence" in dataset:
        raise FileNotUsed("modality-lut", message("The CT values are given by a lookup table, which is not supported."))
    frames, has_rescale = read_frames(dataset)
    return Header(
        file=file,
        meta=series_meta(dataset, transfer_syntax(dataset)),
        frames=frames,
        rows=rows,
        columns=columns,
        transfer_syntax=transfer_syntax(dataset),
        sop_instance_uid=str(dataset.get("SOPInstanceUID") or dataset.file_meta.get("MediaStorageSOPInstanceUID", "")),
        frame_of_reference=str(dataset.get("FrameOfReferenceUID", "") or ""),
        order=order_of(dataset),
        slice_step_mm=slice_step(dataset),
        padding=padding_of(dataset),
        has_rescale=has_rescale,
        rescale_type=str(dataset.get("RescaleType", "") or "").upper(),
        pixels=pixels,
    )
