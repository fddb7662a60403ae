"""Model files: HDF5 in Keras' weights layout (``/<layer>/<layer>/<variable>``), and a JSON spec that says all the rest.

Keras itself reads the weights (``model.load_weights("model.h5")``), as it has read this layout since version 1.

Nothing in a file is ever executed. A file is judged with h5py alone (`inspect`): its size, its spec, and that it
holds exactly the arrays of the network the spec describes. To use it, the network is rebuilt from the spec and the
arrays are copied in (`load`). TensorFlow is imported only by `save` and `load`.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import numpy.typing as npt

from spineml.checksum import sha256_of
from spineml.errors import ModelFileRejected
from spineml.message import Message, message
from spineml.model.architecture import Architecture
from spineml.model.postprocess import Postprocess
from spineml.model.preprocess import Preprocess
from spineml.readers.hdf5_limits import check_form, finite_json, plain_data_sets, text_attribute
from spineml.tasks.task import MAX_SLUG, MAX_VALUE, SLUG

if TYPE_CHECKING:
    import keras

SPEC_ATTRIBUTE = "spine_spec"
FORMAT = 1
TASK = "spine-ct"
MAX_FILE_BYTES = 512 * 1024**2
MAX_SPEC_CHARACTERS = 1024**2
Weights = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class TrainingRecord:
    """What a model has seen. ``pixel_hashes`` are those of `canonical_file`, of every training and validation
    series, so that a result on one of them can say so."""

    sources: tuple[str, ...] = ()
    patients: int = 0
    pixel_hashes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ModelSpec:
    """Everything that is needed to rebuild, apply and judge a model besides its weights.

    ``classes`` names what the network tells apart, the background first, and ``values`` are the labels of ``task`` that
    masks have for them.
    """

    architecture: Architecture
    preprocess: Preprocess = field(default_factory=Preprocess)
    postprocess: Postprocess = field(default_factory=Postprocess)
    name: str = ""
    task: str = TASK
    classes: tuple[str, ...] = ("background", "spine")
    values: tuple[int, ...] = (0, 1)
    parent_sha256: str | None = None
    data: TrainingRecord = TrainingRecord()
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    software: dict[str, str] = field(default_factory=dict)
    card: dict[str, str] = field(default_factory=dict)
    fingerprint: dict[str, Any] = field(
        default_factory=dict
    )  # `spineml.model.fingerprint.Fingerprint`, empty when unknown

    def has_seen(self, pixel_hash: str) -> bool:
        """True when the series with this hash was among the training or validation data."""
        return pixel_hash in self.data.pixel_hashes

    def as_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "task": self.task,
            "name": self.name,
            "architecture": self.architecture.as_json(),
            "preprocess": self.preprocess.as_json(),
            "postprocess": self.postprocess.as_json(),
            "classes": list(self.classes),
            "values": list(self.values),
            "parent_sha256": self.parent_sha256,
            "data": {
                "sources": list(self.data.sources),
                "patients": self.data.patients,
                "pixel_hashes": sorted(self.data.pixel_hashes),
            },
            "training": self.training,
            "metrics": self.metrics,
            "software": self.software,
            "card": self.card,
            "fingerprint": self.fingerprint,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ModelSpec:
        """Raises KeyError, TypeError or ValueError when the values are not a spec of this version."""
        if values["format"] != FORMAT:
            raise ValueError(f"format {values['format']!r} is not known, this version reads {FORMAT}")
        data = values["data"]
        record = TrainingRecord(tuple(data["sources"]), int(data["patients"]), frozenset(data["pixel_hashes"]))
        return cls(
            architecture=Architecture.from_json(values["architecture"]),
            preprocess=Preprocess.from_json(values["preprocess"]),
            postprocess=Postprocess.from_json(values["postprocess"]),
            name=str(values["name"]),
            task=str(values["task"]),
            classes=tuple(str(name) for name in values["classes"]),
            values=tuple(int(value) for value in values.get("values", (0, 1))),  # of files from before labels had names
            parent_sha256=values["parent_sha256"],
            data=record,
            training=dict(values["training"]),
            metrics=dict(values["metrics"]),
            software=dict(values["software"]),
            card=dict(values["card"]),
            fingerprint=dict(values.get("fingerprint", {})),  # files from before it was kept have none
        )


def software_versions() -> dict[str, str]:
    """The versions that made a model, for its spec."""
    packages = {name: metadata.version(name) for name in ("keras", "numpy", "h5py")}
    return {"python": platform.python_version(), **packages, "tensorflow": _tensorflow_version()}


def _tensorflow_version() -> str:
    for name in ("tensorflow", "tensorflow-cpu"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "unknown"


def save(model: keras.Model, spec: ModelSpec, path: Path) -> None:
    """Write ``model`` with its spec; ``path`` appears whole or not at all.

    Raises:
        ValueError: the model is not the network of ``spec.architecture``.
        OSError: the file cannot be written.
    """
    from spineml.model import unet

    write({name: np.asarray(variable) for name, variable in unet.named_weights(model).items()}, spec, path)


def write(weights: Weights, spec: ModelSpec, path: Path) -> None:
    """As `save`, from the weights by ``layer/variable``; needs no TensorFlow."""
    shapes = {name: values.shape for name, values in weights.items()}
    if shapes != spec.architecture.weight_shapes():
        raise ValueError("the model is not the network that the spec's architecture describes")
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=".h5", dir=path.parent)
    os.close(handle)
    draft = Path(name)
    try:
        with h5py.File(draft, "w") as file:
            _write_weights(file, weights)
            file.attrs[SPEC_ATTRIBUTE] = json.dumps(spec.as_json(), sort_keys=True)
        draft.chmod(0o644)
        with draft.open("rb") as stream:
            os.fsync(stream.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def inspect(path: Path) -> ModelSpec:
    """Judge a file without running anything in it.

    Raises:
        ModelFileRejected: the file is not a model this version can use; the message says why and what to do.
    """
    return read(path)[0]


def read(path: Path) -> tuple[ModelSpec, Weights]:
    """The spec and the weights by ``layer/variable``; the same checks and errors as `inspect`."""
    with opened(path) as file:
        _refuse_whole_models(file)
        found = plain_data_sets(file)
        spec = _read_spec(file)
        return spec, _read_weights(found, spec.architecture)


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """The file to read; whatever is wrong with it in this block is told to a person.

    Raises:
        ModelFileRejected: too large, damaged, or not HDF5.
    """
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise ModelFileRejected(too_large(size))
    check_form(path)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ModelFileRejected(
            message("The file is damaged or is not HDF5. Download or export it again and upload the complete file.")
        ) from error


def too_large(size: int) -> Message:
    """What is said of a file of ``size`` bytes, which is more than a model may have."""
    return message(
        "The file has {size} MB; a model may have {limit} MB. Save the weights only.",
        size=f"{size / 1e6:.0f}",
        limit=f"{MAX_FILE_BYTES / 1e6:.0f}",
    )


def load(path: Path, *, expected_sha256: str | None = None) -> tuple[keras.Model, ModelSpec]:
    """Rebuild the network from the spec and copy the weights in.

    Raises:
        ModelFileRejected: as `inspect`, or the file is not the one that was registered.
    """
    from spineml.model import unet

    check_hash(path, expected_sha256)
    spec, weights = read(path)
    model = unet.build(spec.architecture)
    for name, variable in unet.named_weights(model).items():
        variable.assign(weights[name])
    return model, spec


def check_hash(path: Path, expected_sha256: str | None) -> str:
    """The file's SHA-256; None accepts any.

    Raises:
        ModelFileRejected: the file's bytes are not those that were registered.
    """
    found = sha256_of(path)
    if expected_sha256 is not None and found != expected_sha256:
        raise ModelFileRejected(
            message(
                "The model file was changed after it was registered (its SHA-256 differs). Restore it from a backup."
            )
        )
    return found


def stored_name(weight: str) -> str:
    """Where the layout keeps the variable ``layer/variable``."""
    return f"{weight.split('/', maxsplit=1)[0]}/{weight}"


def _write_weights(file: h5py.File, weights: Weights) -> None:
    layers: dict[str, list[str]] = {}
    for name in weights:
        layers.setdefault(name.split("/")[0], []).append(name)
    file.attrs["layer_names"] = [layer.encode() for layer in layers]
    file.attrs["backend"] = b"tensorflow"
    file.attrs["keras_version"] = metadata.version("keras").encode()
    for layer, names in layers.items():
        file.create_group(layer).attrs["weight_names"] = [name.encode() for name in names]
    for name, values in weights.items():
        file.create_dataset(stored_name(name), data=values.astype(np.float32))


def _refuse_whole_models(file: h5py.File) -> None:
    if "model_config" in file.attrs:
        raise ModelFileRejected(
            message(
                "The file describes a whole Keras model, which may contain code (such as a Lambda layer). Only "
                "weights with a spec of this platform are accepted."
            )
        )


def _read_spec(file: h5py.File) -> ModelSpec:
    if SPEC_ATTRIBUTE not in file.attrs:
        raise ModelFileRejected(
            message(
                "The file has no spec (architecture and preprocessing). Upload a file that this platform or its "
                "training script wrote."
            )
        )
    try:
        text = text_attribute(file, SPEC_ATTRIBUTE, MAX_SPEC_CHARACTERS)
    except TypeError as error:
        raise ModelFileRejected(message("The file's spec is not text, or too long.")) from error
    try:
        spec = ModelSpec.from_json(finite_json(text))
    except (KeyError, TypeError, ValueError, RecursionError, AttributeError) as error:
        raise ModelFileRejected(
            message("The file's spec cannot be used ({reason}). Save the model again.", reason=_short(error))
        ) from error
    check_classes(spec)
    return spec


def check_classes(spec: ModelSpec) -> None:
    """Raise ModelFileRejected unless the spec gives each class of its network a name and a label value of its own."""
    if not SLUG.fullmatch(spec.task) or len(spec.task) > MAX_SLUG:
        raise ModelFileRejected(message("“{task}” is not the identifier of a task.", task=spec.task[:40]))
    outputs = max(2, spec.architecture.classes)
    if len(spec.classes) != outputs or len(spec.values) != outputs:
        raise ModelFileRejected(
            message(
                "The network tells {outputs} classes apart, the background included; its spec names {names} and gives "
                "{values} of them a value. Save the model again.",
                outputs=outputs,
                names=len(spec.classes),
                values=len(spec.values),
            )
        )
    if spec.values[0] != 0 or not all(1 <= value <= MAX_VALUE for value in spec.values[1:]):
        raise ModelFileRejected(
            message("A model's first class is the background with the value 0; the values of others are 1 to 255.")
        )
    twice = next((value for value in spec.values if spec.values.count(value) > 1), None)
    if twice is not None:
        raise ModelFileRejected(message("Two classes of the model have the value {value}.", value=twice))


def _short(error: Exception) -> str:
    reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) and error.args else str(error)
    return reason[:200]


def _read_weights(found: Mapping[str, h5py.Dataset], architecture: Architecture) -> Weights:
    """Exactly the arrays of the architecture, checked by name, shape and type before any is read."""
    expected = architecture.weight_shapes()
    if sum(map(prod, expected.values())) * np.dtype(np.float32).itemsize > MAX_FILE_BYTES:
        raise ModelFileRejected(message("The network of the spec is larger than this platform supports."))
    places = {stored_name(name): name for name in expected}
    for place in found:
        if place not in places:
            raise ModelFileRejected(
                message("The file contains “{place}”, a layer that the network of its spec does not have.", place=place)
            )
    for place, name in places.items():
        if place not in found:
            raise ModelFileRejected(
                message("The file lacks “{place}”, which the network of its spec requires.", place=place)
            )
        if found[place].shape != expected[name]:
            raise ModelFileRejected(
                message(
                    "“{place}” has the shape {found}; the network of the spec has {expected}.",
                    place=place,
                    found=found[place].shape,
                    expected=expected[name],
                )
            )
        if found[place].dtype != np.float32:
            raise ModelFileRejected(
                message("“{place}” has {dtype} values; weights must be float32.", place=place, dtype=found[place].dtype)
            )
    weights: Weights = {name: found[place][()] for place, name in places.items()}
    check_finite(weights)
    return weights


def check_finite(weights: Weights) -> None:
    """Raise ModelFileRejected when a weight is not a number."""
    broken = next((name for name, values in weights.items() if not np.isfinite(values).all()), None)
    if broken is not None:
        raise ModelFileRejected(message("The weights of “{name}” are not finite: the training diverged.", name=broken))
