"""Segmenting slices and whole volumes with a model file: reading, network and writing side by side, memory flat."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from spineml.model import model_file
from spineml.model.preprocess import Placement
from spineml.model.runtime import Canvas, open_network
from spineml.volumes.volume import HounsfieldArray, LabelArray, VolumeSource

Spacing = tuple[float, float]
# Slices read ahead and written behind the network: enough to hide either, few enough to stay small.
AHEAD = 3


@dataclass
class Timings:
    """What a volume took: ``total`` and ``network`` seconds by the clock, the steps in CPU seconds.

    ``stopped`` is True when it was asked to stop before the last slice.
    """

    slices: int = 0
    stopped: bool = False
    total: float = 0.0
    network: float = 0.0
    read_cpu: float = 0.0
    prepare_cpu: float = 0.0
    restore_cpu: float = 0.0
    sink_cpu: float = 0.0

    @property
    def outside_cpu_ms_per_slice(self) -> float:
        """CPU time outside the network, in ms a slice."""
        total = self.read_cpu + self.prepare_cpu + self.restore_cpu + self.sink_cpu
        return 1000 * total / self.slices if self.slices else 0.0

    def as_json(self) -> dict[str, float]:
        """For the run's row and the bench."""
        names = ("total", "network", "read_cpu", "prepare_cpu", "restore_cpu", "sink_cpu")
        rounded = {name: round(float(getattr(self, name)), 4) for name in names}
        return {"slices": self.slices, **rounded}


class Predictor:
    """A loaded model. All methods may be called from several threads at once.

    Args:
        path: the model file; it is inspected before anything is built from it.
        cache_dir: where derived artefacts are kept by the model's hash, so that the next start is faster.
        expected_sha256: refuse a file that is not the one that was registered.

    Raises:
        ModelFileRejected: the file cannot be used.
    """

    def __init__(self, path: Path, *, cache_dir: Path | None = None, expected_sha256: str | None = None) -> None:
        self.sha256 = model_file.check_hash(path, expected_sha256)
        self.spec, weights = model_file.read(path)
        self._network = open_network(self.spec, weights, self.sha256, cache_dir)

    def warm_up(self) -> None:
        """Run the network once for every canvas of the spec; the first slice is then as fast as the next."""
        self._network.warm_up(self.spec.preprocess.canvases)

    def predict_slice(self, hu: HounsfieldArray, spacing: Spacing | None) -> LabelArray:
        """The mask, uint8 label values, of one slice of int16 HU, both ``(y, x)``; ``spacing`` is (y, x) mm or None."""
        return self.predict(hu, spacing)[1]

    def predict_probability(self, hu: HounsfieldArray, spacing: Spacing | None) -> Canvas:
        """The probability of each pixel of one slice, see `predict`."""
        return self.predict(hu, spacing)[0]

    def predict(self, hu: HounsfieldArray, spacing: Spacing | None) -> tuple[Canvas, LabelArray]:
        """Probability and mask of one slice, float32 and uint8 ``(y, x)``.

        Of a network for several structures the probability is that of the marked one where the mask has one, and that
        of any structure elsewhere.
        """
        canvas, placement = self.spec.preprocess.prepare(hu, spacing)
        return self.restore(self._network.submit(canvas).result(), placement, spacing)

    def restore(self, answer: Canvas, placement: Placement, spacing: Spacing | None) -> tuple[Canvas, LabelArray]:
        """Probability and mask, see `predict`, from the network's answer for a canvas."""
        spec = self.spec
        if answer.ndim == 2:
            probability = spec.preprocess.restore(answer, placement)
            mask = spec.postprocess.apply(probability, spacing)
            return probability, mask if spec.values[1] == 1 else mask * np.uint8(spec.values[1])
        probability, share = (spec.preprocess.restore(answer[..., channel], placement) for channel in (0, 1))
        classes = spec.preprocess.restore_labels(answer[..., 2].astype(np.uint8), placement)
        mask = np.array(spec.values, np.uint8)[classes] * spec.postprocess.apply(probability, spacing)
        return np.where(mask > 0, probability * share, probability), mask

    def segment(
        self,
        source: VolumeSource,
        sink: Callable[[int, LabelArray], object],
        *,
        on_slice: Callable[[int, int], object] = lambda done, total: None,
        should_stop: Callable[[], bool] = lambda: False,
        on_probability: Callable[[int, Canvas], object] = lambda z, probability: None,
    ) -> Timings:
        """Segment every slice of ``source``.

        Args:
            sink: takes ``(z, mask)`` once for each slice, in order, from one background thread.
            on_probability: takes ``(z, probability)``, float32 ``(y, x)``, in that thread just before the sink.
            on_slice: takes ``(slices done, slices in all)`` after each, in the calling thread.
            should_stop: asked before each slice, in the calling thread; no further slice is begun when it is True.

        Returns:
            What it took. An error of the source, the network or the sink is raised here, unchanged.
        """
        run = _Run(self, source, sink, on_probability)
        started = time.perf_counter()
        for done in run.slices(should_stop):
            on_slice(done, len(source))
        run.timings.total = time.perf_counter() - started
        return run.timings

    def submit(self, canvas: Canvas) -> Future[Canvas]:
        """Queue one prepared canvas; on a CPU the answer (`spineml.model.runtime.Network`) is there on return."""
        return self._network.submit(canvas)

    @property
    def in_flight(self) -> int:
        """How many canvases at a time keep the device busy."""
        return self._network.in_flight

    def close(self) -> None:
        self._network.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Run:
    """One volume on its way: a reading thread, the network from the calling thread, a writing thread."""

    def __init__(
        self,
        predictor: Predictor,
        source: VolumeSource,
        sink: Callable[[int, LabelArray], object],
        on_probability: Callable[[int, Canvas], object],
    ) -> None:
        geometry = source.geometry
        self._spacing = (geometry.spacing[1], geometry.spacing[2]) if geometry.spacing_known else None
        self._predictor, self._source, self._sink = predictor, source, sink
        self._on_probability = on_probability
        self.timings = Timings()

    def slices(self, should_stop: Callable[[], bool]) -> Iterator[int]:
        """Yields the number of finished slices after each; ends early when ``should_stop``."""
        total, ahead = len(self._source), AHEAD + self._predictor.in_flight
        ready: deque[Future[tuple[Canvas, Placement]]] = deque()
        behind: deque[Future[None]] = deque()
        with ThreadPoolExecutor(1, "read") as readers, ThreadPoolExecutor(1, "write") as writers:
            try:
                for z in range(total):
                    if should_stop():
                        self.timings.stopped = True
                        break
                    for later in range(z + len(ready), min(total, z + ahead)):
                        ready.append(readers.submit(self._read, later))
                    behind.append(self._through_network(z, *ready.popleft().result(), writers))
                    while len(behind) > ahead:
                        yield self._finish(behind.popleft())
                while behind:
                    yield self._finish(behind.popleft())
            finally:
                for waiting in (ready, behind):
                    for future in waiting:
                        future.cancel()

    def _read(self, z: int) -> tuple[Canvas, Placement]:
        start = time.thread_time()
        pixels = self._source.read(z)
        middle = time.thread_time()
        prepared = self._predictor.spec.preprocess.prepare(pixels, self._spacing)
        self.timings.read_cpu += middle - start
        self.timings.prepare_cpu += time.thread_time() - middle
        return prepared

    def _through_network(
        self, z: int, canvas: Canvas, placement: Placement, writers: ThreadPoolExecutor
    ) -> Future[None]:
        start = time.perf_counter()
        answer = self._predictor.submit(canvas)
        self.timings.network += time.perf_counter() - start
        return writers.submit(self._write, z, answer, placement)

    def _write(self, z: int, answer: Future[Canvas], placement: Placement) -> None:
        waiting = time.perf_counter()
        canvas = answer.result()
        self.timings.network += time.perf_counter() - waiting
        start = time.thread_time()
        probability, mask = self._predictor.restore(canvas, placement, self._spacing)
        middle = time.thread_time()
        self._on_probability(z, probability)
        self._sink(z, mask)
        self.timings.restore_cpu += middle - start
        self.timings.sink_cpu += time.thread_time() - middle

    def _finish(self, future: Future[None]) -> int:
        future.result()
        self.timings.slices += 1
        return self.timings.slices
