"""Decodes DICOM frames to Hounsfield units, each by itself: a file of many frames is read once, not once for each."""

from __future__ import annotations

import hashlib
from typing import Any

import gdcm
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, JPEG2000TransferSyntaxes, JPEGExtended12Bit, RLELossless

from spineml.errors import UnreadableFile
from spineml.message import message
from spineml.readers import reading_progress
from spineml.readers.dicom.encoding import NATIVE, damage_as
from spineml.readers.dicom.fragments import frame_content
from spineml.readers.dicom.header import Header
from spineml.readers.dicom.jpeg_header import FRAMES as JPEG_FRAMES
from spineml.readers.dicom.jpeg_header import check_jpeg_2000, checked_jpeg
from spineml.readers.dicom.stack import Image
from spineml.readers.values import Intensity
from spineml.volumes.volume import AIR_HU, HounsfieldArray

DAMAGED = message("The pixels could not be decoded: the file is damaged. Export the series again and resend it.")
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
        with reading_progress.reading(header.file.name), damage_as(damaged):
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
    """SHA-256 of the stored bytes of the frame and of how they are read: equal digests are equal images."""
    header = image.header
    how = (str(header.syntax), header.form, header.padding, image.frame.slope, image.frame.intercept)
    digest = hashlib.sha256(repr(how).encode())
    digest.update(frame_content(header.path, header.frame_bytes[image.frame.index]))
    return digest.digest()


def _stored_values(header: Header, index: int) -> npt.NDArray[Any]:
    content = frame_content(header.path, header.frame_bytes[index])
    dataset = _pixels_alone(header)
    if header.syntax in NATIVE:
        dataset.PixelData = content + bytes(len(content) % 2)
        return _used_bits(pixel_array(dataset), header)
    content = _checked(header, content)
    if header.syntax == JPEGExtended12Bit and header.form.stored > 8:
        return _jpeg_extended(dataset, content)
    dataset.PixelData = encapsulate([content])
    return pixel_array(dataset, decoding_plugin=PLUGINS.get(header.syntax, ""))


def _pixels_alone(header: Header) -> Dataset:
    """A data set of one frame that holds nothing but how its pixels are written."""
    dataset, form = Dataset(), header.form
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = header.syntax
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = header.rows, header.columns, 1
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = form.bits, form.high + 1, form.high
    dataset.PixelRepresentation, dataset.PhotometricInterpretation = int(form.signed), form.photometric
    implicit, little = header.syntax.is_implicit_VR, header.syntax.is_little_endian
    dataset.set_original_encoding(implicit, little)
    return dataset


def _used_bits(stored: npt.NDArray[Any], header: Header) -> npt.NDArray[Any]:
    """Old files keep their values in the upper bits of a word: the highest one is not the last one stored."""
    return stored >> (header.form.high + 1 - header.form.stored)


def _checked(header: Header, encoded: bytes) -> bytes:
    shape = (header.rows, header.columns)
    if header.syntax in JPEG_FRAMES:
        return checked_jpeg(encoded, header.syntax, shape, header.form.bits)
    if header.syntax in JPEG2000TransferSyntaxes:
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
