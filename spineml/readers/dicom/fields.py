"""What a DICOM data set says about a series and a patient, as plain Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from pydicom.dataset import Dataset
from pydicom.uid import UID

from spineml.readers.dicom.text import charsets_of, readings, text_in
from spineml.readers.dicom.values import (
    bytes_of,
    code_of,
    number_of,
    numbers_of,
    sequence_of,
    uid_of,
    values_of,
    whole_of,
)
from spineml.readers.patient_identity import Identity, without_korean_names
from spineml.readers.series import SeriesMeta

NAME_TAGS = ("PatientName", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName", "ResponsiblePerson")
NUMBER_TAGS = ("PatientID", "OtherPatientIDs", "PatientTelephoneNumbers", "MedicalRecordLocator", "AccessionNumber")


@dataclass(frozen=True)
class PatientWords:
    """Who a file says the patient is, for telling patients apart: never stored."""

    number: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    born: str = field(default="", repr=False)


def patient_words(dataset: Dataset) -> PatientWords:
    born = code_of(dataset, "PatientBirthDate")
    return PatientWords(
        number=text_in(dataset, "PatientID"),
        name=text_in(dataset, "PatientName", 200),
        born=born if len(born) == 8 and born.isdecimal() else "",
    )


def identity_of(dataset: Dataset) -> Identity:
    """Everything in the header that names the patient, however it is written."""
    charsets = charsets_of(dataset)

    def texts(source: Dataset, keyword: str) -> list[str]:
        raw = bytes_of(source, keyword)
        return [text for text in dict.fromkeys(readings(raw, charsets)) if text] if raw else []

    names = [text for keyword in NAME_TAGS for text in texts(dataset, keyword)]
    numbers = [one for keyword in NUMBER_TAGS for text in texts(dataset, keyword) for one in text.split("\\")]
    for item in sequence_of(dataset, "OtherPatientIDsSequence"):
        numbers += texts(item, "PatientID")
    return Identity.of(names, numbers, [code_of(dataset, "PatientBirthDate")])


def order_of(dataset: Dataset) -> tuple[float, ...]:
    """For images at one place, or at none: acquisition first, then the number within the series."""
    return tuple(number_of(dataset, name) or 0.0 for name in ("AcquisitionNumber", "InstanceNumber"))


def padding_of(dataset: Dataset) -> tuple[int, int] | None:
    """The range of stored values that mean "outside the scan", both ends included (DICOM PS3.3 C.7.5.1.1.2).

    Writers mix up the signed and the unsigned spelling of one bit pattern (63536 and -2000): it is read as the pixels
    are. A range over more than half of all values is no padding; then the one value counts.
    """
    bits = whole_of(dataset, "BitsAllocated", 16)
    signed = whole_of(dataset, "PixelRepresentation", 0) == 1
    values = [value for value in numbers_of(dataset, "PixelPaddingValue")[:1] if value is not None]
    limits = [value for value in numbers_of(dataset, "PixelPaddingRangeLimit")[:1] if value is not None]
    if not values or bits not in (8, 16, 32):
        return None
    first = _as_pixels(values[0], bits, signed)
    last = _as_pixels(limits[0], bits, signed) if limits else first
    low, high = min(first, last), max(first, last)
    return (low, high) if high - low <= 2 ** (bits - 1) else (first, first)


def _as_pixels(value: float, bits: int, signed: bool) -> int:
    pattern: int = int(value) % (1 << bits)
    return pattern - (1 << bits) if signed and pattern >= 1 << (bits - 1) else pattern


def series_meta(dataset: Dataset, syntax: UID, identity: Identity) -> SeriesMeta:
    """The meta of a series. No text of it names the patient."""

    def clean(text: str) -> str:
        return identity.cleaned(without_korean_names(text))

    def text(keyword: str) -> str:
        return clean(text_in(dataset, keyword))

    thickness = number_of(dataset, "SliceThickness")
    return SeriesMeta(
        source_kind="dicom",
        modality=clean(code_of(dataset, "Modality")[:16]) or "CT",
        patient_id=text_in(dataset, "PatientID"),
        study_uid=uid_of(dataset, "StudyInstanceUID"),
        series_uid=uid_of(dataset, "SeriesInstanceUID"),
        description=text("SeriesDescription"),
        study_date=_study_date(dataset),
        manufacturer=text("Manufacturer"),
        model_name=text("ManufacturerModelName"),
        kernel=clean("\\".join(str(value) for value in values_of(dataset, "ConvolutionKernel"))[:64]),
        body_part=text("BodyPartExamined"),
        patient_position=text("PatientPosition"),
        slice_thickness_mm=thickness if thickness and thickness > 0 else None,
        encoding=syntax.name,
        dtype=_dtype(dataset),
        bits_stored=whole_of(dataset, "BitsStored", 0) or None,
    )


def _dtype(dataset: Dataset) -> str:
    kind = "int" if whole_of(dataset, "PixelRepresentation", 0) == 1 else "uint"
    return kind + str(whole_of(dataset, "BitsAllocated", 0) or "")


def _study_date(dataset: Dataset) -> date | None:
    try:
        return datetime.strptime(code_of(dataset, "StudyDate")[:8], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
