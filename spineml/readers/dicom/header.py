"""Reads the header of one DICOM file: is it CT with pixels we can decode, and where does each of its frames lie?"""

from __future__ import annotations

import logging
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import pydicom.config
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, JPEGExtended12Bit

from spineml.message import message
from spineml.readers.dicom.encoding import NATIVE, PIXEL_TAGS, Inflater, Opened, damage_as, open_dicom
from spineml.readers.dicom.fields import (
    PatientWords,
    identity_of,
    order_of,
    padding_of,
    patient_words,
    series_meta,
)
from spineml.readers.dicom.fragments import FrameBytes, encoded_frames, native_frames
from spineml.readers.dicom.frames import GROUP_OF, Frame, most_frames, read_frames, stated_step
from spineml.readers.dicom.values import code_of, sequence_of, uid_of, values_of, whole_of
from spineml.readers.patient_identity import Identity
from spineml.readers.series import MAX_SIDE, FileNotUsed, ReceivedFile, SeriesMeta

__all__ = ["Header", "damage_as", "looks_like_dicom", "read_header"]

# Values that break a rule of the standard are common in real files and judged here, not by pydicom's messages, which
# quote values of the header: a patient's name does not belong in a log.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"pydicom\.")

CT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2",  # CT Image Storage
    "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT Image Storage
    "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT Image Storage
}
SECONDARY_CAPTURES = ("1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.7.")
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
LOCALIZERS = {"LOCALIZER", "SCOUT", "TOPOGRAM", "SCANOGRAM"}
# What scanners store beside the slices under the class of CT images: pictures of a screen, and reports on the dose.
CAPTURES = {"SCREEN SAVE", "SCREENSHOT", "SCREEN CAPTURE", "DOSE", "DOSE_INFO", "DOSE REPORT", "REPORT", "PROT"}
TAGS: list[str] = [
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality"),
    *("ImageType", "PatientID", "PatientName", "PatientPosition", "StudyDate", "SeriesDescription", "Manufacturer"),
    *("ManufacturerModelName", "BodyPartExamined", "GantryDetectorTilt", "AcquisitionNumber", "InstanceNumber"),
    *("SliceLocation", "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated", "BitsStored"),
    *("HighBit", "PixelRepresentation", "PhotometricInterpretation", "PixelPaddingValue", "PixelPaddingRangeLimit"),
    *("ModalityLUTSequence", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
    *("DirectoryRecordSequence", "ExtendedOffsetTable", "ExtendedOffsetTableLengths", "SpecificCharacterSet"),
    *("OtherPatientNames", "OtherPatientIDs", "OtherPatientIDsSequence", "PatientBirthName", "PatientBirthDate"),
    *("PatientMotherBirthName", "ResponsiblePerson", "PatientTelephoneNumbers", "MedicalRecordLocator"),
    "AccessionNumber",
    *("BurnedInAnnotation", "ContrastBolusAgent", "StationName", "ScanOptions", "SeriesNumber", "ImageComments"),
    *("AcquisitionDate", "AcquisitionTime", "AcquisitionDateTime", "ContentTime", "TemporalPositionIdentifier"),
    *("TriggerTime", "EchoNumbers", "FrameIncrementPointer", "GridFrameOffsetVector", "SliceLocationVector"),
    *(keyword for keyword in GROUP_OF if not keyword.startswith("Frame")),
]
MOST_FRAMES = 20_000
DAMAGED = message("The DICOM header is damaged. Export the series again and resend it.")
TRUNCATED = message("The file is truncated: pixels are missing. Send it again.")


@dataclass(frozen=True)
class PixelForm:
    """How the numbers of an image are written: ``bits`` allocated, ``stored`` of them used up to ``high``."""

    bits: int
    stored: int
    high: int
    signed: bool
    photometric: str


@dataclass(frozen=True)
class Header:
    """What a DICOM file says about itself, without its pixels.

    ``path`` is the file that holds the pixels: the received one, or an inflated copy. ``syntax`` is the real transfer
    syntax of its bytes, ``frame_bytes`` are their places, one for each frame.
    """

    file: ReceivedFile
    path: Path
    meta: SeriesMeta
    patient: PatientWords
    identity: Identity
    frames: tuple[Frame, ...]
    frame_bytes: tuple[FrameBytes, ...]
    rows: int
    columns: int
    form: PixelForm
    syntax: UID
    sop_instance_uid: str
    frame_of_reference: str
    order: tuple[float, ...]
    slice_step_mm: float | None
    padding: tuple[int, int] | None
    has_rescale: bool
    rescale_type: str
    burned_in: bool
    places_worked_out: bool


def looks_like_dicom(start: bytes) -> bool:
    """True for the DICM prefix, or for a bare data set that begins with group 0002 or 0008."""
    return start[128:132] == b"DICM" or (start[:2] in (b"\x08\x00", b"\x02\x00") and start[3:4] == b"\x00")


def read_header(
    file: ReceivedFile, inflater: Inflater | None = None, identities: set[Identity] | None = None
) -> Header:
    """Read and judge the header of a file. A deflated one is unpacked by ``inflater``.

    What names the patient is added to ``identities``, also if the file is not used.

    Raises:
        FileNotUsed: it is not a CT image we can read; the reason says why.
    """
    with damage_as(FileNotUsed("damaged-dicom", DAMAGED)):
        opened = open_dicom(file.path, inflater or Inflater(file.path.parent), TAGS)
        identity = identity_of(opened.dataset)
        if identities is not None:
            identities.add(identity)
        _check_kind(opened)
        rows, columns = _check_image(opened)
        frame_bytes = _find_pixels(opened)
        return _describe(file, opened, identity, (rows, columns), frame_bytes)


def _check_kind(opened: Opened) -> None:
    """Refuse everything but CT, saying what it is instead."""
    dataset = opened.dataset
    sop_class = uid_of(dataset, "SOPClassUID") or opened.meta.get(0x00020002, "")
    modality = code_of(dataset, "Modality")
    if sop_class == DICOMDIR_CLASS or "DirectoryRecordSequence" in dataset:
        reason = message("A DICOMDIR lists other files and contains no image.")
        raise FileNotUsed("directory", reason, "skipped")
    if not sop_class and not modality and "Rows" not in dataset:
        reason = message("The file is not a DICOM image, although it looks like one. Leave it out.")
        raise FileNotUsed("not-dicom", reason)
    if modality in NOT_PIXELS or (modality not in ("CT", "") and sop_class not in CT_CLASSES):
        kind = MODALITY_NAMES.get(modality) or message("an object of modality {modality}", modality=modality[:16])
        reason = message("This is {kind}, not a CT image. Send the CT series itself.", kind=kind)
        raise FileNotUsed("not-ct", reason)
    captured = sop_class.startswith(SECONDARY_CAPTURES)
    if captured and "ImagePositionPatient" not in dataset:
        raise FileNotUsed("secondary-capture", message("This is a screen capture, not a CT image."), "skipped")
    if sop_class not in CT_CLASSES and not captured and modality != "CT":
        known = UID(sop_class).name if UID(sop_class).name != sop_class else ""
        reason = message("This is not a CT image ({kind}).", kind=known or message("unknown kind"))
        raise FileNotUsed("not-ct", reason)
    _check_image_type(dataset)


def _check_image_type(dataset: Dataset) -> None:
    kinds = {str(value).strip().upper() for value in values_of(dataset, "ImageType")}
    if kinds & LOCALIZERS:
        reason = message("This is a localizer (scout view), not a slice; ignored.")
        raise FileNotUsed("localizer", reason, "skipped")
    if kinds & CAPTURES or any(kind.endswith(" PROT") for kind in kinds):
        reason = message("This is a screen capture or dose report, not a slice; ignored.")
        raise FileNotUsed("secondary-capture", reason, "skipped")


def _check_image(opened: Opened) -> tuple[int, int]:
    """Refuse what no CT image is, before anything is counted by it. Returns rows and columns."""
    dataset = opened.dataset
    if not can_decode(opened.syntax):
        reason = message(
            "The pixels are encoded as {name} ({uid}), which is not supported. Export the series uncompressed or as "
            "JPEG 2000 and send it again.",
            name=opened.syntax.name,
            uid=str(opened.syntax),
        )
        raise FileNotUsed("unsupported-encoding", reason)
    _check_pixels_are_there(opened)
    rows, columns = whole_of(dataset, "Rows", 0), whole_of(dataset, "Columns", 0)
    if not (0 < rows <= MAX_SIDE and 0 < columns <= MAX_SIDE):
        reason = message(
            "The image is {columns} x {rows} pixels; at most {most} are accepted.",
            columns=columns,
            rows=rows,
            most=MAX_SIDE,
        )
        raise FileNotUsed("wrong-size", reason)
    if whole_of(dataset, "SamplesPerPixel", 1) != 1 or code_of(dataset, "PhotometricInterpretation") == "PALETTE COLOR":
        raise FileNotUsed("colour", message("This is a colour image, not a CT image with CT values."))
    if whole_of(dataset, "BitsAllocated", 16) not in (8, 16, 32):
        reason = message(
            "The pixels have {bits} bits (BitsAllocated); 8, 16 and 32 are supported. Export the series again.",
            bits=whole_of(dataset, "BitsAllocated", 16),
        )
        raise FileNotUsed("unsupported-bits", reason)
    if sequence_of(dataset, "ModalityLUTSequence"):
        reason = message("The CT values are given by a lookup table, which is not supported.")
        raise FileNotUsed("modality-lut", reason)
    return rows, columns


def _check_pixels_are_there(opened: Opened) -> None:
    order = "<" if opened.syntax.is_little_endian else ">"
    with opened.path.open("rb") as stream:
        stream.seek(opened.place)
        head = stream.read(4)
    group, element = struct.unpack(order + "HH", head) if len(head) == 4 else (0, 0)
    tag = group << 16 | element
    if tag not in PIXEL_TAGS:
        reason = message("The file contains no pixel data or is truncated. Export it again.")
        raise FileNotUsed("no-pixels", reason)
    if tag != 0x7FE00010:
        raise FileNotUsed("float-pixels", message("The pixels are floating-point numbers, not CT values."))


def _find_pixels(opened: Opened) -> tuple[FrameBytes, ...]:
    """Where each frame lies; everything that is counted was checked against the size of the file before.

    Raises:
        FileNotUsed: pixels are missing.
    """
    dataset, count = opened.dataset, most_frames(opened.dataset)
    if count > MOST_FRAMES:
        reason = message(
            "The file declares {count} images; at most {most} are supported.", count=count, most=MOST_FRAMES
        )
        raise FileNotUsed("too-many-images", reason)
    order = "<" if opened.syntax.is_little_endian else ">"
    with opened.path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(opened.place)
        head = stream.read(12)
        explicit = head[4:6].isalpha() and head[4:6].isupper()
        if len(head) < (12 if explicit else 8):
            raise FileNotUsed("truncated", TRUNCATED)
        offset = opened.place + (12 if explicit else 8)
        (length,) = struct.unpack(order + "I", head[8:12] if explicit else head[4:8])
        if opened.syntax not in NATIVE:
            end = size if length == 0xFFFFFFFF else min(size, offset + length)
            found = encoded_frames(stream, offset, end, dataset, count)
        elif length == 0xFFFFFFFF:
            raise FileNotUsed("damaged-dicom", DAMAGED)
        else:
            each = whole_of(dataset, "Rows", 0) * whole_of(dataset, "Columns", 0)
            each = each * whole_of(dataset, "BitsAllocated", 16) // 8
            found = native_frames(offset, length, size, each, count)
    if found is None:
        raise FileNotUsed("truncated", TRUNCATED)
    return found


def can_decode(syntax: UID) -> bool:
    """True when an installed decoder reads this transfer syntax."""
    try:
        return syntax == JPEGExtended12Bit or bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _describe(
    file: ReceivedFile,
    opened: Opened,
    identity: Identity,
    size: tuple[int, int],
    frame_bytes: tuple[FrameBytes, ...],
) -> Header:
    dataset, (rows, columns) = opened.dataset, size
    frames, has_rescale = read_frames(dataset, len(frame_bytes))
    step = stated_step(dataset)
    return Header(
        file=file,
        path=opened.path,
        meta=series_meta(dataset, opened.sent_as, identity),
        patient=patient_words(dataset),
        identity=identity,
        frames=frames,
        frame_bytes=frame_bytes,
        rows=rows,
        columns=columns,
        form=_form(dataset),
        syntax=opened.syntax,
        sop_instance_uid=uid_of(dataset, "SOPInstanceUID") or opened.meta.get(0x00020003, ""),
        frame_of_reference=uid_of(dataset, "FrameOfReferenceUID"),
        order=order_of(dataset),
        slice_step_mm=abs(step) if step else None,
        padding=padding_of(dataset),
        has_rescale=has_rescale,
        rescale_type=code_of(dataset, "RescaleType")[:16],
        burned_in=code_of(dataset, "BurnedInAnnotation") == "YES",
        places_worked_out=len(frames) > 1 and not sequence_of(dataset, "PerFrameFunctionalGroupsSequence"),
    )


def _form(dataset: Dataset) -> PixelForm:
    bits = whole_of(dataset, "BitsAllocated", 16)
    stored = whole_of(dataset, "BitsStored", bits)
    stored = stored if 0 < stored <= bits else bits
    high = whole_of(dataset, "HighBit", stored - 1)
    return PixelForm(
        bits=bits,
        stored=stored,
        high=high if stored - 1 <= high < bits else stored - 1,
        signed=whole_of(dataset, "PixelRepresentation", 0) == 1,
        photometric="MONOCHROME1" if code_of(dataset, "PhotometricInterpretation") == "MONOCHROME1" else "MONOCHROME2",
    )
