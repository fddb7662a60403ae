"""Reads the ``model_config`` of a Keras 2 file as plain data and recognises the U-Net of the paper in it.

Layers outside a short list are refused by name, so that nothing is guessed; nothing is ever built or called from the
file. Ronneberger et al. 2015, as Keras users write it: levels of 3x3 convolutions with ReLU (with batch normalisation
between them or not), max-pooling, dropout anywhere, up by ``Conv2DTranspose`` or by ``UpSampling2D`` and a 2x2
convolution, skips joined in either order, and at the end a sigmoid for one structure or a softmax for several.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spineml.errors import ModelFileRejected
from spineml.message import Message, message

DROPOUTS = ("Dropout", "SpatialDropout2D")
KNOWN = (
    "InputLayer",
    "Conv2D",
    "Conv2DTranspose",
    "MaxPooling2D",
    "UpSampling2D",
    "Concatenate",
    "BatchNormalization",
    "Activation",
    "ReLU",
    "Softmax",
    *DROPOUTS,
)
MAX_LAYERS = 500
HEADS = ("sigmoid", "softmax")
CHANNELS_LAST = ("channels_last", None)


@dataclass(frozen=True)
class GraphStep:
    """One convolution on the way through the network, with the layer that normalises it.

    ``swapped``: its input is (way up, skip) joined, where ours is (skip, way up).
    """

    layer: str
    norm: str = ""
    epsilon: float = 1e-3
    activation: str = "linear"
    swapped: bool = False


@dataclass(frozen=True)
class Plan:
    """The convolutions in order; ``side`` is the fixed height and width of the input in pixels, or None."""

    steps: tuple[GraphStep, ...]
    dropout: float = 0.0
    side: int | None = None


@dataclass(frozen=True)
class _Layer:
    name: str
    kind: str
    settings: Mapping[str, Any]
    inputs: tuple[str, ...]

    def must(self, **wanted: object) -> None:
        """Each setting is one of the values wanted, lists being as good as tuples."""
        for name, values in wanted.items():
            found = self.settings.get(name)
            found = tuple(found) if isinstance(found, list) else found
            if found not in (values if isinstance(values, tuple) else (values,)):
                raise ModelFileRejected(
                    message(
                        "Layer “{layer}” ({kind}) has {setting} = {value}, which this U-Net cannot have.",
                        layer=self.name,
                        kind=self.kind,
                        setting=name,
                        value=str(found)[:40],
                    )
                )


def plan_of(config: Mapping[str, Any]) -> Plan:
    """The plan of a ``model_config``.

    Raises:
        ModelFileRejected: it is not a U-Net of this family; the message names the layer.
        KeyError, TypeError, ValueError: it is not the description of a Keras 2 model.
    """
    layers = _layers(config)
    walk = _Walk(layers)
    walk.go()
    first = layers[walk.start].settings
    shape: Any = first.get("batch_input_shape") or first.get("batch_shape")
    if shape[3] != 1:
        raise ModelFileRejected(
            message("The network takes images of {channels} channels; a CT slice has one.", channels=shape[3])
        )
    side = int(shape[1]) if shape[1] is not None and shape[1] == shape[2] else None
    return Plan(tuple(walk.steps), _dropout(layers), side)


def _layers(config: Mapping[str, Any]) -> dict[str, _Layer]:
    if config["class_name"] not in ("Functional", "Model"):
        raise ModelFileRejected(
            message("A model of the kind {kind} is not a U-Net with skips.", kind=str(config["class_name"])[:40])
        )
    rows = config["config"]["layers"]
    if len(rows) > MAX_LAYERS:
        raise ModelFileRejected(
            message(
                "The model has {count} layers; a U-Net of this family has fewer than {limit}.",
                count=len(rows),
                limit=MAX_LAYERS,
            )
        )
    found = {}
    for row in rows:
        name, kind = str(row["config"]["name"]), str(row["class_name"])
        if kind not in KNOWN:
            raise ModelFileRejected(
                message(
                    "Layer “{layer}” is a {kind}, which a U-Net of this family does not have. Nothing in the file "
                    "was executed.",
                    layer=name[:60],
                    kind=kind[:40],
                )
            )
        nodes = row["inbound_nodes"]
        if len(nodes) > 1:
            raise ModelFileRejected(
                message("Layer “{layer}” is used twice, which a U-Net of this family does not do.", layer=name[:60])
            )
        inputs = tuple(str(one[0]) for node in nodes for one in node)
        found[name] = _Layer(name, kind, dict(row["config"]), inputs)
    return found


def _dropout(layers: Mapping[str, _Layer]) -> float:
    """The strongest of all: ours drops at the bottleneck alone, and none drops anything outside of a training."""
    rates = [float(layer.settings["rate"]) for layer in layers.values() if layer.kind in DROPOUTS]
    return min(0.9, max(rates, default=0.0))


@dataclass
class _Walk:
    """Follows the image from the input to the output, level by level down and up again."""

    layers: Mapping[str, _Layer]
    steps: list[GraphStep] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    _skips: list[str] = field(default_factory=list)
    _swapped: bool = False

    def __post_init__(self) -> None:
        starts = [layer.name for layer in self.layers.values() if layer.kind == "InputLayer"]
        if len(starts) != 1:
            raise ModelFileRejected(
                message("The network has {count} inputs; this one takes one image.", count=len(starts))
            )
        self.start = starts[0]
        self._consumers: dict[str, list[_Layer]] = defaultdict(list)
        for layer in self.layers.values():
            if layer.kind not in DROPOUTS:
                for name in layer.inputs:
                    self._consumers[self._source(name)].append(layer)

    def _source(self, name: str) -> str:
        """The layer whose values these are: dropout changes nothing outside of a training."""
        for _ in range(len(self.layers)):
            if self.layers[name].kind not in DROPOUTS:
                return name
            name = self.layers[name].inputs[0]
        raise _not_a_unet(message("its layers form a cycle"))

    def go(self) -> None:
        here = self.start
        for _ in range(len(self.layers)):
            follower = self._next(here)
            if follower is None:
                break
            getattr(self, f"_{follower.kind.lower()}")(follower, here)
            here = follower.name
        self._check()

    def _next(self, here: str) -> _Layer | None:
        """A skip leads to the pooling first; its way into the join is checked there."""
        followers = self._consumers[here]
        direct = [layer for layer in followers if layer.kind != "Concatenate"] or followers
        if len(direct) > 1:
            raise _not_a_unet(message("it branches after layer “{layer}”", layer=here))
        return direct[0] if direct else None

    def _conv2d(self, layer: _Layer, here: str) -> None:
        layer.must(kernel_size=(_pair(3), _pair(2), _pair(1)), data_format=CHANNELS_LAST)
        size = layer.settings["kernel_size"][0]
        layer.must(strides=(_pair(1),), dilation_rate=(_pair(1), None), groups=(1, None))
        layer.must(padding=("same", "valid") if size == 1 else "same")
        self.tokens.append({3: "conv", 2: "up", 1: "out"}[size])
        self.steps.append(GraphStep(layer.name, activation=str(layer.settings["activation"]), swapped=self._swapped))
        self._swapped = False

    def _conv2dtranspose(self, layer: _Layer, here: str) -> None:
        layer.must(kernel_size=(_pair(2),), strides=(_pair(2),), activation="linear", data_format=CHANNELS_LAST)
        layer.must(output_padding=None, dilation_rate=(_pair(1), None))
        self.tokens.append("transposed")
        self.steps.append(GraphStep(layer.name, activation="transposed"))

    def _upsampling2d(self, layer: _Layer, here: str) -> None:
        layer.must(size=(_pair(2),), interpolation=("nearest", None), data_format=CHANNELS_LAST)
        self.tokens.append("double")

    def _maxpooling2d(self, layer: _Layer, here: str) -> None:
        layer.must(pool_size=(_pair(2),), strides=(_pair(2), None), data_format=CHANNELS_LAST)
        self.tokens.append("pool")
        self._skips.append(here)

    def _concatenate(self, layer: _Layer, here: str) -> None:
        layer.must(axis=(3, -1))
        sources = [self._source(name) for name in layer.inputs]
        if not self._skips or sorted(sources) != sorted((self._skips[-1], here)):
            raise _not_a_unet(
                message(
                    "“{layer}” does not concatenate the decoder with the encoder level of the same size",
                    layer=layer.name,
                )
            )
        self._swapped = sources[0] == here
        self._skips.pop()
        self.tokens.append("join")

    def _batchnormalization(self, layer: _Layer, here: str) -> None:
        layer.must(axis=(3, -1, (3,), (-1,)))
        last = self._unfinished(layer)
        if last.norm:
            raise _not_a_unet(message("“{layer}” normalises a second time", layer=layer.name))
        self.steps[-1] = replace(last, norm=layer.name, epsilon=float(layer.settings["epsilon"]))

    def _activation(self, layer: _Layer, here: str) -> None:
        self.steps[-1] = replace(self._unfinished(layer), activation=str(layer.settings["activation"]))

    def _relu(self, layer: _Layer, here: str) -> None:
        layer.must(max_value=None, negative_slope=(0, None), threshold=(0, None))
        self.steps[-1] = replace(self._unfinished(layer), activation="relu")

    def _softmax(self, layer: _Layer, here: str) -> None:
        layer.must(axis=(3, -1))
        self.steps[-1] = replace(self._unfinished(layer), activation="softmax")

    def _unfinished(self, layer: _Layer) -> GraphStep:
        """The convolution just before, whose values nothing has bent yet."""
        if not self.steps or self.steps[-1].activation != "linear" or self.tokens[-1] not in ("conv", "out"):
            raise _not_a_unet(message("“{layer}” does not follow a convolution", layer=layer.name))
        return self.steps[-1]

    def _check(self) -> None:
        if _shape(self.tokens) is None:
            raise _not_a_unet(
                message("its layers are not in the order of a U-Net: {layers}", layers=" ".join(self.tokens))
            )
        *inner, last = self.steps
        for step in inner:
            if step.activation not in ("relu", "transposed"):
                raise _not_a_unet(
                    message(
                        "“{layer}” is followed by {found} instead of ReLU", layer=step.layer, found=step.activation[:40]
                    )
                )
        if last.activation not in HEADS or last.norm:
            raise _not_a_unet(
                message("it ends in {found} instead of a sigmoid or a softmax", found=last.activation[:40])
            )


def _shape(tokens: Sequence[str]) -> int | None:
    """How many levels the tokens describe, or None when they do not describe a U-Net."""
    depth = tokens.count("pool")
    convolutions = tokens.index("pool") if depth else 0
    block = ["conv"] * convolutions
    up = ["double", "up"] if "double" in tokens else ["transposed"]
    way = [*[*block, "pool"] * depth, *block, *[*up, "join", *block] * depth]
    return depth or None if list(tokens) in ([*way, "out"], [*way, "conv", "out"]) else None


def _pair(number: int) -> tuple[int, int]:
    return (number, number)


def _not_a_unet(reason: Message) -> ModelFileRejected:
    return ModelFileRejected(message("The model is not a U-Net that this platform knows: {reason}.", reason=reason))
