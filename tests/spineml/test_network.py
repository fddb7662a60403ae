"""The network on this machine's CPU: frozen, cached, and the same function as Keras'."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from spineml.model import model_file
from spineml.model.architecture import Architecture
from tests.spineml.tiny_models import TINY, write_tiny

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def canvas() -> np.ndarray:
    return np.random.default_rng(0).random((64, 64), np.float32)


@pytest.mark.parametrize(
    "architecture", [TINY, Architecture(base_filters=2, depth=2, stem_stride=1, normalisation="none")]
)
def test_the_frozen_network_equals_the_keras_model(
    tmp_path: Path, canvas: np.ndarray, architecture: Architecture
) -> None:
    from spineml.model.runtime import open_network

    path = tmp_path / "model.h5"
    model = write_tiny(path, architecture)
    network = open_network(*model_file.read(path), "hash", None)
    logits = np.asarray(model(canvas[np.newaxis, ..., np.newaxis], training=False))[0, ..., 0]
    assert np.allclose(network.submit(canvas).result(), 1 / (1 + np.exp(-logits)), atol=1e-5)


def test_one_graph_serves_every_canvas(tmp_path: Path) -> None:
    from spineml.model.runtime import open_network

    write_tiny(tmp_path / "model.h5")
    network = open_network(*model_file.read(tmp_path / "model.h5"), "hash", None)
    network.warm_up((32, 64))
    shapes = [network.submit(np.zeros(shape, np.float32)).result().shape for shape in ((32, 32), (64, 32))]
    assert shapes == [(32, 32), (64, 32)]


def test_a_second_start_takes_the_graph_from_the_cache(
    tmp_path: Path, canvas: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spineml.model import runtime, unet

    write_tiny(tmp_path / "model.h5")
    read = model_file.read(tmp_path / "model.h5")
    first = runtime.open_network(*read, "hash", tmp_path / "cache").submit(canvas).result()

    def not_again(*args: object, **options: object) -> None:
        raise AssertionError("the network was built again")

    monkeypatch.setattr(unet, "build", not_again)
    again = runtime.open_network(*read, "hash", tmp_path / "cache").submit(canvas).result()
    assert np.array_equal(first, again)
    with pytest.raises(AssertionError, match="built again"):
        runtime.open_network(*read, "another hash", tmp_path / "cache")


@pytest.mark.parametrize("content", [b"", b"\xff\xff not a graph"])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, canvas: np.ndarray, content: bytes) -> None:
    from spineml.model.runtime import open_network

    write_tiny(tmp_path / "model.h5")
    read = model_file.read(tmp_path / "model.h5")
    first = open_network(*read, "hash", tmp_path / "cache").submit(canvas).result()
    (cached,) = (tmp_path / "cache").iterdir()
    cached.write_bytes(content)
    assert np.array_equal(open_network(*read, "hash", tmp_path / "cache").submit(canvas).result(), first)
    assert cached.stat().st_size > len(content)


def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path: Path, canvas: np.ndarray) -> None:
    from spineml.model.runtime import open_network

    write_tiny(tmp_path / "model.h5")
    (tmp_path / "cache").write_text("a file where the folder should be")
    network = open_network(*model_file.read(tmp_path / "model.h5"), "hash", tmp_path / "cache")
    assert network.submit(canvas).result().shape == canvas.shape


def test_onednn_is_asked_for_before_tensorflow_is_imported() -> None:
    import spineml.model.runtime  # noqa: F401

    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "1"


def test_the_gpu_network_s_batches_give_what_the_model_gives(tmp_path: Path, canvas: np.ndarray) -> None:
    """Float16 and XLA run on a CPU too, only slowly: the code for a GPU is tried here with one small canvas."""
    from spineml.model.runtime import GpuNetwork

    path = tmp_path / "model.h5"
    model = write_tiny(path)
    network = GpuNetwork(*model_file.read(path))
    answers = [future.result() for future in [network.submit(canvas) for _ in range(3)]]
    network.close()
    logits = np.asarray(model(canvas[np.newaxis, ..., np.newaxis], training=False))[0, ..., 0]
    for answer in answers:
        assert answer.dtype == np.float32
        assert np.allclose(answer, 1 / (1 + np.exp(-logits)), atol=0.02)
