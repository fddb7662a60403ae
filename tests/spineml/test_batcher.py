"""Micro-batching, with a plain function in place of the network."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from spineml.model.batcher import Call, MicroBatcher, OutOfMemory


@contextmanager
def batcher(call: Call, **options: Any) -> Iterator[MicroBatcher]:
    running = MicroBatcher(call, **options)
    try:
        yield running
    finally:
        running.close()


def image(value: float, size: int = 4) -> np.ndarray:
    return np.full((size, size), value, np.float32)


class Doubler:
    """Doubles what it gets and remembers the batch sizes; has memory for ``most`` images."""

    def __init__(self, most: int = 100) -> None:
        self.batches: list[int] = []
        self._most = most

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.batches.append(len(images))
        if len(images) > self._most:
            raise OutOfMemory
        return images * 2


def test_every_caller_gets_its_own_answer() -> None:
    with batcher(Doubler()) as running, ThreadPoolExecutor(16) as callers:
        answers = list(callers.map(lambda n: running.submit(image(n)).result()[0, 0], range(200)))
    assert answers == [2 * n for n in range(200)]


def test_requests_within_the_window_share_a_call() -> None:
    call = Doubler()
    with batcher(call, sizes=(1, 4), window_seconds=5.0) as running:
        futures = [running.submit(image(n)) for n in range(4)]
        assert [future.result(timeout=4)[0, 0] for future in futures] == [0, 2, 4, 6]
    assert call.batches == [4]


def test_a_short_batch_is_padded_to_an_allowed_size() -> None:
    call = Doubler()
    with batcher(call, sizes=(1, 4), window_seconds=0.2) as running:
        futures = [running.submit(image(n)) for n in range(3)]
        assert [future.result()[0, 0] for future in futures] == [0, 2, 4]
    assert set(call.batches) <= {1, 4}


def test_shapes_are_not_mixed() -> None:
    shapes: list[tuple[int, ...]] = []

    def call(images: np.ndarray) -> np.ndarray:
        shapes.append(images.shape[1:])
        return images

    with batcher(call, window_seconds=0.05) as running:
        futures = [running.submit(image(n, size)) for n, size in enumerate((4, 4, 8, 4, 8))]
        assert [future.result().shape[0] for future in futures] == [4, 4, 8, 4, 8]
    assert set(shapes) == {(4, 4), (8, 8)}


def test_running_out_of_memory_halves_the_batch_and_remembers() -> None:
    call = Doubler(most=2)
    with batcher(call, sizes=(1, 2, 4, 8), window_seconds=1.0) as running:
        futures = [running.submit(image(n)) for n in range(8)]
        assert [future.result()[0, 0] for future in futures] == [2 * n for n in range(8)]
        assert running.largest_batch == 2
    assert call.batches == [8, 4, 2, 2, 2, 2]


def test_no_memory_for_a_single_image_is_the_caller_s_error() -> None:
    with batcher(Doubler(most=0), window_seconds=0) as running, pytest.raises(OutOfMemory):
        running.submit(image(1)).result()


def test_an_error_reaches_its_callers_and_the_next_request_works() -> None:
    fail = threading.Event()
    fail.set()

    def call(images: np.ndarray) -> np.ndarray:
        if fail.is_set():
            raise ValueError("broken")
        return images

    with batcher(call, window_seconds=0) as running:
        with pytest.raises(ValueError, match="broken"):
            running.submit(image(1)).result()
        fail.clear()
        assert running.submit(image(3)).result()[0, 0] == 3


def test_closing_answers_what_was_queued_and_refuses_more() -> None:
    running = MicroBatcher(Doubler(), window_seconds=0.05)
    futures = [running.submit(image(n, size)) for n, size in enumerate((4, 8, 4, 8))]
    running.close()
    running.close()
    assert [future.result(timeout=1)[0, 0] for future in futures] == [0, 2, 4, 6]
    with pytest.raises(RuntimeError, match="closed"):
        running.submit(image(1))
