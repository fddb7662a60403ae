"""The network as a function from canvases to probabilities, in the fastest form for the machine it runs on.

CPU: a frozen concrete function with oneDNN, one canvas per call (measured: batches gain nothing there). GPU: float16
with XLA at fixed batch sizes, fed by micro-batches across threads.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from spineml.model.batcher import MicroBatcher, OutOfMemory
from spineml.model.model_file import ModelSpec, Weights

logger = logging.getLogger(__name__)
Canvas = npt.NDArray[np.float32]
# Part of the name of a cached graph: raise it when the way graphs are made changes.
GRAPH_FORMAT = 1
GPU_BATCH_SIZES = (1, 4, 8)


class Network(Protocol):
    """Canvases ``(height, width)`` float32 0..1 in, answers of the same height and width out. Thread-safe.

    With one class the answer is the probability ``(height, width)``. With more it is ``(height, width, 3)``: the
    probability of any structure, the share of the likeliest one in it, and the number of that one's class.
    """

    in_flight: int

    def submit(self, canvas: Canvas) -> Future[Canvas]:
        """The answer, now or soon; ``in_flight`` requests at a time keep the device busy."""

    def warm_up(self, sizes: Sequence[int]) -> None:
        """Make the first real request for a square canvas of one of ``sizes`` as fast as the next."""

    def close(self) -> None:
        """Let go of threads."""


def open_network(spec: ModelSpec, weights: Weights, sha256: str, cache_dir: Path | None) -> Network:
    """The fastest network for this machine: on the GPU when TensorFlow sees one."""
    gpus = _prepare_devices()
    if gpus:
        return GpuNetwork(spec, weights)
    return CpuNetwork(_graph(spec, weights, sha256, cache_dir))


def _prepare_devices() -> list[Any]:
    """Threads and memory growth, as far as TensorFlow has not fixed them already in this process."""
    gpus = tf.config.list_physical_devices("GPU")
    try:
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
        tf.config.threading.set_intra_op_parallelism_threads(len(os.sched_getaffinity(0)))
        tf.config.threading.set_inter_op_parallelism_threads(2)
    except RuntimeError:
        logger.debug("tensorflow_already_configured")
    return list(gpus)


class CpuNetwork:
    """One canvas per call of a frozen function; TensorFlow's own threads share the cores among callers."""

    in_flight = 1

    def __init__(self, graph: tf.compat.v1.GraphDef) -> None:
        self._function = _imported(graph)

    def submit(self, canvas: Canvas) -> Future[Canvas]:
        future: Future[Canvas] = Future()
        future.set_result(self._call(canvas))
        return future

    def _call(self, canvas: Canvas) -> Canvas:
        answer: Canvas = _plain(self._function(tf.constant(canvas[np.newaxis, ..., np.newaxis])).numpy())[0]
        return answer

    def warm_up(self, sizes: Sequence[int]) -> None:
        for size in sizes:
            self._call(np.zeros((size, size), np.float32))

    def close(self) -> None:
        """Nothing to let go of."""


class GpuNetwork:
    """float16 compute with a float32 answer, compiled by XLA for a few batch sizes."""

    in_flight = GPU_BATCH_SIZES[-1]

    def __init__(self, spec: ModelSpec, weights: Weights) -> None:
        from spineml.model import unet

        model = unet.build(spec.architecture, dtype_policy="mixed_float16")
        for name, variable in unet.named_weights(model).items():
            variable.assign(weights[name])
        answer = tf.sigmoid if spec.architecture.classes == 1 else class_answer
        self._compiled = tf.function(lambda images: answer(model(images, training=False)), jit_compile=True)
        self._batcher = MicroBatcher(self._call, GPU_BATCH_SIZES)

    def submit(self, canvas: Canvas) -> Future[Canvas]:
        return self._batcher.submit(canvas)

    def _call(self, images: Canvas) -> Canvas:
        try:
            answer = _plain(self._compiled(tf.constant(images[..., np.newaxis])).numpy())
        except tf.errors.ResourceExhaustedError as error:
            raise OutOfMemory(f"a batch of {len(images)} does not fit into the GPU's memory") from error
        return answer

    def warm_up(self, sizes: Sequence[int]) -> None:
        for size in sizes:
            for count in GPU_BATCH_SIZES:
                if count <= self._batcher.largest_batch:
                    self._warm(np.zeros((count, size, size), np.float32))

    def _warm(self, images: Canvas) -> None:
        try:
            self._call(images)
        except OutOfMemory:
            logger.warning("gpu_batch_too_large", extra={"batch": len(images), "canvas": images.shape[1]})

    def close(self) -> None:
        self._batcher.close()


def _graph(spec: ModelSpec, weights: Weights, sha256: str, cache_dir: Path | None) -> tf.compat.v1.GraphDef:
    """The frozen graph, from the cache when this model was frozen before by this version of TensorFlow."""
    if cache_dir is None:
        return _freeze(spec, weights)
    path = cache_dir / f"{sha256}-tf{tf.__version__}-f{GRAPH_FORMAT}.pb"
    graph = _read_graph(path)
    if graph is None:
        graph = _freeze(spec, weights)
        _write_graph(graph, path)
    return graph


def _freeze(spec: ModelSpec, weights: Weights) -> tf.compat.v1.GraphDef:
    """Build the network with Keras and turn its variables into constants, which TensorFlow then folds together."""
    import keras
    from tensorflow.python.framework.convert_to_constants import (  # the only way to freeze; not in the public API
        convert_variables_to_constants_v2,
    )

    from spineml.model import unet

    model = unet.build(spec.architecture)
    for name, variable in unet.named_weights(model).items():
        variable.assign(weights[name])
    head = keras.Model(model.input, model.get_layer(unet.HEAD).output)

    def answer(image: Any) -> Any:
        # The same as the model's last layer, which cannot be traced for a height and width still unknown.
        logits = head(image, training=False)
        if spec.architecture.classes > 1:
            return class_answer_in_box(logits, tf.shape(image)[1:3])
        return tf.sigmoid(tf.image.resize(logits, tf.shape(image)[1:3], "bilinear"))

    signature = tf.TensorSpec((1, None, None, 1), tf.float32, name="image")
    frozen = convert_variables_to_constants_v2(tf.function(answer).get_concrete_function(signature))
    graph = frozen.graph.as_graph_def()
    keras.backend.clear_session()
    return graph


# --- several classes --------------------------------------------------------------------------------------------------
# Where any structure is less likely than this nobody asks which one it is.
HARDLY = 0.05


def _plain(answer: npt.NDArray[np.float32]) -> Canvas:
    """``(n, height, width)`` of one class, ``(n, height, width, 3)`` of several."""
    return answer[..., 0] if answer.shape[-1] == 1 else answer


def class_answer(logits: Any) -> Any:
    """What `Network` gives for several classes, from logits ``(n, height, width, classes)``."""
    structures = logits[..., 1:]
    any_structure = tf.reduce_logsumexp(structures, axis=-1)
    likeliest = tf.reduce_max(structures, axis=-1)
    number = tf.cast(tf.argmax(structures, axis=-1), tf.float32) + 1
    return tf.stack([tf.sigmoid(any_structure - logits[..., 0]), tf.exp(likeliest - any_structure), number], axis=-1)


def class_answer_in_box(logits: Any, size: Any) -> Any:
    """The same for one image, enlarged bilinearly to ``size`` (height, width).

    Which structure it is is asked only in the box that holds all of them: enlarging 26 classes everywhere would take as
    long as a third of the network. Outside of it the class is 0.
    """
    structures = logits[..., 1:]
    any_structure = tf.reduce_logsumexp(structures, axis=-1, keepdims=True) - logits[..., :1]
    probability = tf.sigmoid(tf.image.resize(any_structure, size, "bilinear"))
    times = size // tf.shape(logits)[1:3]
    marked = tf.sigmoid(any_structure[0, ..., 0]) > HARDLY
    rows, height = _extent(tf.reduce_any(marked, axis=1))
    columns, width = _extent(tf.reduce_any(marked, axis=0))
    part = structures[:, rows : rows + height, columns : columns + width]
    large = tf.image.resize(part, tf.stack([height, width]) * times, "bilinear")
    likeliest = tf.reduce_max(large, axis=-1, keepdims=True)
    share = tf.exp(likeliest - tf.reduce_logsumexp(large, axis=-1, keepdims=True))
    number = tf.cast(tf.argmax(large, axis=-1), tf.float32)[..., tf.newaxis] + 1
    before = tf.stack([rows, columns]) * times
    after = size - before - tf.stack([height, width]) * times
    edges = tf.stack([[0, 0], [before[0], after[0]], [before[1], after[1]], [0, 0]])
    return tf.concat([probability, tf.pad(tf.concat([share, number], axis=-1), edges)], axis=-1)


def _extent(marked: Any) -> tuple[Any, Any]:
    """First index and length of what holds every True of a vector, and two more on each side; never nothing."""
    places = tf.cast(tf.where(marked)[:, 0], tf.int32)
    count = tf.shape(marked)[0]
    found = tf.size(places) > 0
    first = tf.where(found, tf.maximum(tf.reduce_min(places) - 2, 0), 0)
    last = tf.where(found, tf.minimum(tf.reduce_max(places) + 2, count - 1), 0)
    return first, last - first + 1


def _imported(graph: tf.compat.v1.GraphDef) -> Any:
    """A callable from the graph's one placeholder to the node that nothing else consumes."""
    wrapped = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(graph, name=""), [])
    image = next(node.name for node in graph.node if node.op == "Placeholder")
    consumed = {name.split(":")[0].lstrip("^") for node in graph.node for name in node.input}
    answer = next(node.name for node in graph.node if node.name not in consumed and node.op == "Identity")
    return wrapped.prune(
        wrapped.graph.get_tensor_by_name(f"{image}:0"), wrapped.graph.get_tensor_by_name(f"{answer}:0")
    )


def _read_graph(path: Path) -> tf.compat.v1.GraphDef | None:
    graph = tf.compat.v1.GraphDef()
    try:
        graph.ParseFromString(path.read_bytes())
    except FileNotFoundError:
        return None
    except Exception:  # noqa: BLE001  (protobuf's error class differs between its versions)
        logger.warning("cached_graph_damaged", extra={"file": path.name})
        return None
    return graph if graph.node else None


def _write_graph(graph: tf.compat.v1.GraphDef, path: Path) -> None:
    """Whole or not at all; a cache that cannot be written only costs the next start some seconds."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".graph.", dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(graph.SerializeToString())
        Path(name).replace(path)
    except OSError:
        logger.warning("cached_graph_not_written", extra={"file": path.name})
