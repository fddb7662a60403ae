"""What reader processes can be asked (`spineml.isolation`): each reads what a person sent, by plain data and files.

Imported once, before any file is touched: whatever a reader needs must be loaded by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from pydicom.uid import UID, AllTransferSyntaxes

from spineml.checksum import sha256_of
from spineml.isolation.plain import record_of
from spineml.masks.read import read_label_map, read_mask
from spineml.message import message
from spineml.model import keras2_file, model_file
from spineml.model.preprocess import Preprocess
from spineml.model.probe import probe
from spineml.reader_process.upload import OUT, Reply, read_upload
from spineml.readers.dicom.header import can_decode
from spineml.readers.series import ReceivedFile
from spineml.readers.slice_names import SourceNames
from spineml.tasks.files import MAX_CHARACTERS, labels_of_file
from spineml.tasks.task import Task, TaskRejected
from spineml.volumes.canonical_file import write_mask
from spineml.volumes.volume import Geometry, Mask

# Decoders that are otherwise found and loaded when they are first needed.
DECODABLE = [syntax for syntax in AllTransferSyntaxes if can_decode(UID(syntax))]
Image.init()


def mask(arguments: Mapping[str, Any], _reply: Reply) -> dict[str, Any]:
    """Read a mask into the canonical file ``mask.h5``.

    Args:
        arguments: ``files`` ([path, name] each), ``geometry``, and the rest as `read_mask` has it.

    Raises:
        MaskRejected: with what does not fit.
    """
    read = read_mask(**_of_series(arguments), every_label=arguments["every_label"])
    return {"mask": "mask.h5", "pixel_hash": write_mask(OUT / "mask.h5", read)}


def label_map(arguments: Mapping[str, Any], _reply: Reply) -> dict[str, Any]:
    """Read a label map into the canonical file ``map.h5``, whose labels are 1 + the place of each value in ``found``.

    Args:
        arguments: ``files`` ([path, name] each), ``geometry``, and the rest as `read_label_map` has it.

    Raises:
        MaskRejected: with what does not fit.
    """
    read = read_label_map(**_of_series(arguments))
    write_mask(OUT / "map.h5", Mask(read.slots, read.geometry))
    return {"map": "map.h5", "found": [one.to_json() for one in read.found]}


def _of_series(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What both ways of reading a mask have in common."""
    return {
        "files": [ReceivedFile(Path(path), name) for path, name in arguments["files"]],
        "geometry": Geometry.from_json(arguments["geometry"]),
        "spatial": arguments["spatial"],
        "names": record_of(SourceNames, arguments["names"]),
        "order": arguments["order"],
    }


def model(arguments: Mapping[str, Any], _reply: Reply) -> dict[str, Any]:
    """Judge a model file, its answer to a drawn CT included; one that Keras 2 wrote is made into ``model.h5`` of this
    platform.

    Args:
        arguments: ``path``, and of a foreign model ``preprocess`` (None, or how its images were prepared) and ``task``
            (what it was trained for).

    Raises:
        ModelFileRejected: with what is wrong with the file.
    """
    path, made = Path(arguments["path"]), ""
    if keras2_file.is_foreign(path):
        given = arguments["preprocess"]
        made = "model.h5"
        preprocess = Preprocess.from_json(given) if given else None
        keras2_file.convert(path, OUT / made, preprocess=preprocess, task=Task.from_json(arguments["task"]))
        path = OUT / made
    spec, weights = model_file.read(path)
    return {
        "spec": spec.as_json(),
        "sha256": sha256_of(path),
        "flaw": probe(spec, weights).value,
        "made": made,
    }


def labels(arguments: Mapping[str, Any], _reply: Reply) -> dict[str, Any]:
    """The labels of a task that a file of another program lists.

    Args:
        arguments: ``path``.

    Raises:
        TaskRejected: it is none of the known lists, or a label in it cannot be used.
    """
    with Path(arguments["path"]).open("rb") as file:
        content = file.read(MAX_CHARACTERS * 4 + 1)
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise TaskRejected(message("The list of labels is not text. Save it as UTF-8.")) from error
    return {"labels": [label.to_json() for label in labels_of_file(text)]}


READERS = {"upload": read_upload, "mask": mask, "label_map": label_map, "model": model, "labels": labels}
