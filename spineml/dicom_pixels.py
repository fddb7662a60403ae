"""Decodes DICOM frames to Hounsfield units."""

from __future__ import annotations

import hashlib
from typing import Any

import gdcm
import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.encaps import get_frame
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, JPEGExtended12Bit

from spineml.dicom_header import PARSE_ERRORS, Header
from spineml.dicom_stack import Image
from spineml.errors import UnreadableFile
from spineml.series import AIR_HU
from spineml.volume import HounsfieldArray

DAMAGED = "The pixels could not be decoded: the file is damaged. Export the series again and resend it."
UNCOMPRESSED_PARTS = 1024 * 1024

# GDCM tells about each decoder it tries on the standard error stream.
gdcm.Trace.WarningOff()
gdcm.Trace.ErrorOff()


def decode_hu(image: Image) -> HounsfieldArray:
    """The frame as int16 HU ``(row, column)``; padding and everything below air is air.

    Raises:
        UnreadableFile: the pixels are damaged or not what the header says.
    """
    header = image.header
    try:
        stored = _stored_values(header, image.frame.index)
    except (*PARSE_ERRORS, RuntimeError, MemoryError, OSError) as error:
        raise UnreadableFile(header.file.name, DAMAGED) from error
    if stored.shape != (header.rows, header.columns):
        raise UnreadableFile(header.file.name, DAMAGED)
    return to_hu(stored, image.frame.slope, image.frame.intercept, header.padding)


def to_hu(stored: npt.NDArray[Any], slope: float, intercept: float, padding: tuple[int, int] | None) -> HounsfieldArray:
    """Stored values times slope plus intercept (DICOM PS3.3 C.11.1.1.2), rounded and clipped to -1024..32767."""
    if slope == 1.0 and intercept.is_integer():
        hu = stored.astype(np.int32)
        hu += int(intercept)
    else:
        hu = np.rint(stored * np.float64(slope) + intercept)
    np.clip(hu, AIR_HU, np.iinfo(np.int16).max, out=hu)
    result = hu.astype(np.int16)
    if padding is not None:
        low, high = padding
        result[(stored >= low) & (stored <= high)] = AIR_HU
    return result


def pixel_digest(image: Image) -> bytes:
    """SHA-256 of the stored pixel bytes of the image's file: equal bytes are equal images."""
    header = image.header
    digest = hashlib.sha256(str(header.transfer_syntax).encode())
    with header.file.path.open("rb") as stream:
        left = header.pixels.length if header.pixels else -1
        stream.seek(header.pixels.offset if header.pixels else 0)
        while left and (part := stream.read(min(left, UNCOMPRESSED_PARTS) if left > 0 else UNCOMPRESSED_PARTS)):
            digest.update(part)
            left -= len(part) if left > 0 else 0
    return digest.digest()


def _stored_values(header: Header, index: int) -> npt.NDArray[Any]:
    if header.transfer_syntax == JPEGExtended12Bit and (header.meta.bits_stored or 0) > 8:
        return _jpeg_extended(header, index)
    whole = len(header.frames) == 1
    # pydicom cannot find the transfer syntax of a data set that lost its file meta information.
    dataset = pydicom.dcmread(header.file.path, force=True)
    dataset.file_meta.TransferSyntaxUID = header.transfer_syntax
    return pixel_array(dataset, index=None if whole else index)


def _jpeg_extended(header: Header, index: int) -> npt.NDArray[Any]:
    """Decode 12-bit JPEG Extended by GDCM itself; pydicom refuses it for the sake of old versions of GDCM."""
    dataset = pydicom.dcmread(header.file.path, force=True)
    encoded = get_frame(dataset.PixelData, index, number_of_frames=len(header.frames))
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(encoded)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((header.columns, header.rows, 1))
    image.SetDataElement(element)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str.__str__(UID(JPEGExtended12Bit)))))
    signed = int(dataset.PixelRepresentation)
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, dataset.BitsStored, dataset.BitsStored - 1, signed))
    raw = image.GetBuffer().encode("utf-8", "surrogateescape")
    return np.frombuffer(raw, "<i2" if signed else "<u2").reshape(header.rows, header.columns)
