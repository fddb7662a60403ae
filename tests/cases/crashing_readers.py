"""The platform's readers with one seam: files whose names say so make their decoder misbehave."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from spineml.reader_process import commands
from spineml.readers import reading_progress, scan
from spineml.readers.dicom import scan as dicom
from spineml.readers.dicom.pixels import decode_hu
from spineml.readers.nifti import scan_nifti
from spineml.readers.series import ReceivedFile


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
    with reading_progress.reading(image.header.file.name):
        misbehave(image.header.file.name)
        return decode_hu(image)


def of_masks(read: Callable[..., Any]) -> Callable[..., Any]:
    def read_masks(files: list[ReceivedFile], *rest: Any, **options: Any) -> Any:
        misbehave(files[0].name)
        return read(files, *rest, **options)

    return read_masks


def model(arguments: Mapping[str, Any], reply: Any) -> Any:
    ctypes.string_at(0)


scan.scan_nifti = scanning
dicom.decode_hu = decoding
commands.read_mask = of_masks(commands.read_mask)
READERS = {**commands.READERS, "model": model}
