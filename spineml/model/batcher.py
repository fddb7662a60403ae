"""Micro-batches: requests from several threads share one call of the network.

On a GPU a batch of eight costs little more than one image. A request waits at most ``window_seconds`` for others of
the same shape; a batch that does not fit into memory is halved and tried again.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Call = Callable[[Array], Array]
QUEUED_AT_MOST = 64


class OutOfMemory(RuntimeError):
    """The device has not enough memory for a batch; raised by the call a `MicroBatcher` is given."""


class MicroBatcher:
    """Collects arrays of one shape into batches of fixed sizes and hands each caller its own result.

    Args:
        call: the network on ``(n, height, width)``; n is always one of ``sizes`` (short batches are padded).
        sizes: allowed batch sizes, ascending; compiled graphs exist for these only.
        window_seconds: how long the first request of a batch waits for others.
    """

    def __init__(self, call: Call, sizes: Sequence[int] = (1, 2, 4, 8), window_seconds: float = 0.008) -> None:
        self._call, self._sizes, self._window = call, tuple(sizes), window_seconds
        self._limit = self._sizes[-1]
        self._requests: queue.Queue[tuple[Array, Future[Array]] | None] = queue.Queue(QUEUED_AT_MOST)
        self._kept: tuple[Array, Future[Array]] | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name="micro-batcher", daemon=True)
        self._thread.start()

    @property
    def largest_batch(self) -> int:
        """The batch size in use: the largest allowed, or less after running out of memory."""
        return self._limit

    def submit(self, image: Array) -> Future[Array]:
        """Queue one ``(height, width)`` array; waits while the queue is full.

        Raises:
            RuntimeError: the batcher was closed.
        """
        future: Future[Array] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the batcher is closed")
            self._requests.put((image, future))
        return future

    def close(self) -> None:
        """Finish what was queued, then stop."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._requests.put(None)
        self._thread.join()

    def _serve(self) -> None:
        running = True
        while running:
            first = self._kept or self._requests.get()
            self._kept = None
            if first is None:
                return
            batch, running = self._collect(first)
            self._answer(batch)
        if self._kept is not None:
            self._answer([self._kept])

    def _collect(self, first: tuple[Array, Future[Array]]) -> tuple[list[tuple[Array, Future[Array]]], bool]:
        """Requests of the same shape that arrive within the window; False when the batcher is closing."""
        batch, deadline = [first], time.monotonic() + self._window
        while len(batch) < self._limit:
            try:
                request = self._requests.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if request is None:
                return batch, False
            if request[0].shape != first[0].shape:
                self._kept = request
                break
            batch.append(request)
        return batch, True

    def _answer(self, batch: list[tuple[Array, Future[Array]]]) -> None:
        try:
            results = self._run(np.stack([image for image, _ in batch]))
        except Exception as error:  # noqa: BLE001  (whatever the network raised belongs to the callers)
            for _, future in batch:
                future.set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)

    def _run(self, images: Array) -> Array:
        if len(images) > self._limit:
            return self._in_halves(images)
        size = next(size for size in self._sizes if size >= len(images))
        padding = [(0, size - len(images))] + [(0, 0)] * (images.ndim - 1)
        try:
            return self._call(np.pad(images, padding))[: len(images)]
        except OutOfMemory:
            if size == self._sizes[0]:
                raise
            self._limit = max(allowed for allowed in self._sizes if allowed < size)
            return self._run(images)

    def _in_halves(self, images: Array) -> Array:
        middle = len(images) // 2
        parts: list[Any] = [self._run(images[:middle]), self._run(images[middle:])]
        return np.concatenate(parts)
