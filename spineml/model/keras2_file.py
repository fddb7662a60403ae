"""Model files that Keras 2 wrote: the U-Net of the paper, as a whole model or as weights alone, made into ours.

The layer list (``model_config``) is read as data (`spineml.model.keras2_graph`); a file of weights alone is understood
by its shapes. The weights are then written to a file of this platform whose network gives the same output. Nothing in
the file is ever executed.

What Keras does not record must be said by whoever imports it: the window the images were prepared with, and the task.
And a file of weights alone does not say what is between them: ReLU, a sigmoid at the end (a softmax where there are
several outputs), and skips joined (skip, way up) are taken for granted.

The outputs of a softmax are taken to be the background and the labels of the task by ascending value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from spineml.checksum import sha256_of
from spineml.errors import ModelFileRejected
from spineml.message import message
from spineml.model import model_file
from spineml.model.architecture import NORM_EPSILON, Architecture
from spineml.model.keras2_graph import GraphStep, Plan, plan_of
from spineml.model.model_file import ModelSpec
from spineml.model.preprocess import MAX_CANVAS, Preprocess
from spineml.readers.hdf5_limits import finite_json, plain_data_sets, text_attribute, text_list_attribute
from spineml.tasks.classes import Classes
from spineml.tasks.shipped import SPINE_CT
from spineml.tasks.task import Task

MODEL_CONFIG, LAYER_NAMES, WEIGHTS_GROUP = "model_config", "layer_names", "model_weights"
MAX_CONFIG_CHARACTERS = 4 * 1024**2
MAX_VERSION_CHARACTERS = 1000
CANVAS_STEP = 32
NORM_VARIABLES = ("gamma", "beta", "moving_mean", "moving_variance")
Layers = Mapping[str, Mapping[str, h5py.Dataset]]
FloatArray = npt.NDArray[np.float32]


def is_foreign(path: Path) -> bool:
    """True when the file looks like Keras' own and carries no spec of this platform.

    Raises:
        ModelFileRejected: too large, damaged, or not HDF5.
    """
    with model_file.opened(path) as file:
        ours = model_file.SPEC_ATTRIBUTE in file.attrs
        return not ours and any(name in file.attrs for name in (MODEL_CONFIG, LAYER_NAMES))


def convert(path: Path, target: Path, *, preprocess: Preprocess | None = None, task: Task = SPINE_CT) -> ModelSpec:
    """Write the network of the Keras 2 file at ``path`` to ``target`` as a file of this platform; the same file gives
    the same bytes.

    Raises:
        ModelFileRejected: the file is damaged, not a U-Net of this family, or has not as many outputs as ``task`` has
            labels; the message says what is in the way.
    """
    with model_file.opened(path) as file:
        layers = _layers(file)
        plan = _plan(file, layers)
        architecture = _architecture(plan, layers)
        classes = Classes(task)
        _check_outputs(architecture, classes)
        weights = dict(_weights(plan.steps, layers, architecture))
        version = _keras_version(file)
    weights = {name: weights[name] for name in architecture.weight_shapes()}
    model_file.check_finite(weights)
    spec = ModelSpec(
        architecture,
        _for_side(preprocess or Preprocess(), plan.side, architecture),
        name=f"Keras {version}",
        task=task.slug,
        classes=classes.names,
        values=classes.values,
        training={"imported": {"sha256": sha256_of(path), "keras": version}},
        software=model_file.software_versions(),
    )
    model_file.write(weights, spec, target)
    return spec


def _check_outputs(architecture: Architecture, classes: Classes) -> None:
    """Raise ModelFileRejected unless the network tells as many structures apart as there are classes."""
    outputs, labels = max(2, architecture.classes), len(classes.labels)
    if outputs != labels + 1:
        raise ModelFileRejected(
            message(
                "The network tells {structures} structures apart from the background; labels of “{task}”: {labels}. "
                "Choose the task that it was trained for.",
                structures=outputs - 1,
                task=classes.task.name,
                labels=labels,
            )
        )


def _for_side(preprocess: Preprocess, side: int | None, architecture: Architecture) -> Preprocess:
    """A network of one size only was trained on that size."""
    if side is None or side % CANVAS_STEP or side % architecture.stride or side > MAX_CANVAS:
        return preprocess
    return replace(preprocess, canvases=(side,))


def _keras_version(file: h5py.File) -> str:
    holder = file if "keras_version" in file.attrs else file.get(WEIGHTS_GROUP, file)
    if "keras_version" not in holder.attrs:
        return "2"
    return text_attribute(holder, "keras_version", MAX_VERSION_CHARACTERS)[:20]


# --- what is in the file ----------------------------------------------------------------------------------------------
def _layers(file: h5py.File) -> Layers:
    """The variables of each layer by their short names; optimiser states are never looked at."""
    inside = f"{WEIGHTS_GROUP}/" if MODEL_CONFIG in file.attrs else ""
    found_data = plain_data_sets(file)
    if inside and not any(path.startswith(inside) for path in found_data):
        raise ModelFileRejected(
            message("The file describes a model but contains no weights. Save the whole model again.")
        )
    layers: dict[str, dict[str, h5py.Dataset]] = defaultdict(dict)
    for place, found in found_data.items():
        if not place.startswith(inside):
            continue
        path = place.removeprefix(inside)
        layer, variable = path.split("/")[0], path.split("/")[-1].split(":")[0]
        if variable in layers[layer]:
            raise ModelFileRejected(
                message(
                    "Layer “{layer}” has several variables “{variable}” (nested models).",
                    layer=layer,
                    variable=variable,
                )
            )
        if found.dtype != np.float32:
            raise ModelFileRejected(
                message("“{path}” has {dtype} values; weights must be float32.", path=path, dtype=found.dtype)
            )
        layers[layer][variable] = found
    return layers


def _plan(file: h5py.File, layers: Layers) -> Plan:
    if MODEL_CONFIG not in file.attrs:
        return _plan_of_weights(file, layers)
    try:
        text = text_attribute(file, MODEL_CONFIG, MAX_CONFIG_CHARACTERS)
    except TypeError as error:
        raise ModelFileRejected(
            message("The model's description is not text, or too long for a U-Net of this family.")
        ) from error
    try:
        return plan_of(finite_json(text))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
        raise ModelFileRejected(
            message("The model's description is not one that Keras 2 writes. Save its weights alone and upload those.")
        ) from error


def _plan_of_weights(file: h5py.File, layers: Layers) -> Plan:
    """The layers that have weights, in the order in which Keras names them: from the input to the output."""
    names = text_list_attribute(file, LAYER_NAMES)
    steps: list[GraphStep] = []
    for name in names:
        variables = layers.get(name, {})
        if "kernel" in variables:
            steps.append(GraphStep(name))
        elif variables and steps and set(variables) <= set(NORM_VARIABLES):
            steps[-1] = replace(steps[-1], norm=name)
        elif variables:
            raise ModelFileRejected(
                message("Layer “{layer}” is not one that a U-Net of this family has.", layer=name[:60])
            )
    return Plan(tuple(steps))


# --- as our network ---------------------------------------------------------------------------------------------------
def _architecture(plan: Plan, layers: Layers) -> Architecture:
    """Read the parameters off the shapes of the kernels. Whether all fit is checked variable by variable afterwards.

    Raises:
        ModelFileRejected: they are not those of a U-Net of this family.
    """
    kernels = [_variable(layers, step.layer, "kernel").shape for step in plan.steps]
    ups = [index for index, shape in enumerate(kernels) if shape[:2] == (2, 2)]
    if not ups or any(len(shape) != 4 for shape in kernels):
        raise ModelFileRejected(message("The weights are not those of a U-Net: no upsampling path with 2x2 kernels."))
    convolutions = ups[0] // (len(ups) + 1)
    before, after = kernels[ups[0]][2:]
    extra = len(kernels) - ups[-1] - convolutions - 2
    _check_head(plan.steps[-1], int(kernels[-1][3]))
    try:
        return Architecture(
            base_filters=int(kernels[0][3]),
            depth=len(ups),
            stem_stride=1,
            normalisation="batch" if plan.steps[0].norm else "none",
            convolutions=convolutions,
            dropout=plan.dropout,
            upsampling="nearest" if before > after else "transposed",
            head_filters=int(kernels[-2][3]) if extra == 1 else 0,
            classes=int(kernels[-1][3]),
        )
    except ValueError as error:
        raise ModelFileRejected(
            message("The weights are not those of a U-Net that this platform knows: {reason}.", reason=error)
        ) from error


def _check_head(last: GraphStep, outputs: int) -> None:
    """Raise ModelFileRejected when the end of the network does not go with its outputs; "linear" says nothing."""
    if last.activation == "sigmoid" and outputs > 1:
        raise ModelFileRejected(
            message(
                "The network ends in {outputs} sigmoids, whose structures may overlap. Only one sigmoid, or a softmax "
                "over the background and the structures, can be imported.",
                outputs=outputs,
            )
        )
    if last.activation == "softmax" and outputs == 1:
        raise ModelFileRejected(message("The network ends in softmax over one output, which is always 1."))


def _weights(
    steps: Sequence[GraphStep], layers: Layers, architecture: Architecture
) -> Iterator[tuple[str, FloatArray]]:
    """Every weight of our network, each checked by its shape before it is read."""
    expected = architecture.weight_shapes()
    if sum(map(prod, expected.values())) * np.dtype(np.float32).itemsize > model_file.MAX_FILE_BYTES:
        raise ModelFileRejected(message("The network is larger than this platform supports."))
    ours = [name.removesuffix("/kernel") for name in expected if name.endswith("/kernel")]
    used = {name for step in steps for name in (step.layer, step.norm)}
    unused = [name for name, variables in layers.items() if variables and name not in used]
    if len(ours) != len(steps) or unused:
        raise ModelFileRejected(
            message("The file has weights of layers that a U-Net of this configuration does not have.")
        )
    for name, step in zip(ours, steps, strict=True):
        yield from _step(name, step, layers, expected)


def _step(
    name: str, step: GraphStep, layers: Layers, expected: Mapping[str, tuple[int, ...]]
) -> Iterator[tuple[str, FloatArray]]:
    kernel = _read(layers, step.layer, "kernel", expected[f"{name}/kernel"])
    filters = _filters(name, expected)
    bias = _read(layers, step.layer, "bias", filters) if "bias" in layers[step.layer] else np.zeros(filters, np.float32)
    if step.swapped:
        kernel = np.roll(kernel, kernel.shape[2] // 2, axis=2)
    yield f"{name}/kernel", kernel
    if f"{name}/bias" in expected:
        if step.norm:
            raise ModelFileRejected(
                message("“{norm}” normalises where a U-Net of this family does not.", norm=step.norm)
            )
        yield f"{name}/bias", bias
    else:
        yield from _norm(f"{name.removesuffix('_conv')}_norm", step, layers, bias)


def _filters(name: str, expected: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    return expected.get(f"{name}/bias") or expected[f"{name.removesuffix('_conv')}_norm/gamma"]


def _norm(name: str, step: GraphStep, layers: Layers, bias: FloatArray) -> Iterator[tuple[str, FloatArray]]:
    """Ours has no bias before it and an epsilon of its own; both are worked into the statistics, exactly.

    ``(x + b - m) g / sqrt(v + e)`` equals ``(x - (m - b)) g' / sqrt(v + e')`` with ``g' = g sqrt((v + e') / (v + e))``.
    """
    if not step.norm:
        raise ModelFileRejected(message("“{layer}” is not normalised although the first layer is.", layer=step.layer))
    present = layers[step.norm]
    values = {
        variable: _read(layers, step.norm, variable, bias.shape)
        if variable in present
        else np.full(bias.shape, float(variable == "gamma"), np.float32)
        for variable in ("gamma", "beta")
    }
    mean = _read(layers, step.norm, "moving_mean", bias.shape)
    variance = _read(layers, step.norm, "moving_variance", bias.shape)
    if (variance < 0).any():
        raise ModelFileRejected(message("“{norm}” has a negative variance.", norm=step.norm))
    scale = np.sqrt((variance.astype(np.float64) + NORM_EPSILON) / (variance + step.epsilon))
    yield f"{name}/gamma", (values["gamma"] * scale).astype(np.float32)
    yield f"{name}/beta", values["beta"]
    yield f"{name}/moving_mean", mean - bias
    yield f"{name}/moving_variance", variance


def _read(layers: Layers, layer: str, variable: str, shape: tuple[int, ...]) -> FloatArray:
    found = _variable(layers, layer, variable)
    if found.shape != shape:
        raise ModelFileRejected(
            message(
                "“{layer}/{variable}” has the shape {found}; a U-Net like this one has {expected} there.",
                layer=layer,
                variable=variable,
                found=found.shape,
                expected=shape,
            )
        )
    values: FloatArray = found[()]
    return values


def _variable(layers: Layers, layer: str, variable: str) -> h5py.Dataset:
    if variable not in layers.get(layer, {}):
        raise ModelFileRejected(
            message("The file lacks “{layer}/{variable}”, which its network requires.", layer=layer, variable=variable)
        )
    return layers[layer][variable]
