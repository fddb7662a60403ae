"""Decodes DICOM frames to Hounsfield units."""

from __future__ import annotations

import hashlib
from typing import Any

import gdcm
import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, JPEG2000TransferSyntaxes, JPEGExtended12Bit, RLELossless

from spineml.dicom_header import Header, damage_as
from spineml.dicom_stack import Image
from spineml.errors import UnreadableFile
from spineml.jpeg_header import FRAMES as JPEG_FRAMES
from spineml.jpeg_header import check_jpeg_2000, checked_jpeg
from spineml.message import message
from spineml.series import AIR_HU
from spineml.values import Intensity
from spineml.volume import HounsfieldArray

DAMAGED = message("The pixels could not be decoded: the file is damaged. Export the series again and resend it.")
UNCOMPRESSED_PARTS = 1024 * 1024
# These plugins raise errors on damaged data where others end the process (pylibjpeg-rle panics, GDCM aborts).
PLUGINS = {RLELossless: "pydicom"} | dict.fromkeys(JPEG2000TransferSyntaxes, "pylibjpeg")

# GDCM tells about each decoder it tries on the standard error stream.
gdcm.Trace.WarningOff()
gdcm.Trace.ErrorOff()


def decode_hu(image: Image) -> HounsfieldArray:
    """The frame as int16 HU ``(row, column)``; padding and everything below air is air.

    Raises:
        UnreadableFile: the pixels are damaged or not what the header says.
    """
    header = image.header
    damaged = UnreadableFile(header.file.name, DAMAGED)
    try:
        with damage_as(damaged):
            stored = _stored_values(header, image.frame.index)
    except RuntimeError as error:  # what the decoders raise
        raise damaged from error
    if stored.shape != (header.rows, header.columns):
        raise UnreadableFile(header.file.name, DAMAGED)
    return to_hu(stored, image.frame.slope, image.frame.intercept, header.padding)


def to_hu(stored: npt.NDArray[Any], slope: float, intercept: float, padding: tuple[int, int] | None) -> HounsfieldArray:
    """Stored values times slope plus intercept (DICOM PS3.3 C.11.1.1.2), rounded and clipped to -1024..32767."""
    result = Intensity("HU", slope, intercept).to_hu(stored)
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
    dataset = pydicom.dcmread(header.file.path, force=True)
    # pydicom cannot find the transfer syntax of a data set that lost its file meta information.
    syntax = dataset.file_meta.TransferSyntaxUID = header.transfer_syntax
    several = len(header.frames) > 1
    if syntax in JPEG_FRAMES or syntax in JPEG2000TransferSyntaxes:
        encoded = _checked_frame(dataset, header, index)
        if syntax == JPEGExtended12Bit and int(dataset.BitsStored) > 8:
            return _jpeg_extended(dataset, encoded)
        dataset.PixelData, dataset.NumberOfFrames, several = encapsulate([encoded]), 1, False
    return pixel_array(dataset, index=index if several else None, decoding_plugin=PLUGINS.get(syntax, ""))


def _checked_frame(dataset: Dataset, header: Header, index: int) -> bytes:
    encoded = get_frame(dataset.PixelData, index, number_of_frames=len(header.frames))
    shape = (header.rows, header.columns)
    if header.transfer_syntax in JPEG_FRAMES:
        return checked_jpeg(encoded, header.transfer_syntax, shape, int(dataset.BitsAllocated))
    check_jpeg_2000(encoded, shape)
    return encoded


def _jpeg_extended(dataset: Dataset, encoded: bytes) -> npt.NDArray[Any]:
    """Decode 12-bit JPEG Extended by GDCM itself; pydicom refuses it for the sake of old versions of GDCM."""
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(encoded)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((dataset.Columns, dataset.Rows, 1))
    image.SetDataElement(element)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str.__str__(UID(JPEGExtended12Bit)))))
    signed = int(dataset.PixelRepresentation)
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, dataset.BitsStored, dataset.BitsStored - 1, signed))
    raw = image.GetBuffer().encode("utf-8", "surrogateescape")
    return np.frombuffer(raw, "<i2" if signed else "<u2").reshape(dataset.Rows, dataset.Columns)
