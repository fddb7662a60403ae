"""What an HDF5 file that a person sent may hold, found out before any value is read.

HDF5 lets a file of kilobytes stand for gigabytes: values that were never written, packed chunks that inflate without a
limit, one array under a thousand names, arrays put together of other files. Weights are written plainly by everybody,
so plain is what is accepted: the arrays of a file have together no more bytes than the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any

import h5py

from spineml.errors import ModelFileRejected
from spineml.message import message
from spineml.readers.archives.archive import is_zip

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
OLDEST_FORM = 0
MAX_OBJECTS = 2000
MAX_DEPTH = 6
# What is beside the arrays: names, indices, and texts such as the description of a model.
MAX_BESIDES = 64 * 1024**2
MAX_NAMES_BYTES = 256 * 1024**2


def check_form(path: Path) -> None:
    """Refuse the newer forms of HDF5 (superblocks 1 to 3), which nobody writes weights in.

    libhdf5 1.14.6 writes beyond its memory when it lists a damaged group of theirs (found by `tests.fuzz`); with the
    oldest form, which Keras and h5py write by themselves, no damage led to that.

    Raises:
        ModelFileRejected: a newer form, or no HDF5 at all.
    """
    form = form_of(path)
    if form is None and is_zip(path):
        raise ModelFileRejected(
            message(
                "The file is a zip, as .keras and PyTorch files are; models are read from HDF5 (.h5) alone. Convert "
                "it, or upload a file that this platform or its training script wrote."
            )
        )
    if form is None:
        raise ModelFileRejected(
            message("The file is damaged or is not HDF5. Download or export it again and upload the complete file.")
        )
    if form != OLDEST_FORM:
        raise ModelFileRejected(
            message("The file uses a newer HDF5 format than Keras writes. Save the weights with Keras or h5py.")
        )


def form_of(path: Path) -> int | None:
    """The version of the superblock at the start of an HDF5 file, None for another file."""
    with path.open("rb") as stream:
        start = stream.read(len(HDF5_MAGIC) + 1)
    return start[-1] if start.startswith(HDF5_MAGIC) and len(start) > len(HDF5_MAGIC) else None


def plain_data_sets(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Every data set of the file by its path, each checked to lie in this very file, unpacked and complete.

    Raises:
        ModelFileRejected: a link, data kept in another file, packed or missing values, groups nested too deeply, or far
            too many objects.
    """
    found: dict[str, h5py.Dataset] = {}
    left = int(file.id.get_filesize())
    for count, (name, member) in enumerate(_members(file, "", depth=0)):
        if count >= MAX_OBJECTS:
            raise _too_many()
        if isinstance(member, h5py.Dataset):
            left -= _checked_bytes(member, name)
            if left < 0:
                raise _missing_values(name, member)
            found[name] = member
    if left > MAX_BESIDES:
        raise ModelFileRejected(
            message("The file contains {size} MB besides its weights. Save the weights only.", size=left // 10**6)
        )
    return found


def _members(group: h5py.Group, prefix: str, *, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > MAX_DEPTH:
        raise ModelFileRejected(message("The file's groups are nested more deeply than in any supported model."))
    if len(group) > MAX_OBJECTS:
        raise _too_many()
    for name in group:
        path = f"{prefix}/{name}" if prefix else name
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ModelFileRejected(
                message("“{name}” is an external link. Save the model as one complete file.", name=path)
            )
        member = group[name]
        yield path, member
        if isinstance(member, h5py.Group):
            yield from _members(member, path, depth=depth + 1)


def _checked_bytes(data: h5py.Dataset, name: str) -> int:
    """The bytes of the data set's values, once they are known to lie plainly in the file."""
    if data.external or data.is_virtual:
        raise ModelFileRejected(
            message("“{name}” has its data in another file. Save the model as one complete file.", name=name)
        )
    if data.id.get_create_plist().get_nfilters():
        raise ModelFileRejected(message("“{name}” is compressed. Save the model without compression.", name=name))
    size = int(data.size or 0) * int(data.id.get_type().get_size())
    if int(data.id.get_storage_size()) < size:
        raise _missing_values(name, data)
    return size


def _missing_values(name: str, data: h5py.Dataset) -> ModelFileRejected:
    return ModelFileRejected(
        message(
            "“{name}” declares the shape {shape}, but the file has fewer values. Save the model again.",
            name=name,
            shape=str(data.shape),
        )
    )


def _too_many() -> ModelFileRejected:
    return ModelFileRejected(
        message("The file contains more than {most} objects, more than any supported model.", most=MAX_OBJECTS)
    )


def text_attribute(holder: h5py.Group, name: str, most: int) -> str:
    """One text of at most ``most`` characters, whichever way it was written.

    Call it after `plain_data_sets`, which bounds how much text a file can hold.

    Raises:
        TypeError: it is not one text, or too long.
    """
    attribute = holder.attrs.get_id(name)
    if attribute.shape != () or attribute.get_storage_size() > 4 * most:
        raise TypeError("not one text of reasonable length")
    text = as_text(holder.attrs[name])
    if len(text) > most:
        raise TypeError("a text of unreasonable length")
    return text


def text_list_attribute(file: h5py.File, name: str) -> list[str]:
    """The texts of a list, such as the names of layers.

    Raises:
        TypeError: it is none.
        ValueError: far too many or too long.
    """
    attribute = file.attrs.get_id(name)
    if len(attribute.shape) != 1 or attribute.shape[0] > MAX_OBJECTS:
        raise ValueError("not a list of reasonable length")
    # Texts of any length are kept apart from the list, and a thousand entries may name one long text.
    if attribute.dtype.kind == "O":
        weights = sum(int(data.id.get_storage_size()) for data in plain_data_sets(file).values())
        if attribute.shape[0] * (int(file.id.get_filesize()) - weights) > MAX_NAMES_BYTES:
            raise ValueError("texts of unreasonable length")
    return [as_text(value) for value in file.attrs[name]]


def as_text(value: Any) -> str:
    """An attribute's text, whichever way Keras and h5py wrote it.

    Raises:
        TypeError: it is not text.
    """
    if isinstance(value, bytes):  # numpy's own are bytes, too
        return bytes(value).decode(errors="replace")
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def finite_json(text: str) -> Any:
    """The values of a JSON text whose numbers are all finite.

    Raises:
        ValueError: it is no JSON, or holds a number that is none (NaN, Infinity, 1e999).
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_float=_finite, parse_constant=_finite)


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text[:20]} is no number")
    return value
