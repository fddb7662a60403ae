"""The forward pass against its peers, in a process of its own: ``python -m spineplatform.bench.network MODEL``.

All contenders take turns on the same slice, so that a slow minute of the machine hits each alike; medians are compared.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from spineml.model import model_file
from spineml.model.architecture import Architecture
from spineml.model.predict import Predictor
from spineml.model.unet import build
from spineml.phantom import spine_phantom

import tensorflow as tf  # isort: skip  (after spineml.model.predict, which sets its environment)

ROUNDS, SIZE, STRUCTURES = 9, 512, 26
PEAK_SIZE, PEAK_ROUNDS = 2048, 12
Contender = Callable[[], object]


def main(path: Path) -> dict[str, float | None]:
    """Milliseconds of each contender, the ratios, and the share of the machine's measured multiply-add peak."""
    with tempfile.TemporaryDirectory() as folder:
        ours = Predictor(path, cache_dir=Path(folder))
        canvas = np.random.default_rng(0).random((SIZE, SIZE), dtype=np.float32)
        contenders: dict[str, Contender] = {"ours": lambda: ours.submit(canvas).result()}
        contenders |= keras_contenders(path, Path(folder), canvas) | torch_contenders(canvas)
        figures: dict[str, float | None] = {f"{name}_ms": value for name, value in medians(contenders).items()}
        figures |= class_ratios(path, Path(folder))
    for name in ("paper", "predict", "monai", "smp"):
        peer = figures.get(f"{name}_ms")
        figures[f"{name}_ratio"] = round(peer / figures["ours_ms"], 2) if peer and figures["ours_ms"] else None
    return figures | peak_shares(ours, canvas)


def keras_contenders(path: Path, folder: Path, canvas: np.ndarray) -> dict[str, Contender]:
    """The same weights by a warm ``model.predict``, and the 2020 paper's way: HDF5 loaded for each request, base 16."""
    model, _ = model_file.load(path)
    batch = canvas[np.newaxis, ..., np.newaxis]
    plain = Architecture(base_filters=16, stem_stride=1)
    stored = folder / "paper.weights.h5"
    build(plain).save_weights(stored)

    def per_request() -> object:
        fresh = build(plain)
        fresh.load_weights(stored)
        return fresh.predict(batch, verbose=0)

    return {"predict": lambda: model.predict(batch, verbose=0), "paper": per_request}


def class_ratios(path: Path, folder: Path) -> dict[str, float]:
    """The default network with 26 structures against itself with one, on a slice of a drawn CT.

    Each structure's logit is that of the one structure, a little different for each: the same pixels are marked.
    ``everywhere`` is the worst case: an image marked from edge to edge.
    """
    volume, mask = spine_phantom((8, SIZE, SIZE), spacing=(4.0, 0.7, 0.7))
    spec, weights = model_file.read(path)
    z = int(mask.labels.sum(axis=(1, 2)).argmax())
    canvas, _ = spec.preprocess.prepare(volume.hu[z], (0.7, 0.7))
    shares = 1 + 0.02 * np.random.default_rng(0).standard_normal(STRUCTURES).astype(np.float32)
    kernel, bias = weights["logits_head/kernel"], weights["logits_head/bias"]
    several = replace(
        spec,
        architecture=replace(spec.architecture, classes=STRUCTURES + 1),
        classes=("background", *(f"Structure {number}" for number in range(1, STRUCTURES + 1))),
        values=tuple(range(STRUCTURES + 1)),
    )
    networks = {"one": Predictor(path, cache_dir=folder)}
    for name, more in (("classes", -math.log(STRUCTURES)), ("everywhere", 20.0)):
        heads = {
            "logits_head/kernel": np.concatenate([0 * kernel, kernel * shares], axis=-1),
            "logits_head/bias": np.concatenate([0 * bias, bias * shares + np.float32(more)]).astype(np.float32),
        }
        model_file.write({**weights, **heads}, several, folder / f"{name}.h5")
        networks[name] = Predictor(folder / f"{name}.h5", cache_dir=folder)
    times = medians({name: partial(_answer, network, canvas) for name, network in networks.items()})
    return {f"{name}_ratio": round(times[name] / times["one"], 2) for name in ("classes", "everywhere")}


def _answer(network: Predictor, canvas: np.ndarray) -> object:
    return network.submit(canvas).result()


def torch_contenders(canvas: np.ndarray) -> dict[str, Contender]:
    """MONAI's UNet and Unet-resnet34 of segmentation_models_pytorch, where they are installed."""
    if find_spec("torch") is None:
        return {}
    import torch

    batch = torch.from_numpy(canvas[np.newaxis, np.newaxis].copy())
    networks: dict[str, Callable[[], torch.nn.Module]] = {}
    with suppress(ImportError):
        from monai.networks.nets import UNet

        networks["monai"] = lambda: UNet(2, 1, 1, (16, 32, 64, 128, 256), (2, 2, 2, 2), num_res_units=2)
    with suppress(ImportError):
        import segmentation_models_pytorch as smp

        networks["smp"] = lambda: smp.Unet("resnet34", encoder_weights=None, in_channels=1)
    return {name: _torch_call(make().eval(), batch) for name, make in networks.items()}


def _torch_call(network: object, batch: object) -> Contender:
    import torch

    def call() -> object:
        with torch.inference_mode():
            return network(batch)  # type: ignore[operator]

    return call


def medians(contenders: dict[str, Contender]) -> dict[str, float]:
    """Median milliseconds of each, measured in turns after one call to warm up."""
    for call in contenders.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, call in contenders.items():
            start = time.perf_counter()
            call()
            times[name].append(1000 * (time.perf_counter() - start))
    return {name: round(statistics.median(values), 1) for name, values in times.items()}


def peak_shares(ours: Predictor, canvas: np.ndarray) -> dict[str, float | None]:
    """How near the convolutions come to the machine's own matrix products, for base 16 with stem and base 64 without.

    The peak is the best of several float32 matrix products of 2,048 x 2,048 in TensorFlow, in 10^9 floating point
    operations a second; operations of the network are counted by TensorFlow's profiler (a multiply-add is two).
    """
    square = tf.random.uniform((PEAK_SIZE, PEAK_SIZE))
    product = tf.function(lambda: tf.linalg.matmul(square, square))
    peak = 2 * PEAK_SIZE**3 / best_seconds(product, PEAK_ROUNDS) / 1e9
    shares: dict[str, float | None] = {"peak_gflops": round(peak, 1)}
    batch = canvas[np.newaxis, ..., np.newaxis]
    for name, architecture in (("base16", ours.spec.architecture), ("base64", Architecture.paper())):
        model = build(architecture)
        function = tf.function(lambda images, network=model: network(images, training=False))
        concrete = function.get_concrete_function(tf.TensorSpec((1, SIZE, SIZE, 1)))
        operations = count_operations(concrete)
        call = (lambda: ours.submit(canvas).result()) if name == "base16" else _frozen(concrete, batch)
        shares[f"{name}_gflop"] = round(operations / 1e9, 2)
        shares[f"{name}_peak_share"] = round(operations / best_seconds(call, 5) / 1e9 / peak, 3)
    return shares


def _frozen(concrete: object, batch: np.ndarray) -> Contender:
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    frozen, images = convert_variables_to_constants_v2(concrete), tf.constant(batch)

    def call() -> object:
        return frozen(images)[0].numpy()

    return call


def best_seconds(call: Contender, rounds: int) -> float:
    call()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def count_operations(concrete: object) -> int:
    """Floating point operations of one call, by TensorFlow's own profiler."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    graph = convert_variables_to_constants_v2(concrete).graph
    profiler = tf.compat.v1.profiler
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation()).with_empty_output().build()
    return int(profiler.profile(graph, options=options).total_float_ops)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]))) + "\n")
