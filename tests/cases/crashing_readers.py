"""The platform's readers with one seam: files whose names say so make their decoder misbehave."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from spineml import dicom, intake, reading, watched
from spineml.dicom_pixels import decode_hu
from spineml.nifti import scan_nifti
from spineml.series import ReceivedFile


def misbehave(name: str) -> None:
    word = PurePosixPath(name).stem.partition("-")[0]
    if word == "crash":
        ctypes.string_at(0)
    while word == "hang":
        ctypes.CDLL(None).poll(None, 0, -1)
    if word == "error":
        raise ZeroDivisionError(name)
    if word == "memory":
        np.full(4 * 1024**3, 7, np.uint8)


def scanning(file: ReceivedFile, *rest: Any) -> Any:
    misbehave(file.name)
    return scan_nifti(file, *rest)


def decoding(image: Any) -> Any:
    with watched.reading(image.header.file.name):
        misbehave(image.header.file.name)
        return decode_hu(image)


def of_masks(read: Callable[..., Any]) -> Callable[..., Any]:
    def read_masks(files: list[ReceivedFile], *rest: Any, **options: Any) -> Any:
        misbehave(files[0].name)
        return read(files, *rest, **options)

    return read_masks


def model(arguments: Mapping[str, Any], reply: Any) -> Any:
    ctypes.string_at(0)


intake.scan_nifti = scanning
dicom.decode_hu = decoding
reading.read_mask = of_masks(reading.read_mask)
READERS = {**reading.READERS, "model": model}
